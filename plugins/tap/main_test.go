package tap_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a tap whose calls are what a test puts there.
type scripted struct {
	open   func(context.Context, tap.Config) error
	tables func(context.Context) ([]tap.Table, error)
	stream func(context.Context, tap.Position, tap.Sink) error
	scan   func(context.Context, string, []row.Value, int) (tap.Chunk, error)
	fetch  func(context.Context, string, [][]row.Value) (tap.Chunk, error)
	ack    func(context.Context, tap.Position) error
	closed atomic.Int32
}

func (*scripted) Describe() tap.Description {
	return tap.Description{Name: "scripted", Version: "1", Assurance: tap.EveryVersion, Schema: []byte(`{}`), Scan: true, Fetch: true}
}

func (s *scripted) Open(ctx context.Context, config tap.Config) error {
	if s.open == nil {
		return nil
	}
	return s.open(ctx, config)
}

func (s *scripted) Tables(ctx context.Context) ([]tap.Table, error) { return s.tables(ctx) }

func (s *scripted) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	return s.stream(ctx, from, sink)
}

func (s *scripted) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	return s.scan(ctx, table, after, limit)
}

func (s *scripted) Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
	return s.fetch(ctx, table, keys)
}

func (s *scripted) Ack(ctx context.Context, position tap.Position) error { return s.ack(ctx, position) }

func (s *scripted) Close() error {
	s.closed.Add(1)
	return nil
}

// failer is what *testing.T and *rapid.T have in common here.
type failer interface {
	Helper()
	Fatal(args ...any)
	Error(args ...any)
	Cleanup(func())
}

// served is a tap that listens, and a connection to it.
type served struct {
	client *tap.Client
	conn   *grpc.ClientConn
	ended  chan error // what Listen returned
	stop   context.CancelFunc
	socket string
}

// serve listens with a tap on a real socket and connects to it.
func serve(t failer, s tap.Tap) *served {
	t.Helper()
	directory, err := os.MkdirTemp("", "tap")
	if err != nil {
		t.Fatal(err)
	}
	v := &served{ended: make(chan error, 1), socket: filepath.Join(directory, "tap")}
	ctx, stop := context.WithCancel(context.Background())
	v.stop = stop
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		v.ended <- tap.Listen(ctx, s, v.socket)
	}()
	v.conn = dial(t, v.socket)
	t.Cleanup(func() {
		stop()
		<-finished
		_ = v.conn.Close() // a test may have done so
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	if v.client, err = tap.NewClient(context.Background(), v.conn); err != nil {
		t.Fatal(err)
	}
	return v
}

func dial(t failer, socket string) *grpc.ClientConn {
	t.Helper()
	options := append(wire.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
		// The listener may come up after the first try; each next one comes soon.
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: 20 * time.Second,
			Backoff: backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: time.Millisecond}}))
	conn, err := grpc.NewClient("unix:"+socket, options...)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// opened serves a tap and opens it.
func opened(t failer, s tap.Tap) *served {
	t.Helper()
	v := serve(t, s)
	if err := v.client.Open(context.Background(), tap.Config{}); err != nil {
		t.Fatal(err)
	}
	return v
}

func equalValues() cmp.Option { return cmp.Comparer(row.Equal) }

// collected is a Sink that keeps what it gets, as one list.
type collected struct{ events []any }

func (c *collected) Change(e tap.Change) error {
	e.Detach()
	c.events = append(c.events, e)
	return nil
}
func (c *collected) Commit(e tap.Commit) error       { c.events = append(c.events, e); return nil }
func (c *collected) Fence(e tap.Fence) error         { c.events = append(c.events, e); return nil }
func (c *collected) Gap(e tap.Gap) error             { c.events = append(c.events, e); return nil }
func (c *collected) Schema(e tap.SchemaChange) error { c.events = append(c.events, e); return nil }

// put delivers an event that collected kept.
func put(sink tap.Sink, event any) error {
	switch e := event.(type) {
	case tap.Change:
		return sink.Change(e)
	case tap.Commit:
		return sink.Commit(e)
	case tap.Fence:
		return sink.Fence(e)
	case tap.Gap:
		return sink.Gap(e)
	case tap.SchemaChange:
		return sink.Schema(e)
	}
	return fmt.Errorf("no event: %T", event)
}

// bytesOf draws a byte string.
func bytesOf(t *rapid.T, least int) []byte {
	return rapid.SliceOfN(rapid.Byte(), least, 40).Draw(t, "bytes")
}

// valueOf draws a value of a type; null now and then.
func valueOf(t *rapid.T, of row.Type) row.Value {
	if rapid.IntRange(0, 9).Draw(t, "null") == 0 {
		return row.Null()
	}
	switch of {
	case row.Int:
		return row.NewInt(rapid.Int64().Draw(t, "int"))
	case row.Text:
		return row.NewText(rapid.SampledFrom([]string{"utf8", "latin1", "koi8r"}).Draw(t, "charset"), bytesOf(t, 0))
	case row.Bytes:
		return row.NewBytes(bytesOf(t, 0))
	case row.Float64:
		return row.NewFloat64(rapid.Float64().Draw(t, "float"))
	case row.Bool:
		return row.NewBool(rapid.Bool().Draw(t, "bool"))
	case row.Set:
		return row.NewSet("utf8", [][]byte{bytesOf(t, 0), bytesOf(t, 0)})
	case row.Enum:
		return row.NewEnumError("utf8")
	case row.UUID:
		v, err := row.NewUUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return row.Null()
}

func typesDrawn() []row.Type {
	return []row.Type{row.Int, row.Text, row.Bytes, row.Float64, row.Bool, row.Set, row.Enum, row.UUID}
}

// tableOf draws a table that is covered.
func tableOf(t *rapid.T) *tap.Table {
	table := &tap.Table{Name: rapid.StringN(1, 12, -1).Draw(t, "name"), Key: []int{0}}
	for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
		table.Columns = append(table.Columns, row.Column{Name: fmt.Sprintf("c%d%s", i, rapid.String().Draw(t, "column")),
			Type: rapid.SampledFrom(typesDrawn()).Draw(t, "type")})
	}
	if len(table.Columns) > 1 && rapid.Bool().Draw(t, "two key columns") {
		table.Key = []int{len(table.Columns) - 1, 0}
	}
	table.Notes = rapid.SliceOfN(rapid.String(), 0, 2).Draw(t, "notes")
	if len(table.Notes) == 0 {
		table.Notes = nil
	}
	for range rapid.IntRange(0, 2).Draw(t, "references") {
		table.References = append(table.References, tap.Reference{Name: rapid.StringN(1, 9, -1).Draw(t, "reference"),
			Columns: []string{table.Columns[0].Name}, Table: rapid.StringN(1, 9, -1).Draw(t, "other"), Of: []string{"id"},
			OnDelete: tap.Action(rapid.IntRange(0, 2).Draw(t, "on delete")), OnUpdate: tap.Action(rapid.IntRange(0, 2).Draw(t, "on update"))})
	}
	return table
}

func rowOf(t *rapid.T, table *tap.Table) []row.Value {
	cells := make([]row.Value, len(table.Columns))
	for i, column := range table.Columns {
		cells[i] = valueOf(t, column.Type)
	}
	return cells
}
