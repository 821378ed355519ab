package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// uncovered says why nothing can be said of a table now.
func uncovered(t sweep.Coverage) string {
	switch {
	case t.Refused != "":
		return t.Refused
	case t.Since == 0:
		return "the table is still being taken in" + because(t.Problem)
	case t.Suspect:
		return "the table is being verified after a gap; see emrbchain status, and audit it again once it is covered" + because(t.Problem)
	}
	return ""
}

func because(problem string) string {
	if problem == "" {
		return ""
	}
	return "; it could not be read: " + problem
}

// attempts is how often a table is read anew because a gap came meanwhile, or the
// reading failed.
const attempts = 3

// pause is how long an audit waits, its patience at most, before it reads a table
// anew that could not be read.
const pause = time.Second

// cover reads a table once it is settled. A reading during which a gap came to
// light is of no use: the gap's own verification says what changed in it. A table
// that cannot be read keeps no other from being audited.
func (p *pass) cover(ctx context.Context, table string, progress func(string, uint64)) error {
	var failed error
	var before sweep.Coverage
	for range attempts {
		var err error
		if before, err = p.settle(ctx, table); err != nil {
			return err
		}
		if uncovered(before) != "" {
			break
		}
		var done bool
		if done, err = p.try(ctx, before, progress); done {
			return nil
		}
		if ctx.Err() != nil || p.log.Err() != nil {
			return errors.Join(err, ctx.Err(), p.log.Err())
		}
		if failed = err; err != nil && !p.wait(ctx) {
			return ctx.Err()
		}
	}
	return p.unread(ctx, before, failed)
}

// try reads a table, and reports whether the reading counts.
func (p *pass) try(ctx context.Context, before sweep.Coverage, progress func(string, uint64)) (done bool, err error) {
	result, covered, err := p.sweep(ctx, before, progress)
	if err != nil {
		return false, err
	}
	after, err := p.settle(ctx, before.Table)
	if err != nil || after.Cause != before.Cause || after.Suspect {
		return false, err
	}
	p.accept(result, covered)
	return true, nil
}

// wait waits before a table is read anew, and reports whether ctx goes on.
func (p *pass) wait(ctx context.Context) bool {
	timer := time.NewTimer(min(pause, p.options.Patience))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// unread says why a table was not read. One that cannot be read at all, and of
// which the log holds rows, is lost.
func (p *pass) unread(ctx context.Context, t sweep.Coverage, failed error) error {
	c := Coverage{Table: t.Table, Since: t.Since, Refused: uncovered(t)}
	refused := t.Refused != ""
	switch {
	case c.Refused != "":
	case failed == nil:
		c.Refused = "gaps kept coming while the table was read; audit it again"
	default:
		c.Refused, refused = failed.Error(), errors.Is(failed, tap.ErrTable)
	}
	if err := p.log.Heads(ctx, t.Table, func(_ []byte, h recordlog.Head) error {
		if !h.Deleted {
			c.Known++
		}
		return nil
	}); err != nil {
		return fmt.Errorf("count the rows of %s: %w", t.Table, err)
	}
	if refused && (t.Since != 0 || c.Known > 0) {
		lost, err := p.lose(t, c)
		if err != nil {
			return err
		}
		p.lost = append(p.lost, lost)
	} else if c.Failed = t.Since != 0; c.Failed && p.failed == nil {
		p.failed = failed
	}
	p.report.Covered = append(p.report.Covered, c)
	return nil
}

// lose makes the finding of a table that cannot be read any more.
func (p *pass) lose(t sweep.Coverage, c Coverage) (findings.Finding, error) {
	f := findings.Finding{Verdict: findings.TableLost, Table: c.Table, Leaf: commit.NoPrevious,
		FirstBad: findings.Moment{Time: p.now()},
		Detail:   fmt.Sprintf("%d rows of the table are on record and none can be read any more: %s", c.Known, c.Refused)}
	if t.Refused != "" && t.Cause != 0 {
		f.Detail += fmt.Sprintf("; that the table changed is recorded as leaf %d", t.Cause)
	}
	f.LastGood = findings.Moment{Time: c.Since}
	last, ok, err := findings.LastTableAudit(p.log, c.Table)
	if err == nil && ok {
		f.LastGood, err = p.anchored(last.ReadAt, last.Leaf)
	}
	f.LastGood.Time = min(f.LastGood.Time, f.FirstBad.Time)
	return f, err
}
