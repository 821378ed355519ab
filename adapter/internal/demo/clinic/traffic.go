package clinic

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Bounds of live traffic.
const (
	// maxAdded is after how many new rows only corrections go on, so that a
	// clinic left alone does not fill the disk.
	maxAdded = 50_000
	// recent is how many of its last rows per table the staff may still change.
	recent = 200
)

// staff is one writer at work: what it wrote last.
type staff struct {
	db     *sql.DB
	random *rand.Rand
	added  int
	recent map[string][]int64 // by table, the last rows of its own
}

// Traffic does one piece of clinic work, one transaction, each time that every
// goes by, until ctx ends; then it returns nil.
func (c *Clinic) Traffic(ctx context.Context, every time.Duration) error {
	ticker := time.NewTicker(max(every, time.Millisecond))
	defer ticker.Stop()
	s := &staff{db: c.db, random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), recent: map[string][]int64{}}
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			if err := s.work(ctx, now.UTC()); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return fmt.Errorf("write traffic: %w", err)
			}
			c.written.Add(1)
		}
	}
}

// work is one transaction of a kind drawn by how often it happens in a clinic.
func (s *staff) work(ctx context.Context, now time.Time) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	w := &writer{ctx: ctx, tx: tx}
	var made written
	switch n := s.random.IntN(100); {
	case s.added < maxAdded && (n < 55 || len(s.recent["results"]) == 0 || len(s.recent["prescriptions"]) == 0):
		made = s.newVisit(w, now)
	case s.added < maxAdded && n < 75:
		made = s.lateEntry(w, now)
	case n < 97:
		s.correct(w, now)
	default:
		s.withdraw(w)
	}
	if w.err != nil {
		return w.err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.remember(made)
	return nil
}

func (s *staff) newVisit(w *writer, now time.Time) written {
	patient, c := s.anyPatient(w)
	if w.err != nil {
		return written{}
	}
	return w.visit(s.random, patient, c, now)
}

// anyPatient returns a patient and one of their conditions.
func (s *staff) anyPatient(w *writer) (id int64, c condition) {
	var names string
	row := w.tx.QueryRowContext(w.ctx, "SELECT id, conditions FROM patients WHERE id >= abs(random()) % (SELECT max(id) FROM patients) + 1 ORDER BY id LIMIT 1")
	if err := row.Scan(&id, &names); err != nil {
		w.err = fmt.Errorf("choose a patient: %w", err)
		return 0, c
	}
	name := pick(s.random, strings.Split(names, ", "))
	for _, c = range conditions() {
		if c.name == name {
			break
		}
	}
	return id, c
}

// lateEntry adds a result or a prescription to one of the last visits.
func (s *staff) lateEntry(w *writer, now time.Time) (made written) {
	encounter := pick(s.random, s.recent["encounters"])
	var patient int64
	var names string
	row := w.tx.QueryRowContext(w.ctx, "SELECT p.id, p.conditions FROM encounters e JOIN patients p ON p.id = e.patient_id WHERE e.id = ?", encounter)
	switch err := row.Scan(&patient, &names); {
	case err == sql.ErrNoRows: // the visit is gone, with a file that was put back
		return made
	case err != nil:
		w.err = fmt.Errorf("read a visit: %w", err)
		return made
	}
	c := pick(s.random, conditions())
	if s.random.IntN(2) == 0 {
		made.results = append(made.results, w.result(s.random, patient, encounter, pick(s.random, c.tests), now))
	} else {
		made.prescriptions = append(made.prescriptions, w.prescription(s.random, patient, encounter, pick(s.random, c.drugs), now))
	}
	return made
}

// correct changes one row that was written shortly before.
func (s *staff) correct(w *writer, now time.Time) {
	switch s.random.IntN(4) {
	case 0:
		w.exec("UPDATE results SET value = round(value * 1.02, 1), comment = 'repeated measurement' WHERE id = ?", pick(s.random, s.recent["results"]))
	case 1:
		w.exec("UPDATE prescriptions SET status = 'stopped', days = 0 WHERE id = ?", pick(s.random, s.recent["prescriptions"]))
	case 2:
		w.exec("UPDATE prescriptions SET frequency = 'as directed' WHERE id = ?", pick(s.random, s.recent["prescriptions"]))
	default:
		w.exec("UPDATE encounters SET note = coalesce(note || ' ', '') || ? WHERE id = ? AND length(coalesce(note, '')) < 1000",
			"Addendum "+now.Format("15:04")+": "+pick(s.random, notes()), pick(s.random, s.recent["encounters"]))
	}
}

// withdraw deletes a row that was entered by mistake.
func (s *staff) withdraw(w *writer) {
	table := pick(s.random, []string{"results", "prescriptions"})
	w.exec("DELETE FROM "+table+" WHERE id = ?", pick(s.random, s.recent[table]))
}

func (w *writer) exec(statement string, arguments ...any) {
	if _, err := w.tx.ExecContext(w.ctx, statement, arguments...); err != nil {
		w.err = fmt.Errorf("change a row: %w", err)
	}
}

func (s *staff) remember(made written) {
	for table, rows := range map[string][]int64{"encounters": made.encounter, "prescriptions": made.prescriptions, "results": made.results} {
		s.added += len(rows)
		all := append(s.recent[table], rows...)
		s.recent[table] = all[max(len(all)-recent, 0):]
	}
}
