package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// step is one step of the story; run returns what to say about it.
type step struct {
	name string
	run  func(ctx context.Context) (string, error)
}

// story is what the demo shows, in order.
func (s *show) story() []step {
	return []step{
		{"four validators agree", s.startChain},
		{"two hospitals are set up", s.setUp},
		{"sidecars take their EMRs in", s.takeIn},
		{"the clinics work and are anchored", s.work},
		{"an audit of untouched, busy databases", s.auditClean},
		{"an insider edits a result", s.edit},
		{"an insider deletes an encounter", s.remove},
		{"an insider inserts a prescription", s.insert},
		{"an insider puts an older version back", s.stale},
		{"an insider drops the tap's triggers for an edit", s.dropTriggers},
		{"an insider hides an edit in a gap", s.hideInGap},
		{"Hillcrest's database is swapped for an older copy", s.restore},
		{"evidence of the edit is checked without a network", s.prove},
		{"evidence with one byte changed", s.forge},
	}
}

func (s *show) startChain(ctx context.Context) (string, error) {
	n, err := startNetwork(s.dir, []string{"hillcrest", "riverside"}, s.options.Logger)
	if err != nil {
		return "", err
	}
	s.chain = n
	height, tolerates, err := n.firstBlock(ctx)
	return fmt.Sprintf("block %d is final; the chain tolerates %d faulty member", height, tolerates), err
}

func (s *show) setUp(ctx context.Context) (string, error) {
	var err error
	if s.riverside, err = newHospital(ctx, s.dir, "riverside", 1, s.options, s.chain); err != nil {
		return "", err
	}
	if s.hillcrest, err = newHospital(ctx, s.dir, "hillcrest", 2, s.options, s.chain); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d patients each, five years of records; triggers installed by the EMRs' owners", s.riverside.patients), nil
}

// takeIn starts the sidecars and waits until every table is covered.
func (s *show) takeIn(ctx context.Context) (string, error) {
	var total uint64
	for _, h := range s.hospitals() {
		if err := h.start(); err != nil {
			return "", err
		}
	}
	for _, h := range s.hospitals() {
		status, err := h.covered(ctx)
		if err != nil {
			return "", err
		}
		total += status.Log.Size
	}
	return fmt.Sprintf("all tables are covered; the record logs hold %d entries", total), nil
}

func (s *show) hospitals() []*hospital { return []*hospital{s.riverside, s.hillcrest} }

// covered waits until the sidecar covers every table.
func (h *hospital) covered(ctx context.Context) (*api.Status, error) {
	var status *api.Status
	err := until(ctx, time.Minute, func(ctx context.Context) (err error) {
		select {
		case err := <-h.exited:
			h.exited <- err
			return fmt.Errorf("the sidecar of %s has ended (%v); its log: %s", h.name, err, h.file("sidecar.log"))
		default:
		}
		if status, err = h.control.Status(ctx); err != nil {
			return err
		}
		if len(status.Source.Tables) < len(tableNames()) {
			return fmt.Errorf("%s: the tap is starting (%s)", h.name, status.Source.Problem)
		}
		for _, t := range status.Source.Tables {
			if !t.Covered {
				return fmt.Errorf("%s: table %s is %s", h.name, t.Name, t.Reason)
			}
		}
		if status.Source.State != "streaming" {
			return fmt.Errorf("%s: the source is %s", h.name, status.Source.State)
		}
		return nil
	})
	return status, err
}

// busyChanges is how many transactions the clinics commit before the story
// goes on.
const busyChanges = 60

