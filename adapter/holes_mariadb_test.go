package adapter_test

import (
	"database/sql"
	"database/sql/driver"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// A hole is something that changes rows, or the table around them, without a
// change of its own in the binary log. It is made twice, in a database each:
// honestly, and together with an edit past the log. The honest one explains
// what it did and nothing else, so the edit must be found.
//
// All holes of a matrix share one server, one sidecar and one audit. Tables are
// named without their database, so that the statements fit both; their names
// must be the hole's own.
type hole struct {
	name   string
	tables []sidecartest.Table // without the database
	before []string            // statements before the sidecar sees the tables
	cause  []string            // what is recorded
	edit   []string            // what is not: runs past the log
	after  []string            // recorded, after the cause; the edit has run by then
	late   bool                // the edit comes after the cause instead of before it
	// Findings, "verdict table key columns", by the same rule as findings.expect;
	// the verdict "found" stands for any, where it depends on which came first, the
	// edit or the verification.
	honest []string // without the edit; usually none
	edited []string // with it
}

// databases of a matrix: the honest one and the edited one.
const (
	honestDatabase = "honest"
	editedDatabase = "edited"
)

// checkHoles makes all holes and demands what each of them says.
func checkHoles(t *testing.T, holes []hole) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server := mariadbtest.Start(t, mariadbtest.Options{})
	source := holeSource(t, server, holes)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	for _, h := range holes {
		h.make(t, server.Admin())
	}
	seen := auditedAfter(t, server, sidecar)
	for _, h := range holes {
		t.Run(h.name, func(t *testing.T) {
			h.compare(t, honestDatabase, h.honest, seen)
			h.compare(t, editedDatabase, h.edited, seen)
		})
	}
}

// holeSource makes the tables of all holes in both databases.
func holeSource(t *testing.T, server *mariadbtest.Server, holes []hole) sidecartest.Source {
	t.Helper()
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("test-only\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	source := sidecartest.Source{Tap: "mysql", Settings: map[string]string{"host": "127.0.0.1",
		"port": strconv.Itoa(server.Port()), "user": "tap", "password_file": password, "accept_not_durable": "true"}}
	server.Exec(`CREATE USER tap@'127.0.0.1' IDENTIFIED BY 'test-only'`, `GRANT REPLICATION SLAVE ON *.* TO tap@'127.0.0.1'`)
	for _, database := range []string{honestDatabase, editedDatabase} {
		server.Exec(`CREATE DATABASE `+database+` CHARACTER SET utf8mb4`, `GRANT SELECT ON `+database+`.* TO tap@'127.0.0.1'`)
		for _, h := range holes {
			inDatabase(t, server.Admin(), database, h.before...)
			for _, table := range h.tables {
				table.Name = database + "." + table.Name
				source.Tables = append(source.Tables, table)
			}
		}
	}
	server.Exec(`CREATE TABLE honest.marker (id INT PRIMARY KEY)`)
	source.Tables = append(source.Tables, sidecartest.Table{Name: "honest.marker"})
	return source
}

func (h *hole) make(t *testing.T, db *sql.DB) {
	t.Helper()
	inDatabase(t, db, honestDatabase, slices.Concat(h.cause, h.after)...)
	past := slices.Concat([]string{"SET SESSION sql_log_bin = 0"}, h.edit, []string{"SET SESSION sql_log_bin = 1"})
	parts := [][]string{past, h.cause, h.after}
	if h.late {
		parts = [][]string{h.cause, past, h.after}
	}
	inDatabase(t, db, editedDatabase, slices.Concat(parts...)...)
}

// inDatabase runs statements in one session whose default is a database.
func inDatabase(t *testing.T, db *sql.DB, database string, statements ...string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }() // what the session set dies with it
	for _, q := range append([]string{"USE " + database}, statements...) {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("in %s: %.120q: %v", database, q, err)
		}
	}
}

// auditedAfter waits until the stream has passed all that was done, audits, and
// returns the details of the findings by their line.
func auditedAfter(t *testing.T, server *mariadbtest.Server, sidecar *sidecartest.Sidecar) map[string]string {
	t.Helper()
	server.Exec(`INSERT INTO honest.marker VALUES (1)`)
	sidecar.Recorded("honest.marker", "1", 1)
	report := sidecar.Audit()
	for _, c := range report.Covered.NotCovered {
		if !strings.Contains(c.Reason, "no such table") {
			t.Errorf("not covered: %+v", c)
		}
	}
	seen := make(map[string]string)
	for _, f := range report.Findings {
		seen[findingLine(f)] = f.Detail
	}
	return seen
}

// compare demands that the findings in the hole's tables of one database are
// the wanted ones.
func (h *hole) compare(t *testing.T, database string, want []string, seen map[string]string) {
	t.Helper()
	wanted := make(map[string]bool)
	for _, line := range want {
		line = strings.Replace(line, "@", database+".", 1)
		if row, any := strings.CutPrefix(line, "found "); any {
			for one := range seen {
				if strings.HasSuffix(one, " "+row) {
					line = one
				}
			}
		}
		wanted[line] = true
		if _, ok := seen[line]; !ok {
			t.Errorf("not found: %q", line)
		}
	}
	for _, line := range slices.Sorted(maps.Keys(seen)) {
		if !wanted[line] && h.owns(database, line) {
			t.Errorf("unexpected finding: %q: %s", line, seen[line])
		}
	}
}

func (h *hole) owns(database, line string) bool {
	return slices.ContainsFunc(h.tables, func(table sidecartest.Table) bool {
		return strings.Contains(line, " "+database+"."+table.Name+" ")
	})
}

// TestEachHoleExplainsWhatItDidAndNothingElseOnMariaDB is a matrix:
// a row of it is a hole of the log.
func TestEachHoleExplainsWhatItDidAndNothingElseOnMariaDB(t *testing.T) {
	checkHoles(t, slices.Concat(columnHoles(), keyHoles(), movedHoles(), unrecordedShapeHoles(), emptiedHoles(), convertedHoles(), newColumnHoles(), laterColumnHoles()))
}

// columnHoles are changes of a table's columns.
func columnHoles() []hole {
	rows := func(table string) []string {
		return []string{`CREATE TABLE ` + table + ` (id INT PRIMARY KEY, name VARCHAR(40), note VARCHAR(40))`,
			`INSERT INTO ` + table + ` SELECT seq, CONCAT('name ', seq), CONCAT('note ', seq) FROM ` + sequence}
	}
	return []hole{
		{name: "ADD COLUMN", tables: []sidecartest.Table{{Name: "added"}}, before: rows("added"),
			cause:  []string{`ALTER TABLE added ADD COLUMN more INT DEFAULT 7 FIRST`},
			edit:   []string{`UPDATE added SET note = 'forged' WHERE id = 3`},
			edited: []string{"changed in a gap @added 3 note"}},
		{name: "DROP COLUMN", tables: []sidecartest.Table{{Name: "dropped"}}, before: rows("dropped"),
			cause:  []string{`ALTER TABLE dropped DROP COLUMN note`},
			edit:   []string{`UPDATE dropped SET name = 'forged' WHERE id = 3`},
			edited: []string{"changed in a gap @dropped 3 name"}},
	}
}

// sequence is a table of the numbers 1 to 20, as a hole's rows are made of.
const sequence = `(WITH RECURSIVE s AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM s WHERE seq < 20) SELECT seq FROM s) AS numbers`
