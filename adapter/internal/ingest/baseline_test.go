package ingest_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func TestASnapshotTakesEachRowInOnce(t *testing.T) {
	b := newBench(t, 2)
	x := newScripted(newSource(), tap.EveryVersion)
	for id := range int64(5) {
		x.set(id, "v")
	}
	b.run(x)
	b.settle()
	b.stop()
	want := []string{}
	for id := range 5 {
		want = append(want, fmt.Sprintf("insert %d/1 snapshot ", id))
	}
	b.check(0, want...)
	again := newScripted(x.source, tap.EveryVersion)
	b.run(again)
	<-again.from
	b.stop()
	b.check(0, want...)
	b.found()
}

// A snapshot that was cut short goes on where it stopped.
func TestASnapshotGoesOnWhereItStopped(t *testing.T) {
	b := newBench(t, 2)
	x := newScripted(newSource(), tap.EveryVersion)
	for id := range int64(6) {
		x.set(id, "v")
	}
	x.scanned = func(n int) {
		if n == 2 {
			x.fail(errCrash)
		}
	}
	b.run(x)
	if err := b.end(); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	b.check(0, "insert 0/1 snapshot ", "insert 1/1 snapshot ")
	x.set(1, "") // so that a scan from the start would show
	again := newScripted(x.source, tap.EveryVersion)
	b.run(again)
	b.settle()
	b.check(2, "insert 2/1 snapshot ", "insert 3/1 snapshot ", "insert 4/1 snapshot ", "insert 5/1 snapshot ")
	b.stop()
}

// A change that the stream delivers between a chunk's read and its fence is
// the row's, not what the chunk read before it.
func TestTheStreamWinsOverAChunk(t *testing.T) {
	b := newBench(t, 10)
	x := newScripted(newSource(), tap.EveryVersion)
	x.set(1, "a")
	x.set(2, "b")
	x.set(3, "c")
	x.scanned = func(n int) {
		if n == 1 {
			gone := tap.Change{Table: x.table, Op: tap.Delete, Before: cells(2, "b"), EventID: "e2"}
			x.set(1, "aa")
			x.set(2, "")
			x.transaction("p1", x.update(1, "a", "aa", "e1"), gone)
		}
	}
	b.run(x)
	b.settle()
	b.check(0, "update 1/1 stream e1", "delete 2/1 stream e2", "insert 3/1 snapshot ")
	b.found()
	b.holds(x.table, 1, "aa")
	b.stop()
}

// A gap while a table is being taken in: what was read before it is verified.
func TestAGapDuringASnapshotIsVerified(t *testing.T) {
	b := newBench(t, 2)
	x := newScripted(newSource(), tap.EveryVersion)
	for id := range int64(6) {
		x.set(id, "v")
	}
	x.scanned = func(n int) {
		if n == 2 {
			x.set(0, "changed unseen")
			x.gap("p1", "the source lost changes")
		}
	}
	b.run(x)
	b.settle()
	b.found("changed in a gap 0/1 [v]")
	b.holds(x.table, 0, "changed unseen")
	b.stop()
}

// After a gap every deviation is a finding and is recorded as it is now; the
// same gap again finds nothing more.
func TestAGapIsNeverRebaselinedSilently(t *testing.T) {
	b := newBench(t, 2)
	x := newScripted(newSource(), tap.EveryVersion)
	for id := range int64(6) {
		x.set(id, "v")
	}
	b.run(x)
	b.settle()
	x.set(2, "w")
	x.transaction("p1", x.update(2, "v", "w", "e1"))
	b.acked(x, "p1")
	from := b.log.Size()
	x.set(1, "altered")
	x.set(2, "v") // stale
	x.set(3, "")
	x.set(9, "inserted")
	x.gap("p2", "the source lost changes", "t")
	b.settleAfter(x, 1)
	b.found("changed in a gap 1/1 [v]", "changed in a gap 2/2 [v]", "changed in a gap 3/1 []", "changed in a gap 9/0 []")
	b.check(from, "gap", "gap change", "update 1/2 scan ", "gap change", "update 2/3 scan ",
		"gap change", "insert 9/1 scan ", "gap change", "delete 3/2 scan ")
	size := b.log.Size()
	x.gap("p3", "the source lost changes", "t")
	b.settleAfter(x, 2)
	b.check(size, "gap")
	b.stop()
}

// settleAfter waits until so many gaps are recorded and the table is settled.
func (b *bench) settleAfter(x *scripted, gaps int) {
	b.t.Helper()
	b.until(func() bool {
		n := 0
		for _, e := range b.entries(0) {
			if e == "gap" {
				n++
			}
		}
		return n == gaps
	})
	b.settle()
}

