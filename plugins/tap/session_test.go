package tap_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func patients() *tap.Table {
	return &tap.Table{Name: "patients", Key: []int{0},
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "scan", Type: row.Bytes}}}
}

func patient(id int64, scan []byte) []row.Value {
	return []row.Value{row.NewInt(id), row.NewBytes(scan)}
}

func insertion(table *tap.Table, id int64, scan []byte) tap.Change {
	return tap.Change{Table: table, Op: tap.Insert, EventID: "e", After: patient(id, scan)}
}

// slowSink blocks each change until it is let.
type slowSink struct {
	collected
	let chan struct{}
}

func (s *slowSink) Change(c tap.Change) error {
	<-s.let
	return s.collected.Change(c)
}

// TestBlockedSinkBlocksTheTap shows that what is under way is bounded: two
// batches, and the flow-control window.
func TestBlockedSinkBlocksTheTap(t *testing.T) {
	const most, size = 4000, 16 << 10 // 64 MB in all
	var accepted atomic.Int64
	v := opened(t, &scripted{stream: func(_ context.Context, _ tap.Position, sink tap.Sink) error {
		table, scan := patients(), make([]byte, size)
		if err := sink.Commit(tap.Commit{Position: tap.Position("p")}); err != nil {
			return err
		}
		for i := range most {
			if err := sink.Change(insertion(table, int64(i), scan)); err != nil {
				return err
			}
			accepted.Add(1)
		}
		return errEnough
	}})
	sink := &slowSink{let: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- v.client.Stream(context.Background(), nil, sink) }()
	if got := settled(t, &accepted) * size; got > 6<<20 {
		t.Errorf("a tap could deliver %d MB to a sink that blocks", got>>20)
	}
	close(sink.let)
	if err := <-ended; err == nil || err.Error() != errEnough.Error() {
		t.Fatal(err)
	}
	if len(sink.events) != most+1 {
		t.Errorf("%d events arrived", len(sink.events))
	}
}

// settled waits until a counter that has begun stands still.
func settled(t *testing.T, counter *atomic.Int64) int64 {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last, still := int64(0), 0
	for still < 6 {
		<-tick.C
		if now := counter.Load(); now == last && now > 0 {
			still++
		} else {
			last, still = now, 0
		}
	}
	return last
}

func TestHugeRowPasses(t *testing.T) {
	scan := bytes.Repeat([]byte("x"), 40<<20)
	v := opened(t, &scripted{
		stream: func(_ context.Context, _ tap.Position, sink tap.Sink) error {
			return errors.Join(sink.Commit(tap.Commit{Position: tap.Position("p")}),
				sink.Change(insertion(patients(), 1, scan)), sink.Commit(tap.Commit{Position: tap.Position("q")}), errEnough)
		},
		scan: func(context.Context, string, []row.Value, int) (tap.Chunk, error) {
			return tap.Chunk{Table: patients(), Rows: []tap.Row{{Cells: patient(1, scan)}, {Cells: patient(2, nil)}}}, nil
		},
	})
	got := &collected{}
	if err := v.client.Stream(t.Context(), nil, got); err == nil || err.Error() != errEnough.Error() {
		t.Fatal(err)
	}
	if change, ok := got.events[1].(tap.Change); !ok || !bytes.Equal(change.After[1].Raw(), scan) {
		t.Error("the row did not arrive as it was")
	}
	chunk, err := v.client.Scan(t.Context(), "patients", nil, 2)
	if err != nil || len(chunk.Rows) != 2 || len(chunk.Rows[0].Cells[1].Raw()) != len(scan) {
		t.Errorf("scan: %d rows, %v", len(chunk.Rows), err)
	}
}

func TestErrorOfTheSinkEndsTheStreamAndComesBack(t *testing.T) {
	errSink := errors.New("the disk is full")
	ended := make(chan error, 1)
	v := opened(t, &scripted{stream: func(ctx context.Context, _ tap.Position, sink tap.Sink) error {
		var err error
		for err == nil {
			err = sink.Commit(tap.Commit{Position: tap.Position("p")})
		}
		ended <- err
		return err
	}})
	if err := v.client.Stream(t.Context(), nil, &failing{err: errSink}); !errors.Is(err, errSink) {
		t.Errorf("stream ended with %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the tap was told %v", err)
	}
}

type failing struct {
	collected
	err error
}

func (f *failing) Commit(tap.Commit) error { return f.err }

