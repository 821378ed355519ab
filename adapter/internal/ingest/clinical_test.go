package ingest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/clinical"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// chart is a scripted tap of one table: id, taken, status, value, voided.
type chart struct {
	*scripted
	rows map[int64][]row.Value
}

func newChart(a tap.Assurance) *chart {
	x := &chart{scripted: newScripted(newSource(), a), rows: make(map[int64][]row.Value)}
	x.table = &tap.Table{Name: "t", Key: []int{0}, Columns: []row.Column{{Name: "id", Type: row.Int},
		{Name: "taken", Type: row.DateTime}, {Name: "status", Type: row.Text}, {Name: "value", Type: row.Int}, {Name: "voided", Type: row.Int}}}
	return x
}

// Scan implements tap.Tap. The table is one chunk.
func (x *chart) Scan(context.Context, string, []row.Value, int) (tap.Chunk, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	chunk := tap.Chunk{Table: x.table, Last: true}
	for _, id := range slices.Sorted(maps.Keys(x.rows)) {
		chunk.Rows = append(chunk.Rows, tap.Row{Cells: x.rows[id]})
	}
	return x.read(chunk), nil
}

// result is a row taken so many hours before the bench's clock stands.
func (b *bench) result(id int64, ago time.Duration, status string, value, voided int64) []row.Value {
	taken, err := row.NewDateTime([]byte(b.now.Add(-ago).UTC().Format("2006-01-02 15:04:05")))
	if err != nil {
		b.t.Fatal(err)
	}
	return []row.Value{row.NewInt(id), taken, row.NewText("utf8", []byte(status)), row.NewInt(value), row.NewInt(voided)}
}

func (x *chart) insertRow(after []row.Value, event string) tap.Change {
	return tap.Change{Table: x.table, Op: tap.Insert, After: after, EventID: event}
}

func (x *chart) updateRow(before, after []row.Value, event string) tap.Change {
	return tap.Change{Table: x.table, Op: tap.Update, Before: before, After: after, EventID: event}
}

const day = 24 * time.Hour

// chartBench is a bench whose table has rules: late after 7 days, final by its
// status or 30 days after it was taken; that a row is void may still be said.
func chartBench(t *testing.T) *bench {
	b := newBench(t, 10)
	b.open(ingest.Options{Mappings: []rows.Mapping{{Table: "t"}}, Logger: zerolog.Nop(),
		Now: func() time.Time { return b.now },
		Rules: []clinical.Rules{{Table: "t", Date: "taken", LateAfter: 7 * day, Final: clinical.Final{
			Column: "status", Values: []string{"signed", "final"}, After: 30 * day, MayChange: []string{"voided"}}}}})
	return b
}

