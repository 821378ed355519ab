package host

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// State is what a Supervisor is doing.
type State string

// The states of a Supervisor.
const (
	Idle     State = "idle"     // Run was not called, or has returned
	Starting State = "starting" // the tap is being launched or attached to
	Running  State = "running"
	Waiting  State = "waiting" // until the next start, after a failure
)

// Status is what a Supervisor knows of its tap.
type Status struct {
	State    State
	Since    time.Time // when the state began
	Next     time.Time // of the next start, while waiting
	Restarts int       // starts after the first one
	LastErr  error     // why the tap failed last; nil if it never did
	Tap      tap.Description
}

// Backoff says how long to wait before the next start. The wait doubles from
// Min to Max while the tap keeps failing and begins anew once it has run for
// Healthy; each wait is cut by a random part, up to half of it, so that taps
// that failed together do not start together.
type Backoff struct {
	Min, Max, Healthy time.Duration
	Random            func() float64 // in [0, 1)
}

func (b Backoff) withDefaults() Backoff {
	if b.Min == 0 {
		b.Min = time.Second
	}
	if b.Max == 0 {
		b.Max = 2 * time.Minute
	}
	if b.Healthy == 0 {
		b.Healthy = time.Minute
	}
	if b.Random == nil {
		b.Random = rand.Float64
	}
	return b
}

// wait is the wait after so many failures in a row, counted from 1.
func (b Backoff) wait(failures int) time.Duration {
	wait := b.Max
	if shift := failures - 1; shift < 32 && b.Min<<shift < b.Max {
		wait = b.Min << shift
	}
	return wait - time.Duration(b.Random()*float64(wait)/2)
}

// Supervisor keeps a tap running.
type Supervisor struct {
	options Options
	backoff Backoff

	mu     sync.Mutex
	status Status
}

// NewSupervisor returns a Supervisor of the tap that the options describe.
func NewSupervisor(o Options, b Backoff) *Supervisor {
	o = o.withDefaults()
	return &Supervisor{options: o, backoff: b.withDefaults(), status: Status{State: Idle, Since: o.Clock.Now()}}
}

// Status tells how the tap is.
func (s *Supervisor) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *Supervisor) set(state State, change func(*Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.State, s.status.Since = state, s.options.Clock.Now()
	if change != nil {
		change(&s.status)
	}
}

// permanent marks an error after which a new start is of no use.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent makes Run return err instead of starting the tap again.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanent{err}
}

// Run starts the tap and calls use with it, which opens the tap and works with
// it; when use or the tap fails, it starts a fresh process and calls use
// again. The context of use ends with the tap, and its error then counts for
// nothing against the reason why the tap ended. Run returns when use returns nil or
// a Permanent error, or ctx ends; it closes the tap before.
func (s *Supervisor) Run(ctx context.Context, use func(ctx context.Context, t tap.Tap) error) error {
	defer s.set(Idle, nil)
	for failures := 0; ; {
		began := s.options.Clock.Now()
		err := s.once(ctx, use)
		var last permanent
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &last):
			s.set(Idle, func(status *Status) { status.LastErr = last.error })
			return last.error
		}
		if s.options.Clock.Now().Sub(began) >= s.backoff.Healthy {
			failures = 0
		}
		failures++
		if err := s.rest(ctx, s.backoff.wait(failures), err); err != nil {
			return err
		}
	}
}

// once runs the tap until it or its use ends.
func (s *Supervisor) once(ctx context.Context, use func(ctx context.Context, t tap.Tap) error) (err error) {
	s.set(Starting, nil)
	h, err := Start(ctx, s.options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	s.set(Running, func(status *Status) { status.Tap = h.Tap().Describe() })
	using, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-h.Done():
			stop()
		case <-using.Done():
		}
	}()
	err = use(using, h.Tap())
	if failure := h.Err(); err != nil && failure != nil && !errors.As(err, new(permanent)) {
		return failure
	}
	return err
}

// rest waits for the next start.
func (s *Supervisor) rest(ctx context.Context, wait time.Duration, cause error) error {
	s.options.Logger.Warn().Str("tap", s.options.Name).Err(cause).Dur("wait", wait).Msg("tap failed, starting again")
	s.set(Waiting, func(status *Status) {
		status.LastErr, status.Next = cause, status.Since.Add(wait)
		status.Restarts++
	})
	select {
	case <-s.options.Clock.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