// A deviation that an audit found before a gap is not explained by the gap: it
// stays what it is, and the log's version stays the one to compare with.
func TestAGapDoesNotLaunderAnOlderFinding(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	x.set(1, "a")
	x.transaction("p1", x.insert(1, "a", "e1"))
	b.acked(x, "p1")
	x.set(1, "")
	key := row.AppendKey(nil, []row.Value{row.NewInt(1)})
	head, _, err := b.log.Head("t", key)
	if err != nil {
		t.Fatal(err)
	}
	held := findings.Finding{Verdict: findings.Deleted, Table: "t", Key: key, Version: 1, Leaf: head.Index,
		LastGood: findings.Moment{Time: 1}, FirstBad: findings.Moment{Time: 2}}
	err = b.log.Update(func(batch *recordlog.Batch) error {
		_, err := findings.Open(b.log, batch, held)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	x.gap("p2", "the source lost changes", "t")
	b.settleAfter(x, 1)
	b.found("deleted 1/1 []")
	if now, _, _ := b.log.Head("t", key); now != head {
		t.Errorf("the log's latest version became %+v", now)
	}
	b.stop()
}

// A change that the stream delivers while a suspect is judged is the stream's.
func TestAVerificationLeavesWhatStreams(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	x.set(1, "a")
	x.set(2, "b")
	x.transaction("p1", x.insert(1, "a", "e1"), x.insert(2, "b", "e2"))
	b.acked(x, "p1")
	x.scans = 0
	x.scanned = func(n int) {
		if n == 1 {
			x.set(1, "aa")
			x.set(3, "c")
			x.transaction("p3", x.update(1, "a", "aa", "e3"), x.insert(3, "c", "e4"))
		}
	}
	x.gap("p2", "the source lost changes", "t")
	b.settleAfter(x, 1)
	b.found()
	b.holds(x.table, 1, "aa")
	b.stop()
}

// Another gap while a table is verified: it stays suspect until a verification
// began after the last gap.
func TestAGapDuringAVerificationIsVerifiedToo(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	x.set(1, "a")
	x.transaction("p1", x.insert(1, "a", "e1"))
	b.acked(x, "p1")
	x.scans = 0
	x.scanned = func(n int) {
		if n == 1 {
			x.set(1, "changed after it was read")
			x.gap("p3", "the source lost changes", "t")
		}
	}
	x.gap("p2", "the source lost changes", "t")
	b.settleAfter(x, 2)
	b.found("changed in a gap 1/1 [v]")
	b.stop()
}

// A table that gained a column keeps its history: rows are compared by the
// columns that were recorded.
func TestAColumnAddedIsNoAlteration(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	x.set(1, "a")
	x.set(2, "b")
	x.transaction("p1", x.insert(1, "a", "e1"), x.insert(2, "b", "e2"))
	b.acked(x, "p1")
	old := x.table
	wider := *old
	wider.Columns = append(append([]row.Column(nil), old.Columns...), row.Column{Name: "w", Type: row.Text})
	x.mu.Lock()
	x.table = &wider
	x.rows[2] = "forged"
	x.mu.Unlock()
	x.events <- func(s tap.Sink) error {
		return s.Schema(tap.SchemaChange{Position: tap.Position("p2"), Table: &wider, Rewritten: true, Statement: "ALTER"})
	}
	after := tap.Change{Table: &wider, Op: tap.Update, Before: x.cells(1), After: append(cells(1, "a"), row.Null()), EventID: "e3"}
	x.transaction("p3", after)
	b.acked(x, "p3")
	b.settle()
	b.found("changed in a gap 2/1 [v]")
	head, _, err := b.log.Head("t", row.AppendKey(nil, []row.Value{row.NewInt(1)}))
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.log.Entry(head.Index)
	if err != nil || len(e.Header.Columns) != 3 || e.Header.Version != 2 || e.Header.Op != commit.Update {
		t.Errorf("latest version %+v, %v", e.Header, err)
	}
	b.stop()
}

func TestReadsWithoutATapSaySo(t *testing.T) {
	b := newBench(t, 0)
	if _, _, err := b.ingest.Scan(t.Context(), "t", nil, 1); !errors.Is(err, ingest.ErrDetached) {
		t.Errorf("scan: %v", err)
	}
	x := newScripted(newSource(), tap.EveryVersion)
	b.run(x)
	b.settle()
	x.scanned = func(int) { x.fail(errCrash) }
	if _, _, err := b.ingest.Fetch(t.Context(), "t", [][]row.Value{{row.NewInt(1)}}); !errors.Is(err, ingest.ErrDetached) {
		t.Errorf("a read whose fence never comes: %v", err)
	}
	if err := b.end(); !errors.Is(err, errCrash) {
		t.Error(err)
	}
}

// TestReadsWaitForABusySource: an audit that meets one goes on in its place.
func TestReadsWaitForABusySource(t *testing.T) {
	b := newBench(t, 0)
	x := newScripted(newSource(), tap.EveryVersion)
	b.run(x)
	b.settle()
	x.mu.Lock()
	x.busy = 1
	x.mu.Unlock()
	if _, _, err := b.ingest.Scan(t.Context(), "t", nil, 1); err != nil {
		t.Errorf("scan of a source that was busy once: %v", err)
	}
	b.stop()
}
