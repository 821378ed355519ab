package taptest

import (
	"context"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// killBeforeAck: a tap that dies before anything was acknowledged delivers it
// again from the position that was logged last.
func killBeforeAck(ctx context.Context, k *kit) error {
	if err := k.needsStream(); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	logged, err := s.mark(ctx)
	if err != nil {
		return errors.Join(err, s.end())
	}
	_, seen, err := s.marked(ctx)
	if err != nil {
		return errors.Join(err, s.end())
	}
	if err := s.kill(); err != nil {
		return fmt.Errorf("kill the tap: %w", err)
	}
	return k.resume(ctx, logged[len(logged)-1].position(), seen[len(logged):], k.row)
}

// acks: acknowledgements may come late, repeat, go back, or never come. After
// them the tap resumes from the last one, and from any later position.
func acks(ctx context.Context, k *kit) error {
	if err := k.needsStream(); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	_, seen, err := s.marked(ctx)
	if err != nil {
		return errors.Join(err, s.end())
	}
	places := placesOf(seen)
	early, late := places[len(places)/3], places[len(places)/2]
	for _, at := range []int{early, early, late, early, late} {
		if err := k.heardError(s.tap.Ack(ctx, seen[at].position())); err != nil {
			return errors.Join(fmt.Errorf("a late or repeated ack: %w", err), s.end())
		}
	}
	// A tap that merges transactions may have told all that was done at one
	// place, so what comes after each place goes on to the row made now.
	if seen, err = s.mark(ctx); err != nil {
		return errors.Join(fmt.Errorf("after acks: %w", err), s.end())
	}
	marker := k.row
	if err := s.end(); err != nil {
		return err
	}
	for _, at := range []int{late, places[len(places)-2]} {
		if err := k.resume(ctx, seen[at].position(), seen[at+1:], marker); err != nil {
			return fmt.Errorf("resumed at or after the last ack: %w", err)
		}
	}
	return nil
}

// placesOf finds the events that hold a position.
func placesOf(events []event) []int {
	var out []int
	for i, e := range events {
		if e.position() != nil {
			out = append(out, i)
		}
	}
	return out
}

// gapOnLostHistory: a position whose history the source no longer has gives a
// gap or ErrPosition before anything else, and the stream goes on after a gap.
func gapOnLostHistory(ctx context.Context, k *kit) error {
	if k.LoseHistory == nil {
		return skipped("the harness cannot make the source lose its history")
	}
	if err := k.needsStream(); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	position := s.stream.seen()[0].position()
	if err := s.end(); err != nil {
		return err
	}
	if _, err := k.workload(ctx); err != nil {
		return err
	}
	if err := k.LoseHistory(ctx); err != nil {
		return fmt.Errorf("lose the source's history: %w", err)
	}
	return k.reportsGap(ctx, position)
}

func (k *kit) reportsGap(ctx context.Context, position tap.Position) (err error) {
	s, err := k.openAt(ctx, position)
	if err != nil {
		return err
	}
	defer func() {
		if s.stream != nil {
			err = errors.Join(err, s.end())
		}
	}()
	seen, err := s.stream.await(ctx, "a gap", func(seen []event) bool { return len(seen) > 0 })
	if errors.Is(err, tap.ErrPosition) {
		s.stream = nil
		return k.heardError(s.tap.Close())
	}
	if err != nil {
		return err
	}
	if seen[0].gap == nil {
		return errors.New("history was lost, and something else than a Gap comes first")
	}
	_, err = s.mark(ctx)
	return err
}
