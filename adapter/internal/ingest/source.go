package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

var _ sweep.Source = (*Ingest)(nil)

// Scan reads rows of a table through the attached tap and waits until all that
// the read could have seen is logged.
func (i *Ingest) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, recordlog.Window, error) {
	if i.Numbered(table) {
		return i.readWhole(ctx, table)
	}
	limit = i.pace.most(limit)
	return i.read(ctx, limit, func(t tap.Tap) (tap.Chunk, error) { return t.Scan(ctx, table, after, limit) })
}

// Fetch reads rows by key in the same way.
func (i *Ingest) Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, recordlog.Window, error) {
	if i.Numbered(table) {
		return i.fetchWhole(ctx, table, keys)
	}
	return i.read(ctx, len(keys), func(t tap.Tap) (tap.Chunk, error) { return t.Fetch(ctx, table, keys) })
}

// read reads rows, so many at most, at the pace that the source is given.
func (i *Ingest) read(ctx context.Context, rows int, call func(tap.Tap) (tap.Chunk, error)) (tap.Chunk, recordlog.Window, error) {
	i.mu.Lock()
	s := i.session
	i.mu.Unlock()
	if s == nil {
		return tap.Chunk{}, recordlog.Window{}, ErrDetached
	}
	if err := s.awaitPlace(ctx); err != nil {
		return tap.Chunk{}, recordlog.Window{}, err
	}
	if err := i.pace.take(ctx, s.fences.closed, rows); err != nil {
		return tap.Chunk{}, recordlog.Window{}, err
	}
	chunk, w, err := s.attempt(ctx, call)
	for errors.Is(err, tap.ErrBusy) {
		if err = s.pauseWhileBusy(ctx); err == nil {
			chunk, w, err = s.attempt(ctx, call)
		}
	}
	i.pace.giveBack(rows - len(chunk.Rows))
	if err != nil {
		return tap.Chunk{}, w, err
	}
	if err := s.fences.wait(ctx, chunk.Fence); err != nil {
		return tap.Chunk{}, w, err
	}
	w.To = i.log.Size()
	if s.numberer.Chunk(&chunk); chunk.Table.Refused != "" {
		return tap.Chunk{}, w, fmt.Errorf("%w: table %s: %s", tap.ErrTable, chunk.Table.Name, chunk.Table.Refused)
	}
	return chunk, w, nil
}

// awaitPlace waits until the stream has a place.
func (s *session) awaitPlace(ctx context.Context) error {
	select {
	case <-s.placed:
		return nil
	case <-s.fences.closed:
		return ErrDetached
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt reads once, when no pause keeps it from reading; only then does the
// window begin.
func (s *session) attempt(ctx context.Context, call func(tap.Tap) (tap.Chunk, error)) (tap.Chunk, recordlog.Window, error) {
	if err := s.gate.enter(ctx, s.fences.closed); err != nil {
		return tap.Chunk{}, recordlog.Window{}, err
	}
	defer s.gate.leave()
	w := recordlog.Window{From: s.log.Size()}
	chunk, err := call(s.tap)
	return chunk, w, err
}

// pauseWhileBusy waits before a read is tried again, so that snapshots, audits
// and verifications wait in the middle of a table and need not begin it anew.
func (s *session) pauseWhileBusy(ctx context.Context) error {
	timer := time.NewTimer(busyPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.fences.closed:
		return ErrDetached
	case <-ctx.Done():
		return ctx.Err()
	}
}
