package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// gapCase is something that may have lost changes. It happens while the tap
// watches, or while it is down; either way it must be told.
type gapCase struct {
	name   string
	keep   int
	happen func(e *emr)
	reason string
	tables []string
}

var gapCases = []gapCase{
	{"pruned", 5, func(e *emr) {
		e.exec("BEGIN")
		for i := range 20 {
			e.exec(fmt.Sprintf("INSERT INTO patients (id) VALUES (%d)", 100+i))
		}
		e.exec("COMMIT")
	}, "pruned or deleted", nil},
	{"outbox rows deleted", DefaultKeep, func(e *emr) {
		e.exec("BEGIN", "INSERT INTO patients (id) VALUES (100), (101), (102)",
			"DELETE FROM emrbchain_outbox WHERE id = (SELECT max(id) - 1 FROM emrbchain_outbox)", "COMMIT")
	}, "pruned or deleted", nil},
	{"outbox emptied", DefaultKeep, func(e *emr) {
		e.exec("BEGIN", "INSERT INTO patients (id) VALUES (100)", "DELETE FROM emrbchain_outbox", "COMMIT")
	}, "are gone", nil},
	{"outbox reinstalled", DefaultKeep, func(e *emr) {
		tables, _ := ReadTables(e.t.Context(), e.db, "patients", "visits")
		e.exec("BEGIN", strings.NewReplacer("BEGIN IMMEDIATE;", "", "COMMIT;", "").Replace(RemoveSQL(tables)),
			"INSERT INTO patients (id) VALUES (100)",
			strings.NewReplacer("BEGIN IMMEDIATE;", "", "COMMIT;", "").Replace(InstallSQL(tables, 99)), "COMMIT")
	}, "went back", nil},
	{"trigger dropped", DefaultKeep, func(e *emr) {
		e.exec("DROP TRIGGER emrbchain_patients_update", "UPDATE patients SET name = 'unseen'")
	}, "emrbchain_patients_update is missing", []string{"patients"}},
	{"trigger altered", DefaultKeep, func(e *emr) {
		e.exec("BEGIN", "DROP TRIGGER emrbchain_patients_delete",
			`CREATE TRIGGER emrbchain_patients_delete AFTER DELETE ON patients WHEN OLD.id <> 1 BEGIN SELECT 1; END`, "COMMIT")
	}, "not as it was installed", []string{"patients"}},
	{"trigger dropped and restored", DefaultKeep, func(e *emr) {
		tables, _ := ReadTables(e.t.Context(), e.db, "patients")
		trigger := triggersOf(&tables[0])[1]
		e.exec("BEGIN", "DROP TRIGGER emrbchain_patients_update", "UPDATE patients SET name = 'unseen'", trigger.sql, "COMMIT")
	}, "dropped and made again", []string{"patients"}},
	{"prune trigger altered", DefaultKeep, func(e *emr) {
		e.exec("BEGIN", "DROP TRIGGER emrbchain_outbox_prune",
			"CREATE TRIGGER emrbchain_outbox_prune AFTER INSERT ON emrbchain_outbox BEGIN DELETE FROM emrbchain_outbox; END", "COMMIT")
	}, "emrbchain_outbox_prune is missing or altered", nil},
	{"foreign trigger on the outbox", DefaultKeep, func(e *emr) {
		e.exec("CREATE TRIGGER swallow BEFORE INSERT ON emrbchain_outbox BEGIN SELECT RAISE(IGNORE); END", "UPDATE patients SET name = 'unseen'")
	}, "foreign trigger", nil},
	{"older copy", DefaultKeep, func(e *emr) { e.swap("older") }, "", nil},
	{"older copy, written to since", DefaultKeep, func(e *emr) {
		e.swap("older")
		for i := range 9 {
			e.exec(fmt.Sprintf("INSERT INTO patients (id) VALUES (%d)", 200+i))
		}
	}, "", nil},
}

// swap puts a copy of the database in the place of it.
func (e *emr) swap(name string) {
	e.t.Helper()
	e.db.Close()
	if err := os.Rename(filepath.Join(filepath.Dir(e.path), name), e.path); err != nil {
		e.t.Fatal(err)
	}
	e.reopen()
}

func (g gapCase) prepare(t *testing.T) (*emr, *Tap) {
	e := newEMR(t, patientsSQL, "CREATE TABLE visits (id INTEGER PRIMARY KEY)")
	e.install(g.keep)
	e.exec("INSERT INTO patients (id) VALUES (1), (2)",
		"VACUUM INTO "+literal(filepath.Join(filepath.Dir(e.path), "older")), "INSERT INTO patients (id) VALUES (3)")
	return e, e.open("patients", "visits")
}

