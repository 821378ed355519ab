package tap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// A session is the one use of a tap that its process exists for. It belongs to
// the connection that called Open, and the process ends with it: a tap whose
// host died must not go on reading the source, and a fresh process is the one
// state that a new host can rely on.
type session struct {
	launched bool // by a host: then the end of every connection ends it

	mu     sync.Mutex
	latest connection // the number given last
	live   int        // connections that have not ended
	owner  connection
	opened bool
	closed bool

	streaming chan struct{} // holds a token while a stream runs
	done      chan struct{}
	once      sync.Once
	err       error // why the session ended; read after done
}

// connection numbers a session's connections from 1.
type connection uint64

type connectionKey struct{}

func newSession(launched bool) *session {
	return &session{
		launched:  launched,
		streaming: make(chan struct{}, 1),
		done:      make(chan struct{}),
	}
}

func (s *session) end(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.done)
	})
}

// claim makes the connection of a call the session's owner.
func (s *session) claim(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened {
		return NewSetupError("tap", "it is in use already", "let its other user end; a tap serves one sidecar")
	}
	s.opened = true
	s.owner, _ = ctx.Value(connectionKey{}).(connection)
	return nil
}

// check refuses a call that comes before Open, after Close, or from a
// connection that did not call Open.
func (s *session) check(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	caller, _ := ctx.Value(connectionKey{}).(connection)
	switch {
	case s.closed:
		return errors.New("tap is closed")
	case !s.opened:
		return errors.New("tap is not open")
	case caller != s.owner:
		return NewSetupError("tap", "it is in use by another connection", "let its other user end; a tap serves one sidecar")
	}
	return nil
}

// close marks the session closed and tells whether it was not yet.
func (s *session) close() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.closed
	s.closed = true
	return first
}

// stream waits until no other stream runs. A host whose stream broke may ask
// for the next one before the tap has noticed.
func (s *session) stream(ctx context.Context) (release func(), err error) {
	select {
	case s.streaming <- struct{}{}:
		return func() { <-s.streaming }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TagRPC implements stats.Handler.
func (s *session) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements stats.Handler.
func (s *session) HandleRPC(context.Context, stats.RPCStats) {}

// TagConn implements stats.Handler: it numbers each connection.
func (s *session) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest++
	s.live++
	return context.WithValue(ctx, connectionKey{}, s.latest)
}

// HandleConn implements stats.Handler: it ends the session with its owner's
// connection.
func (s *session) HandleConn(ctx context.Context, event stats.ConnStats) {
	if _, ended := event.(*stats.ConnEnd); !ended {
		return
	}
	number, _ := ctx.Value(connectionKey{}).(connection)
	s.mu.Lock()
	s.live--
	ownerLeft := s.opened && number == s.owner
	allLeft := s.live == 0
	s.mu.Unlock()
	if ownerLeft || s.launched && allLeft {
		s.end(nil)
	}
}

// endUnlessConnected ends a session that no host ever connected to.
func (s *session) endUnlessConnected() {
	s.mu.Lock()
	abandoned := s.latest == 0
	s.mu.Unlock()
	if abandoned {
		s.end(errors.New("tap: the host that launched it never connected"))
	}
}

// options are the server options by which the session sees its connections and
// survives long enough to report a panic.
func (s *session) options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.StatsHandler(s),
		grpc.UnaryInterceptor(s.guardCall),
		grpc.StreamInterceptor(s.guardStream),
	}
}

func (s *session) guardCall(ctx context.Context, in any, info *grpc.UnaryServerInfo,
	next grpc.UnaryHandler) (out any, err error) {
	defer s.recover(info.FullMethod, &err)
	return next(ctx, in)
}

func (s *session) guardStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo,
	next grpc.StreamHandler) (err error) {
	defer s.recover(info.FullMethod, &err)
	return next(server, stream)
}

// lastWords is how long a tap that panicked lives on to deliver its error.
const lastWords = time.Second

// recover turns a panic of the tap into an error and ends the session. What
// the tap panicked with may hold a row, so only the runtime's own words are
// told; the stack names functions and places.
func (s *session) recover(method string, err *error) {
	value := recover()
	if value == nil {
		return
	}
	reason := fmt.Sprintf("a value of type %T", value)
	if failure, ok := value.(runtime.Error); ok {
		reason = failure.Error()
	}
	fmt.Fprintf(os.Stderr, "tap panicked in %s: %s\n%s", method, reason, debug.Stack())
	crash := broken(method, "the tap panicked with "+reason)
	*err = errorToWire(crash)
	time.AfterFunc(lastWords, func() { s.end(crash) })
}
