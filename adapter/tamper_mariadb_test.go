package adapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// mariadbSource starts a server with a small EMR and an account with no more
// rights than the tap needs; args are further options of the server.
func mariadbSource(t *testing.T, durable bool, args ...string) (*mariadbtest.Server, sidecartest.Source) {
	t.Helper()
	s := mariadbtest.Start(t, mariadbtest.Options{Durable: durable, Args: args})
	s.Exec(`CREATE DATABASE emr`,
		`CREATE TABLE emr.patients (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(80), born DATE, phone VARCHAR(40))`,
		`CREATE TABLE emr.results (id BIGINT PRIMARY KEY AUTO_INCREMENT, patient_id INT, test VARCHAR(40),
			value DECIMAL(10,3), taken DATETIME(3), note TEXT CHARACTER SET latin1)`,
		`CREATE USER tap@'127.0.0.1' IDENTIFIED BY 'test-only'`,
		`GRANT REPLICATION SLAVE ON *.* TO tap@'127.0.0.1'`,
		`GRANT SELECT ON emr.* TO tap@'127.0.0.1'`)
	for i := 1; i <= 200; i++ {
		s.Exec(fmt.Sprintf(`INSERT INTO emr.patients VALUES (%d, 'Patient %d', '1970-01-%02d', '555-%04d')`, i, i, i%28+1, i))
	}
	for i := 1; i <= 1000; i++ {
		s.Exec(fmt.Sprintf(`INSERT INTO emr.results VALUES (%d, %d, 'glucose', %d.5, '2026-01-01 10:00:00.25', 'r%d')`, i, i%200+1, i%90, i))
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("test-only\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(s.Port()), "user": "tap", "password_file": password}
	if !durable {
		settings["accept_not_durable"] = "true"
	}
	return s, sidecartest.Source{Tap: "mysql", Settings: settings,
		Tables: []sidecartest.Table{{Name: "emr.patients", Patient: "id"}, {Name: "emr.results", Patient: "patient_id"}}}
}

// traffic does recorded work until the test's end or stop is called: inserts
// and changes of rows that it made itself.
func traffic(t *testing.T, db *sql.DB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for n := 10_000; ctx.Err() == nil; n++ {
			for _, q := range []string{
				fmt.Sprintf(`INSERT INTO emr.results VALUES (%d, %d, 'sodium', 140, NOW(3), 'new')`, n, n%200+1),
				fmt.Sprintf(`UPDATE emr.results SET value = value + 1, note = 'again' WHERE id = %d`, n),
				fmt.Sprintf(`DELETE FROM emr.results WHERE id = %d`, n-20),
			} {
				if _, err := db.Exec(q); err != nil {
					done <- err
					return
				}
			}
			select {
			case <-time.After(2 * time.Millisecond): // the clinic's pace
			case <-ctx.Done():
			}
		}
		done <- nil
	}()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("traffic: %v", err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	return stop
}

// unlogged runs statements past the binary log.
func unlogged(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range append([]string{"SET SESSION sql_log_bin = 0"}, append(statements, "SET SESSION sql_log_bin = 1")...) {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

// startOnMariaDB starts a server, a chain and a sidecar that covers all tables.
func startOnMariaDB(t *testing.T) (*mariadbtest.Server, *sidecartest.Sidecar, *findings) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server, source := mariadbSource(t, false)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	return server, sidecar, newFindings(t, sidecar)
}

func TestABusyUntouchedMariaDBHasNoFindings(t *testing.T) {
	server, sidecar, _ := startOnMariaDB(t)
	traffic(t, server.Admin())
	for n := range 20 {
		if report := sidecar.Audit(); report.Verdict != "intact" || len(report.Covered.Tables) != 2 {
			t.Fatalf("audit %d: %s, findings %+v, not covered %+v", n, report.Verdict, report.Findings, report.Covered.NotCovered)
		}
	}
}

func TestUnrecordedChangesAreNamedOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	traffic(t, server.Admin())

	unlogged(t, server.Admin(), `UPDATE emr.results SET value = 1, note = 'forged' WHERE id = 5`)
	found.expect("altered emr.results 5 note,value")

	unlogged(t, server.Admin(), `DELETE FROM emr.patients WHERE id = 7`)
	found.expect("deleted emr.patients 7 ")

	unlogged(t, server.Admin(), `INSERT INTO emr.patients VALUES (900, 'Nobody', '1990-01-01', NULL)`)
	found.expect("unlogged insert emr.patients 900 ")

	server.Exec(`UPDATE emr.patients SET phone = '555-9999' WHERE id = 9`)
	sidecar.Recorded("emr.patients", "9", 2)
	unlogged(t, server.Admin(), `UPDATE emr.patients SET phone = '555-0009' WHERE id = 9`)
	found.expect("stale emr.patients 9 phone")

	unlogged(t, server.Admin(), `UPDATE emr.results SET note = 'before' WHERE id = 30`)
	server.Exec(`UPDATE emr.results SET value = 77 WHERE id = 30`)
	sidecar.Recorded("emr.results", "30", 2)
	found.expect("history broken emr.results 30 note")
}

// A table that is put back from a dump, past the binary log, is named row by
// row and as one restore.
func TestATablePutBackIsNamedOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	server.Exec(`CREATE TABLE emr.dump AS SELECT * FROM emr.results`)
	server.Exec(`UPDATE emr.results SET value = value + 1 WHERE id IN (3, 4)`, `DELETE FROM emr.results WHERE id = 6`,
		`INSERT INTO emr.results VALUES (5000, 1, 'sodium', 140, NOW(3), 'late')`)
	sidecar.Recorded("emr.results", "5000", 1)
	found.expect()
	unlogged(t, server.Admin(), `DELETE FROM emr.results`, `INSERT INTO emr.results SELECT * FROM emr.dump`)
	found.expect("restored to T emr.results 3 value", "restored to T emr.results 4 value",
		"restored to T emr.results 5000 ", "restored to T emr.results 6 ")
}

// The whole data directory is swapped for an older copy, and work goes on.
func TestADatabaseSwappedIsNamedOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	older := server.Backup()
	sidecar.Covered()
	server.Exec(`UPDATE emr.results SET value = value + 1 WHERE id IN (3, 4)`, `DELETE FROM emr.results WHERE id = 6`,
		`INSERT INTO emr.patients VALUES (901, 'New', '2001-01-01', NULL)`)
	sidecar.Recorded("emr.patients", "901", 1)
	found.expect()
	server.Restore(older)
	server.Exec(`INSERT INTO emr.patients VALUES (902, 'After', '2001-01-01', NULL)`,
		`INSERT INTO emr.patients VALUES (903, 'After', '2001-01-01', NULL)`,
		`INSERT INTO emr.patients VALUES (904, 'After', '2001-01-01', NULL)`,
		`INSERT INTO emr.patients VALUES (905, 'After', '2001-01-01', NULL)`)
	sidecar.Gap()
	report := sidecar.Audit()
	want := map[string]bool{"emr.results 3 value": true, "emr.results 4 value": true, "emr.results 6 ": true, "emr.patients 901 ": true}
	for _, f := range report.Findings {
		line := strings.SplitN(findingLine(f), "emr.", 2)
		switch {
		case want["emr."+line[1]] && (f.Verdict == "restored to T" || f.Verdict == "changed in a gap"):
			delete(want, "emr."+line[1])
		case f.Verdict != "changed in a gap":
			t.Errorf("unexpected finding: %s: %s", findingLine(f), f.Detail)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v in %+v", want, report.Findings)
	}
}

// An edit past the binary log, while the sidecar is down and the log that it
// needs is purged, is found when the gap is closed.
func TestAnEditInAGapIsNamedOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	sidecar.Stop()
	unlogged(t, server.Admin(), `UPDATE emr.results SET note = 'hidden' WHERE id = 11`)
	server.Exec(`FLUSH BINARY LOGS`, `INSERT INTO emr.patients VALUES (910, 'Seen by nobody', '1980-01-01', NULL)`, `FLUSH BINARY LOGS`)
	// A log that a dump thread still has open is kept.
	sidecartest.Eventually(t, time.Minute, func(context.Context) error {
		logs := server.Binlogs()
		server.Exec(`PURGE BINARY LOGS TO '` + filepath.Base(logs[len(logs)-1]) + `'`)
		if logs = server.Binlogs(); len(logs) > 1 {
			return fmt.Errorf("%d logs are kept", len(logs))
		}
		return nil
	})
	sidecar.Start()
	sidecar.Gap()
	found.expect("changed in a gap emr.results 11 note", "changed in a gap emr.patients 910 ")
}

