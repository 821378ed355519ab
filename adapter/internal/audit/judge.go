package audit

import (
	"context"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// judgeAll turns the sweeps' deviations into findings.
func (p *pass) judgeAll() ([]findings.Finding, error) {
	for _, r := range p.results {
		if err := r.LeaveTold(p.log); err != nil {
			return nil, err
		}
	}
	cut, restored := sweep.Restored(p.results)
	found := p.lost
	for _, r := range p.results {
		at, whole := cut, restored
		if !restored {
			at, whole = sweep.Restored([]*sweep.Result{r})
		}
		for _, d := range r.Deviations {
			f, err := p.judge(d, at, whole)
			if err != nil {
				return nil, err
			}
			if f.Verdict == findings.NotCovered {
				p.report.NotCovered = append(p.report.NotCovered, f)
				p.report.Counts[findings.NotCovered]++
				continue
			}
			if _, err := p.corrected(&f, d); err != nil {
				return nil, err
			}
			found = append(found, f)
		}
		erased, err := p.judgeErased(r)
		if err != nil {
			return nil, err
		}
		found = append(found, erased...)
	}
	return found, nil
}

func (p *pass) judge(d sweep.Deviation, cut sweep.Cut, restored bool) (findings.Finding, error) {
	f := findings.Finding{Table: d.Table.Name, Key: d.Key, Leaf: commit.NoPrevious,
		Columns: d.Columns, Present: d.Present, FirstBad: findings.Moment{Time: p.now()}}
	if d.Latest != nil {
		f.Version, f.Leaf = d.Latest.Header.Version, d.Latest.Header.Index
		good, err := p.lastGood(d)
		if err != nil {
			return f, err
		}
		f.LastGood = good
		// A clock that was set back must not let good follow bad.
		f.LastGood.Time = min(f.LastGood.Time, f.FirstBad.Time)
	}
	var err error
	f.Verdict, f.Detail, err = p.word(d, cut, restored)
	if rows.Numbered(d.Table) {
		f.Detail += rows.NumberedWords
	}
	return f, err
}

// word finds the verdict and the sentence for a deviation.
func (p *pass) word(d sweep.Deviation, cut sweep.Cut, restored bool) (findings.Verdict, string, error) {
	switch {
	case d.Kind == sweep.Busy:
		return findings.NotCovered, "busy: the row changed faster than it could be read", nil
	case d.Kind == sweep.Pending:
		return findings.NotCovered, "busy: what the source told of the row is not recorded in a version yet", nil
	case d.Kind == sweep.Kept:
		return findings.HistoryBroken, fmt.Sprintf("the row is as version %d recorded it, though by what the source told since "+
			"it must be gone or otherwise", d.Latest.Header.Version), nil
	case d.Kind == sweep.Lost:
		return findings.Unverifiable, "the key that opens this row's versions is gone, and no officer ordered that", nil
	case restored:
		when, err := cut.Between(p.log)
		return findings.Restored, "put back, together with other rows, as it stood " + when, err
	}
	switch d.Kind {
	case sweep.Altered:
		return findings.Altered, fmt.Sprintf("%s not as version %d recorded %s",
			columnsAre(len(d.Columns), len(d.Present)), d.Latest.Header.Version, itOrThem(len(d.Columns))) + missingWords(d.Missing()), nil
	case sweep.Deleted:
		return findings.Deleted, fmt.Sprintf("version %d is the last on record and no deletion is", d.Latest.Header.Version), nil
	case sweep.Stale:
		if rows.Numbered(d.Table) {
			break
		}
		return findings.Stale, fmt.Sprintf("the row is as version %d recorded it; version %d is the last on record",
			d.Matched.Header.Version, d.Latest.Header.Version), nil
	}
	if d.Latest != nil {
		with := " with other values"
		if rows.Numbered(d.Table) {
			with = ""
		}
		return findings.UnloggedInsert, fmt.Sprintf("version %d recorded the row's deletion; it is there again%s, unrecorded",
			d.Latest.Header.Version, with), nil
	}
	return findings.UnloggedInsert, "the row is there and no insertion is on record", nil
}

// missingWords says which columns the table does not have.
func missingWords(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; the table has no such column any more: %q", names)
}

func columnsAre(n, of int) string {
	if n == 1 {
		return fmt.Sprintf("1 of %d columns is", of)
	}
	return fmt.Sprintf("%d of %d columns are", n, of)
}

func itOrThem(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// lastGood is the last moment at which the row was known to be as the log
// says: when its version was logged, or a later complete audit of its table
// that did not find it. An open finding of the same version has told it already.
func (p *pass) lastGood(d sweep.Deviation) (findings.Moment, error) {
	var told findings.Moment
	err := findings.OfRow(p.log, d.Table.Name, d.Key, func(held *findings.Finding) error {
		good := held.LastGood
		if held.Verdict.Deviates() && held.Leaf == d.Latest.Header.Index && good.Time != 0 && (told.Time == 0 || good.Time < told.Time) {
			told = good
		}
		return nil
	})
	if err != nil || told.Time != 0 {
		return told, err
	}
	last, ok, err := findings.LastTableAudit(p.log, d.Table.Name)
	if err != nil {
		return findings.Moment{}, err
	}
	// What came first is told by the log's order, not by a clock.
	if ok && d.Latest.Header.Index < last.From {
		return p.anchored(last.ReadAt, last.Leaf)
	}
	return p.anchored(d.Latest.Leaf.Time, d.Latest.Header.Index)
}

// anchored is a moment of the sidecar's clock with the anchor that covers the
// leaf which tells it. The chain's time is no earlier, so a clock that was
// ahead of it is not believed.
func (p *pass) anchored(at int64, leaf uint64) (findings.Moment, error) {
	m := findings.Moment{Time: at}
	anchor, ok, err := p.anchors.Covering(leaf)
	if err == nil && ok {
		m.Time, m.Height = min(at, anchor.Time), anchor.Height
	}
	return m, err
}

// Row reads one row now and returns how it deviates from the log, or nil if it
// does not. Nothing is entered in the log.
func (a *Auditor) Row(ctx context.Context, table string, key []row.Value) (*findings.Finding, error) {
	result, err := sweep.Keys(ctx, a.source, a.log, table, [][]row.Value{key}, sweep.Options{Book: a.source.Book()})
	p := &pass{Auditor: a, report: &Report{}, authorised: newAuthorised()}
	if err == nil && len(result.Erased) > 0 {
		return p.rowErased(result.Erased[0])
	}
	if err != nil || len(result.Deviations) == 0 || result.Deviations[0].Kind == sweep.Pending {
		return nil, err
	}
	f, err := p.judge(result.Deviations[0], sweep.Cut{}, false)
	if err != nil {
		return nil, err
	}
	words, err := p.corrected(&f, result.Deviations[0])
	if err == nil && words != "" {
		f = asCorrected(f, words)
	}
	return &f, err
}
