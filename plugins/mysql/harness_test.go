package mysql_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// patience bounds every wait for a condition; only a broken tap reaches it.
const patience = 30 * time.Second

// start runs a durable server with the database emr and the tap's account.
func start(t testing.TB, args ...string) *mariadbtest.Server {
	t.Helper()
	s := mariadbtest.Start(t, mariadbtest.Options{Durable: true, Args: args})
	grantTap(s)
	return s
}

// grantTap makes the database emr and the tap's account.
func grantTap(s *mariadbtest.Server) {
	s.Exec("CREATE DATABASE emr CHARACTER SET utf8mb4", "USE emr")
	s.Exec("GRANT REPLICATION SLAVE ON *.* TO tap@'%' IDENTIFIED BY 'test password'", "GRANT SELECT ON emr.* TO tap@'%'")
}

// A database is a server that runs, and that a test may do anything to.
type database interface {
	Port() int
	Admin() *sql.DB
	Exec(statements ...string)
}

// section returns the settings by which the tap reaches the server.
func section(t testing.TB, s database, more map[string]any) json.RawMessage {
	t.Helper()
	host := "127.0.0.1"
	if elsewhere, ok := s.(*mysqlServer); ok {
		host = elsewhere.host
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("test password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fields := map[string]any{"host": host, "port": s.Port(), "user": "tap", "password_file": password}
	for name, value := range more {
		fields[name] = value
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open returns an open tap of the given tables.
func open(t testing.TB, s *mariadbtest.Server, tables ...string) tap.Tap {
	t.Helper()
	return openWith(t, s, nil, tables...)
}

// openWith opens a tap with more settings.
func openWith(t testing.TB, s *mariadbtest.Server, more map[string]any, tables ...string) tap.Tap {
	t.Helper()
	m := mysql.New()
	if err := m.Open(t.Context(), tap.Config{Settings: section(t, s, more), Tables: tables}); err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// openLax is open on a server that does not sync its commits.
func openLax(t testing.TB, s *mariadbtest.Server, tables ...string) tap.Tap {
	t.Helper()
	m := mysql.New()
	config := tap.Config{Settings: section(t, s, map[string]any{"accept_not_durable": true}), Tables: tables}
	if err := m.Open(t.Context(), config); err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// A recorder is a sink that keeps what it is given.
type recorder struct {
	mu     sync.Mutex
	grown  chan struct{}
	events []any
	stop   func(event any) bool // ends the stream before it takes the event
}

var errStop = errors.New("the test stops the stream")

func newRecorder() *recorder { return &recorder{grown: make(chan struct{}, 1)} }

func (r *recorder) add(event any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil && r.stop(event) {
		return errStop
	}
	r.events = append(r.events, event)
	select {
	case r.grown <- struct{}{}:
	default:
	}
	return nil
}

func (r *recorder) Change(c tap.Change) error       { c.Detach(); return r.add(c) }
func (r *recorder) Commit(c tap.Commit) error       { return r.add(c) }
func (r *recorder) Fence(f tap.Fence) error         { return r.add(f) }
func (r *recorder) Gap(g tap.Gap) error             { return r.add(g) }
func (r *recorder) Schema(c tap.SchemaChange) error { return r.add(c) }

func (r *recorder) all() []any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]any{}, r.events...)
}

// await waits until the events so far satisfy a condition.
func (r *recorder) await(t testing.TB, what string, condition func(events []any) bool) []any {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if events := r.all(); condition(events) {
			return events
		}
		select {
		case <-r.grown:
		case <-deadline.C:
			t.Fatalf("no %s within %s; the last of %d events: %s", what, patience, len(r.all()), lastEvents(r.all(), 5))
		}
	}
}

func lastEvents(events []any, n int) string {
	text := ""
	for _, e := range events[max(0, len(events)-n):] {
		text += fmt.Sprintf("\n  %T %+v", e, e)
	}
	return text
}

// A running is a stream that runs beside the test.
type running struct {
	*recorder
	ctx    context.Context
	cancel context.CancelFunc
	done   chan error
}

// stream starts a stream and waits until it has said where it is if it starts
// from now.
func stream(t testing.TB, m tap.Tap, from tap.Position) *running {
	t.Helper()
	r := newStream(t)
	r.run(m, from)
	if from == nil {
		r.await(t, "first commit", func(events []any) bool { return len(events) > 0 })
	}
	return r
}

func newStream(t testing.TB) *running {
	r := &running{recorder: newRecorder(), done: make(chan error, 1)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	t.Cleanup(func() { r.end(t) })
	return r
}

func (r *running) run(m tap.Tap, from tap.Position) {
	go func() { r.done <- m.Stream(r.ctx, from, r) }()
}

// end stops the stream and returns its error.
func (r *running) end(t testing.TB) error {
	t.Helper()
	r.cancel()
	return r.wait(t)
}

// wait waits until the stream ends and returns its error.
func (r *running) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.done:
		r.done <- err
		return err
	case <-time.After(patience):
		t.Fatal("the stream does not end")
		return nil
	}
}

// changes returns the changes among events.
func changes(events []any) []tap.Change {
	var list []tap.Change
	for _, e := range events {
		if c, ok := e.(tap.Change); ok {
			list = append(list, c)
		}
	}
	return list
}

func gaps(events []any) []tap.Gap {
	var list []tap.Gap
	for _, e := range events {
		if g, ok := e.(tap.Gap); ok {
			list = append(list, g)
		}
	}
	return list
}

// position returns the last position that events tell.
func position(events []any) tap.Position {
	for i := len(events) - 1; i >= 0; i-- {
		switch e := events[i].(type) {
		case tap.Commit:
			return e.Position
		case tap.Gap:
			return e.Position
		}
	}
	return nil
}

// awaitFence waits until the stream has delivered a fence.
func (r *running) awaitFence(t testing.TB, id uint64) []any {
	t.Helper()
	return r.await(t, fmt.Sprintf("fence %d", id), func(events []any) bool {
		for _, e := range events {
			if f, ok := e.(tap.Fence); ok && f.ID == id {
				return true
			}
		}
		return false
	})
}

// awaitChanges waits for n changes and the commit of the last.
func (r *running) awaitChanges(t testing.TB, n int) []any {
	t.Helper()
	return r.await(t, fmt.Sprintf("commit of change %d", n), func(events []any) bool {
		if len(events) == 0 || len(changes(events)) < n {
			return false
		}
		_, change := events[len(events)-1].(tap.Change)
		return !change
	})
}

// untilCalm reads as a host does: again while the source is busy.
func untilCalm(t testing.TB, read func() (tap.Chunk, error)) tap.Chunk {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		chunk, err := read()
		if err == nil {
			return chunk
		}
		if !errors.Is(err, tap.ErrBusy) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
