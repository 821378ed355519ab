package taptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// image is a row's cells.
type image = []row.Value

// An event is what a stream delivered: one field is set.
type event struct {
	change *tap.Change
	commit *tap.Commit
	fence  *tap.Fence
	gap    *tap.Gap
	schema *tap.SchemaChange
}

// position returns where the event lets a tap resume; nil for a change.
func (e event) position() tap.Position {
	switch {
	case e.commit != nil:
		return e.commit.Position
	case e.fence != nil:
		return e.fence.Position
	case e.gap != nil:
		return e.gap.Position
	case e.schema != nil:
		return e.schema.Position
	}
	return nil
}

// A stream is a tap's Stream running, and its Sink, which keeps every event.
type stream struct {
	session *session
	context context.Context
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error // read after ended

	mu      sync.Mutex
	events  []event
	changed chan struct{} // closed and replaced at each event
	gate    chan struct{} // a change waits until it is closed; nil lets all pass
	reached bool          // a change waits at the gate
}

func startStream(ctx context.Context, s *session, from tap.Position) *stream {
	out := &stream{session: s, ended: make(chan struct{}), changed: make(chan struct{})}
	out.context, out.cancel = context.WithCancel(ctx)
	sink := &exclusive{sink: tap.Checked(out, s.tap.Describe(), from)}
	go func() {
		defer close(out.ended)
		out.err = s.tap.Stream(out.context, from, sink)
	}()
	return out
}

func (s *stream) put(e event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	close(s.changed)
	s.changed = make(chan struct{})
	return s.context.Err()
}

// Change implements tap.Sink.
func (s *stream) Change(c tap.Change) error {
	if err := s.waitAtGate(); err != nil {
		return err
	}
	c.Detach()
	return s.put(event{change: &c})
}

// Commit implements tap.Sink.
func (s *stream) Commit(c tap.Commit) error { return s.put(event{commit: &c}) }

// Fence implements tap.Sink.
func (s *stream) Fence(f tap.Fence) error { return s.put(event{fence: &f}) }

// Gap implements tap.Sink.
func (s *stream) Gap(g tap.Gap) error {
	s.session.kit.heard(g.Reason)
	return s.put(event{gap: &g})
}

// Schema implements tap.Sink.
func (s *stream) Schema(c tap.SchemaChange) error {
	s.session.kit.heard(c.Statement)
	return s.put(event{schema: &c})
}

// shut makes the next change wait until the returned function is called.
func (s *stream) shut() (open func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (s *stream) waitAtGate() error {
	s.mu.Lock()
	gate := s.gate
	if gate != nil && !s.reached {
		s.reached = true
		close(s.changed)
		s.changed = make(chan struct{})
	}
	s.mu.Unlock()
	if gate == nil {
		return nil
	}
	select {
	case <-gate:
		return nil
	case <-s.context.Done():
		return s.context.Err()
	}
}

// seen returns the events so far.
func (s *stream) seen() []event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clip(s.events)
}

// await waits until the events so far satisfy a condition.
func (s *stream) await(ctx context.Context, what string, holds func([]event) bool) ([]event, error) {
	limit := time.NewTimer(s.session.kit.Patience)
	defer limit.Stop()
	for {
		s.mu.Lock()
		seen, changed := slices.Clip(s.events), s.changed
		s.mu.Unlock()
		if holds(seen) {
			return seen, nil
		}
		select {
		case <-changed:
		case <-s.ended:
			if all := s.seen(); holds(all) {
				return all, nil
			}
			return nil, fmt.Errorf("the stream ended before it delivered %s: %w", what, s.session.kit.heardError(s.err))
		case <-limit.C:
			return nil, fmt.Errorf("the stream did not deliver %s within %s", what, s.session.kit.Patience)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// stop cancels the stream, which must end with that soon.
func (s *stream) stop() error {
	select {
	case <-s.ended:
		return fmt.Errorf("the stream ended by itself: %w", s.session.kit.heardError(s.err))
	default:
	}
	s.cancel()
	limit := time.NewTimer(s.session.kit.Patience)
	defer limit.Stop()
	select {
	case <-s.ended:
	case <-limit.C:
		return fmt.Errorf("the stream did not end within %s of being cancelled", s.session.kit.Patience)
	}
	if !errors.Is(s.err, context.Canceled) {
		return fmt.Errorf("the stream was cancelled and ended with another error than its context's: %w",
			s.session.kit.heardError(s.err))
	}
	return nil
}

// isHeld reports whether a change waits at the gate.
func (s *stream) isHeld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reached
}