// An edit before a schema change is found although the table is read anew.
func TestAnEditBeforeARereadIsNamedOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	unlogged(t, server.Admin(), `UPDATE emr.patients SET name = 'Forged' WHERE id = 12`)
	server.Exec(`ALTER TABLE emr.patients ADD COLUMN email VARCHAR(80) DEFAULT '' FIRST`)
	server.Exec(`INSERT INTO emr.patients (id, name) VALUES (911, 'Later')`)
	sidecar.Recorded("emr.patients", "911", 1)
	found.expect("changed in a gap emr.patients 12 name")
}

// A column that gets another name, in or past the binary log, is still held to
// what was committed of it; one that goes unrecorded is named in every row.
func TestARenamedOrDroppedColumnHidesNothingOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	unlogged(t, server.Admin(), `ALTER TABLE emr.results CHANGE value Value DECIMAL(10,3)`,
		`UPDATE emr.results SET value = 999 WHERE id = 60`)
	found.expect("altered emr.results 60 value")

	server.Exec(`ALTER TABLE emr.results CHANGE test assay VARCHAR(40)`)
	sidecar.Recorded("emr.results", "61", 2)
	unlogged(t, server.Admin(), `UPDATE emr.results SET assay = 'forged' WHERE id = 61`)
	found.expect("altered emr.results 61 assay")

	unlogged(t, server.Admin(), `ALTER TABLE emr.patients DROP COLUMN phone`)
	want := make([]string, 200)
	for i := range want {
		want[i] = fmt.Sprintf("altered emr.patients %d phone", i+1)
	}
	found.expect(want...)
}

