package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// emr is an application's database in a file of the test's own.
type emr struct {
	t    testing.TB
	path string
	db   *sql.DB
}

const patientsSQL = `CREATE TABLE patients (id INTEGER PRIMARY KEY, mrn TEXT UNIQUE, name TEXT, born DATE, weight REAL, photo BLOB)`

// newEMR creates a database and runs statements on it.
func newEMR(t testing.TB, statements ...string) *emr {
	t.Helper()
	e := &emr{t: t, path: filepath.Join(t.TempDir(), "emr.db")}
	e.reopen()
	e.exec(statements...)
	return e
}

// reopen connects as the application does. Each connection is of the test's
// process; the tap's own are as well, so no one may open the file otherwise.
func (e *emr) reopen() {
	db, err := sql.Open("sqlite", "file:"+e.path+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)")
	if err != nil {
		e.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	e.db = db
	e.t.Cleanup(func() { db.Close() })
}

func (e *emr) exec(statements ...string) {
	e.t.Helper()
	for _, s := range statements {
		if _, err := e.db.Exec(s); err != nil {
			e.t.Fatalf("%.80s: %v", s, err)
		}
	}
}

// install runs what InstallSQL prints for the named tables, or all.
func (e *emr) install(keep int, names ...string) []tap.Table {
	e.t.Helper()
	tables, err := ReadTables(context.Background(), e.db, names...)
	if err != nil {
		e.t.Fatal(err)
	}
	e.exec(InstallSQL(tables, keep))
	return tables
}

func (e *emr) config(names ...string) tap.Config { return e.configWith(nil, names...) }

// configWith adds settings to those of a test, or replaces them.
func (e *emr) configWith(more map[string]any, names ...string) tap.Config {
	s := map[string]any{"path": e.path, "poll": "2ms", "lock_wait": "5s"}
	maps.Copy(s, more)
	b, err := json.Marshal(s)
	if err != nil {
		e.t.Fatal(err)
	}
	return tap.Config{Settings: b, Tables: names}
}

// open opens a tap on the named tables.
func (e *emr) open(names ...string) *Tap { return e.openWith(nil, names...) }

func (e *emr) openWith(more map[string]any, names ...string) *Tap {
	e.t.Helper()
	t := New()
	if err := t.Open(e.t.Context(), e.configWith(more, names...)); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { t.Close() })
	return t
}

// recorder is a sink that keeps what it is given, and keeps a replica.
type recorder struct {
	mutex     sync.Mutex
	events    []any // tap.Change, tap.Commit, tap.Fence, tap.Gap, tap.SchemaChange
	grown     chan struct{}
	changes   int // changes since the last commit
	rows      map[string]string
	positions []tap.Position
	replicas  []map[string]string // the replica at each position
}

func newRecorder() *recorder {
	return &recorder{grown: make(chan struct{}), rows: make(map[string]string)}
}

func (r *recorder) add(event any, position tap.Position) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.events = append(r.events, event)
	if c, ok := event.(tap.Change); ok {
		r.apply(c)
		r.changes++
	} else if _, commit := event.(tap.Commit); !commit && r.changes > 0 {
		return fmt.Errorf("%T inside a transaction", event)
	} else {
		r.changes = 0
		replica := make(map[string]string, len(r.rows))
		for k, v := range r.rows {
			replica[k] = v
		}
		r.positions, r.replicas = append(r.positions, position), append(r.replicas, replica)
	}
	close(r.grown)
	r.grown = make(chan struct{})
	return nil
}

func (r *recorder) apply(c tap.Change) {
	if c.Op == tap.Delete {
		delete(r.rows, rowName(c.Table, c.Key))
		return
	}
	r.rows[rowName(c.Table, c.Table.KeyOf(c.After))] = display(c.After)
}

func rowName(t *tap.Table, key []row.Value) string { return t.Name + " " + display(key) }

// display shows cells in full, by their canonical bytes.
func display(cells []row.Value) string { return fmt.Sprintf("%x", row.AppendCells(nil, cells)) }

