package host_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A clock passes waits at once and keeps them, so that a test sees how long
// they would have been. Those of a second or less, which are not the
// Supervisor's, pass in real time.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	if d <= time.Second {
		return time.After(d)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, d)
	c.now = c.now.Add(d)
	passed := make(chan time.Time, 1)
	passed <- c.now
	return passed
}

func (c *clock) waited() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.waits...)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func steady() host.Backoff {
	return host.Backoff{Min: 3 * time.Second, Max: 30 * time.Second, Healthy: time.Minute, Random: func() float64 { return 0 }}
}

func supervised(t *testing.T, role string) (*stage, *clock, *host.Supervisor) {
	t.Helper()
	s := newStage(t, role)
	c := newClock()
	s.options.Clock = c
	return s, c, host.NewSupervisor(s.options, steady())
}

func TestSupervisorStartsAKilledTapAgainAndGoesOn(t *testing.T) {
	s, c, supervisor := supervised(t, "memory")
	var from tap.Position
	runs := 0
	err := supervisor.Run(t.Context(), func(ctx context.Context, tapped tap.Tap) error {
		runs++
		if err := tapped.Open(ctx, config()); err != nil {
			return err
		}
		if status := supervisor.Status(); status.State != host.Running || status.Restarts != runs-1 || status.Tap.Name != "memory" {
			t.Errorf("status in run %d: %+v", runs, status)
		}
		if runs == 3 {
			return nil
		}
		s.insert(t, int64(runs))
		e := events{ctx: ctx, got: make(chan string, 10)}
		ended := make(chan error, 1)
		start := from
		go func() { ended <- tapped.Stream(ctx, start, e) }()
		if runs == 1 {
			from = tap.Position("memory/clinic/1")
			want(t, e.got, "commit memory/clinic/1")
		} else {
			want(t, e.got, "change 2.1", "commit memory/clinic/2")
		}
		killTap(t, s)
		return <-ended
	})
	if err != nil || runs != 3 {
		t.Fatalf("after %d runs: %v", runs, err)
	}
	wantError(t, supervisor.Status().LastErr, host.ErrExited, "signal: killed")
	if diff := cmp.Diff([]time.Duration{3 * time.Second, 6 * time.Second}, c.waited()); diff != "" {
		t.Error(diff)
	}
	if supervisor.Status().State != host.Idle {
		t.Errorf("state %s after Run", supervisor.Status().State)
	}
}

func TestSupervisorWaitsLongerWhileATapKeepsCrashing(t *testing.T) {
	_, c, supervisor := supervised(t, "crash")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- supervisor.Run(ctx, func(context.Context, tap.Tap) error { return errors.New("never reached") })
	}()
	waitUntil(t, "seven starts failed", func() bool { return len(c.waited()) >= 7 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	want := []time.Duration{3, 6, 12, 24, 30, 30, 30}
	for i := range want {
		want[i] *= time.Second
	}
	if diff := cmp.Diff(want, c.waited()[:7]); diff != "" {
		t.Error(diff)
	}
	wantError(t, supervisor.Status().LastErr, host.ErrExited, "exit status 7")
}

func TestSupervisorBeginsAnewAfterAHealthyRun(t *testing.T) {
	_, c, supervisor := supervised(t, "memory")
	runs := 0
	err := supervisor.Run(t.Context(), func(context.Context, tap.Tap) error {
		if runs++; runs == 4 {
			return nil
		}
		if runs == 3 {
			c.pass(2 * time.Minute)
		}
		return errors.New("the disk is full")
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]time.Duration{3 * time.Second, 6 * time.Second, 3 * time.Second}, c.waited()); diff != "" {
		t.Error(diff)
	}
}

func TestSupervisorEndsTheUseOfATapThatHangsUp(t *testing.T) {
	s, _, supervisor := supervised(t, "memory")
	runs := 0
	err := supervisor.Run(t.Context(), func(ctx context.Context, _ tap.Tap) error {
		if runs++; runs == 2 {
			return nil
		}
		killTap(t, s)
		<-ctx.Done() // nothing is called, and still the use ends
		return ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, supervisor.Status().LastErr, host.ErrExited)
}

func TestSupervisorReturnsAPermanentError(t *testing.T) {
	_, c, supervisor := supervised(t, "memory")
	errGrants := tap.NewSetupError("grant", "it is missing", "GRANT it")
	err := supervisor.Run(t.Context(), func(context.Context, tap.Tap) error { return host.Permanent(errGrants) })
	if !errors.Is(err, errGrants) || len(c.waited()) != 0 {
		t.Errorf("run: %v after waits %v", err, c.waited())
	}
}

func TestJitterCutsAWaitByHalfAtMost(t *testing.T) {
	s := newStage(t, "crash")
	c := newClock()
	s.options.Clock = c
	b := steady()
	b.Random = func() float64 { return 0.999999999 }
	supervisor := host.NewSupervisor(s.options, b)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- supervisor.Run(ctx, func(context.Context, tap.Tap) error { return nil }) }()
	waitUntil(t, "two starts failed", func() bool { return len(c.waited()) >= 2 })
	cancel()
	<-ended
	for i, full := range []time.Duration{3 * time.Second, 6 * time.Second} {
		if got := c.waited()[i]; got < full/2 || got > full*51/100 {
			t.Errorf("wait %d is %s of %s", i, got, full)
		}
	}
}
