package mysql

import (
	"reflect"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// TestAKnownDefinitionIsThatOfTheTable: after each change of the table, however
// little of it the table's statement shows.
func TestAKnownDefinitionIsThatOfTheTable(t *testing.T) {
	s := mariadbtest.Start(t, mariadbtest.Options{})
	s.Exec("CREATE DATABASE emr CHARACTER SET latin1", "CREATE TABLE emr.parent (id INT PRIMARY KEY)",
		"CREATE TABLE emr.t (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(9), b ENUM('x', ' AUTO_INCREMENT=7'), c INT NOT NULL, d INT AS (c + 1), "+
			"p INT, UNIQUE KEY u (c))")
	db, d, err := connect(t.Context(), &settings{Host: "127.0.0.1", Port: uint16(s.Port()), User: "root"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var k known
	read := func() *definition {
		t.Helper()
		view, err := begin(t.Context(), db, d)
		if err != nil {
			t.Fatal(err)
		}
		defer view.end()
		d, err := k.definition(t.Context(), view, "emr.t")
		if err != nil {
			t.Fatal(err)
		}
		want, err := readDefinition(t.Context(), view.conn, view.dialect, "emr.t")
		if err != nil || !reflect.DeepEqual(d, want) {
			t.Fatalf("known %+v, %v; the table is %+v", d, err, want)
		}
		return d
	}
	first := read()
	s.Exec("INSERT INTO emr.t (c) VALUES (5), (6)")
	if read() != first {
		t.Error("rows made the definition be read anew")
	}
	for _, change := range []string{
		"MODIFY b ENUM('x', ' AUTO_INCREMENT=8')", "CONVERT TO CHARACTER SET utf8mb4", "MODIFY a VARCHAR(9) COLLATE utf8mb4_bin",
		"DROP COLUMN d, ADD d INT AS (c + 2)", "ADD FOREIGN KEY (p) REFERENCES emr.parent (id) ON DELETE CASCADE",
		"ALTER INDEX u IGNORED", "MODIFY id INT, DROP PRIMARY KEY, ALTER INDEX u NOT IGNORED", "ADD PRIMARY KEY (c, id)", "DROP COLUMN a",
		"PARTITION BY HASH (c) PARTITIONS 2", "ENGINE=MyISAM",
	} {
		if change == "PARTITION BY HASH (c) PARTITIONS 2" {
			s.Exec("ALTER TABLE emr.t DROP FOREIGN KEY t_ibfk_1")
		}
		s.Exec("ALTER TABLE emr.t " + change)
		if now := read(); now == first {
			t.Errorf("after %s the definition was not read anew", change)
		} else {
			first = now
		}
	}
	s.Exec("DROP TABLE emr.t")
	if d := read(); d.refused == "" {
		t.Error("a table that is gone is still known")
	}
}
