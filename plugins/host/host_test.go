package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/internal/memtap"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A log collects what a host logs.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A stage is a source and what is needed to launch taps of it.
type stage struct {
	source  *memtap.Source
	log     *log
	options host.Options
}

func newStage(t *testing.T, role string) *stage {
	t.Helper()
	directory := privateDirectory(t)
	if err := os.Chmod(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &stage{source: memtap.NewSource("clinic", memtap.Patients()), log: &log{}}
	socket := filepath.Join(directory, "source")
	server, err := memtap.Serve(s.source, socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	s.options = host.Options{
		Name: "test", Command: []string{self(t)}, Directory: directory,
		Env:    []string{roleVariable + "=" + role, sourceVariable + "=" + socket},
		Logger: zerolog.New(s.log), PingEvery: 20 * time.Millisecond, StartTimeout: 20 * time.Second,
	}
	return s
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func config() tap.Config {
	return tap.Config{Settings: json.RawMessage(`{"source":"clinic"}`), Tables: []string{"patients"}}
}

func (s *stage) launch(t *testing.T) *host.Host {
	t.Helper()
	h, err := host.Launch(t.Context(), s.options)
	if err != nil {
		t.Fatalf("launch: %v\n%s", err, s.log)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func (s *stage) open(t *testing.T) *host.Host {
	t.Helper()
	h := s.launch(t)
	if err := h.Tap().Open(t.Context(), config()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (s *stage) insert(t *testing.T, ids ...int64) {
	t.Helper()
	err := s.source.Do(func(w *memtap.Writer) error {
		for _, id := range ids {
			if err := w.Insert("patients", memtap.Patient(id, 1, secret)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// events is a Sink that tells each event in a word, and errors with the
// context's end.
type events struct {
	ctx context.Context
	got chan string
}

func (e events) put(word string) error {
	select {
	case e.got <- word:
		return nil
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}

func (e events) Change(c tap.Change) error       { return e.put("change " + c.EventID) }
func (e events) Commit(c tap.Commit) error       { return e.put("commit " + string(c.Position)) }
func (e events) Fence(tap.Fence) error           { return e.put("fence") }
func (e events) Gap(tap.Gap) error               { return e.put("gap") }
func (e events) Schema(c tap.SchemaChange) error { return e.put("schema " + c.Table.Name) }

// stream runs a stream in the background until the test ends or stop is
// called; the channel gives its error.
func stream(t *testing.T, tapped tap.Tap, from tap.Position) (got chan string, stop func(), ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	e := events{ctx: ctx, got: make(chan string)}
	ended = make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended <- tapped.Stream(ctx, from, e)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return e.got, cancel, ended
}

func want(t *testing.T, got chan string, words ...string) {
	t.Helper()
	for _, word := range words {
		select {
		case g := <-got:
			if g != word {
				t.Fatalf("got event %q, want %q", g, word)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no event, want %q", word)
		}
	}
}

func wantError(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one of kind %v", err, kind)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %q holds what the tap printed", err)
	}
}

func TestLaunchedTapStreamsScansAndFetches(t *testing.T) {
	s := newStage(t, "memory")
	tapped := s.open(t).Tap()
	if d := tapped.Describe(); d.Name != "memory" || d.Assurance != tap.EveryVersion {
		t.Fatalf("described as %+v", d)
	}
	got, stop, ended := stream(t, tapped, nil)
	want(t, got, "commit memory/clinic/0")
	s.insert(t, 1, 2)
	want(t, got, "change 1.1", "change 1.2", "commit memory/clinic/1")
	chunk, err := tapped.Scan(t.Context(), "patients", memtap.PatientKey(1), 10)
	if err != nil || len(chunk.Rows) != 1 || !chunk.Last {
		t.Fatalf("scan gave %d rows, last %v, error %v", len(chunk.Rows), chunk.Last, err)
	}
	want(t, got, "fence")
	if _, err := tapped.Scan(t.Context(), "other", nil, 10); !errors.Is(err, tap.ErrTable) {
		t.Errorf("scan of an unknown table: %v", err)
	}
	if err := tapped.Ack(t.Context(), tap.Position("memory/clinic/1")); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("stream ended with %v", err)
	}
}

func TestPositionErrorSurvivesTheWire(t *testing.T) {
	tapped := newStage(t, "memory").open(t).Tap()
	for _, from := range []tap.Position{tap.Position("elsewhere"), {}} {
		_, _, ended := stream(t, tapped, from)
		if err := <-ended; !errors.Is(err, tap.ErrPosition) {
			t.Errorf("stream from %q ended with %v", from, err)
		}
	}
}

func TestSetupErrorSurvivesTheWire(t *testing.T) {
	h := newStage(t, "memory").launch(t)
	err := h.Tap().Open(t.Context(), tap.Config{Settings: json.RawMessage(`{"source":"clinic"}`), Tables: []string{"a", "b"}})
	var setup *tap.SetupError
	if !errors.As(err, &setup) || len(setup.Problems) != 2 || setup.Problems[1].Thing != "table b" {
		t.Fatalf("open: %v", err)
	}
}
