package peers_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/peers"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// directory is the chain's, in memory.
type directory struct {
	mu      sync.Mutex
	members map[string]peers.Member
}

func (d *directory) Members(context.Context) (out []peers.Member, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.members {
		out = append(out, m)
	}
	return out, nil
}

func (d *directory) set(m peers.Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.members[m.ID] = m
}

func (d *directory) drop(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.members, id)
}

func newDirectory() *directory { return &directory{members: map[string]peers.Member{}} }

// site is one member's sidecar.
type site struct {
	*peers.Peers
	key     *keys.Member
	address string
}

func newKey(t testing.TB) *keys.Member {
	t.Helper()
	key, err := keys.GenerateMember()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// open makes a member's sidecar, registers it and has it listen.
func open(t testing.TB, d *directory, id string, services map[string]peers.Service) *site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{key: newKey(t), address: l.Addr().String()}
	d.set(peers.Member{ID: id, Endpoint: s.address, TLS: s.key.Public()})
	if s.Peers, err = peers.New(peers.Options{Self: id, Key: s.key, Directory: d, Services: services, Logger: zerolog.Nop()}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { _ = s.Run(ctx) })
	group.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	return s
}

// known has a site read the directory as it stands.
func known(t testing.TB, sites ...*site) {
	t.Helper()
	for _, s := range sites {
		if _, err := s.Members(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func say(body string) func(peers.Member) ([]byte, error) {
	return func(peers.Member) ([]byte, error) { return []byte(body), nil }
}

func echo(maxBody int) map[string]peers.Service {
	return map[string]peers.Service{"echo": {MaxBody: maxBody, PerSecond: 100, Burst: 100, AtOnce: 4,
		Handle: func(_ context.Context, from peers.Member, body []byte) ([]byte, error) {
			return []byte(from.ID + ":" + string(body)), nil
		}}}
}

func TestBothSidesKnowWhoSpeaks(t *testing.T) {
	d := newDirectory()
	north, south := open(t, d, "north", echo(100)), open(t, d, "south", nil)
	known(t, north)
	to, reply, err := south.Call(t.Context(), "north", "echo", say("hello"))
	if err != nil || to.ID != "north" || string(reply) != "south:hello" {
		t.Errorf("Call = %s, %q, %v", to.ID, reply, err)
	}
}

func TestCallSaysWhyThereIsNoAnswer(t *testing.T) {
	d := newDirectory()
	services := echo(100)
	services["refuses"] = peers.Service{MaxBody: 1, PerSecond: 1, Burst: 9, AtOnce: 1,
		Handle: func(context.Context, peers.Member, []byte) ([]byte, error) { return nil, told{} }}
	services["fails"] = peers.Service{MaxBody: 1, PerSecond: 1, Burst: 9, AtOnce: 1,
		Handle: func(context.Context, peers.Member, []byte) ([]byte, error) { return nil, errors.New("patient 4711") }}
	north, south := open(t, d, "north", services), open(t, d, "south", nil)
	known(t, north)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	d.set(peers.Member{ID: "asleep", Endpoint: closed.Addr().String(), TLS: newKey(t).Public()})
	d.set(peers.Member{ID: "posed-as", Endpoint: north.address, TLS: newKey(t).Public()})
	for _, c := range []struct {
		name, member, service, body string
		want                        error
		code                        string
	}{
		{"nobody listens", "asleep", "echo", "", peers.ErrUnreachable, ""},
		{"another key answers", "posed-as", "echo", "", peers.ErrImpostor, ""},
		{"too large", "north", "echo", strings.Repeat("x", 101), peers.ErrRefused, "too-large"},
		{"no such service", "north", "other", "", peers.ErrRefused, "no-such-service"},
		{"the service refuses", "north", "refuses", "", peers.ErrRefused, "stale-query"},
		{"the service fails", "north", "fails", "", peers.ErrRefused, "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := south.Call(t.Context(), c.member, c.service, say(c.body))
			var refused *peers.Error
			if !errors.Is(err, c.want) || !errors.As(err, &refused) || refused.Member != c.member || refused.Code() != c.code {
				t.Errorf("Call = %v, want %v with code %q", err, c.want, c.code)
			}
			if err != nil && strings.Contains(err.Error(), "4711") {
				t.Errorf("the peer was told: %v", err)
			}
		})
	}
	if _, _, err := south.Call(t.Context(), "west", "echo", say("")); err == nil || !strings.Contains(err.Error(), "west") {
		t.Errorf("a member without a contact: %v", err)
	}
}

// told is an error that a peer may be told.
type told struct{}

func (told) Error() string { return "too old, of patient 4711" }
func (told) Code() string  { return "stale-query" }

// A stranger holds a certificate of the right form, and may not even say what he wants.
func TestAStrangerLearnsThatHeIsUnknown(t *testing.T) {
	d := newDirectory()
	services := echo(100)
	var asked atomic.Int32
	inner := services["echo"]
	services["echo"] = peers.Service{MaxBody: 100, PerSecond: 100, Burst: 100, AtOnce: 4,
		Handle: func(ctx context.Context, from peers.Member, body []byte) ([]byte, error) {
			asked.Add(1)
			return inner.Handle(ctx, from, body)
		}}
	north := open(t, d, "north", services)
	south := open(t, d, "south", nil)
	d.drop("south")
	known(t, north)
	_, _, err := south.Call(t.Context(), "north", "echo", say("hello"))
	if !errors.Is(err, peers.ErrStranger) {
		t.Errorf("Call = %v, want ErrStranger", err)
	}
	d.set(peers.Member{ID: "south", Endpoint: south.address, TLS: south.key.Public()})
	known(t, north)
	if _, _, err := south.Call(t.Context(), "north", "echo", say("hello")); err != nil {
		t.Errorf("registered: %v", err)
	}
	// It leaves while its connection stands.
	d.drop("south")
	known(t, north)
	if _, _, err := south.Call(t.Context(), "north", "echo", say("hello")); !errors.Is(err, peers.ErrStranger) {
		t.Errorf("after it left: %v, want ErrStranger", err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the service was asked %d times, want once", n)
	}
}

// Two members that name one key could pass for each other.
func TestAKeyOfTwoMembersIsNobodys(t *testing.T) {
	d := newDirectory()
	north, south := open(t, d, "north", echo(100)), open(t, d, "south", nil)
	d.set(peers.Member{ID: "thief", Endpoint: south.address, TLS: south.key.Public()})
	known(t, north)
	if _, _, err := south.Call(t.Context(), "north", "echo", say("hello")); !errors.Is(err, peers.ErrStranger) {
		t.Errorf("Call = %v, want ErrStranger", err)
	}
}

func TestOnlyTLS13WithAKeyAndHTTP2IsSpoken(t *testing.T) {
	d := newDirectory()
	north := open(t, d, "north", echo(100))
	known(t, north)
	for _, c := range []struct {
		name   string
		config *tls.Config
	}{
		{"no certificate", &tls.Config{NextProtos: []string{"h2"}}},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}},
		{"HTTP/1.1", &tls.Config{NextProtos: []string{"http/1.1"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.InsecureSkipVerify = true
			conn, err := tls.Dial("tcp", north.address, c.config)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err = conn.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("the server speaks: %v", err)
			}
		})
	}
	response, err := http.Get("http://" + north.address + "/v1/echo") //nolint:bodyclose // there is none
	if err == nil && response.StatusCode == http.StatusOK {
		t.Errorf("without TLS: %v", response.Status)
	}
}

// A member that asks as fast as it can on as many connections as it can open takes
// nothing from another: all of the other's requests are answered, and soon.
func TestAFloodFromOneMemberStarvesNoOther(t *testing.T) {
	d := newDirectory()
	work := map[string]peers.Service{"work": {MaxBody: 1 << 10, PerSecond: 100, Burst: 10, AtOnce: 2,
		Handle: func(ctx context.Context, _ peers.Member, body []byte) ([]byte, error) {
			select {
			case <-time.After(20 * time.Millisecond): // a look-up, and a synced entry
			case <-ctx.Done():
			}
			return body, nil
		}}}
	north, polite, flooding := open(t, d, "north", work), open(t, d, "polite", nil), open(t, d, "flooding", nil)
	known(t, north)
	alone := ask(t, polite, 40)
	stop := flood(t, d, flooding, north.address)
	beside := ask(t, polite, 40)
	answered, refused := stop()
	if refused == 0 {
		t.Error("the flood was not refused at all: it was none")
	}
	t.Logf("p95 of the polite member: %s alone, %s beside the flood (%d of it answered, %d refused)",
		p95(alone), p95(beside), answered, refused)
	if p := p95(beside); p > 5*time.Second {
		t.Errorf("p95 beside the flood: %s", p)
	}
}

// ask asks one request after the other, all of which must be answered, and returns
// how long each took.
func ask(t *testing.T, s *site, n int) (took []time.Duration) {
	t.Helper()
	body := bytes.Repeat([]byte("x"), 1<<10)
	for range n {
		began := time.Now()
		_, reply, err := s.Call(t.Context(), "north", "work", func(peers.Member) ([]byte, error) { return body, nil })
		if err != nil || !bytes.Equal(reply, body) {
			t.Fatalf("the polite member is not answered: %v", err)
		}
		took = append(took, time.Since(began))
	}
	return took
}

func p95(took []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(took))[len(took)*95/100]
}

// flood asks with all might, from several processes with the same key, and beside
// them opens connections that say nothing.
func flood(t *testing.T, d *directory, s *site, address string) (stop func() (answered, refused int64)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var answered, refused atomic.Int64
	var group sync.WaitGroup
	for range 6 {
		p, err := peers.New(peers.Options{Self: "flooding", Key: s.key, Directory: d, Logger: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		for range 32 {
			group.Go(func() {
				for ctx.Err() == nil {
					if _, _, err := p.Call(ctx, "north", "work", say("flood")); err == nil {
						answered.Add(1)
					} else if errors.Is(err, peers.ErrBusy) {
						refused.Add(1)
					}
				}
			})
		}
	}
	for range 16 {
		group.Go(func() {
			for ctx.Err() == nil {
				c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
				if err != nil {
					continue
				}
				_ = c.SetDeadline(time.Now().Add(time.Second))
				_, _ = c.Read(make([]byte, 1))
				_ = c.Close()
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		group.Wait()
		return answered.Load(), refused.Load()
	}
}