func (g gapCase) check(t *testing.T, s *running) {
	t.Helper()
	s.settle()
	if gaps := s.gaps(); len(gaps) != 1 || !strings.Contains(gaps[0].Reason, g.reason) {
		t.Fatalf("want one gap for %q: %s", g.reason, s.summary())
	} else if diff := cmp.Diff(g.tables, gaps[0].Tables); diff != "" {
		t.Errorf("tables: %s", diff)
	}
	s.settle()
	if n := len(s.gaps()); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestGapIsToldWhileWatching(t *testing.T) {
	for _, g := range gapCases {
		t.Run(g.name, func(t *testing.T) {
			e, x := g.prepare(t)
			s := stream(t, x, nil)
			e.exec("INSERT INTO patients (id) VALUES (4)")
			s.settle()
			func() {
				defer func() { recover() }()
				g.happen(e)
			}()
			g.check(t, s)
			// What is told is told once: from its position on nothing is missing.
			p := s.last()
			s.stop()
			again := stream(t, x, p)
			again.settle()
			if gaps := again.gaps(); len(gaps) > 0 {
				t.Errorf("told again: %+v", gaps)
			}
		})
	}
}

func TestGapWhileDownIsTold(t *testing.T) {
	for _, g := range gapCases {
		t.Run(g.name, func(t *testing.T) {
			e, x := g.prepare(t)
			s := stream(t, x, nil)
			e.exec("INSERT INTO patients (id) VALUES (4)")
			s.settle()
			s.stop()
			g.happen(e)
			g.check(t, stream(t, x, s.last()))
		})
	}
}

// Both ends of the time without triggers are told.
func TestRestoredTriggersAreTold(t *testing.T) {
	e := newEMR(t, patientsSQL)
	tables := e.install(DefaultKeep)
	x := e.open("patients")
	s := stream(t, x, nil)
	e.exec("DROP TRIGGER emrbchain_patients_update")
	s.waitGap("is missing")
	e.exec("UPDATE patients SET name = 'unseen'")
	s.settle()
	p := s.last()
	s.stop()
	e.exec(InstallSQL(tables, DefaultKeep))
	s = stream(t, x, p)
	g := s.waitGap("not recorded")
	if diff := cmp.Diff([]string{"patients"}, g.Tables); diff != "" {
		t.Error(diff)
	}
	e.exec("INSERT INTO patients (id) VALUES (9)")
	s.settle()
	if len(s.rows) != 1 {
		t.Error("changes are not followed after the triggers were restored")
	}
}

// A gap before what is left of the outbox does not lose what is left.
func TestWhatPruningLeftIsDelivered(t *testing.T) {
	g := gapCases[0]
	e, x := g.prepare(t)
	s := stream(t, x, nil)
	s.stop()
	g.happen(e)
	s = stream(t, x, s.last())
	s.settle()
	if n := len(eventsOf[tap.Change](s.recorder)); n != g.keep {
		t.Errorf("%d changes, want the %d that are left", n, g.keep)
	}
}

func TestAMissingFileEndsTheStreamWithItsReason(t *testing.T) {
	e := newEMR(t, patientsSQL)
	e.install(DefaultKeep)
	x := e.open("patients")
	s := stream(t, x, nil)
	p := s.last()
	os.Rename(e.path, e.path+".away")
	ended := make(chan error)
	go func() { ended <- x.Stream(t.Context(), p, newRecorder()) }()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("stream ended with %v", err)
	}
}

// A new shape is told before the rows that have it; a table that can't be
// covered any more is told, and when it can again.
func TestSchemaChangesAreTold(t *testing.T) {
	e := newEMR(t, patientsSQL, "CREATE TABLE notes (id TEXT PRIMARY KEY, body)")
	e.install(DefaultKeep)
	x := e.open("patients", "notes")
	s := stream(t, x, nil)
	step := func(columns int, refused string, statements ...string) {
		t.Helper()
		before := len(eventsOf[tap.SchemaChange](s.recorder))
		e.exec(statements...)
		s.settle()
		list := eventsOf[tap.SchemaChange](s.recorder)[before:]
		if len(list) != 1 || len(list[0].Table.Columns) != columns || !strings.Contains(list[0].Table.Refused, refused) {
			t.Fatalf("%v: %+v", statements, list)
		}
		if (refused == "") != (list[0].Table.Refused == "") {
			t.Errorf("%v: refused %q", statements, list[0].Table.Refused)
		}
	}
	step(3, "", "ALTER TABLE notes ADD COLUMN author", "INSERT INTO notes VALUES ('a', 1, 2)")
	step(3, "null in the key's column id", "INSERT INTO notes VALUES (NULL, 1, 2)")
	step(3, "", "DELETE FROM notes WHERE id IS NULL")
	step(2, "", "ALTER TABLE notes DROP COLUMN author")
	step(0, "no such table", "DROP TABLE notes")
	if g := s.gaps(); len(g) > 0 {
		t.Errorf("gap: %v", g)
	}
	step(1, "", "CREATE TABLE notes (id INTEGER PRIMARY KEY)")
	s.waitGap("is missing")
}
