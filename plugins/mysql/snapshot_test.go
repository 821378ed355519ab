package mysql

import (
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// TestSnapshotSeesTheMomentOfItsPlaceInTheLog: also on a server whose default
// isolation would let a transaction see what is committed during it.
func TestSnapshotSeesTheMomentOfItsPlaceInTheLog(t *testing.T) {
	s := mariadbtest.Start(t, mariadbtest.Options{Args: []string{"--transaction-isolation=READ-COMMITTED"}})
	s.Exec("CREATE DATABASE emr", "CREATE TABLE emr.t (id INT PRIMARY KEY)", "INSERT INTO emr.t VALUES (1)")
	db, l, err := connect(t.Context(), &settings{Host: "127.0.0.1", Port: uint16(s.Port()), User: "root"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	before, err := begin(t.Context(), db, l)
	if err != nil {
		t.Fatal(err)
	}
	defer before.end()
	s.Exec("INSERT INTO emr.t VALUES (2)")
	after, err := begin(t.Context(), db, l)
	if err != nil {
		t.Fatal(err)
	}
	defer after.end()
	for want, view := range map[int]*snapshot{1: before, 2: after} {
		d, err := view.definition(t.Context(), "emr.t")
		if err != nil {
			t.Fatal(err)
		}
		rows, err := view.scan(t.Context(), d, nil, 10)
		if err != nil || len(rows) != want {
			t.Errorf("%d rows, %v; want %d", len(rows), err, want)
		}
	}
	if !after.point.reached(before.point) || before.point.reached(after.point) {
		t.Errorf("the second snapshot is at %v, not behind the first at %v", after.point, before.point)
	}
}
