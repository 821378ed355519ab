package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	horizon := s.log.Size()
	looked := make(map[string]uint64) // by table: the size of the log when it was last looked at
	left := make(map[string]bool)     // tables with rows that must be looked at again
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
		if looked[table] = size; n > 0 {
			left[table] = true
		}
	}
	s.addAsides(left)
	return s.forgetAll(horizon, looked, left)
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

// forgetAll forgets what was looked at and is not needed any more, left being the
// tables with rows that must be looked at again.
func (s *session) forgetAll(horizon uint64, looked map[string]uint64, left map[string]bool) error {
	if _, err := s.resolve(^uint64(0), false); err != nil { // what is about to be forgotten may explain later ones
		return fmt.Errorf("settle changes in doubt: %w", err)
	}
	if len(left) == 0 {
		if _, err := s.resolve(horizon, true); err != nil {
			return fmt.Errorf("settle changes in doubt: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.stillNeeded(left)
	if len(kept) > 0 { // rows are looked at again, with what was told since
		time.AfterFunc(busyPause, s.wake)
	}
	maps.DeleteFunc(looked, func(table string, _ uint64) bool { return kept[table] })
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
	if tables, _ := s.book.Pending(); slices.ContainsFunc(tables, func(table string) bool { return !kept[table] }) {
		s.wake()
	}
	return err
}

// stillNeeded returns the tables of which what was told may not be forgotten: those
// with rows that must be looked at again, those whose rules follow from these, and
// those with changes in doubt, which it may explain.
func (s *session) stillNeeded(left map[string]bool) map[string]bool {
	kept := make(map[string]bool)
	for _, table := range s.withReferring(slices.Collect(maps.Keys(left))) {
		kept[table] = true
	}
	for _, d := range s.doubts {
		kept[d.table.Name] = true
	}
	return kept
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
	still := make(sweep.Leaves)
	if s.book.Size(table) >= maxAskedValues {
		if err := s.settleWhole(ctx, table, r, still); err != nil {
			return 0, err
		}
	}
	err = s.settleRows(ctx, table, size, r, still)
	return r.left, err
}

// maxAskedValues bounds how many values each row of a table is asked for. Where
// rules speak of more, the table is read instead: most rows tell what they hold.
const maxAskedValues = 2000

// settleWhole looks at the rows that a table has, and gathers the versions that
// still are what their rows hold. It finds rows that have another key at each
// reading, which a reading by key does not. What is not as it must be is judged by
// those who look at it next.
func (s *session) settleWhole(ctx context.Context, table string, r *renewer, still sweep.Leaves) error {
	options := r.options()
	options.Intact = still.Add
	if _, err := sweep.Run(ctx, s.Ingest, s.log, table, options); err != nil {
		return err
	}
	err := r.record()
	r.left = 0 // rows that are left are looked at once more
	return err
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

// settleRows reads the rows that rules concern, by key, but for those of versions
// that are known to stand still. What must have become of them is followed further,
// whatever has become of them since.
func (s *session) settleRows(ctx context.Context, table string, size uint64, r *renewer, still sweep.Leaves) error {
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
		if h.Deleted || still.Has(h.Index) || !s.book.Rules(table, h.Index) {
			return nil
		}
		e, err := s.log.Entry(h.Index)
		if err != nil {
			return err
		}
		concerned, one, err := comparer.Concerned(e, size)
		if errors.Is(err, recordlog.ErrKeyLost) {
			return nil
		}
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
	for _, version := range s.missed(table) {
		e, err := s.log.Entry(version)
		if err != nil {
			return err
		}
		concerned, _, err := comparer.Concerned(e, size)
		if errors.Is(err, recordlog.ErrKeyLost) {
			continue
		}
		if err != nil {
			return err
		}
		keys = append(keys, concerned...)
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
