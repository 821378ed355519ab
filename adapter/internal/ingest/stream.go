package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// stream runs the tap's stream from the logged place on, and logs it, until
// either side fails.
func (s *session) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	q := queue{ctx: ctx, events: make(chan event, queueEvents)}
	ended := make(chan error, 1)
	from := s.place.position
	go func() {
		err := s.tap.Stream(ctx, from, q)
		if err == nil {
			err = errors.New("the tap ended its stream without a reason")
		}
		cancel(fmt.Errorf("stream: %w", err))
		ended <- err
	}()
	err := s.logEvents(ctx, q)
	if errors.Is(err, context.Canceled) {
		err = context.Cause(ctx) // why the stream ended, not which call its end met
	}
	cancel(err)
	if streamErr := <-ended; errors.Is(streamErr, tap.ErrPosition) {
		return s.lostPosition(streamErr)
	}
	return err
}

// lostPosition records that the tap cannot resume where the log stands; the
// next attachment starts from now, and every table is verified.
func (s *session) lostPosition(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.log.Update(func(b *recordlog.Batch) error {
		a := &applier{follower: follower{session: s, batch: b}}
		return a.gap(tap.Gap{Reason: "the source cannot resume where the log stands: " + cause.Error()})
	})
	if err != nil {
		return fmt.Errorf("record a lost position: %w", err)
	}
	return fmt.Errorf("resume: %w", cause)
}

// logEvents logs batch after batch and acknowledges what is durable.
func (s *session) logEvents(ctx context.Context, q queue) error {
	buffer := make([]event, 0, batchEvents)
	skip := skipper{left: s.place.logged, eventID: s.place.eventID}
	for {
		events, err := q.next(buffer[:0])
		if err != nil {
			return err
		}
		a := &applier{follower: follower{session: s}, place: s.place, skip: skip, arrival: s.arrival}
		s.mu.Lock()
		err = s.log.Update(func(b *recordlog.Batch) error {
			a.batch = b
			return a.apply(events)
		})
		s.mu.Unlock()
		if errors.Is(err, errReplay) {
			return s.replayAnew(err)
		}
		if err != nil {
			return fmt.Errorf("log a batch of %d events: %w", len(events), err)
		}
		skip, s.place, s.arrival = a.skip, a.place, a.arrival
		s.hasPlace()
		s.arrival.caught = s.arrival.caught || len(a.passed) > 0
		s.progress(a)
		clear(events)
		if err := s.publish(ctx, a); err != nil {
			return err
		}
	}
}

// replayAnew records that a transaction which was logged in part was delivered
// otherwise the second time. The next attachment takes it in whole from its
// start, and every table is verified.
func (s *session) replayAnew(cause error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.log.Update(func(b *recordlog.Batch) error {
		a := &applier{follower: follower{session: s, batch: b}}
		if err := a.gap(tap.Gap{Reason: cause.Error(), Position: s.place.position}); err != nil {
			return err
		}
		b.Set(positionName, place{position: s.place.position}.append(nil))
		return nil
	})
	if err != nil {
		return fmt.Errorf("record a changed transaction: %w", err)
	}
	return cause
}

// publish tells tap, readers and scans what has become durable.
func (s *session) publish(ctx context.Context, a *applier) error {
	for _, id := range a.passed {
		s.fences.pass(id)
	}
	if a.wake {
		s.wake()
	}
	if !a.committed {
		return nil
	}
	if err := s.tap.Ack(ctx, a.place.position); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

func (s *session) progress(a *applier) {
	now := s.options.Now()
	s.Ingest.mu.Lock()
	defer s.Ingest.mu.Unlock()
	s.streamed.Changes += a.changes
	s.streamed.LastLogged = now
	if !a.time.IsZero() {
		s.streamed.LastCommit = a.time
	}
}

// skipper passes over the changes of an open transaction that are logged
// already, when the tap delivers that transaction again.
type skipper struct {
	left    uint64
	eventID string
}

// errReplay says that the tap did not deliver the same changes again.
var errReplay = errors.New("the source replayed another transaction than was logged in part")

// pass reports whether a change is one of those.
func (s *skipper) pass(c *tap.Change) (bool, error) {
	if s.left == 0 {
		return false, nil
	}
	s.left--
	if s.left == 0 && c.EventID != s.eventID {
		return false, errReplay
	}
	return true, nil
}
