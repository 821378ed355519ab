package ingest_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func TestMain(m *testing.M) {
	// goleveldb's pool notices a second late that its database is closed.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
}

// source is a database of one table with two columns that a test changes at
// will: recorded, by what it sends on the stream, or not.
type source struct {
	table *tap.Table
	mu    sync.Mutex
	rows  map[int64]string
}

func newSource() *source {
	return &source{rows: make(map[int64]string), table: &tap.Table{Name: "t", Key: []int{0},
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "v", Type: row.Text}}}}
}

// set puts a row; an empty value takes it away.
func (s *source) set(id int64, v string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows[id] = v; v == "" {
		delete(s.rows, id)
	}
}

func cells(id int64, v string) []row.Value {
	return []row.Value{row.NewInt(id), row.NewText("utf8", []byte(v))}
}

func (s *source) insert(id int64, v, event string) tap.Change {
	return tap.Change{Table: s.table, Op: tap.Insert, After: cells(id, v), EventID: event}
}

func (s *source) update(id int64, before, after, event string) tap.Change {
	return tap.Change{Table: s.table, Op: tap.Update, Before: cells(id, before), After: cells(id, after), EventID: event}
}

// scripted is a tap whose stream does what a test sends it.
type scripted struct {
	*source
	assurance tap.Assurance
	events    chan func(tap.Sink) error
	from      chan tap.Position // where Stream was asked to start
	acks      chan tap.Position
	onAck     func()
	fence     uint64
	scanned   func(n int) // called after the n-th scan has read; may be nil
	scans     int
	busy      int // so many scans are refused as busy
}

var _ tap.Tap = (*scripted)(nil)

func newScripted(s *source, a tap.Assurance) *scripted {
	return &scripted{source: s, assurance: a, events: make(chan func(tap.Sink) error, 1000),
		from: make(chan tap.Position, 10), acks: make(chan tap.Position, 1000)}
}

// Describe implements tap.Tap.
func (x *scripted) Describe() tap.Description {
	return tap.Description{Name: "scripted", Assurance: x.assurance, Scan: true, Fetch: true}
}

// Open implements tap.Tap.
func (x *scripted) Open(context.Context, tap.Config) error { return nil }

// Close implements tap.Tap.
func (x *scripted) Close() error { return nil }

// Tables implements tap.Tap.
func (x *scripted) Tables(context.Context) ([]tap.Table, error) { return []tap.Table{*x.table}, nil }

