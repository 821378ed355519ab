package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// deviationsPerBatch bounds one batch of what a verification enters.
const deviationsPerBatch = 500

// verify sweeps tables that are suspect. Rows that are as the log says stay;
// any other is recorded as it is now and becomes a finding.
func (s *session) verify(ctx context.Context, tables []string) error {
	causes := make(map[string]uint64, len(tables))
	var read []string
	var results []*sweep.Result
	for _, table := range tables {
		s.mu.Lock()
		causes[table] = s.states[table].Cause
		s.mu.Unlock()
		err := s.reform(ctx, table)
		var r *sweep.Result
		if err == nil {
			r, err = s.sweep(ctx, table)
		}
		if err := s.setAside(ctx, table, err); err != nil {
			return err
		}
		if r != nil {
			read, results = append(read, table), append(results, r)
		}
	}
	// What was told meanwhile, and what follows from it, is in the versions before
	// anything is called a finding.
	if err := s.settle(ctx); err != nil {
		return err
	}
	for _, r := range results {
		if err := r.LeaveTold(s.log); err != nil {
			return err
		}
	}
	cut, restored := sweep.Restored(results)
	for n, r := range results {
		if s.suspectAnew(read[n], causes[read[n]]) {
			continue
		}
		at, whole := cut, restored
		if !restored {
			at, whole = sweep.Restored([]*sweep.Result{r})
		}
		describe, err := s.describer(causes[read[n]], at, whole)
		if err != nil {
			return err
		}
		if err := s.enterAll(r, describe); err != nil {
			return fmt.Errorf("enter what changed in %s: %w", read[n], err)
		}
		if err := s.trust(read[n], causes[read[n]]); err != nil {
			return err
		}
	}
	return nil
}

// describer returns the verdict on each deviation found after a cause.
func (s *session) describer(cause uint64, cut sweep.Cut, restored bool) (func(sweep.Deviation) (findings.Verdict, string), error) {
	when := ""
	if restored {
		var err error
		if when, err = cut.Between(s.log); err != nil {
			return nil, err
		}
	}
	return func(d sweep.Deviation) (findings.Verdict, string) {
		switch {
		case d.Kind == sweep.Busy || d.Kind == sweep.Lost:
			return findings.Unverifiable, fmt.Sprintf("could not be compared after the event of leaf %d", cause)
		case d.Kind == sweep.Kept:
			return findings.HistoryBroken, keptWords
		case restored:
			return findings.Restored, fmt.Sprintf("put back, together with other rows, as it stood %s, "+
				"in a gap recorded as leaf %d", when, cause)
		}
		return findings.ChangedInGap, fmt.Sprintf("%s while changes could not be seen; the cause is recorded as leaf %d",
			changeWords[d.Kind], cause)
	}, nil
}

var changeWords = map[sweep.Kind]string{sweep.Altered: "altered", sweep.Deleted: "deleted",
	sweep.Inserted: "inserted", sweep.Stale: "put back to an older version"}

