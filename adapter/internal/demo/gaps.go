package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// withBackup runs an unrecorded statement that reads the rows as they were
// when the database was copied, attached as "before".
func (s *show) withBackup(ctx context.Context, statement string) error {
	path := filepath.Join(s.dir, "riverside-before.db")
	db := s.riverside.db()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `ATTACH DATABASE '`+path+`' AS before`)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	err = unrecorded(ctx, conn, statement)
	_, detachErr := conn.ExecContext(ctx, `DETACH DATABASE before`)
	return errors.Join(err, detachErr, conn.Close())
}

// dropTriggers edits a row with the tap's triggers dropped. The tap sees that
// they were, and the table is verified.
func (s *show) dropTriggers(ctx context.Context) (string, error) {
	id, err := s.pick(ctx, `SELECT id FROM results ORDER BY id LIMIT 1 OFFSET 60`)
	if err != nil {
		return "", err
	}
	if err := withoutTriggers(ctx, s.riverside.db(), `UPDATE results SET unit = 'mg/l' WHERE id = `+id); err != nil {
		return "", err
	}
	if err := s.riverside.recorded(ctx, "results", id, 2); err != nil {
		return "", err
	}
	return s.expectAmong(ctx, finding{"changed in a gap", "results", id, "unit"})
}

// hideInGap edits a row while the sidecar is down, and empties the outbox so
// that it looks as if the tap had only been away too long.
func (s *show) hideInGap(ctx context.Context) (string, error) {
	if err := s.riverside.stop(); err != nil {
		return "", err
	}
	id, err := s.pick(ctx, `SELECT id FROM results ORDER BY id LIMIT 1 OFFSET 90`)
	if err != nil {
		return "", err
	}
	if err := withoutTriggers(ctx, s.riverside.db(), `UPDATE results SET comment = 'specimen mislabelled' WHERE id = `+id,
		`DELETE FROM emrbchain_outbox`); err != nil {
		return "", err
	}
	if err := s.riverside.start(); err != nil {
		return "", err
	}
	if _, err := s.riverside.covered(ctx); err != nil {
		return "", err
	}
	return s.expectAmong(ctx, finding{"changed in a gap", "results", id, "comment"})
}

// expectAmong expects a finding after a gap, in which the clinic worked too:
// its own changes of that time can't be told from an insider's and are found
// as well.
func (s *show) expectAmong(ctx context.Context, want finding) (string, error) {
	report, err := s.riverside.control.Audit(ctx, api.AuditRequest{})
	if err != nil {
		return "", err
	}
	found, others := "", 0
	for _, f := range report.Findings {
		switch n := named(f); {
		case n == want:
			found = sentence(f)
		case s.pastAudit[n]:
		case n.verdict == want.verdict:
			others++
		default:
			return "", fmt.Errorf("expected %s, found also: %s", describeOne(want), describeOne(n))
		}
		s.pastAudit[named(f)] = true
	}
	if found == "" {
		return "", fmt.Errorf("%w: expected %s, found: %s", errNotFound, describeOne(want), describe(report.Findings))
	}
	if others == 0 {
		return "expected and found: " + found, nil
	}
	return fmt.Sprintf("expected and found: %s; beside it %d rows that the clinic changed in the same gap", found, others), nil
}

// restore swaps Hillcrest's database for a copy taken before its last changes.
func (s *show) restore(ctx context.Context) (string, error) {
	h := s.hillcrest
	if err := h.rest(); err != nil {
		return "", err
	}
	if _, err := h.anchored(ctx); err != nil {
		return "", err
	}
	if err := errors.Join(h.stop(), h.emr.Close()); err != nil {
		return "", err
	}
	if err := putBack(s.backup, h.database()); err != nil {
		return "", err
	}
	if err := h.openEMR(ctx, false); err != nil {
		return "", err
	}
	if err := h.start(); err != nil {
		return "", err
	}
	if _, err := h.covered(ctx); err != nil {
		return "", err
	}
	report, err := h.control.Audit(ctx, api.AuditRequest{})
	if err != nil {
		return "", err
	}
	for _, f := range report.Findings {
		if f.Verdict != "restored to T" {
			return "", fmt.Errorf("expected every finding to be restored to T, found: %s", describe(report.Findings))
		}
	}
	if len(report.Findings) < 2 {
		return "", fmt.Errorf("%w: expected rows restored to T, found: %s", errNotFound, describe(report.Findings))
	}
	return fmt.Sprintf("expected and found: %d rows are restored to T; the first: %s", len(report.Findings),
		report.Findings[0].Detail), nil
}
