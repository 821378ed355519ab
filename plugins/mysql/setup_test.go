package mysql_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// problems opens a tap that must be refused, and returns what it says.
func problems(t *testing.T, config tap.Config) []tap.Problem {
	t.Helper()
	m := mysql.New()
	defer m.Close()
	var setup *tap.SetupError
	if err := m.Open(t.Context(), config); !errors.As(err, &setup) {
		t.Fatalf("Open = %v, want a SetupError", err)
	}
	for _, p := range setup.Problems {
		if p.Thing == "" || p.Reason == "" || p.Mend == "" {
			t.Errorf("problem %+v is not complete", p)
		}
	}
	return setup.Problems
}

func mends(list []tap.Problem) string {
	var lines []string
	for _, p := range list {
		lines = append(lines, p.Mend)
	}
	return strings.Join(lines, "\n")
}

func TestOpenNamesEverythingThatIsMissingAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t, "--binlog-format=MIXED", "--binlog-row-image=MINIMAL", "--binlog-row-metadata=NO_LOG",
		"--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--binlog-do-db=emr")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "REVOKE ALL PRIVILEGES, GRANT OPTION FROM tap@'%'",
		"GRANT BINLOG MONITOR ON *.* TO tap@'%'")
	got := mends(problems(t, tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}))
	for _, want := range []string{
		"SET GLOBAL binlog_format=ROW", "SET GLOBAL binlog_row_image=FULL", "SET GLOBAL binlog_row_metadata=FULL",
		"SET GLOBAL innodb_flush_log_at_trx_commit=1", "SET GLOBAL sync_binlog=1",
		"GRANT REPLICATION SLAVE ON *.* TO 'tap'@'%'", "GRANT SELECT ON `emr`.`t` TO 'tap'@'%'", "binlog_do_db",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no mend says %s; they say:\n%s", want, got)
		}
	}
}

func TestServerWithoutBinaryLogIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, "--skip-log-bin")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)")
	got := mends(problems(t, tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}))
	if !strings.Contains(got, "log_bin") {
		t.Errorf("no mend names log_bin; they say: %s", got)
	}
}

func TestAccountNeedsNoWriteRight(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "SET GLOBAL read_only=1")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	s.Exec("INSERT INTO emr.t VALUES (1)")
	r.awaitChanges(t, 1)
	chunk, err := m.Scan(t.Context(), "emr.t", nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	r.awaitFence(t, chunk.Fence)
}

func TestSocketIsAWayToTheServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)")
	m := mysql.New()
	defer m.Close()
	settings := strings.Replace(string(section(t, s, map[string]any{"socket": s.Socket(), "port": 0})), `"host":"127.0.0.1",`, "", 1)
	if err := m.Open(t.Context(), tap.Config{Settings: []byte(settings), Tables: []string{"emr.t"}}); err != nil {
		t.Fatal(err)
	}
	r := stream(t, m, nil)
	s.Exec("INSERT INTO emr.t VALUES (1)")
	r.awaitChanges(t, 1)
	r.end(t)
}

// refusals are tables that cannot be covered, with what is said of each.
func refusals() map[string]string {
	return map[string]string{
		"(id INT PRIMARY KEY) ENGINE=MEMORY": "ENGINE=InnoDB",
		"(id INT PRIMARY KEY, s BIGINT UNSIGNED AS ROW START, e BIGINT UNSIGNED AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING": "versioned by transaction",
		"(id INT PRIMARY KEY) WITH SYSTEM VERSIONING":                              "",
		"(id INT) PARTITION BY HASH (id)":                                          "ADD PRIMARY KEY",
		"(id INT, FOREIGN KEY (id) REFERENCES emr.parent (id) ON DELETE CASCADE)":  "changes rows of it",
		"(id INT, FOREIGN KEY (id) REFERENCES emr.parent (id) ON UPDATE SET NULL)": "ADD PRIMARY KEY",
		"(id INT, FOREIGN KEY (id) REFERENCES emr.parent (id) ON DELETE RESTRICT)": "",
		"(id INT PRIMARY KEY, v INT) ENGINE=Aria":                                  "",
		"(id INT PRIMARY KEY, v TEXT, UNIQUE KEY long_unique (v)) -- ok":           "",
	}
}

func TestTablesThatCannotBeCoveredAreRefusedByName(t *testing.T) {
	t.Parallel()
	s := start(t)
	var names, wants []string
	s.Exec("CREATE TABLE emr.parent (id INT PRIMARY KEY)")
	for definition, want := range refusals() {
		name := "emr.r" + string(rune('a'+len(names)))
		s.Exec("CREATE TABLE " + name + " " + definition)
		names, wants = append(names, name), append(wants, want)
	}
	s.Exec("CREATE VIEW emr.seen AS SELECT 1 AS id")
	names, wants = append(names, "emr.seen", "emr.missing"), append(wants, "it is a view", "no such table")
	tables, err := open(t, s, names...).Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range tables {
		if table.Name != names[i] || (wants[i] == "") != (table.Refused == "") || !strings.Contains(table.Refused, wants[i]) {
			t.Errorf("table %s: refused %q, want it to say %q", table.Name, table.Refused, wants[i])
		}
	}
}

// The estimate is the server's own, and may be wrong by a factor of two.
func TestTablesTellAboutHowManyRowsTheyHave(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "INSERT INTO emr.t SELECT seq FROM seq_1_to_1000", "ANALYZE TABLE emr.t",
		"CREATE VIEW emr.seen AS SELECT 1 AS id")
	tables, err := open(t, s, "emr.t", "emr.seen").Tables(t.Context())
	if err != nil || tables[0].EstimatedRows < 500 || tables[0].EstimatedRows > 2000 || tables[1].EstimatedRows != 0 {
		t.Errorf("%+v, %v", tables, err)
	}
}

func TestNotesTellWhatTheLogDoesNotShow(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.p (id INT PRIMARY KEY)",
		"CREATE TABLE emr.c (id INT PRIMARY KEY, p INT, q INT, g INT AS (p + 1) VIRTUAL, CONSTRAINT fk1 FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE SET NULL,"+
			" CONSTRAINT fk2 FOREIGN KEY (q) REFERENCES p (id))")
	tables, err := open(t, s, "emr.c").Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(tables[0].Notes, "\n")
	for _, want := range []string{"fk1", "ON DELETE CASCADE and ON UPDATE SET NULL", "column g is left out"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no note says %s; they say:\n%s", want, notes)
		}
	}
	if strings.Contains(notes, "fk2") || len(tables[0].Columns) != 3 {
		t.Errorf("notes %q, %d columns", notes, len(tables[0].Columns))
	}
}

func TestPasswordThatEverybodyMayReadIsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("test password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	settings := json.RawMessage(`{"user":"tap","password_file":` + strconv.Quote(file) + `}`)
	got := mends(problems(t, tap.Config{Settings: settings, Tables: []string{"emr.t"}}))
	if got != "chmod 0600 "+file {
		t.Errorf("the mend is %q", got)
	}
}
