package adapter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/audit"
)

// How long after an audit that could read nothing, or not every table, the
// schedule tries again, unless the next one is due earlier.
const (
	retryFailed     = time.Minute
	retryIncomplete = time.Hour
)

// runAudits audits on the configured schedule, which goes by the time of the last
// audit in the log, so that a restart neither skips an audit nor adds one.
func (s *Sidecar) runAudits(ctx context.Context) error {
	every := s.config.Audit.Every
	if every == 0 {
		return nil
	}
	wait, err := s.untilDue(every)
	if err != nil {
		return err
	}
	var request audit.Request
	for {
		if !s.waitForAudit(ctx, wait) || s.ingest.AwaitResume(ctx) != nil {
			return nil
		}
		report, err := s.audit(ctx, request)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.options.Logger.Error().Str("event", "audit failed").Err(err).Msg("the scheduled audit could not be completed")
			wait = min(every, retryFailed)
			continue
		}
		if wait, err = s.untilDue(every); err != nil {
			return err
		}
		request = audit.Request{}
		if failed := report.Failed(); len(failed) > 0 && wait > retryIncomplete {
			request.Tables, wait = failed, retryIncomplete
		}
	}
}

// untilDue is how long it is until the next audit of all tables is due. The first
// is due one period after the log began. A clock that was set back puts none off
// for longer than a period.
func (s *Sidecar) untilDue(every time.Duration) (time.Duration, error) {
	last, err := audit.LastWhole(s.log)
	if err != nil {
		return 0, err
	}
	if last == 0 && s.log.Size() > 0 {
		first, err := s.log.Entry(0)
		if err != nil {
			return 0, fmt.Errorf("read when the log began: %w", err)
		}
		last = first.Leaf.Time
	}
	return min(max(0, when(last).Add(every).Sub(s.options.Now())), every), nil
}

// waitForAudit waits and reports whether ctx goes on.
func (s *Sidecar) waitForAudit(ctx context.Context, wait time.Duration) bool {
	s.mu.Lock()
	s.nextAudit = time.Now().Add(wait)
	s.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// audit runs one audit and keeps why it could not be completed, if so.
func (s *Sidecar) audit(ctx context.Context, q audit.Request) (*audit.Report, error) {
	s.auditing.Lock()
	defer s.auditing.Unlock()
	defer s.meter.End()
	q.Progress = s.measure
	report, err := s.auditor.Run(ctx, q)
	if errors.Is(err, audit.ErrTable) || ctx.Err() != nil {
		return report, err // it was asked for wrongly, or stopped
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auditErr = err
	if err == nil {
		s.auditErr = incomplete(report)
	}
	return report, err
}

// incomplete says which tables an audit should have read and did not; nil if none.
func incomplete(r *audit.Report) error {
	var reasons []string
	for _, c := range r.Covered {
		if c.Failed {
			reasons = append(reasons, fmt.Sprintf("table %s could not be read: %s", c.Table, c.Refused))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return errors.New(strings.Join(reasons, "\n"))
}
