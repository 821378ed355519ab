package ingest_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// check compares what the log holds from an index on.
func (b *bench) check(from uint64, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.entries(from)); diff != "" {
		b.t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func (b *bench) found(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.findings()); diff != "" {
		b.t.Errorf("findings (-want +got):\n%s", diff)
	}
}

var errCrash = errors.New("the tap crashed")

// start attaches a tap to an empty source and waits until it is taken in.
func start(t *testing.T, a tap.Assurance) (*bench, *scripted) {
	t.Helper()
	b := newBench(t, 0)
	x := newScripted(newSource(), a)
	b.run(x)
	x.transaction("p0")
	b.settle()
	b.acked(x, "p0")
	return b, x
}

func TestWhatTheStreamSaysIsLoggedOnceInOrder(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	from := b.log.Size()
	moved := x.update(2, "b", "c", "e3")
	moved.After = cells(3, "c")
	gone := tap.Change{Table: x.table, Op: tap.Delete, Before: cells(1, "aa"), EventID: "e5"}
	x.transaction("p1", x.insert(1, "a", "e1"), x.insert(2, "b", "e2"), moved)
	x.transaction("p2", x.update(1, "a", "aa", "e4"), gone, x.insert(1, "new", "e6"))
	b.acked(x, "p2")
	b.check(from, "insert 1/1 stream e1", "insert 2/1 stream e2", "delete 2/2 stream e3", "insert 3/1 stream e3",
		"update 1/2 stream e4", "delete 1/3 stream e5", "insert 1/4 stream e6")
	b.found()
	b.holds(x.table, 1, "new")
	b.stop()
}

func TestAnAckComesAfterTheBatch(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	var durable []uint64
	x.onAck = func() { durable = append(durable, b.log.Size()) }
	from := b.log.Size()
	for n := range 5 {
		x.transaction(fmt.Sprintf("q%d", n), x.insert(int64(n), "v", fmt.Sprintf("e%d", n)))
		b.acked(x, fmt.Sprintf("q%d", n))
		if got := durable[len(durable)-1]; got < from+uint64(n)+1 {
			t.Errorf("acknowledged %d of %d changes that the log does not hold yet", n+1, got-from)
		}
	}
	b.stop()
}

// A transaction that was logged in part is delivered again after a crash: what
// is logged is passed over.
func TestAReplayedPartOfATransactionIsLoggedOnce(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	from := b.log.Size()
	whole := []tap.Change{x.insert(1, "a", "e1"), x.insert(2, "b", "e2"), x.insert(3, "c", "e3"), x.insert(4, "d", "e4")}
	b.crashInside(x, whole[:3])
	again := newScripted(x.source, tap.EveryVersion)
	b.run(again)
	if p := <-again.from; string(p) != "p0" {
		t.Fatalf("resumed from %q", p)
	}
	again.transaction("p1", whole...)
	b.acked(again, "p1")
	b.check(from, "insert 1/1 stream e1", "insert 2/1 stream e2", "insert 3/1 stream e3", "insert 4/1 stream e4")
	if inside, err := ingest.InTransaction(b.log); inside || err != nil {
		t.Errorf("in a transaction after its commit: %v, %v", inside, err)
	}
	b.stop()
}

// crashInside has the tap crash once some changes of an open transaction are
// logged.
func (b *bench) crashInside(x *scripted, part []tap.Change) {
	b.t.Helper()
	want := b.log.Size() + uint64(len(part))
	x.changes(part...)
	b.until(func() bool { return b.log.Size() == want })
	x.fail(errCrash)
	if err := b.end(); !errors.Is(err, errCrash) {
		b.t.Fatalf("ended with %v", err)
	}
	if inside, err := ingest.InTransaction(b.log); !inside || err != nil {
		b.t.Fatalf("not in a transaction: %v", err)
	}
}

