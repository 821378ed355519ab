package wire_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fence adds an event of so many bytes that can be told from others.
func fence(id uint64, size int) func(*tapv1.Batch) (int, error) {
	return func(b *tapv1.Batch) (int, error) {
		b.Events = append(b.Events, &tapv1.Event{Event: &tapv1.Event_Fence{Fence: &tapv1.Fence{Id: id}}})
		return size, nil
	}
}

func ids(b *tapv1.Batch) []uint64 {
	var out []uint64
	for _, e := range b.Events {
		out = append(out, e.GetFence().GetId())
	}
	return out
}

func TestBatcherKeepsOrderAndLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(0, 200<<10), 0, 60).Draw(t, "sizes")
		b := wire.NewBatcher()
		var got []uint64
		sent := make(chan error, 1)
		go func() {
			sent <- b.Send(context.Background(), func(batch *tapv1.Batch) error {
				got = append(got, ids(batch)...)
				return nil
			})
		}()
		var want []uint64
		for i, size := range sizes {
			if err := b.Add(context.Background(), fence(uint64(i), size)); err != nil {
				t.Fatal(err)
			}
			want = append(want, uint64(i))
		}
		b.Close()
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(want, got) {
			t.Fatalf("added %v, sent %v", want, got)
		}
	})
}

// TestBatcherBlocksWhileASendIsUnderWay: there is one batch under way and one
// filling, and no third.
func TestBatcherBlocksWhileASendIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := wire.NewBatcher()
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_ = b.Send(ctx, func(*tapv1.Batch) error { // it ends with ctx
				<-release
				return nil
			})
		}()
		added := 0
		go func() {
			for b.Add(ctx, fence(0, 64<<10)) == nil {
				added++
			}
		}()
		synctest.Wait()
		if most := 2*wire.BatchBytes/(64<<10) + 1; added > most || added < 3 {
			t.Errorf("%d events were taken, %d at most fit", added, most)
		}
		close(release)
		cancel()
		synctest.Wait()
	})
}

// TestBatcherSendsAtOnceWhenTheTapPauses: an event does not wait for others.
func TestBatcherSendsAtOnceWhenTheTapPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := wire.NewBatcher()
		var sizes []int
		go func() {
			_ = b.Send(t.Context(), func(batch *tapv1.Batch) error {
				sizes = append(sizes, len(batch.Events))
				return nil
			})
		}()
		for range 3 {
			if err := b.Add(t.Context(), fence(1, 1)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		b.Close()
		synctest.Wait()
		if !slices.Equal(sizes, []int{1, 1, 1}) {
			t.Errorf("batches of %v events", sizes)
		}
	})
}

func TestBatcherTellsWhySendingFailed(t *testing.T) {
	errBroken := errors.New("broken")
	b := wire.NewBatcher()
	sent := make(chan error, 1)
	go func() { sent <- b.Send(t.Context(), func(*tapv1.Batch) error { return errBroken }) }()
	var err error
	for err == nil {
		err = b.Add(t.Context(), fence(1, 1))
	}
	if !errors.Is(err, errBroken) || !errors.Is(<-sent, errBroken) {
		t.Errorf("add: %v", err)
	}
}

func TestCellReaderIsStrict(t *testing.T) {
	good := row.AppendCells(nil, []row.Value{row.NewInt(1), row.Null()})
	for name, test := range map[string]struct {
		input []byte
		cells int
	}{
		"too few":       {good, 3},
		"too many":      {good, 1},
		"cut":           {good[:3], 2},
		"long form":     {append([]byte{0x98, 0x02}, good[1:]...), 2},
		"not an array":  {[]byte{0x01}, 1},
		"claims a lot":  {[]byte{0x9b, 0, 0, 0, 1, 0, 0, 0, 0}, 1 << 32},
		"unknown type":  {[]byte{0x81, 0x82, 0x18, 0x63, 0x00}, 1},
		"nothing there": {nil, 1},
	} {
		if _, err := wire.NewCellReader(test.input, test.cells).Next(test.cells); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	r := wire.NewCellReader(append(good, 0), 2)
	if _, err := r.Next(2); err != nil {
		t.Fatal(err)
	}
	if r.Done() == nil {
		t.Error("what is left over is accepted")
	}
}

func TestFailureIsToldFromAnErrorOfTheConnection(t *testing.T) {
	if wire.FailureOf(status.Error(codes.Unavailable, "x")) != nil || wire.FailureOf(errors.New("x")) != nil {
		t.Error("a failure is found where there is none")
	}
	err := wire.Status(&tapv1.Failure{Message: "m", Kinds: []tapv1.Failure_Kind{tapv1.Failure_KIND_BUSY}})
	if f := wire.FailureOf(err); f.GetMessage() != "m" || len(f.GetKinds()) != 1 {
		t.Errorf("got %v", f)
	}
}

func TestFailureFitsAHeader(t *testing.T) {
	f := &tapv1.Failure{Message: strings.Repeat("é", 1<<20)}
	for i := range 5000 {
		f.Problems = append(f.Problems, &tapv1.Problem{Thing: fmt.Sprint(i), Reason: strings.Repeat("x", 10_000)})
	}
	got := wire.FailureOf(wire.Status(f))
	size := len(got.Message)
	for _, p := range got.Problems {
		size += len(p.Thing) + len(p.Reason) + len(p.Mend)
	}
	if size > 256<<10 || len(got.Problems) < 10 {
		t.Errorf("%d problems in %d bytes", len(got.Problems), size)
	}
}