func (s *show) work(ctx context.Context) (string, error) {
	for _, h := range s.hospitals() {
		h.work(ctx)
	}
	for _, h := range s.hospitals() {
		err := until(ctx, time.Minute, func(context.Context) error {
			if n := h.emr.Written(); n < busyChanges {
				return fmt.Errorf("%s: %d transactions", h.name, n)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	s.backup = filepath.Join(s.dir, "hillcrest-before.db")
	if err := copyDatabase(ctx, s.hillcrest.db(), s.backup); err != nil {
		return "", err
	}
	if err := copyDatabase(ctx, s.riverside.db(), filepath.Join(s.dir, "riverside-before.db")); err != nil {
		return "", err
	}
	height, err := s.riverside.anchored(ctx)
	return fmt.Sprintf("%d transactions while sidecars follow; anchored at height %d",
		s.riverside.emr.Written()+s.hillcrest.emr.Written(), height), err
}

// anchored waits until everything that the log holds now is anchored.
func (h *hospital) anchored(ctx context.Context) (height int64, err error) {
	first, err := h.control.Status(ctx)
	if err != nil {
		return 0, err
	}
	err = until(ctx, time.Minute, func(ctx context.Context) error {
		status, err := h.control.Status(ctx)
		if err != nil {
			return err
		}
		if a := status.Chain.Anchored; a == nil || a.Size < first.Log.Size {
			return fmt.Errorf("%s: not anchored yet (%s)", h.name, status.Chain.Problem)
		}
		height = status.Chain.Anchored.Height
		return nil
	})
	return height, err
}

func (s *show) auditClean(ctx context.Context) (string, error) {
	var rows uint64
	for _, h := range s.hospitals() {
		report, err := h.control.Audit(ctx, api.AuditRequest{})
		if err != nil {
			return "", err
		}
		if len(report.Findings) > 0 || report.Verdict != "intact" {
			return "", fmt.Errorf("%s: expected intact, found %q with %d findings: %s", h.name, report.Verdict,
				len(report.Findings), describe(report.Findings))
		}
		for _, t := range report.Covered.Tables {
			rows += t.Rows
		}
	}
	return fmt.Sprintf("expected no finding, found none in %d rows while the clinics worked", rows), nil
}

func (s *show) edit(ctx context.Context) (string, error) {
	id, err := s.pick(ctx, `SELECT id FROM results ORDER BY id LIMIT 1 OFFSET 40`)
	if err != nil {
		return "", err
	}
	s.altered = rowName{"results", id}
	if err := unrecorded(ctx, s.riverside.db(), `UPDATE results SET value = value * 2, flag = 'H!' WHERE id = `+id); err != nil {
		return "", err
	}
	return s.expect(ctx, s.riverside, finding{"altered", "results", id, "flag,value"})
}

func (s *show) remove(ctx context.Context) (string, error) {
	id, err := s.pick(ctx, `SELECT e.id FROM encounters e WHERE NOT EXISTS (SELECT 1 FROM results r WHERE r.encounter_id = e.id)
		AND NOT EXISTS (SELECT 1 FROM prescriptions p WHERE p.encounter_id = e.id) ORDER BY e.id LIMIT 1`)
	if err != nil {
		return "", err
	}
	if err := unrecorded(ctx, s.riverside.db(), `DELETE FROM encounters WHERE id = `+id); err != nil {
		return "", err
	}
	return s.expect(ctx, s.riverside, finding{"deleted", "encounters", id, ""})
}

func (s *show) insert(ctx context.Context) (string, error) {
	const id = "900001"
	err := unrecorded(ctx, s.riverside.db(), `INSERT INTO prescriptions
		SELECT `+id+`, patient_id, encounter_id, 'Oxycodone', 80, 'twice a day', 90, prescribed_at, status FROM prescriptions LIMIT 1`)
	if err != nil {
		return "", err
	}
	return s.expect(ctx, s.riverside, finding{"unlogged insert", "prescriptions", id, ""})
}

// stale changes a row with a recorded update, waits until it is on record, and
// puts the former values back unrecorded.
func (s *show) stale(ctx context.Context) (string, error) {
	id, err := s.pick(ctx, `SELECT id FROM patients ORDER BY id LIMIT 1 OFFSET 7`)
	if err != nil {
		return "", err
	}
	if _, err := s.riverside.db().ExecContext(ctx, `UPDATE patients SET allergies = 'Penicillin (severe)', phone = 'unknown' WHERE id = `+id); err != nil {
		return "", err
	}
	former := `UPDATE patients SET (allergies, phone) = (SELECT allergies, phone FROM before.patients b WHERE b.id = ` + id + `) WHERE id = ` + id
	if err := s.riverside.recorded(ctx, "patients", id, 2); err != nil {
		return "", err
	}
	if err := s.withBackup(ctx, former); err != nil {
		return "", err
	}
	return s.expect(ctx, s.riverside, finding{"stale", "patients", id, "allergies,phone"})
}

// recorded waits until the log holds a version of a row.
func (h *hospital) recorded(ctx context.Context, table, key string, version uint64) error {
	return until(ctx, time.Minute, func(ctx context.Context) error {
		v, err := h.control.RowVerdict(ctx, table, key)
		if err != nil {
			return err
		}
		if v.Version < version {
			return fmt.Errorf("%s %s: version %d is not on record yet", table, key, version)
		}
		return nil
	})
}

func (s *show) pick(ctx context.Context, query string) (id string, err error) {
	err = s.riverside.db().QueryRowContext(ctx, query).Scan(&id)
	return id, err
}

var errNotFound = errors.New("the audit did not find it")
