package adapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
)

// emr is an application's embedded database.
type emr struct {
	t    testing.TB
	path string
	db   *sql.DB
}

// sqliteSource makes a small EMR whose owner has installed the tap's triggers;
// its outbox keeps so many rows.
func sqliteSource(t testing.TB, keep int) (*emr, sidecartest.Source) {
	t.Helper()
	e := &emr{t: t, path: filepath.Join(t.TempDir(), "emr.db")}
	e.open()
	t.Cleanup(func() { _ = e.db.Close() }) // nothing is buffered
	e.exec(`CREATE TABLE patients (id INTEGER PRIMARY KEY, name TEXT, born TEXT, phone TEXT)`,
		`CREATE TABLE results (id INTEGER PRIMARY KEY, patient_id INTEGER, test TEXT, value REAL, taken TEXT, note TEXT)`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
			INSERT INTO patients SELECT i, 'Patient ' || i, '1970-01-01', '555-' || i FROM n`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
			INSERT INTO results SELECT i, i % 200 + 1, 'glucose', i + 0.5, '2026-01-01 10:00:00', 'r' || i FROM n`)
	tables, err := sqlite.ReadTables(t.Context(), e.db, "patients", "results")
	if err != nil {
		t.Fatal(err)
	}
	e.exec(sqlite.InstallSQL(tables, keep))
	return e, sidecartest.Source{Tap: "sqlite", Settings: map[string]string{"path": e.path},
		Tables: []sidecartest.Table{{Name: "patients", Patient: "id"}, {Name: "results", Patient: "patient_id"}}}
}

// sqliteDSN opens a file as an EMR does: write-ahead log, every commit synced,
// patience with another writer.
func sqliteDSN(path string) string {
	return "file:" + path + "?_txlock=immediate&_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
}

func (e *emr) open() {
	e.t.Helper()
	db, err := sql.Open("sqlite", sqliteDSN(e.path))
	if err != nil {
		e.t.Fatal(err)
	}
	e.db = db
}

func (e *emr) exec(statements ...string) {
	e.t.Helper()
	for _, s := range statements {
		if _, err := e.db.ExecContext(context.Background(), s); err != nil {
			e.t.Fatalf("%.60s: %v", s, err)
		}
	}
}

// count asks for one number.
func (e *emr) count(query string) (n int64) {
	e.t.Helper()
	if err := e.db.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		e.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// unrecorded runs statements and takes away what the triggers wrote of them,
// in one transaction: outbox and counter are as they were, nothing streams.
func (e *emr) unrecorded(statements ...string) {
	e.t.Helper()
	tx, err := e.db.BeginTx(context.Background(), nil)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var last int64
	if err := tx.QueryRow(`SELECT seq FROM sqlite_sequence WHERE name = 'emrbchain_outbox'`).Scan(&last); err != nil {
		e.t.Fatal(err)
	}
	statements = append(statements, fmt.Sprintf(`DELETE FROM emrbchain_outbox WHERE id > %d`, last),
		fmt.Sprintf(`UPDATE sqlite_sequence SET seq = %d WHERE name = 'emrbchain_outbox'`, last))
	for _, s := range statements {
		if _, err := tx.Exec(s); err != nil {
			e.t.Fatalf("%.60s: %v", s, err)
		}
	}
	if err := tx.Commit(); err != nil {
		e.t.Fatal(err)
	}
}

// withoutTrigger runs statements with one of the tap's triggers dropped, and
// restores that to the letter, in one transaction.
func (e *emr) withoutTrigger(name string, statements ...string) {
	e.t.Helper()
	var text string
	if err := e.db.QueryRow(`SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?`, name).Scan(&text); err != nil {
		e.t.Fatal(err)
	}
	tx, err := e.db.BeginTx(context.Background(), nil)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	statements = append([]string{`DROP TRIGGER ` + name}, append(statements, text)...)
	for _, s := range statements {
		if _, err := tx.Exec(s); err != nil {
			e.t.Fatalf("%.60s: %v", s, err)
		}
	}
	if err := tx.Commit(); err != nil {
		e.t.Fatal(err)
	}
}

// copyTo writes a copy of the whole database, as a backup would.
func (e *emr) copyTo(path string) { e.exec(`VACUUM INTO '` + path + `'`) }

// swap puts a file in the place of the database.
func (e *emr) swap(path string) {
	e.t.Helper()
	if err := e.db.Close(); err != nil {
		e.t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(e.path + suffix); err != nil && !os.IsNotExist(err) {
			e.t.Fatal(err)
		}
	}
	if err := os.Rename(path, e.path); err != nil {
		e.t.Fatal(err)
	}
	e.open()
}

// traffic does recorded work until the test's end: inserts and changes of rows
// that it made itself.
func (e *emr) traffic(pause time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.work(ctx, pause) }()
	e.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			e.t.Errorf("traffic: %v", err)
		}
	})
}

func (e *emr) work(ctx context.Context, pause time.Duration) error {
	for n := 10_000; ctx.Err() == nil; n++ {
		for _, q := range []string{
			`INSERT INTO results VALUES (%d, 7, 'sodium', 140, '2026-01-01 10:00:00', 'new')`,
			`UPDATE results SET value = value + 1, note = 'again' WHERE id = %d`,
			`DELETE FROM results WHERE id = %d - 20`,
		} {
			if _, err := e.db.ExecContext(context.Background(), fmt.Sprintf(q, n)); err != nil {
				return err
			}
		}
		select {
		case <-time.After(pause): // the clinic's pace
		case <-ctx.Done():
		}
	}
	return nil
}
