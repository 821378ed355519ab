package mysql_test

import (
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// TestTheServersLimitHidesNoRow sets, for all sessions, how many rows an answer
// may have.
func TestTheServersLimitHidesNoRow(t *testing.T) {
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.t VALUES (1,1),(2,2),(3,3)",
		"SET GLOBAL sql_select_limit=1", "SET GLOBAL init_connect='SET sql_select_limit=1'")
	m := launch(t, s, "emr.t")
	t.Cleanup(func() { _ = m.Close() })
	if rows, _ := scanAll(t, m, "emr.t"); rows != 3 {
		t.Errorf("%d of 3 rows scanned", rows)
	}
	keys := [][]row.Value{{row.NewInt(1)}, {row.NewInt(2)}, {row.NewInt(3)}}
	if found, _ := fetchParts(t, m, "emr.t", keys); len(found) != 3 {
		t.Errorf("%d of 3 rows fetched: %v", len(found), found)
	}
}

// TestTheServersClockHidesNoEdit sets, for all sessions, the moment that a
// system-versioned table is shown at: that before an unrecorded edit.
func TestTheServersClockHidesNoEdit(t *testing.T) {
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING", "INSERT INTO emr.t VALUES (1,1)",
		"SET GLOBAL system_versioning_asof=NOW(6)", "SET GLOBAL autocommit=0", "SET GLOBAL completion_type='RELEASE'",
		"SET GLOBAL sql_quote_show_create=0", "DO SLEEP(0.01)", "SET STATEMENT sql_log_bin=0 FOR UPDATE emr.t SET v=666")
	m := open(t, s, "emr.t")
	for range 2 {
		chunk, err := m.Scan(t.Context(), "emr.t", nil, 10)
		if err != nil || len(chunk.Rows) != 1 || show(chunk.Rows[0].Cells) != "1|666" {
			t.Errorf("scanned %v, %v; the row is 1|666", chunk.Rows, err)
		}
	}
}

// TestATemporaryTableIsNotTakenForTheTable: each session of the tap is given one
// of the table's name, whose rows are as they were.
func TestATemporaryTableIsNotTakenForTheTable(t *testing.T) {
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.t VALUES (1,1)")
	m := open(t, s, "emr.t")
	if _, err := m.Scan(t.Context(), "emr.t", nil, 10); err != nil {
		t.Fatal(err)
	}
	s.Exec("GRANT CREATE TEMPORARY TABLES ON emr.* TO tap@'%'",
		"SET GLOBAL init_connect='CREATE TEMPORARY TABLE emr.t (id INT PRIMARY KEY, v INT) SELECT 1 AS id, 1 AS v'",
		"SET STATEMENT sql_log_bin=0 FOR UPDATE emr.t SET v=666")
	tables, err := open(t, s, "emr.t").Tables(t.Context())
	if err != nil || len(tables) != 1 || !strings.Contains(tables[0].Refused, "it is not a table with rows") {
		t.Errorf("%+v, %v", tables, err)
	}
}
