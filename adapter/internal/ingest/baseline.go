package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// busyPause is how long a scan waits when the tap says that the source is busy.
const busyPause = time.Second

// takeIn takes in tables that were never taken in, and verifies those that are
// suspect, whenever there are any, until ctx ends.
func (s *session) takeIn(ctx context.Context) error {
	if !s.described.Scan {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if err := s.meet(ctx); err != nil {
		return err
	}
	s.wake()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.work:
		}
		for _, table := range s.pending(false) {
			err := s.untilRead(ctx, func() error { return s.snapshot(ctx, table) })
			if err := s.setAside(ctx, table, err); err != nil {
				return err
			}
		}
		if err := s.untilRead(ctx, func() error { return s.settle(ctx) }); err != nil {
			return err
		}
		if suspects := s.pending(true); len(suspects) > 0 {
			if err := s.untilRead(ctx, func() error { return s.verify(ctx, suspects) }); err != nil {
				return err
			}
		}
	}
}

// pending returns the tables that are suspect, or those never taken in whole, but
// for those set aside.
func (s *session) pending(suspect bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, t := range s.tables {
		state := s.states[name]
		if t.Refused == "" && !s.isAside(name) && (suspect && state.Suspect || !suspect && !state.Baselined) {
			names = append(names, name)
		}
	}
	s.inSteps(names)
	return names
}

// untilRead repeats a read while the source is too busy for it.
func (s *session) untilRead(ctx context.Context, read func() error) error {
	for {
		err := read()
		if !errors.Is(err, tap.ErrBusy) {
			return err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// snapshot takes a table in for the first time, from where an earlier snapshot
// of it stopped.
func (s *session) snapshot(ctx context.Context, table string) error {
	if err := s.measure(table); err != nil {
		return err
	}
	defer s.meter.End()
	var left map[string]bool
	for read, readings := uint64(0), 1; ; readings++ {
		after, err := s.snapshotAfter(table)
		if err != nil {
			return err
		}
		chunk, window, err := s.Scan(ctx, table, after, s.options.ChunkRows)
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", table, err)
		}
		done := chunk.Last || len(chunk.Rows) == 0
		if rows.Numbered(chunk.Table) {
			left, err = s.acceptWhole(chunk, window, left)
			done = len(left) == 0
		} else {
			err = s.acceptChunk(chunk, window, done)
		}
		if errors.Is(err, errReadAnew) {
			left = nil
			continue
		}
		if err != nil {
			return fmt.Errorf("snapshot of %s: %w", table, err)
		}
		if !done && rows.Numbered(chunk.Table) && readings >= wholeReadings {
			return fmt.Errorf("snapshot of %s: in each of %d readings %w", table, readings, errReadAnew)
		}
		if !rows.Numbered(chunk.Table) {
			read += uint64(len(chunk.Rows))
		}
		s.meter.Read(read)
		if err := s.settle(ctx); err != nil {
			return err
		}
		if done {
			s.announce()
			s.options.Logger.Info().Str("event", "table taken in").Str("table", table).Msg("snapshot complete")
			return nil
		}
	}
}

func (s *session) snapshotAfter(table string) ([]row.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	after := s.states[table].After
	if len(after) == 0 || rows.Numbered(s.tables[table]) {
		return nil, nil
	}
	key, err := row.ParseKey(after)
	if err != nil {
		return nil, fmt.Errorf("read the snapshot's place in %s: %w", table, err)
	}
	return key, nil
}

// errReadAnew says that what the source told while rows were read may or may not
// have changed them by then.
var errReadAnew = errors.New("the source told more of rows while they were read")

// acceptChunk records the rows of a snapshot's chunk that the log has no
// version of. A row that the stream has delivered since the read began is left
// to the stream.
func (s *session) acceptChunk(chunk tap.Chunk, w recordlog.Window, done bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Update(func(b *recordlog.Batch) error {
		if s.book.Reshaped(chunk.Table.Name, w.From) {
			return errReadAnew
		}
		var key []byte
		for _, r := range chunk.Rows {
			cells := chunk.Table.KeyOf(r.Cells)
			key = row.AppendKey(key[:0], cells)
			_, known, err := b.Head(chunk.Table.Name, key)
			if err != nil {
				return fmt.Errorf("look up row: %w", err)
			}
			if known {
				continue
			}
			if s.book.Concerns(chunk.Table, r.Cells, w.From) {
				return errReadAnew
			}
			v := rows.Version{Table: chunk.Table, Op: commit.Insert, Seen: commit.Snapshot, Key: cells, Cells: r.Cells}
			if _, err := s.recorder.Record(b, v); err != nil {
				return err
			}
		}
		state := s.states[chunk.Table.Name]
		if err := addTaken(b, chunk.Table.Name, len(state.After) == 0, len(chunk.Rows)); err != nil {
			return err
		}
		state.After = slices.Clone(key)
		if done {
			state.Baselined, state.After, state.Since = true, nil, s.options.Now().UnixMilli()
		}
		s.setState(b, chunk.Table.Name, state)
		return nil
	})
}