// moments demands both moments of each open finding, in order.
func (b *bench) moments(want ...string) {
	b.t.Helper()
	var got []string
	err := findings.Each(b.log, func(f *findings.Finding) error {
		since := func(ms int64) time.Duration { return b.now.Sub(time.UnixMilli(ms)) }
		got = append(got, fmt.Sprintf("%s %d %v, good %s ago, bad %s ago", f.Verdict, f.Version, f.Columns,
			since(f.LastGood.Time), since(f.FirstBad.Time)))
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// logged attaches a tap, waits until its table is taken in and a transaction is
// logged, an hour after what came before.
func (b *bench) logged(x *chart, position string, changes ...tap.Change) {
	b.t.Helper()
	b.now = b.now.Add(time.Hour)
	x.transaction(position, changes...)
	b.acked(x.scripted, position)
}

func TestAnEntryLongAfterItsClinicalDateIsFound(t *testing.T) {
	b, x := chartBench(t), newChart(tap.EveryVersion)
	x.rows[1] = b.result(1, 400*day, "new", 1, 0) // of before the installation: nothing is claimed
	b.run(x)
	b.settle()
	b.logged(x, "p1", x.insertRow(b.result(2, 7*day, "new", 1, 0), "e1"))
	b.moments()
	late := b.result(3, 8*day, "new", 1, 0)
	b.logged(x, "p2", x.insertRow(late, "e2"))
	b.moments("late entry 1 [taken], good 1h0m0s ago, bad 0s ago")
	b.logged(x, "p3", x.updateRow(late, slices.Concat(late[:3], []row.Value{row.NewInt(2), late[4]}), "e3"))
	b.moments("late entry 1 [taken], good 2h0m0s ago, bad 1h0m0s ago") // its date was not moved
	b.stop()
	if kinds := b.entries(1); !slices.Contains(kinds, "late entry") {
		t.Errorf("the finding is in no entry: %v", kinds)
	}
}

// The clock of the row's own time zone is nobody's knowledge: up to half a day
// and the rest of the date's day are given.
func TestAClinicalDateIsReadAsLateAsItCanMean(t *testing.T) {
	for ago, late := range map[time.Duration]bool{7*day + 11*time.Hour: false, 7*day + 13*time.Hour: true} {
		b, x := chartBench(t), newChart(tap.EveryVersion)
		b.run(x)
		b.settle()
		b.now = b.now.Add(-time.Hour) // logged adds it
		b.logged(x, "p1", x.insertRow(b.result(2, ago-time.Hour, "new", 1, 0), "e1"))
		if found := len(b.findings()) > 0; found != late {
			t.Errorf("%s before: found %v, want %v", ago, found, late)
		}
		b.stop()
	}
}

// What was entered in time while the sidecar stood still is no late entry when
// the sidecar catches up; what was late by then already is one.
func TestAnOutageOfTheSidecarMakesNoLateEntry(t *testing.T) {
	b, x := chartBench(t), newChart(tap.EveryVersion)
	b.run(x)
	b.settle()
	b.logged(x, "p1", x.insertRow(b.result(1, day, "new", 1, 0), "e1"))
	b.stop()
	stopped := b.now
	b.now = b.now.Add(20 * day)
	again := newChart(tap.EveryVersion)
	held := make(chan struct{})
	again.scanned = func(int) { <-held } // the stream has not caught up before this read's fence
	b.run(again)
	inTime, late := again.insertRow(b.result(2, 18*day, "new", 1, 0), "e2"), again.insertRow(b.result(3, 29*day, "new", 1, 0), "e3")
	pretended := again.insertRow(b.result(4, 12*day, "new", 1, 0), "e4")
	inTime.Time = stopped.Add(2 * day)
	honest := again.insertRow(b.result(5, 0, "new", 1, 0), "e5")
	honest.Time = stopped.Add(18 * day)
	pretended.Time = stopped.Add(day) // a session may set its time back
	again.transaction("p2", inTime)
	again.transaction("p3", late)
	again.transaction("p4", honest, pretended)
	b.acked(again.scripted, "p4")
	b.moments("late entry 1 [taken], good 480h0m0s ago, bad 0s ago", "late entry 1 [taken], good 480h0m0s ago, bad 0s ago")
	close(held)
	b.settle()
	b.stop()
}

// Moving the date of a row into the past is as good as entering it late.
func TestAClinicalDateMovedIntoThePastIsFound(t *testing.T) {
	b, x := chartBench(t), newChart(tap.EveryVersion)
	x.rows[1] = b.result(1, day, "new", 1, 0)
	b.run(x)
	b.settle()
	entered, moved := b.result(2, day, "new", 1, 0), b.result(2, 20*day, "new", 1, 0)
	b.logged(x, "p1", x.insertRow(entered, "e1"))
	b.logged(x, "p2", x.updateRow(entered, moved, "e2"), x.updateRow(moved, b.result(2, 19*day, "new", 1, 0), "e3"))
	b.logged(x, "p3", x.updateRow(x.rows[1], b.result(1, 60*day, "new", 1, 0), "e4")) // was there before anything was seen
	b.moments("late entry 2 [taken], good 2h0m0s ago, bad 1h0m0s ago", "late entry 3 [taken], good 1h0m0s ago, bad 1h0m0s ago")
	b.stop()
}

// A tap that tells only how rows stand says what is new once the table is taken
// in, and not before.
func TestALateEntryOfATapOfLastVersions(t *testing.T) {
	b, x := chartBench(t), newChart(tap.LastVersion)
	b.run(x)
	b.settle()
	put := func(cells []row.Value) tap.Change { return tap.Change{Table: x.table, Op: tap.Put, After: cells} }
	b.logged(x, "p1", put(b.result(2, 9*day, "new", 1, 0)), put(b.result(3, day, "new", 1, 0)))
	b.logged(x, "p2", put(b.result(3, 60*day, "new", 1, 0)))
	b.moments("late entry 1 [taken], good 2h0m0s ago, bad 1h0m0s ago", "late entry 2 [taken], good 1h0m0s ago, bad 0s ago")
	b.stop()
}

func TestAChangeAfterFinalIsFound(t *testing.T) {
	b, x := chartBench(t), newChart(tap.EveryVersion)
	x.rows[1] = b.result(1, day, "signed", 5, 0)
	x.rows[2] = b.result(2, day, "draft", 5, 0)
	x.rows[3] = b.result(3, 40*day, "draft", 5, 0)
	x.rows[4] = b.result(4, day, "final", 5, 0)
	b.run(x)
	b.settle()
	changed := func(id int64, ago time.Duration, status string, value, voided int64, event string) tap.Change {
		after := slices.Clone(x.rows[id])
		after[2], after[3], after[4] = row.NewText("utf8", []byte(status)), row.NewInt(value), row.NewInt(voided)
		c := x.updateRow(x.rows[id], after, event)
		x.rows[id] = after
		return c
	}
	b.logged(x, "p1", changed(2, day, "draft", 6, 0, "e1"), changed(1, day, "signed", 5, 1, "e2"))
	b.moments() // a draft, and what may change
	b.logged(x, "p2", changed(2, day, "signed", 6, 0, "e3"), changed(1, day, "signed", 7, 1, "e4"), changed(3, 40*day, "draft", 6, 0, "e5"))
	b.moments("changed after final 2 [value], good 1h0m0s ago, bad 0s ago", "changed after final 1 [value], good 2h0m0s ago, bad 0s ago")
	b.logged(x, "p3", changed(2, day, "draft", 9, 0, "e6"), tap.Change{Table: x.table, Op: tap.Delete, Before: x.rows[4], EventID: "e7"})
	b.moments("changed after final 2 [value], good 2h0m0s ago, bad 1h0m0s ago", "changed after final 1 [value], good 3h0m0s ago, bad 1h0m0s ago",
		"changed after final 3 [status value], good 1h0m0s ago, bad 0s ago", "changed after final 1 [], good 3h0m0s ago, bad 0s ago")
	b.stop()
}

// A row that gets another key, and one that a tap of last versions tells of while
// its table is being taken in, are not new.
func TestWhatIsNotNewIsNoLateEntry(t *testing.T) {
	b, x := chartBench(t), newChart(tap.EveryVersion)
	x.rows[1] = b.result(1, 20*day, "new", 1, 0)
	b.run(x)
	b.settle()
	b.logged(x, "p1", x.updateRow(x.rows[1], b.result(9, 20*day, "new", 1, 0), "e1"))
	b.moments()
	b.stop()

	b, x = chartBench(t), newChart(tap.LastVersion)
	x.rows[1] = b.result(1, 20*day, "new", 1, 0)
	x.scanned = func(n int) {
		if n == 2 { // the first read of the snapshot
			x.transaction("p1", tap.Change{Table: x.table, Op: tap.Put, After: x.rows[1]})
		}
	}
	b.run(x)
	b.settle()
	b.moments()
	b.check(0, "insert 1/1 fetch ")
	b.stop()
}

// What is said of a recorded entry does not hide that its row went unrecorded.
func TestALateEntryDoesNotHideADeletionInAGap(t *testing.T) {
	b, x := chartBench(t), newChart(tap.EveryVersion)
	b.run(x)
	b.settle()
	b.logged(x, "p1", x.insertRow(b.result(3, 20*day, "new", 1, 0), "e1"))
	x.gap("p2", "some changes are missing")
	b.until(func() bool { return len(b.findings()) == 2 })
	b.moments("late entry 1 [taken], good 1h0m0s ago, bad 0s ago", "changed in a gap 1 [], good 0s ago, bad 0s ago")
	b.stop()
}

// That a version was final is told by its digests, whatever the source says that
// the row was before.
func TestAFinalRowThatWasUnfinishedUnrecordedIsFound(t *testing.T) {
	b, x := chartBench(t), newChart(tap.EveryVersion)
	x.rows[1] = b.result(1, day, "final", 5, 0)
	b.run(x)
	b.settle()
	b.logged(x, "p1", x.updateRow(b.result(1, day, "draft", 5, 0), b.result(1, day, "draft", 6, 0), "e1"))
	b.stop()
	found := b.findings()
	if !slices.Contains(found, "changed after final 1/1 [status value]") {
		t.Errorf("found %v", found)
	}
}

func TestRulesThatDoNotFitATableAreRefusedByName(t *testing.T) {
	for want, r := range map[string]clinical.Rules{
		`no column "date"`:                    {Date: "date"},
		`no column "state"`:                   {Final: clinical.Final{Column: "state"}},
		`no column "void"`:                    {Final: clinical.Final{Column: "status", MayChange: []string{"void"}}},
		"is of type int, which holds no":      {Date: "value"},
		`value 2 of its final rule can never`: {Final: clinical.Final{Column: "value", Values: []string{"1", "final"}}},
	} {
		r.Table, r.LateAfter = "t", day
		b := newBench(t, 10)
		b.open(ingest.Options{Mappings: []rows.Mapping{{Table: "t"}}, Logger: zerolog.Nop(), Rules: []clinical.Rules{r}})
		b.run(newChart(tap.EveryVersion))
		if err := b.end(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "table t") {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
