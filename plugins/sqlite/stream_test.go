package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func TestMain(m *testing.M) {
	if writerProcess() || tapProcess() {
		return
	}
	goleak.VerifyTestMain(m)
}

func TestStreamTellsNowFirst(t *testing.T) {
	e := newEMR(t, patientsSQL, "INSERT INTO patients (id) VALUES (1)")
	e.install(DefaultKeep)
	s := stream(t, e.open("patients"), nil)
	e.exec("INSERT INTO patients (id) VALUES (2)")
	s.settle()
	if _, ok := s.events[0].(tap.Commit); !ok {
		t.Errorf("first event is %T", s.events[0])
	}
	if n := len(eventsOf[tap.Change](s.recorder)); n != 1 {
		t.Errorf("%d changes, want the one since the start", n)
	}
	if err := s.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("stream ended with %v", err)
	}
}

func TestStreamDeliversEachKind(t *testing.T) {
	e := newEMR(t, patientsSQL)
	e.install(DefaultKeep)
	x := e.open("patients")
	s := stream(t, x, nil)
	step := func(statement string, want ...string) {
		t.Helper()
		before := len(eventsOf[tap.Change](s.recorder))
		e.exec(statement)
		s.settle()
		var got []string
		for _, c := range eventsOf[tap.Change](s.recorder)[before:] {
			key := c.Key
			if c.Op == tap.Put {
				key = c.Table.KeyOf(c.After)
			}
			got = append(got, fmt.Sprintf("%d %s", c.Op, key[0].Display()))
			if c.Time.IsZero() || c.EventID == "" {
				t.Error("change without time or event id")
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", statement, diff)
		}
	}
	step("INSERT INTO patients (id, name) VALUES (1, 'a'), (2, 'b')", "4 1", "4 2")
	step("UPDATE patients SET name = 'c' WHERE id = 1", "4 1")
	step("UPDATE patients SET id = 9 WHERE id = 2", "3 2", "4 9")
	step("BEGIN; UPDATE patients SET name = 'd' WHERE id = 1; INSERT INTO patients (id) VALUES (3); UPDATE patients SET name = 'e' WHERE id = 1; COMMIT", "4 3", "4 1")
	step("BEGIN; INSERT INTO patients (id) VALUES (4); ROLLBACK")
	step("INSERT INTO patients (id, name) VALUES (1, 'f') ON CONFLICT DO UPDATE SET name = excluded.name", "4 1")
	step("REPLACE INTO patients (id, name) VALUES (1, 'g')", "4 1")
	step("BEGIN; INSERT INTO patients (id) VALUES (7); DELETE FROM patients WHERE id = 7; COMMIT", "3 7")
	step("DELETE FROM patients", "3 1", "3 3", "3 9")
}

// Deletes by a foreign key's cascade fire triggers in SQLite.
func TestStreamSeesCascades(t *testing.T) {
	e := newEMR(t, patientsSQL, `CREATE TABLE visits (id INTEGER PRIMARY KEY, patient REFERENCES patients (id) ON DELETE CASCADE ON UPDATE CASCADE)`,
		"INSERT INTO patients (id) VALUES (1)", "INSERT INTO visits VALUES (10, 1), (11, 1)")
	e.install(DefaultKeep)
	s := stream(t, e.open("patients", "visits"), nil)
	e.exec("UPDATE patients SET id = 2", "DELETE FROM patients")
	s.settle()
	if len(s.rows) != 0 {
		t.Errorf("replica keeps %d rows", len(s.rows))
	}
	deleted := make(map[string]bool)
	for _, c := range eventsOf[tap.Change](s.recorder) {
		if c.Op == tap.Delete {
			deleted[rowName(c.Table, c.Key)] = true
		}
	}
	for _, id := range []int64{10, 11} {
		if !deleted["visits "+display([]row.Value{row.NewInt(id)})] {
			t.Errorf("cascaded delete of visit %d not delivered", id)
		}
	}
}

// The truth that the documentation tells: this delete is not seen.
func TestReplaceByASecondKeyIsLeftToTheScan(t *testing.T) {
	e := newEMR(t, patientsSQL, "INSERT INTO patients (id, mrn) VALUES (1, 'A')")
	e.install(DefaultKeep)
	x := e.open("patients")
	s := stream(t, x, nil)
	e.exec("INSERT OR REPLACE INTO patients (id, mrn) VALUES (2, 'A')")
	s.settle()
	for _, c := range eventsOf[tap.Change](s.recorder) {
		if c.Op == tap.Delete {
			t.Error("the delete was seen: the documentation may promise more")
		}
	}
	if n := len(contents(t, x, "patients", 10)); n != 1 {
		t.Errorf("scan sees %d rows", n)
	}
	tables, err := x.Tables(t.Context())
	if err != nil || len(tables[0].Notes) == 0 {
		t.Errorf("no note about the second key: %v", err)
	}
	e.exec("PRAGMA recursive_triggers = 1", "INSERT OR REPLACE INTO patients (id, mrn) VALUES (3, 'A')")
	s.settle()
	changes := eventsOf[tap.Change](s.recorder)
	if changes[len(changes)-2].Op != tap.Delete {
		t.Error("with recursive_triggers the delete is not seen")
	}
}

var journals = []string{"WAL", "DELETE"}

// repeat is how often a test does what it does: less in a short run.
func repeat(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}

// At quiescence the last version delivered of each row is the row.
func TestLastVersionEqualsTheRow(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal, func(t *testing.T) {
			e := newEMR(t, "PRAGMA journal_mode = "+journal, patientsSQL)
			e.install(DefaultKeep)
			x := e.open("patients")
			s := stream(t, x, nil)
			work := newWorkload(e, 1)
			for range repeat(30, 4) {
				for range 40 {
					work.step()
				}
				s.settle()
				if diff := cmp.Diff(contents(t, x, "patients", 7), s.rows); diff != "" {
					t.Fatalf("replica differs: %s", diff)
				}
			}
			if g := s.gaps(); len(g) > 0 {
				t.Errorf("gap: %v", g)
			}
		})
	}
}

