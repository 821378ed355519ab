package adapter_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
)

// clinicPace is the pause between the transactions of a busy EMR.
const clinicPace = 2 * time.Millisecond

// startOnSQLite makes an EMR, and starts a chain and a sidecar that covers all
// of its tables.
func startOnSQLite(t *testing.T, keep int) (*emr, *sidecartest.Sidecar, *findings) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a chain and a sidecar")
	}
	e, source := sqliteSource(t, keep)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	return e, sidecar, newFindings(t, sidecar)
}

func TestABusyUntouchedSQLiteHasNoFindings(t *testing.T) {
	e, sidecar, _ := startOnSQLite(t, sqlite.DefaultKeep)
	e.traffic(clinicPace)
	for n := range 20 {
		if report := sidecar.Audit(); report.Verdict != "intact" || len(report.Covered.Tables) != 2 {
			t.Fatalf("audit %d: %s, findings %+v, not covered %+v", n, report.Verdict, report.Findings, report.Covered.NotCovered)
		}
	}
}

func TestUnrecordedChangesAreNamedOnSQLite(t *testing.T) {
	e, sidecar, found := startOnSQLite(t, sqlite.DefaultKeep)
	e.traffic(clinicPace)

	e.unrecorded(`UPDATE results SET value = 1, note = 'forged' WHERE id = 5`)
	found.expect("altered results 5 note,value")

	e.unrecorded(`DELETE FROM patients WHERE id = 7`)
	found.expect("deleted patients 7 ")

	e.unrecorded(`INSERT INTO patients VALUES (900, 'Nobody', '1990-01-01', NULL)`)
	found.expect("unlogged insert patients 900 ")

	e.exec(`UPDATE patients SET phone = '555-9999' WHERE id = 9`)
	sidecar.Recorded("patients", "9", 2)
	e.unrecorded(`UPDATE patients SET phone = '555-9' WHERE id = 9`)
	found.expect("stale patients 9 phone")

	e.exec(`DELETE FROM results WHERE id = 40`)
	sidecar.Recorded("results", "40", 2)
	e.unrecorded(`INSERT INTO results VALUES (40, 3, 'lactate', 9, '2026-01-02 10:00:00', NULL)`)
	found.expect("unlogged insert results 40 ")
}

// Edits with the triggers dropped and restored: the tap sees that they were,
// and the table is compared before anything of it is taken over.
func TestEditsWithoutTriggersAreNamedOnSQLite(t *testing.T) {
	e, sidecar, found := startOnSQLite(t, sqlite.DefaultKeep)
	e.withoutTrigger("emrbchain_patients_update", `UPDATE patients SET name = 'Forged' WHERE id = 12`)
	sidecar.Gap()
	found.expect("changed in a gap patients 12 name")

	e.withoutTrigger("emrbchain_results_delete", `DELETE FROM results WHERE id = 31`)
	sidecar.Recorded("results", "31", 2)
	found.expect("changed in a gap results 31 ")

	e.withoutTrigger("emrbchain_patients_insert", `INSERT INTO patients VALUES (920, 'Unseen', '1990-01-01', NULL)`)
	sidecar.Recorded("patients", "920", 1)
	found.expect("changed in a gap patients 920 ")
}

// A table that is put back from a dump, unrecorded, is named row by row and as
// one restore.
func TestATablePutBackIsNamedOnSQLite(t *testing.T) {
	e, sidecar, found := startOnSQLite(t, sqlite.DefaultKeep)
	e.exec(`CREATE TABLE dump AS SELECT * FROM results`)
	e.exec(`UPDATE results SET value = value + 1 WHERE id IN (3, 4)`, `DELETE FROM results WHERE id = 6`,
		`INSERT INTO results VALUES (5000, 1, 'sodium', 140, '2026-01-01 10:00:00', 'late')`)
	sidecar.Recorded("results", "5000", 1)
	found.expect()
	e.unrecorded(`DELETE FROM results`, `INSERT INTO results SELECT * FROM dump`)
	found.expect("restored to T results 3 value", "restored to T results 4 value",
		"restored to T results 5000 ", "restored to T results 6 ")
}

// The whole database file is swapped for an older copy under the running tap,
// and work goes on.
func TestADatabaseSwappedIsNamedOnSQLite(t *testing.T) {
	e, sidecar, found := startOnSQLite(t, sqlite.DefaultKeep)
	older := filepath.Join(t.TempDir(), "older.db")
	e.copyTo(older)
	e.exec(`UPDATE results SET value = value + 1 WHERE id IN (3, 4)`, `DELETE FROM results WHERE id = 6`,
		`INSERT INTO patients VALUES (901, 'New', '2001-01-01', NULL)`)
	sidecar.Recorded("patients", "901", 1)
	found.expect()
	e.swap(older)
	sidecar.Gap()
	e.exec(`INSERT INTO patients VALUES (902, 'After', '2001-01-01', NULL)`)
	sidecar.Recorded("patients", "902", 1)
	found.expect("restored to T results 3 value", "restored to T results 4 value", "restored to T results 6 ",
		"restored to T patients 901 ")
}

// While the sidecar is down, a row is edited unrecorded, and recorded work
// pushes the outbox past where the tap had come.
func TestAnEditInAGapIsNamedOnSQLite(t *testing.T) {
	const keep = 40
	e, sidecar, found := startOnSQLite(t, keep)
	sidecar.Stop()
	e.unrecorded(`UPDATE results SET note = 'hidden' WHERE id = 11`)
	e.exec(`INSERT INTO patients VALUES (910, 'Seen by nobody', '1980-01-01', NULL)`)
	for range 2 * keep {
		e.exec(`UPDATE patients SET phone = phone || '0' WHERE id = 50`)
	}
	sidecar.Start()
	sidecar.Gap()
	found.expect("changed in a gap results 11 note", "changed in a gap patients 910 ")
}

// An edit before a schema change is found although the table is read anew.
func TestAnEditBeforeARereadIsNamedOnSQLite(t *testing.T) {
	e, sidecar, found := startOnSQLite(t, sqlite.DefaultKeep)
	e.unrecorded(`UPDATE patients SET name = 'Forged' WHERE id = 12`)
	e.exec(`ALTER TABLE patients ADD COLUMN email TEXT DEFAULT ''`)
	e.exec(`INSERT INTO patients (id, name) VALUES (911, 'Later')`)
	sidecar.Recorded("patients", "911", 1)
	found.expect("changed in a gap patients 12 name")
}