func (r *recorder) Change(c tap.Change) error       { c.Detach(); return r.add(c, nil) }
func (r *recorder) Commit(c tap.Commit) error       { return r.add(c, c.Position) }
func (r *recorder) Fence(f tap.Fence) error         { return r.add(f, f.Position) }
func (r *recorder) Gap(g tap.Gap) error             { return r.add(g, g.Position) }
func (r *recorder) Schema(s tap.SchemaChange) error { return r.add(s, s.Position) }

// wait blocks until done holds of the events.
func (r *recorder) wait(t testing.TB, what string, done func(events []any) bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		r.mutex.Lock()
		ok, grown := done(r.events), r.grown
		r.mutex.Unlock()
		if ok {
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("waited in vain for %s; events: %s", what, r.summary())
		}
	}
}

// summary tells the events without values.
func (r *recorder) summary() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var b strings.Builder
	for _, e := range r.events {
		switch e := e.(type) {
		case tap.Change:
			fmt.Fprintf(&b, "%d %s %s; ", e.Op, e.Table.Name, e.EventID)
		case tap.Gap:
			fmt.Fprintf(&b, "gap %v %s; ", e.Tables, e.Reason)
		default:
			fmt.Fprintf(&b, "%T; ", e)
		}
	}
	return b.String()
}

// last returns the position of the last event that has one.
func (r *recorder) last() tap.Position {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.positions[len(r.positions)-1]
}

// gaps returns the gaps so far.
func (r *recorder) gaps() []tap.Gap { return eventsOf[tap.Gap](r) }

func eventsOf[E any](r *recorder) []E {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var list []E
	for _, e := range r.events {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// running is a stream that a test has started.
type running struct {
	*recorder
	t    testing.TB
	tap  *Tap
	stop func() error
}

// stream starts a stream from a position; it ends with the test or by stop.
func stream(t testing.TB, x *Tap, from tap.Position) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := newRecorder()
	result := make(chan error, 1)
	go func() {
		err := x.Stream(ctx, from, tap.Checked(r, x.Describe(), from))
		if ctx.Err() == nil {
			t.Errorf("stream ended: %v", err)
		}
		result <- err
	}()
	stop := sync.OnceValue(func() error { cancel(); return <-result })
	t.Cleanup(func() { stop() })
	s := &running{recorder: r, t: t, tap: x, stop: stop}
	if from == nil {
		r.wait(t, "the first commit", func(events []any) bool { return len(events) > 0 })
	}
	return s
}

// settle waits until the stream has delivered everything committed so far.
func (s *running) settle() {
	s.t.Helper()
	var fence uint64
	for fence == 0 {
		chunk, err := s.tap.Fetch(context.Background(), s.tap.tables[0], nil)
		if err != nil && !errors.Is(err, tap.ErrBusy) {
			s.t.Fatal(err)
		}
		fence = chunk.Fence
	}
	s.wait(s.t, "a fence", func(events []any) bool {
		for _, e := range events {
			if f, ok := e.(tap.Fence); ok && f.ID == fence {
				return true
			}
		}
		return false
	})
}

// waitGap waits for a gap whose reason holds the text.
func (s *running) waitGap(text string) tap.Gap {
	s.t.Helper()
	var found tap.Gap
	s.wait(s.t, "a gap: "+text, func(events []any) bool {
		for _, e := range events {
			if g, ok := e.(tap.Gap); ok && strings.Contains(g.Reason, text) {
				found = g
				return true
			}
		}
		return false
	})
	return found
}

// contents reads a table by the tap's own scan, in chunks.
func contents(t testing.TB, x *Tap, table string, limit int) map[string]string {
	t.Helper()
	rows := make(map[string]string)
	var after []row.Value
	for {
		chunk, err := x.Scan(context.Background(), table, after, limit)
		if errors.Is(err, tap.ErrBusy) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range chunk.Rows {
			rows[rowName(chunk.Table, chunk.Table.KeyOf(r.Cells))] = display(r.Cells)
		}
		if chunk.Last {
			return rows
		}
		after = chunk.Table.KeyOf(chunk.Rows[len(chunk.Rows)-1].Cells)
	}
}
