package adapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// emrColumns are the columns of the EMR's tables, the key first.
func emrColumns() map[string][]string {
	return map[string][]string{"patients": {"id", "name", "born", "phone"},
		"results": {"id", "patient_id", "test", "value", "taken", "note"}}
}

// witness lets the database itself keep every state of every row, in the same
// transactions and unknown to the tap: a row of TABLE_history per state, in
// order; gone says that it is a key without a row.
func (e *emr) witness() {
	e.t.Helper()
	for table, columns := range emrColumns() {
		state := func(row string) string { return "0, " + row + "." + strings.Join(columns, ", "+row+".") }
		gone := "1, OLD.id" + strings.Repeat(", NULL", len(columns)-1)
		into := "INSERT INTO " + table + "_history "
		e.exec(`CREATE TABLE `+table+`_history AS SELECT 0 AS gone, * FROM `+table,
			`CREATE TRIGGER `+table+`_came AFTER INSERT ON `+table+` BEGIN `+into+`VALUES (`+state("NEW")+`); END`,
			`CREATE TRIGGER `+table+`_went AFTER DELETE ON `+table+` BEGIN `+into+`VALUES (`+gone+`); END`,
			`CREATE TRIGGER `+table+`_changed AFTER UPDATE ON `+table+` BEGIN `+into+`SELECT `+gone+` WHERE OLD.id <> NEW.id; `+
				into+`VALUES (`+state("NEW")+`); END`)
	}
}

// writerVariable names the database to a process of this program that works as
// the EMR's application.
const writerVariable = "EMRBCHAIN_TEST_WRITER"

// startWriter starts a process that changes the database at random.
func startWriter(t *testing.T, path string) *sidecartest.Process {
	t.Helper()
	t.Setenv(writerVariable, path)
	return sidecartest.StartProcess(t, filepath.Join(t.TempDir(), "writer.log"), os.Args[0], "-test.run=^TestWriterProcess$")
}

// TestWriterProcess is the application of the kill test's EMR. It works until
// it is killed: inserts, updates, deletes, key changes, transactions of many
// rows and rollbacks. Every value that it writes is new.
func TestWriterProcess(t *testing.T) {
	path := os.Getenv(writerVariable)
	if path == "" {
		t.Skip("a part of TestTheLastVersionIsNeverLostOnSQLite")
	}
	db, err := sql.Open("sqlite", sqliteDSN(path))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	for {
		if err := writeOnce(t.Context(), db, random); err != nil {
			t.Fatal(err)
		}
		<-time.After(clinicPace)
	}
}

// writeOnce does one transaction; one in ten is rolled back.
func writeOnce(ctx context.Context, db *sql.DB, random *rand.Rand) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	statements := 1 + random.IntN(6)
	if random.IntN(200) == 0 {
		statements = 300
	}
	for range statements {
		if _, err := tx.ExecContext(ctx, sqliteStatement(random)); err != nil {
			return err
		}
	}
	if random.IntN(10) == 0 {
		return nil
	}
	return tx.Commit()
}

func sqliteStatement(r *rand.Rand) string {
	stamp := r.Uint64() >> 1
	id := 1 + r.IntN(400) // there and not there
	switch r.IntN(12) {
	case 0:
		return fmt.Sprintf("DELETE FROM patients WHERE id = %d", id)
	case 1:
		return fmt.Sprintf("DELETE FROM results WHERE id = %d", id)
	case 2:
		return fmt.Sprintf("UPDATE OR IGNORE results SET id = %d, note = 'n%d' WHERE id = %d", 1+r.IntN(400), stamp, id)
	case 3:
		return fmt.Sprintf("UPDATE OR IGNORE patients SET id = %d, name = 'P%d' WHERE id = %d", 1+r.IntN(400), stamp, id)
	case 4, 5:
		return fmt.Sprintf("UPDATE patients SET phone = '%d' WHERE id = %d", stamp, id)
	case 6, 7, 8:
		return fmt.Sprintf("UPDATE results SET value = value + 0.25, note = 'n%d' WHERE id = %d", stamp, id)
	case 9:
		return fmt.Sprintf("INSERT OR IGNORE INTO patients VALUES (%d, 'P%d', '1980-02-03', NULL)", id, stamp)
	}
	return fmt.Sprintf("INSERT OR IGNORE INTO results VALUES (%d, %d, 'test', 1.5, '2026-01-01', 'n%d')", id, 1+r.IntN(200), stamp)
}