// Stream implements tap.Tap.
func (x *scripted) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	x.from <- from
	if from == nil {
		if err := sink.Commit(tap.Commit{Position: tap.Position("now")}); err != nil {
			return err
		}
	}
	for {
		select {
		case send := <-x.events:
			if err := send(sink); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ack implements tap.Tap.
func (x *scripted) Ack(_ context.Context, p tap.Position) error {
	if x.onAck != nil {
		x.onAck()
	}
	x.acks <- p
	return nil
}

// Scan implements tap.Tap.
func (x *scripted) Scan(_ context.Context, _ string, after []row.Value, limit int) (tap.Chunk, error) {
	least := int64(-1 << 62)
	if after != nil {
		least, _ = after[0].Int64()
		least++
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.busy > 0 {
		x.busy--
		return tap.Chunk{}, tap.ErrBusy
	}
	chunk := tap.Chunk{Table: x.table, Last: true}
	for _, id := range slices.SortedFunc(maps.Keys(x.rows), cmp.Compare) {
		if id < least {
			continue
		}
		if len(chunk.Rows) == limit {
			chunk.Last = false
			break
		}
		chunk.Rows = append(chunk.Rows, tap.Row{Cells: x.cells(id)})
	}
	return x.read(chunk), nil
}

// cells is a row as the table has it now: columns after the second are null.
func (x *scripted) cells(id int64) []row.Value {
	c := cells(id, x.rows[id])
	for len(c) < len(x.table.Columns) {
		c = append(c, row.Null())
	}
	return c
}

// Fetch implements tap.Tap.
func (x *scripted) Fetch(_ context.Context, _ string, keys [][]row.Value) (tap.Chunk, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	chunk := tap.Chunk{Table: x.table}
	for _, k := range keys {
		id, _ := k[0].Int64()
		if _, ok := x.rows[id]; ok {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: x.cells(id)})
		}
	}
	return x.read(chunk), nil
}

// read gives a chunk its fence, which the stream delivers after what the test
// sends meanwhile.
func (x *scripted) read(chunk tap.Chunk) tap.Chunk {
	x.scans++
	x.fence++
	chunk.Fence = x.fence
	if x.scanned != nil {
		x.mu.Unlock()
		x.scanned(x.scans)
		x.mu.Lock()
	}
	x.events <- func(s tap.Sink) error { return s.Fence(tap.Fence{ID: chunk.Fence}) }
	return chunk
}

// changes sends changes of an open transaction.
func (x *scripted) changes(list ...tap.Change) {
	x.events <- func(s tap.Sink) error {
		for _, c := range list {
			if err := s.Change(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// transaction sends changes and their commit.
func (x *scripted) transaction(position string, list ...tap.Change) {
	x.changes(list...)
	x.events <- func(s tap.Sink) error { return s.Commit(tap.Commit{Position: tap.Position(position)}) }
}

func (x *scripted) gap(position, reason string, tables ...string) {
	x.events <- func(s tap.Sink) error {
		return s.Gap(tap.Gap{Position: tap.Position(position), Tables: tables, Reason: reason})
	}
}

// fail ends the stream.
func (x *scripted) fail(err error) { x.events <- func(tap.Sink) error { return err } }

// bench is one log, and an ingest into it.
type bench struct {
	t      *testing.T
	log    *recordlog.Log
	ingest *ingest.Ingest
	now    time.Time
	ended  chan error
	cancel context.CancelFunc
}

func newBench(t *testing.T, chunkRows int) *bench {
	t.Helper()
	wrapping, err := keys.NewWrapping(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, now: time.Unix(1_700_000_000, 0)}
	o := recordlog.Options{Wrapping: wrapping, Reserve: 1, Logger: zerolog.Nop(), Now: func() time.Time { return b.now }}
	dir := t.TempDir() + "/log"
	if err := recordlog.Create(dir, merkle.Origin("test", "00112233445566778899aabbccddeeff", 0), o); err != nil {
		t.Fatal(err)
	}
	if b.log, err = recordlog.Open(dir, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.log.Close() }) // a test's log
	b.open(ingest.Options{Mappings: []rows.Mapping{{Table: "t"}}, ChunkRows: chunkRows, Logger: zerolog.Nop(), Now: o.Now})
	return b
}

// open makes an ingest into the log.
func (b *bench) open(o ingest.Options) {
	b.t.Helper()
	var err error
	if b.ingest, err = ingest.New(b.log, o); err != nil {
		b.t.Fatal(err)
	}
}

// run attaches a tap.
func (b *bench) run(x tap.Tap) {
	ctx, cancel := context.WithCancel(b.t.Context())
	b.ended, b.cancel = make(chan error, 1), cancel
	go func() { b.ended <- b.ingest.Run(ctx, x) }()
	b.t.Cleanup(cancel)
}

// stop detaches the tap.
func (b *bench) stop() {
	b.cancel()
	<-b.ended
}

// end waits for the attachment's end by itself and returns why.
func (b *bench) end() error {
	b.t.Helper()
	select {
	case err := <-b.ended:
		return err
	case <-time.After(time.Minute):
		b.t.Fatal("the attachment did not end")
		return nil
	}
}

// settle waits until the table is taken in and not suspect.
func (b *bench) settle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	c, err := b.ingest.Settle(ctx, "t")
	if err != nil || c.Since == 0 || c.Suspect {
		b.t.Fatalf("the table did not settle: %+v, %v", c, err)
	}
}

// acked waits until a position is acknowledged.
func (b *bench) acked(x *scripted, position string) {
	b.t.Helper()
	for {
		select {
		case p := <-x.acks:
			if string(p) == position {
				return
			}
		case <-time.After(time.Minute):
			b.t.Fatalf("position %q was not acknowledged", position)
		}
	}
}

// until waits for a condition.
func (b *bench) until(holds func() bool) {
	b.t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			b.t.Fatal("what was waited for did not happen")
		}
	}
}

// entries writes the log's entries from an index on, one word each.
func (b *bench) entries(from uint64) (list []string) {
	b.t.Helper()
	for i := from; i < b.log.Size(); i++ {
		e, err := b.log.Entry(i)
		if err != nil {
			b.t.Fatal(err)
		}
		if !e.Header.Op.IsRow() {
			list = append(list, e.Header.Op.String())
			continue
		}
		key, err := row.ParseKey(e.Header.Key)
		if err != nil {
			b.t.Fatal(err)
		}
		id, _ := key[0].Int64()
		list = append(list, fmt.Sprintf("%s %d/%d %s %s", e.Header.Op, id, e.Header.Version, e.Header.Seen, e.Header.EventID))
	}
	return list
}

// holds demands that the latest version of a row is of these values.
func (b *bench) holds(t *tap.Table, id int64, v string) {
	b.t.Helper()
	c := rows.NewComparer(b.log)
	head, _, err := b.log.Head("t", row.AppendKey(nil, []row.Value{row.NewInt(id)}))
	if err != nil {
		b.t.Fatal(err)
	}
	e, err := b.log.Entry(head.Index)
	if err != nil {
		b.t.Fatal(err)
	}
	if equal, err := c.Matches(e, t, cells(id, v)); err != nil || !equal {
		b.t.Errorf("the latest version of %d is not %q: %v", id, v, err)
	}
}

// findings writes the open findings, one line each.
func (b *bench) findings() (list []string) {
	b.t.Helper()
	err := findings.Each(b.log, func(f *findings.Finding) error {
		key, err := row.ParseKey(f.Key)
		if err != nil {
			return err
		}
		id, _ := key[0].Int64()
		list = append(list, fmt.Sprintf("%s %d/%d %v", f.Verdict, id, f.Version, f.Columns))
		if f.FirstBad.Time == 0 || f.Version > 0 && f.LastGood.Time == 0 || (f.Leaf == commit.NoPrevious) != (f.Version == 0) {
			b.t.Errorf("a finding lacks a moment or its leaf: %+v", f)
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}
