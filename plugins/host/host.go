// Package host runs taps as processes of their own and hands them out as
// tap.Tap.
//
// A tap is either launched here, as a child with an environment of nothing but
// what it is given, or runs under a service manager and is attached to through
// its unix socket (Options.Socket). Either way the Host watches it: a tap that
// ends, stops answering or breaks the contract becomes an *Error that says
// which tap, why, and what to do. A Supervisor starts it again, later and later
// while that fails.
//
// A tap from outside comes with a manifest: its files and their SHA-256, which
// are checked at each start. The checksums tell an upgrade or a damaged disk
// from what the operator installed; they are no protection against who can
// write the manifest too, or change a file between the check and the start, so
// that both belong to root.
package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Options say which tap to run and how. The zero durations have defaults.
type Options struct {
	// Name is what the operator calls the tap, in errors and logs.
	Name string

	// Command launches the tap: program and arguments. Empty takes the
	// manifest's.
	Command []string
	// Manifest is the path of the tap's manifest; empty for a tap that is part
	// of this program.
	Manifest string
	// Env is the whole environment of a launched tap; nothing is inherited.
	Env []string
	// Directory is where a launched tap's socket is made, inside a directory of
	// mode 0700; empty takes the system's directory for temporary files.
	Directory string

	// Socket attaches to the tap that listens there, instead of launching one.
	Socket string

	Logger zerolog.Logger
	Clock  Clock

	StartTimeout time.Duration // from launch to the tap's description; 30 s
	PingEvery    time.Duration // 5 s
	PingTimeout  time.Duration // 10 s; after three in a row the tap hangs
	CloseTimeout time.Duration // from Close to a kill; 10 s
}

// Clock is the time; tests put theirs in.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	for _, d := range []struct {
		value   *time.Duration
		initial time.Duration
	}{
		{&o.StartTimeout, 30 * time.Second},
		{&o.PingEvery, 5 * time.Second},
		{&o.PingTimeout, 10 * time.Second},
		{&o.CloseTimeout, 10 * time.Second},
	} {
		if *d.value == 0 {
			*d.value = d.initial
		}
	}
	return o
}

// Host is a running tap.
type Host struct {
	options Options
	client  *tap.Client
	link    link

	mu    sync.Mutex
	cause error
	done  chan struct{} // closed once cause is set

	watching sync.WaitGroup
	stop     context.CancelFunc // ends the watch
	once     sync.Once
	closeErr error
}

// link is what differs between a launched and an attached tap.
type link interface {
	// ended is closed when the tap's process is known to have ended; nil if
	// that cannot be known.
	ended() <-chan struct{}
	// ending says how the process ended.
	ending() string
	// ping asks the tap for its health.
	ping(ctx context.Context) error
	// kill ends the tap without asking.
	kill()
	// close lets go of the tap, which ends it, and waits until it has; a tap
	// that hangs must be killed meanwhile.
	close()
}

// Start launches the tap, or attaches to it if Options.Socket is set.
func Start(ctx context.Context, o Options) (*Host, error) {
	if o.Socket != "" {
		return Attach(ctx, o)
	}
	return Launch(ctx, o)
}

func newHost(o Options, client *tap.Client, l link) *Host {
	ctx, stop := context.WithCancel(context.Background())
	h := &Host{options: o, client: client, link: l, done: make(chan struct{}), stop: stop}
	h.watching.Go(func() { h.watch(ctx) })
	return h
}

// Tap returns the running tap. Its calls fail with an *Error once it ended.
func (h *Host) Tap() tap.Tap { return guarded{h} }

// Done is closed when the tap has ended, hangs, or was closed.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err says why the tap ended, after Done; ErrClosed after Close.
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cause
}

// end records why the tap is over; the first reason stays.
func (h *Host) end(cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cause == nil {
		h.cause = cause
		close(h.done)
	}
}

// Close closes the tap and ends its process, with a kill if it does not end by
// itself. It may be called more than once.
func (h *Host) Close() error {
	h.once.Do(func() {
		running := h.Err() == nil
		h.end(ErrClosed)
		h.stop()
		h.watching.Wait()
		hurry := time.AfterFunc(h.options.CloseTimeout, h.link.kill)
		defer hurry.Stop()
		if running {
			h.closeErr = h.closeTap()
		} else {
			h.link.kill()
		}
		h.link.close()
	})
	return h.closeErr
}

// Detach lets go of a tap without closing it: one that is attached to goes on
// to serve whoever opened it.
func (h *Host) Detach() {
	h.once.Do(func() {
		h.end(ErrClosed)
		h.stop()
		h.watching.Wait()
		h.link.close()
	})
}

func (h *Host) closeTap() error {
	err := h.client.Close()
	if err == nil {
		return nil
	}
	h.link.kill()
	if errors.Is(err, tap.ErrConnection) || errors.Is(err, context.DeadlineExceeded) {
		return nil // it is dead now, which is what was asked for
	}
	return fmt.Errorf("close tap %s: %w", h.options.Name, err)
}
