package taptest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// needsStream skips a case for taps that deliver no changes.
func (k *kit) needsStream() error {
	if k.Assurance == tap.ScanOnly {
		return skipped("the tap is of assurance scan only")
	}
	return nil
}

// workload changes the source in every way and returns what it did.
func (k *kit) workload(ctx context.Context) ([][]Step, error) {
	n, err := k.newRows(ctx, 6)
	if err != nil {
		return nil, err
	}
	done := [][]Step{
		{k.insert(n[0])},
		{k.insert(n[1]), k.insert(n[2]), k.insert(n[3])},
		{k.update(n[0])},
		{k.update(n[1]), k.update(n[1]), k.update(n[2])},
		{k.move(n[3], n[4])},
		{k.delete(n[0]), k.insert(n[5])},
		{k.insert(n[0])},
		{k.delete(n[4])},
	}
	for _, steps := range done {
		if err := k.apply(ctx, steps...); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// marked works on the source while a stream runs, and then marks its end. It
// returns what was done and what the stream delivered of it.
func (s *session) marked(ctx context.Context) ([][]Step, []event, error) {
	done, err := s.kit.workload(ctx)
	if err != nil {
		return nil, nil, err
	}
	marker, err := s.kit.newRows(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	last := []Step{s.kit.insert(marker[0])}
	if err := s.kit.apply(ctx, last...); err != nil {
		return nil, nil, err
	}
	seen, err := s.reach(ctx, marker[0])
	return append(done, last), seen, err
}

// agree compares what was done with what events tell.
func (k *kit) agree(done [][]Step, events []event) error {
	got, err := k.history(events)
	if err != nil {
		return err
	}
	if k.NoTransactions {
		done = eachAlone(done)
	}
	if d := k.difference(expect(done), got); d != "" {
		return errors.New(d)
	}
	return nil
}

// eachAlone makes a transaction of each step.
func eachAlone(transactions [][]Step) [][]Step {
	var alone [][]Step
	for _, steps := range transactions {
		for _, s := range steps {
			alone = append(alone, []Step{s})
		}
	}
	return alone
}

// commitOrder: every committed change is delivered once, in commit order, in
// its transaction, under an event id of its own.
func commitOrder(ctx context.Context, k *kit) (err error) {
	if err := k.needsStream(); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	done, seen, err := s.marked(ctx)
	if err != nil {
		return err
	}
	if err := k.agree(done, seen); err != nil {
		return err
	}
	return uniqueIDs(seen)
}

func uniqueIDs(events []event) error {
	known := map[string]bool{}
	for _, e := range events {
		if e.change == nil {
			continue
		}
		if known[e.change.EventID] {
			return errors.New("two changes have the same event id")
		}
		known[e.change.EventID] = true
	}
	return nil
}

// rolledBack: nothing of a transaction that was rolled back is delivered.
func rolledBack(ctx context.Context, k *kit) (err error) {
	if err := k.needsStream(); err != nil {
		return err
	}
	if k.NoTransactions {
		return skipped("the table's kind has no transactions")
	}
	n, err := k.newRows(ctx, 2)
	if err != nil {
		return err
	}
	first := []Step{k.insert(n[0])}
	if err := k.apply(ctx, first...); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	steps := []Step{k.insert(n[1]), k.update(n[0])}
	if err := k.Source.Apply(ctx, false, steps...); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	seen, err := s.mark(ctx)
	if err != nil {
		return err
	}
	for _, e := range seen {
		if e.change != nil && (k.names(e.change, n[0]) || k.names(e.change, n[1])) {
			return errors.New("a change of a transaction that was rolled back is delivered")
		}
	}
	return nil
}

// resumeEverywhere: from each position that the stream gave, a fresh tap
// delivers exactly what came after it, in the same order, with the same ids.
func resumeEverywhere(ctx context.Context, k *kit) error {
	if err := k.needsStream(); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	_, seen, err := s.marked(ctx)
	if err = errors.Join(err, s.end()); err != nil {
		return err
	}
	marker := k.row
	for i, e := range seen {
		if e.position() == nil {
			continue
		}
		if err := k.resume(ctx, e.position(), seen[i+1:], marker); err != nil {
			return fmt.Errorf("resumed after event %d of %d: %w", i+1, len(seen), err)
		}
	}
	return nil
}

// resume streams from a position until a marker and compares with what is due.
func (k *kit) resume(ctx context.Context, from tap.Position, due []event, marker int) (err error) {
	s, err := k.openAt(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if !slices.ContainsFunc(due, func(e event) bool { return e.change != nil && k.names(e.change, marker) }) {
		return k.resumeAtEnd(ctx, s)
	}
	got, err := s.reach(ctx, marker)
	if err != nil {
		return err
	}
	return k.same(due, got, marker)
}

// resumeAtEnd checks that after the last position nothing old comes.
func (k *kit) resumeAtEnd(ctx context.Context, s *session) error {
	got, err := s.mark(ctx)
	if err != nil {
		return err
	}
	told, err := k.history(got)
	if err != nil {
		return err
	}
	if len(told) != 1 {
		return errors.New("changes from before the position are delivered again")
	}
	return nil
}

// same compares two deliveries of the same part of the source's history, which
// ends with the marker's insert. Rows of higher numbers were made later; a tap
// of assurance last version may tell them with it.
func (k *kit) same(due, got []event, marker int) error {
	if slices.ContainsFunc(got, func(e event) bool { return e.gap != nil }) {
		return errors.New("a gap is reported although no history was lost")
	}
	want, err := k.history(due)
	if err != nil {
		return err
	}
	told, err := k.history(got)
	if err != nil {
		return err
	}
	if k.Assurance == tap.LastVersion {
		told = told.upTo(marker)
	}
	if d := k.difference(want, told); d != "" {
		return errors.New(d)
	}
	if k.Assurance == tap.EveryVersion && !slices.Equal(want.ids(), told.ids()) {
		return errors.New("the same changes have other event ids")
	}
	return nil
}

// streamAgain: the same tap streams again after its stream was cancelled, from
// the position where it was.
func streamAgain(ctx context.Context, k *kit) (err error) {
	if err := k.needsStream(); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	seen, err := s.mark(ctx)
	if err != nil {
		return err
	}
	if err := s.stopStream(); err != nil {
		return err
	}
	done, err := k.workload(ctx)
	if err != nil {
		return err
	}
	s.start(ctx, seen[len(seen)-1].position())
	marker, err := k.insertMarker(ctx)
	if err != nil {
		return err
	}
	again, err := s.reach(ctx, marker)
	if err != nil {
		return err
	}
	last := Step{Op: tap.Insert, Row: marker, To: marker, Content: k.content}
	return k.agree(append(done, []Step{last}), again)
}

// abnormalPositions: a position that the tap never made is refused with
// ErrPosition or reported as a gap, never taken in silence.
func abnormalPositions(ctx context.Context, k *kit) error {
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	good := s.stream.seen()[0].position()
	if err := s.end(); err != nil {
		return err
	}
	for _, p := range []struct {
		name     string
		position tap.Position
	}{
		{"empty", tap.Position{}},
		{"garbage", tap.Position("\x00\xff\x17 not a position \xfe")},
		{"that of another kind of source", tap.Position(`{"lsn":"0/16B3748","txid":99}`)},
		{"a good one cut in half", good[:len(good)/2]},
		{"a good one with something behind it", append(slices.Clone(good), "\x00x"...)},
		{"very long", make(tap.Position, 1<<20)},
	} {
		if err := k.refusesPosition(ctx, p.position); err != nil {
			return fmt.Errorf("position %s: %w", p.name, err)
		}
	}
	return nil
}

func (k *kit) refusesPosition(ctx context.Context, position tap.Position) (err error) {
	s, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.heardError(s.tap.Close())) }()
	s.start(ctx, position)
	var first *event
	_, awaitErr := s.stream.await(ctx, "a gap", func(seen []event) bool {
		if len(seen) > 0 {
			first = &seen[0]
		}
		return first != nil
	})
	s.stream.cancel()
	<-s.stream.ended
	switch {
	case first != nil && first.gap != nil:
		return nil
	case first != nil:
		return errors.New("it is taken, and something else than a Gap comes first")
	case errors.Is(awaitErr, tap.ErrPosition):
		return nil
	}
	return fmt.Errorf("it is neither refused with ErrPosition nor reported as a gap: %w", awaitErr)
}
