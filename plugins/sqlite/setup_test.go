package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// problemOf opens a tap that must refuse, and returns what it said.
func problemOf(t *testing.T, config tap.Config) *tap.SetupError {
	t.Helper()
	x := New()
	err := x.Open(t.Context(), config)
	var setup *tap.SetupError
	if !errors.As(err, &setup) {
		t.Fatalf("open: %v", err)
	}
	for _, p := range setup.Problems {
		if p.Thing == "" || p.Reason == "" || p.Mend == "" {
			t.Errorf("problem without thing, reason or mend: %+v", p)
		}
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	return setup
}

func TestOpenRefusesBadSettings(t *testing.T) {
	for settings, want := range map[string]string{
		``: "read settings", `{}`: "path is missing", `{"path":"x","pol":"1s"}`: "pol", `{"path":"x","poll":"1"}`: "poll",
		`{"path":"x","poll":"0s"}`: "poll", `{"path":"x","batch":0}`: "batch", `{"path":"x","batch":100000}`: "batch",
		`{"path":"x","lock_wait":"1h"}`: "lock_wait", `{"path":"x"}{}`: "one JSON object",
	} {
		if err := problemOf(t, tap.Config{Settings: []byte(settings)}); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", settings, err)
		}
	}
}

func TestOpenSaysWhatIsWrongWithTheFile(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database at all. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file", dir: "not a regular file", text: "not an SQLite database",
	} {
		if err := problemOf(t, (&emr{t: t, path: path}).config("patients")); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("opening made a file")
	}
}

func TestOpenPrintsTheSQLThatIsMissing(t *testing.T) {
	e := newEMR(t, patientsSQL, "CREATE TABLE visits (id INTEGER PRIMARY KEY)", "CREATE TABLE keyless (x)")
	err := problemOf(t, e.config("patients", "visits", "keyless", "Visits", "nothing"))
	var mend string
	for _, p := range err.Problems {
		if strings.HasPrefix(p.Thing, "triggers") {
			_, mend, _ = strings.Cut(p.Mend, ":\n")
		}
	}
	for _, want := range []string{"spells it visits", "there is no such table"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	e.exec(mend)
	tables, tablesErr := e.open("patients", "visits", "keyless").Tables(t.Context())
	if tablesErr != nil || tables[0].Refused != "" || !strings.Contains(tables[2].Refused, "primary key") {
		t.Errorf("after the mend: %+v %v", tables, tablesErr)
	}
}

// A writer that died leaves a journal that a reader may not clear up.
func TestDeadWritersJournalIsNamed(t *testing.T) {
	e := newEMR(t, "PRAGMA journal_mode = DELETE", patientsSQL)
	e.install(DefaultKeep)
	e.exec("PRAGMA cache_size = 1", "BEGIN")
	for range 200 {
		e.exec("INSERT INTO patients (name) VALUES (hex(randomblob(2000)))")
	}
	dead := filepath.Join(t.TempDir(), "dead.db")
	for _, suffix := range []string{"-journal", ""} {
		b, err := os.ReadFile(e.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dead+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &emr{t: t, path: dead}
	if err := problemOf(t, d.config("patients")); !strings.Contains(err.Error(), "last writer died") {
		t.Errorf("%v", err)
	}
	d.reopen()
	d.exec("UPDATE patients SET name = 1")
	d.open("patients")
}

// What the owner removes leaves no trace in the schema.
func TestRemoveSQLTakesAwayWhatInstallSQLBrought(t *testing.T) {
	e := newEMR(t, `CREATE TABLE "odd ""name'" ("a ""b" TEXT, "c'd" INTEGER, x, PRIMARY KEY ("c'd", "a ""b"))`, patientsSQL)
	before := e.schema()
	tables := e.install(DefaultKeep)
	e.exec(InstallSQL(tables, 10)) // again, with another keep
	x := e.open(`odd "name'`, "patients")
	s := stream(t, x, nil)
	e.exec(`INSERT INTO "odd ""name'" VALUES ('k', 1, 2)`)
	s.settle()
	if len(s.rows) != 1 {
		t.Errorf("%d rows of the table with the odd name", len(s.rows))
	}
	s.stop()
	e.exec(RemoveSQL(tables))
	if diff := cmp.Diff(before, e.schema()); diff != "" {
		t.Error(diff)
	}
}

func (e *emr) schema() (list []string) {
	e.t.Helper()
	rows, err := e.db.Query("SELECT name || ' ' || ifnull(sql, '') FROM sqlite_master WHERE name <> 'sqlite_sequence' ORDER BY name")
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			e.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// The tap's own connection can't write, whatever is asked of it.
func TestTheTapNeverWrites(t *testing.T) {
	e := newEMR(t, patientsSQL)
	e.install(DefaultKeep)
	x := e.open("patients")
	for _, statement := range []string{"DELETE FROM patients", "CREATE TABLE x (y)", "PRAGMA user_version = 7", "VACUUM"} {
		if _, err := x.reader.db.ExecContext(context.Background(), statement); err == nil {
			t.Errorf("%s was done", statement)
		}
	}
	x.reader.db.Exec("PRAGMA query_only = 0") // mode=ro still holds
	if _, err := x.reader.db.Exec("DELETE FROM patients"); err == nil {
		t.Error("a write was done without query_only")
	}
}
