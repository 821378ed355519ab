package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// settle looks at every row that a rule of some table concerns, and at no other:
// a row that is as the rule makes it is recorded so, any other is a finding. Rules
// that follow from what was found are settled too. What was told before it began
// is forgotten then; what is told meanwhile is for the next time.
func (s *session) settle(ctx context.Context) error {
	horizon, left := s.log.Size(), 0
	looked := make(map[string]uint64) // by table: the size of the log when it was last looked at
	for {
		table, ok := s.unsettled(horizon, looked)
		if !ok {
			more, err := s.resolve(horizon, false)
			if err != nil {
				return fmt.Errorf("settle changes in doubt: %w", err)
			}
			if more {
				continue
			}
			break
		}
		size := s.log.Size()
		n, err := s.settleTable(ctx, table, size)
		if err != nil {
			n, err = 1, fmt.Errorf("settle what was told of %s: %w", table, err)
		}
		if err := s.setAside(ctx, table, err); err != nil {
			return err
		}
		looked[table], left = size, left+n
	}
	if left > 0 || s.anyAside() { // they are looked at again, with what was told since
		time.AfterFunc(busyPause, s.wake)
		return nil
	}
	return s.forgetAll(horizon, looked)
}

// unsettled returns a table of which something was told before a place in the
// log that was not looked at. What was told of a table that is not taken in whole
// waits until it is: a row of it may still be read as it was before.
func (s *session) unsettled(horizon uint64, looked map[string]uint64) (table string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending, _ := s.book.Pending()
	for _, table := range pending {
		fresh := slices.ContainsFunc(s.book.Steps(table), func(step cause.Step) bool {
			return step.Leaf < horizon && step.Entry >= looked[table]
		})
		if s.states[table].Baselined && fresh && !s.isAside(table) {
			return table, true
		}
	}
	return "", false
}

// forgetAll forgets what was looked at.
func (s *session) forgetAll(horizon uint64, looked map[string]uint64) error {
	for _, last := range []bool{false, true} {
		before := horizon
		if !last {
			before = ^uint64(0) // what is about to be forgotten may explain later ones
		}
		if _, err := s.resolve(before, last); err != nil {
			return fmt.Errorf("settle changes in doubt: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.doubts) > 0 { // for which it may still be needed
		time.AfterFunc(busyPause, s.wake)
		return nil
	}
	if len(looked) == 0 {
		return nil
	}
	err := s.log.Update(func(b *recordlog.Batch) error {
		for table := range looked {
			s.forget(b, table, horizon)
		}
		return nil
	})
	if err == nil {
		s.announce()
	}
	if tables, _ := s.book.Pending(); len(tables) > 0 {
		s.wake()
	}
	return err
}

// settleTable looks at the rows of a table that rules concern, and returns how
// many must be looked at again.
func (s *session) settleTable(ctx context.Context, table string, size uint64) (left int, err error) {
	if err := s.carryOut(ctx, table, size); err != nil {
		return 0, err
	}
	s.mu.Lock()
	refused := s.tables[table] == nil || s.tables[table].Refused != ""
	s.mu.Unlock()
	if refused {
		return 0, nil
	}
	r := &renewer{session: s}
	err = s.settleRows(ctx, table, size, r)
	return r.left, err
}

// carryOut records that the rows of a table that was emptied are gone. Whether
// they are is for the table's verification to see: it finds those that are not.
func (s *session) carryOut(ctx context.Context, table string, size uint64) error {
	var before uint64
	for _, step := range s.book.Steps(table) {
		if step.Removed != nil && step.Removed.All && step.Leaf < size {
			before = step.Leaf
		}
	}
	if before == 0 {
		return nil
	}
	var keys [][]byte
	err := s.log.Heads(ctx, table, func(key []byte, h recordlog.Head) error {
		if h.Deleted || h.Index >= before {
			return nil
		}
		if keys = append(keys, key); len(keys) < deviationsPerBatch {
			return nil
		}
		defer func() { keys = nil }()
		return s.bury(table, keys, before)
	})
	if err != nil {
		return err
	}
	return s.bury(table, keys, before)
}

// bury records that rows are gone, unless the stream has brought them back.
func (s *session) bury(table string, keys [][]byte, before uint64) error {
	if len(keys) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Update(func(b *recordlog.Batch) error {
		for _, encoded := range keys {
			head, _, err := b.Head(table, encoded)
			if err != nil {
				return fmt.Errorf("look up row: %w", err)
			}
			if head.Deleted || head.Index >= before {
				continue
			}
			key, err := row.ParseKey(encoded)
			if err != nil {
				return fmt.Errorf("read a row's key: %w", err)
			}
			v := rows.Version{Table: &tap.Table{Name: table}, Op: commit.Delete, Seen: commit.Scan, Key: key}
			if _, err := s.recorder.Record(b, v); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleRows reads the rows that rules concern, by key. What must have become of
// them is followed further, whatever has become of them since.
func (s *session) settleRows(ctx context.Context, table string, size uint64, r *renewer) error {
	comparer := rows.NewComparer(s.log)
	comparer.Accept(s.book)
	var keys [][]row.Value
	var must []rows.Standing
	read := func() error {
		defer func() { keys, must = nil, nil }()
		if err := s.deriveAll(must); err != nil {
			return err
		}
		return s.settleKeys(ctx, table, keys, r)
	}
	err := s.log.Heads(ctx, table, func(_ []byte, h recordlog.Head) error {
		if h.Deleted || !s.book.Rules(table, h.Index) {
			return nil
		}
		e, err := s.log.Entry(h.Index)
		if err != nil {
			return err
		}
		concerned, one, err := comparer.Concerned(e, size)
		if err != nil {
			return err
		}
		if one != nil {
			must = append(must, *one)
		}
		if keys = append(keys, concerned...); len(keys) < s.options.ChunkRows {
			return nil
		}
		return read()
	})
	if err != nil {
		return err
	}
	return read()
}

func (s *session) settleKeys(ctx context.Context, table string, keys [][]row.Value, r *renewer) error {
	if len(keys) == 0 {
		return nil
	}
	result, err := sweep.Keys(ctx, s.Ingest, s.log, table, keys, r.options())
	if err != nil {
		return err
	}
	if err := r.record(); err != nil {
		return err
	}
	result.Deviations = slices.DeleteFunc(result.Deviations, func(d sweep.Deviation) bool {
		if d.Kind == sweep.Busy {
			r.left++
		}
		return d.Kind == sweep.Busy
	})
	return s.enterAll(result, toldOtherwise)
}

// toldOtherwise is the verdict on a row that is not as a rule makes it.
func toldOtherwise(d sweep.Deviation) (findings.Verdict, string) {
	switch d.Kind {
	case sweep.Lost:
		return findings.Unverifiable, "could not be compared after a rule of the source changed it"
	case sweep.Kept:
		return findings.HistoryBroken, keptWords
	}
	return findings.ChangedInGap, changeWords[d.Kind] + " while a rule of the source changed it, otherwise than by that rule"
}

const keptWords = "the row is as its last version, though by what the source told it must be gone or otherwise"