func TestResumeAtEveryPosition(t *testing.T) {
	e := newEMR(t, patientsSQL)
	e.install(DefaultKeep)
	x := e.open("patients")
	s := stream(t, x, nil)
	work := newWorkload(e, 2)
	for range 25 {
		work.step()
		s.settle()
	}
	s.stop()
	want := contents(t, x, "patients", 100)
	for i, p := range s.positions {
		again := newRecorder()
		again.rows = s.replicas[i]
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- x.Stream(ctx, p, again) }()
		(&running{recorder: again, t: t, tap: x}).settle()
		cancel()
		<-result
		if diff := cmp.Diff(want, again.rows); diff != "" {
			t.Fatalf("from position %d: %s", i, diff)
		}
		if g := again.gaps(); len(g) > 0 {
			t.Fatalf("from position %d: gap %v", i, g)
		}
	}
}

// Whatever the size of a batch, nothing is left lying at its end.
func TestBatchesOfAnySize(t *testing.T) {
	for batch := 1; batch <= 6; batch++ {
		e := newEMR(t, patientsSQL)
		e.install(DefaultKeep)
		x := e.openWith(map[string]any{"batch": batch}, "patients")
		s := stream(t, x, nil)
		from := s.last()
		for n := range 12 {
			e.exec(fmt.Sprintf("INSERT INTO patients (id) VALUES (%d)", n))
		}
		s.stop()
		s = stream(t, x, from)
		s.wait(t, "all rows", func([]any) bool { return len(s.rows) == 12 })
	}
}

func TestPositionOfAnotherTapIsRefused(t *testing.T) {
	e := newEMR(t, patientsSQL)
	e.install(DefaultKeep)
	x := e.open("patients")
	for _, p := range []string{"x", "{}", `{"v":2,"id":1}`, `{"v":1,"id":-1}`, `{"v":1,"id":1,"gtid":"0-1-2"}`, `{"v":1,"id":1} `, `{"v":1,"id":1}x`} {
		if err := x.Stream(t.Context(), tap.Position(p), newRecorder()); !errors.Is(err, tap.ErrPosition) {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestStreamEndsWithTheSinksError(t *testing.T) {
	e := newEMR(t, patientsSQL)
	e.install(DefaultKeep)
	x := e.open("patients")
	full := errors.New("host is full")
	if err := x.Stream(t.Context(), nil, refusing{newRecorder(), full}); err != full {
		t.Errorf("stream ended with %v", err)
	}
}

type refusing struct {
	*recorder
	err error
}

func (r refusing) Commit(tap.Commit) error { return r.err }

// workload makes random changes to patients, as an application would.
type workload struct {
	e      *emr
	random *rand.Rand
}

func newWorkload(e *emr, seed uint64) *workload {
	return &workload{e, rand.New(rand.NewPCG(seed, 0))}
}

func (w *workload) step() {
	id := func() int { return 1 + w.random.IntN(12) }
	ignore := func(statement string) { w.e.db.Exec(statement) } // a refused statement is part of the load
	switch w.random.IntN(10) {
	case 0, 1, 2:
		ignore(fmt.Sprintf("INSERT INTO patients (id, name, weight) VALUES (%d, 'n%d', %d)", id(), w.random.Int(), id()))
	case 3:
		ignore(fmt.Sprintf("UPDATE patients SET name = 'u%d' WHERE id = %d", w.random.Int(), id()))
	case 4:
		ignore(fmt.Sprintf("DELETE FROM patients WHERE id = %d", id()))
	case 5:
		ignore(fmt.Sprintf("UPDATE patients SET id = %d WHERE id = %d", id(), id()))
	case 6: // fails in the midst and keeps what came before
		ignore(fmt.Sprintf("INSERT OR FAIL INTO patients (id, name) VALUES (%d, 'x'), (%d, 'y'), (%d, 'z')", id(), id(), id()))
	case 7:
		ignore(fmt.Sprintf("INSERT OR IGNORE INTO patients (id, name) VALUES (%d, 'x'), (%d, 'y')", id(), id()))
	case 8:
		w.e.exec("BEGIN")
		w.step2(id)
		w.e.exec([]string{"ROLLBACK", "COMMIT"}[w.random.IntN(2)])
	case 9:
		ignore(fmt.Sprintf("REPLACE INTO patients (id, name) VALUES (%d, 'r%d')", id(), w.random.Int()))
	}
}

// step2 is the inside of a transaction with a savepoint that is rolled back.
func (w *workload) step2(id func() int) {
	w.e.exec(fmt.Sprintf("UPDATE patients SET weight = weight + 1 WHERE id < %d", id()), "SAVEPOINT s",
		fmt.Sprintf("DELETE FROM patients WHERE id > %d", id()), "ROLLBACK TO s", "RELEASE s",
		fmt.Sprintf("DELETE FROM patients WHERE id = %d", id()))
}