// A source that was restored may reuse the name of a transaction that is
// logged in part. It is noticed, and the table is verified.
func TestAnotherTransactionThanWasLoggedInPartIsAGap(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	from := b.log.Size()
	b.crashInside(x, []tap.Change{x.insert(1, "a", "e1"), x.insert(2, "b", "e2")})
	other := []tap.Change{x.insert(5, "x", "e1"), x.insert(6, "y", "f2"), x.insert(7, "z", "f3")}
	second := newScripted(x.source, tap.EveryVersion)
	b.run(second)
	second.transaction("p1", other...)
	if err := b.end(); err == nil {
		t.Fatal("no error")
	}
	b.check(from, "insert 1/1 stream e1", "insert 2/1 stream e2", "gap")
	for id, v := range map[int64]string{5: "x", 6: "y", 7: "z"} {
		x.set(id, v)
	}
	third := newScripted(x.source, tap.EveryVersion)
	third.transaction("p1", other...)
	b.run(third)
	if p := <-third.from; string(p) != "p0" {
		t.Errorf("resumed from %q", p)
	}
	b.acked(third, "p1")
	b.settle()
	b.found("changed in a gap 1/1 []", "changed in a gap 2/1 []")
	for id, v := range map[int64]string{5: "x", 6: "y", 7: "z"} {
		b.holds(x.table, id, v)
	}
	b.stop()
}

// A position that the source cannot resume from is a gap for all tables, and
// the stream goes on from now.
func TestALostPositionIsAGap(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	x.set(1, "a")
	x.transaction("p1", x.insert(1, "a", "e1"))
	b.acked(x, "p1")
	b.stop()
	from := b.log.Size()
	x.set(1, "unseen")
	x.set(2, "also unseen")
	lost := newScripted(x.source, tap.EveryVersion)
	lost.fail(fmt.Errorf("purged: %w", tap.ErrPosition))
	b.run(lost)
	if err := b.end(); !errors.Is(err, tap.ErrPosition) {
		t.Fatalf("ended with %v", err)
	}
	b.check(from, "gap")
	fresh := newScripted(x.source, tap.EveryVersion)
	b.run(fresh)
	if p := <-fresh.from; p != nil {
		t.Errorf("resumed from %q, not from now", p)
	}
	fresh.transaction("p9")
	b.settle()
	b.found("changed in a gap 1/1 [v]", "changed in a gap 2/0 []")
	b.holds(x.table, 1, "unseen")
	b.stop()
}

// What a last-version tap repeats makes no entry; what it says anew makes one.
func TestALastVersionTapMayRepeatItself(t *testing.T) {
	b, x := start(t, tap.LastVersion)
	from := b.log.Size()
	put := func(v, event string) tap.Change {
		return tap.Change{Table: x.table, Op: tap.Put, After: cells(1, v), EventID: event}
	}
	gone := tap.Change{Table: x.table, Op: tap.Delete, Key: []row.Value{row.NewInt(1)}, EventID: "o5"}
	never := tap.Change{Table: x.table, Op: tap.Delete, Key: []row.Value{row.NewInt(8)}, EventID: "o6"}
	x.transaction("p1", put("a", "o1"), put("a", "o2"))
	x.transaction("p2", put("b", "o3"), gone, gone, never)
	x.transaction("p3", put("b", "o7"))
	b.acked(x, "p3")
	b.check(from, "insert 1/1 fetch o1", "update 1/2 fetch o3", "delete 1/3 fetch o5", "insert 1/4 fetch o7")
	b.found()
	b.stop()
}

// A before-image that is not the last version shows an unrecorded change.
func TestABrokenHistoryIsFound(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	x.transaction("p1", x.insert(1, "a", "e1"), x.insert(2, "b", "e2"))
	x.transaction("p2", x.update(1, "forged", "c", "e3"), x.insert(2, "again", "e4"), x.update(3, "unknown", "d", "e5"))
	b.acked(x, "p2")
	b.found("history broken 1/1 [v]", "history broken 2/1 []", "history broken 3/0 []")
	b.holds(x.table, 1, "c")
	b.stop()
}