// An honest change of columns is no finding, and what it adds is covered.
func TestColumnsAddedAndDroppedAreCoveredOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	server.Exec(`ALTER TABLE emr.patients ADD COLUMN allergy VARCHAR(40) DEFAULT 'penicillin', DROP COLUMN phone`)
	sidecar.Recorded("emr.patients", "61", 2)
	found.expect()
	sidecar.Stop()
	server.Exec(`ALTER TABLE emr.patients DROP COLUMN born`, `UPDATE emr.patients SET name = 'Married' WHERE id = 3`)
	sidecar.Start()
	sidecar.Recorded("emr.patients", "61", 3)
	found.expect()
	unlogged(t, server.Admin(), `UPDATE emr.patients SET allergy = 'none' WHERE id = 61`)
	found.expect("altered emr.patients 61 allergy")
}

// A second alteration is named although the first one is still open.
func TestAnAlterationDoesNotHideAnotherOnMariaDB(t *testing.T) {
	server, _, found := startOnMariaDB(t)
	unlogged(t, server.Admin(), `UPDATE emr.results SET note = 'forged' WHERE id = 50`)
	found.expect("altered emr.results 50 note")
	unlogged(t, server.Admin(), `UPDATE emr.results SET value = 9, note = 'r50' WHERE id = 50`)
	found.expect("altered emr.results 50 value")
	unlogged(t, server.Admin(), `DELETE FROM emr.results WHERE id = 50`)
	found.expect("deleted emr.results 50 ")
}

// A key of more columns names the same rows otherwise, which the statement
// explains; an edit is found under the key that the row has since.
func TestAKeyOfMoreColumnsOnMariaDB(t *testing.T) {
	server, sidecar, found := startOnMariaDB(t)
	server.Exec(`ALTER TABLE emr.results DROP PRIMARY KEY, ADD PRIMARY KEY (id, patient_id)`)
	sidecar.Recorded("emr.results", "[1,2]", 1)
	report := sidecar.Audit()
	if n := report.Counts["intact"] + report.Counts["not yet anchored"]; report.Verdict != "intact" || n != 1200 || len(report.Covered.Tables) != 2 {
		t.Errorf("%s: counts %v, covered %+v", report.Verdict, report.Counts, report.Covered)
	}
	unlogged(t, server.Admin(), `UPDATE emr.results SET note = 'forged' WHERE id = 50`)
	found.expect("altered emr.results [50,51] note")
}