func TestCancellationReachesTheTap(t *testing.T) {
	began, told := make(chan struct{}), make(chan error, 1)
	wait := func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		told <- ctx.Err()
		return ctx.Err()
	}
	v := opened(t, &scripted{
		stream: func(ctx context.Context, _ tap.Position, _ tap.Sink) error { return wait(ctx) },
		scan: func(ctx context.Context, _ string, _ []row.Value, _ int) (tap.Chunk, error) {
			return tap.Chunk{}, wait(ctx)
		},
	})
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { return v.client.Stream(ctx, nil, &collected{}) },
		func(ctx context.Context) error { _, err := v.client.Scan(ctx, "patients", nil, 1); return err },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- call(ctx) }()
		<-began
		cancel()
		if err := <-ended; err != context.Canceled { // itself, as from a tap in this process
			t.Errorf("the call ended with %v", err)
		}
		<-told
		began = make(chan struct{})
	}
}

// TestStreamWaitsForTheOneBefore: a host asks for the next stream while the
// tap still ends the last one.
func TestStreamWaitsForTheOneBefore(t *testing.T) {
	var running, together atomic.Int32
	v := opened(t, &scripted{stream: func(ctx context.Context, _ tap.Position, sink tap.Sink) error {
		if running.Add(1) > 1 {
			together.Add(1)
		}
		defer running.Add(-1)
		for range 3 {
			if err := sink.Commit(tap.Commit{Position: tap.Position("p")}); err != nil {
				<-time.After(20 * time.Millisecond) // it takes its time to end
				return err
			}
		}
		<-ctx.Done()
		<-time.After(20 * time.Millisecond)
		return ctx.Err()
	}})
	for range 4 {
		if err := v.client.Stream(t.Context(), nil, &failing{err: errEnough}); !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
	}
	if together.Load() > 0 {
		t.Error("two streams ran at once")
	}
}

func TestListenEndsWithTheConnectionThatOpened(t *testing.T) {
	s := &scripted{}
	v := opened(t, s)
	other := dial(t, v.socket)
	second, err := tap.NewClient(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Open(t.Context(), tap.Config{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second sidecar opened the tap: %v", err)
	}
	if err := second.Ack(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second sidecar used the tap: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := v.conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-v.ended; err != nil {
		t.Errorf("listen ended with %v", err)
	}
	v.ended <- nil
	if s.closed.Load() != 1 {
		t.Errorf("the tap was closed %d times", s.closed.Load())
	}
}

func TestCallsBeforeOpenAndAfterCloseAreRefused(t *testing.T) {
	s := &scripted{}
	v := serve(t, s)
	if _, err := v.client.Tables(t.Context()); err == nil || !strings.Contains(err.Error(), "not open") {
		t.Errorf("before Open: %v", err)
	}
	if err := v.client.Open(t.Context(), tap.Config{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := v.client.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := v.client.Ack(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after Close: %v", err)
	}
	if s.closed.Load() != 1 {
		t.Errorf("the tap was closed %d times", s.closed.Load())
	}
}

func TestListenRefusesASocketThatOthersReach(t *testing.T) {
	directory := t.TempDir()
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	err := tap.Listen(t.Context(), &scripted{}, filepath.Join(directory, "tap"))
	if err == nil || !strings.Contains(err.Error(), "chmod 0750") {
		t.Errorf("listen: %v", err)
	}
}

func TestListenTakesOnlyAStaleSocketAway(t *testing.T) {
	directory := t.TempDir()
	if err := os.Chmod(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(directory, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tap.Listen(t.Context(), &scripted{}, file); err == nil || !strings.Contains(err.Error(), "another kind of file") {
		t.Errorf("over a file: %v", err)
	}
	socket := filepath.Join(directory, "socket")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if err := tap.Listen(t.Context(), &scripted{}, socket); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("over a live socket: %v", err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tap.Listen(ctx, &scripted{}, socket); err != nil {
		t.Errorf("over a stale socket: %v", err)
	}
}

func TestTapStartedByHandIsToldWhatToDo(t *testing.T) {
	if err := tap.Serve(&scripted{}); err == nil || !strings.Contains(err.Error(), "EMRBCHAIN_TAP_SOCKET") {
		t.Errorf("serve: %v", err)
	}
}

func TestPanicOfATapTellsItsKindAlone(t *testing.T) {
	v := opened(t, &scripted{ack: func(context.Context, tap.Position) error { panic("Ada Lovelace") }})
	err := v.client.Ack(t.Context(), nil)
	var contract *tap.ContractError
	if !errors.As(err, &contract) || strings.Contains(err.Error(), "Ada") || !strings.Contains(err.Error(), "string") {
		t.Errorf("ack: %v", err)
	}
	if err := <-v.ended; !errors.As(err, &contract) {
		t.Errorf("listen ended with %v", err)
	}
	v.ended <- nil
}
