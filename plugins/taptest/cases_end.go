package taptest

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// busy is how many transactions wait for a sink that blocks.
const busy = 200

// backPressure: a sink that blocks is waited for, is not called meanwhile, and
// then gets everything.
func backPressure(ctx context.Context, k *kit) (err error) {
	if err := k.needsStream(); err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	open := s.stream.shut()
	defer open()
	var done [][]Step
	for range busy {
		rows, err := k.newRows(ctx, 2)
		if err != nil {
			return err
		}
		steps := []Step{k.insert(rows[0]), k.insert(rows[1])}
		if err := k.apply(ctx, steps...); err != nil {
			return err
		}
		done = append(done, steps)
	}
	if err := s.stream.held(ctx); err != nil {
		return err
	}
	open()
	seen, err := s.reach(ctx, k.row)
	if err != nil {
		return err
	}
	return k.agree(done, seen)
}

// held waits until a change waits at the gate.
func (s *stream) held(ctx context.Context) error {
	_, err := s.await(ctx, "a change", func([]event) bool { return s.isHeld() })
	return err
}

// cancelStops: a stream ends soon with its context's error, whether it is idle
// or its sink blocks; so do calls.
func cancelStops(ctx context.Context, k *kit) (err error) {
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if err := s.stopStream(); err != nil {
		return fmt.Errorf("an idle stream: %w", err)
	}
	if err := s.cancelHeld(ctx); err != nil {
		return fmt.Errorf("a stream whose sink blocks: %w", err)
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if s.tap.Describe().Scan {
		if _, err := s.tap.Scan(over, k.Table, nil, 10); k.heardError(err) == nil {
			return errors.New("a scan goes on although its context is over")
		}
	}
	return nil
}

func (s *session) cancelHeld(ctx context.Context) error {
	if s.kit.Assurance == tap.ScanOnly {
		return nil
	}
	s.start(ctx, nil)
	_, err := s.stream.await(ctx, "the Commit that tells where now is", func(seen []event) bool { return len(seen) > 0 })
	if err != nil {
		return err
	}
	open := s.stream.shut()
	defer open()
	if _, err := s.kit.insertMarker(ctx); err != nil {
		return err
	}
	if err := s.stream.held(ctx); err != nil {
		return err
	}
	return s.stopStream()
}

// closeTwice: Close may be called again, and without Open.
func closeTwice(ctx context.Context, k *kit) error {
	t, _, err := k.make(ctx)
	if err != nil {
		return err
	}
	if err := k.heardError(t.Close()); err != nil {
		return fmt.Errorf("close a tap that was never opened: %w", err)
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	if err := k.heardError(s.tap.Close()); err != nil {
		return fmt.Errorf("close again: %w", err)
	}
	return nil
}

// noGoroutineLeft: a tap that is closed leaves no goroutine behind.
func noGoroutineLeft(ctx context.Context, k *kit) error {
	if err := k.useOnce(ctx); err != nil { // what is made once, such as a pool, is made here
		return err
	}
	before := goleak.IgnoreCurrent()
	if err := k.useOnce(ctx); err != nil {
		return err
	}
	if err := goleak.Find(before); err != nil {
		return fmt.Errorf("goroutines are left behind: %w", err)
	}
	return nil
}

func (k *kit) useOnce(ctx context.Context) error {
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	if s.tap.Describe().Scan {
		chunk, scanErr := s.tap.Scan(ctx, k.Table, nil, 5)
		if scanErr == nil {
			_, scanErr = s.passFence(ctx, &chunk)
		}
		err = k.heardError(scanErr)
	}
	return errors.Join(err, s.end())
}

// noSecretTold: no secret is in any error, note, reason or output so far.
func noSecretTold(_ context.Context, k *kit) error {
	if len(k.Secrets) == 0 {
		return skipped("the harness names no secrets")
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, text := range k.told {
		if k.secretsIn(text) > 0 {
			return errors.New("an error, a note or a reason of the tap holds a secret")
		}
	}
	if k.Output != nil && k.secretsIn(k.Output()) > 0 {
		return errors.New("the tap's output holds a secret")
	}
	return nil
}
