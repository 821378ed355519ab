package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// keylessChart is a chart of which no key names the rows.
func keylessChart() *chart {
	x := newChart(tap.EveryVersion)
	x.table.Key = nil
	return x
}

// verdicts writes the open findings: verdict, columns.
func (b *bench) verdicts() (list []string) {
	b.t.Helper()
	err := findings.Each(b.log, func(f *findings.Finding) error {
		line := string(f.Verdict)
		for _, c := range f.Columns {
			line += " " + c
		}
		list = append(list, line)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// TestARowWithoutAKeyIsJudgedByTheRules: an update of it is no deletion, and its new
// form is no late entry.
func TestARowWithoutAKeyIsJudgedByTheRules(t *testing.T) {
	b, x := chartBench(t), keylessChart()
	b.run(x)
	b.settle()
	signed := b.result(1, day, "signed", 1, 0)
	b.logged(x, "p1", x.insertRow(signed, "e1"), x.insertRow(b.result(2, 400*day, "new", 1, 0), "e2"))
	if got := b.verdicts(); !slices.Equal(got, []string{"late entry taken"}) {
		t.Fatalf("findings %q", got)
	}
	void, other := slices.Clone(signed), slices.Clone(signed)
	void[4] = row.NewInt(1)
	b.logged(x, "p2", x.updateRow(signed, void, "e3"))
	if got := b.verdicts(); len(got) != 1 {
		t.Errorf("a change that may be made: %q", got)
	}
	other[3], other[4] = row.NewInt(2), row.NewInt(1)
	b.logged(x, "p3", x.updateRow(void, other, "e4"))
	if got := b.verdicts(); !slices.Equal(got, []string{"changed after final value", "late entry taken"}) {
		t.Errorf("a change after final: %q", got)
	}
	b.logged(x, "p4", tap.Change{Table: x.table, Op: tap.Delete, Before: other, EventID: "e5"})
	if got := b.verdicts(); len(got) != 3 {
		t.Errorf("a deletion after final: %q", got)
	}
}

// TestATableWithoutAKeyIsTakenInWhileItChanges: what is told while it is read is
// counted once, whether the reading saw it or not.
func TestATableWithoutAKeyIsTakenInWhileItChanges(t *testing.T) {
	for _, seen := range []bool{false, true} {
		b, x := newBench(t, 10), keylessChart()
		same, other := b.result(1, day, "", 1, 0), b.result(2, day, "", 1, 0)
		x.rows = map[int64][]row.Value{1: same, 2: same, 3: other}
		if seen {
			x.rows = map[int64][]row.Value{1: same, 2: same, 4: same}
		}
		x.scanned = func(n int) {
			if n == 1 { // the first reading saw it, or did not
				x.transaction("p1", x.insertRow(same, "e1"), tap.Change{Table: x.table, Op: tap.Delete, Before: other, EventID: "e2"})
				x.rows = map[int64][]row.Value{1: same, 2: same, 4: same}
			}
		}
		b.run(x)
		b.settle()
		x.scanned = nil
		x.gap("p2", "to have it verified", "t")
		x.transaction("p3")
		b.acked(x.scripted, "p3")
		b.settle()
		if got := b.verdicts(); len(got) != 0 {
			t.Errorf("seen %v: findings %q", seen, got)
		}
		b.stop()
	}
}

// TestATableThatCannotBeReadInPeaceIsLeftAlone: the rows that must be counted change
// during each reading, so the others need not wait for an end of it.
func TestATableThatCannotBeReadInPeaceIsLeftAlone(t *testing.T) {
	for _, known := range []bool{false, true} {
		b, x := newBench(t, 10), keylessChart()
		same := b.result(1, day, "", 1, 0)
		x.rows = map[int64][]row.Value{1: same, 2: same}
		busy := func(n int) {
			event := fmt.Sprint("e", n)
			x.transaction(event, x.insertRow(same, event))
			x.rows[int64(100+n)] = same
		}
		if !known {
			x.scanned = busy
		}
		b.run(x)
		if known { // and are given other keys
			b.settle()
			now := *x.table
			now.Columns = slices.Clone(now.Columns)
			now.Columns[3].Name = "amount"
			x.mu.Lock()
			x.table, x.scanned = &now, busy
			x.mu.Unlock()
			x.events <- func(s tap.Sink) error {
				return s.Schema(tap.SchemaChange{Position: tap.Position("p1"), Table: &now, Statement: "ALTER TABLE", Moved: []tap.Moved{{From: "value", To: "amount"}}})
			}
		}
		b.until(func() bool {
			c := b.coverage("t")
			return (c.Since != 0) == known && c.Suspect == known && strings.Contains(c.Problem, "in each of 300 readings")
		})
		b.stop()
	}
}

// A lateStart is a tap whose stream takes a while to tell where it begins.
type lateStart struct {
	*scripted
	begun, early chan struct{}
}

// Stream implements tap.Tap.
func (x *lateStart) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	select {
	case <-x.early:
	case <-time.After(100 * time.Millisecond):
	}
	close(x.begun)
	return x.scripted.Stream(ctx, from, sink)
}

// Scan implements tap.Tap.
func (x *lateStart) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	select {
	case <-x.begun:
	default:
		close(x.early)
	}
	return x.scripted.Scan(ctx, table, after, limit)
}

// TestNothingIsReadBeforeTheStreamHasBegun: nobody would tell what changed between.
func TestNothingIsReadBeforeTheStreamHasBegun(t *testing.T) {
	b, x := newBench(t, 10), &lateStart{newScripted(newSource(), tap.EveryVersion), make(chan struct{}), make(chan struct{})}
	b.run(x)
	b.settle()
	select {
	case <-x.early:
		t.Error("the table was read before the stream had told where it begins")
	default:
	}
}