func (s *session) enterAll(r *sweep.Result, describe func(sweep.Deviation) (findings.Verdict, string)) error {
	for start := 0; start < len(r.Deviations); start += deviationsPerBatch {
		part := r.Deviations[start:min(start+deviationsPerBatch, len(r.Deviations))]
		s.mu.Lock()
		err := s.log.Update(func(b *recordlog.Batch) error {
			for _, d := range part {
				verdict, detail := describe(d)
				if err := s.enterDeviation(b, d, verdict, detail); err != nil {
					return err
				}
			}
			return nil
		})
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// enterDeviation records a row as it is now, and the finding. A row that the
// stream has changed since it was read is left to the stream's own check.
func (s *session) enterDeviation(b *recordlog.Batch, d sweep.Deviation, verdict findings.Verdict, detail string) error {
	head, known, err := b.Head(d.Table.Name, d.Key)
	if err != nil {
		return fmt.Errorf("look up row: %w", err)
	}
	if known && head.Index >= d.Window.To || s.book.Reshaped(d.Table.Name, d.Window.From) {
		return nil // of another shape since, it is verified anew
	}
	f := findings.Finding{Verdict: verdict, Table: d.Table.Name, Key: d.Key, Leaf: commit.NoPrevious,
		Columns: d.Columns, Present: d.Present, Detail: detail,
		FirstBad: findings.Moment{Time: s.options.Now().UnixMilli()}}
	if rows.Numbered(d.Table) {
		f.Detail += rows.NumberedWords
	}
	if d.Latest != nil {
		f.Version, f.Leaf = d.Latest.Header.Version, d.Latest.Header.Index
		if f.LastGood, err = s.lastGood(d.Latest, f.FirstBad.Time); err != nil {
			return err
		}
	}
	if open, err := s.isOpen(f); err != nil || open {
		return err
	}
	if err := enter(s.log, b, commit.GapChange, f); err != nil {
		return err
	}
	if d.Kind == sweep.Busy || d.Kind == sweep.Lost {
		return nil
	}
	return s.recordAsIs(b, d, known && !head.Deleted)
}

// lastGood is when a version was last known to be in the source: when it was
// logged, or when a later audit found it there. A clock that was set back must not
// let it follow the moment at which it was seen otherwise, ms since 1970 UTC.
func (s *session) lastGood(e *recordlog.Entry, bad int64) (findings.Moment, error) {
	seen, err := s.sightings.Good(s.log, e.Header.Table, e.Header.Index)
	return findings.Moment{Time: min(max(seen, e.Leaf.Time), bad)}, err
}

// isOpen reports whether the very same deviation was found before the gap. The
// gap does not explain it: it stays what it is, and the log's version stays the
// one to compare with.
func (s *session) isOpen(f findings.Finding) (open bool, err error) {
	err = findings.OfRow(s.log, f.Table, f.Key, func(held *findings.Finding) error {
		if held.Verdict.Deviates() && held.Leaf == f.Leaf && slices.Equal(held.Present, f.Present) {
			open = true
		}
		return nil
	})
	return open, err
}

func (s *session) recordAsIs(b *recordlog.Batch, d sweep.Deviation, live bool) error {
	key, err := row.ParseKey(d.Key)
	if err != nil {
		return fmt.Errorf("read a row's key: %w", err)
	}
	if d.Cells != nil { // more may have been told of it while it was read
		if now, sure := s.book.Replay(d.Table, d.Cells, d.Window.From); sure && (now != nil && equalKeys(d.Table.KeyOf(now), key) || now == nil && live) {
			d.Cells = now
		}
	}
	v := rows.Version{Table: d.Table, Op: commit.Insert, Seen: commit.Scan, Key: key, Cells: d.Cells}
	switch {
	case d.Cells == nil:
		v.Op = commit.Delete
	case live:
		v.Op = commit.Update
	}
	_, err = s.recorder.Record(b, v)
	return err
}

// suspectAnew reports whether a table became suspect anew while it was swept:
// the later cause may explain what was found, and it is swept again.
func (s *session) suspectAnew(table string, cause uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.states[table].Cause == cause {
		return false
	}
	s.wake()
	return true
}

// errAgain says that a table became suspect anew while it was verified.
var errAgain = errors.New("another gap came while the table was verified")

// trust ends a table's suspicion, unless another gap came meanwhile.
func (s *session) trust(table string, cause uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.log.Update(func(b *recordlog.Batch) error {
		state := s.states[table]
		if state.Cause != cause {
			return errAgain
		}
		state.Suspect = false
		s.setState(b, table, state)
		s.setIndexed(b, table)
		return nil
	})
	if errors.Is(err, errAgain) {
		s.wake()
		return nil
	}
	if err == nil {
		s.announce()
		s.options.Logger.Info().Str("event", "table verified").Str("table", table).Uint64("cause", cause).
			Msg("the table was compared with the log after a gap")
	}
	return err
}
