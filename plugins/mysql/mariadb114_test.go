package mysql_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// unplaced are events that do not tell their place in the log: from MariaDB 11.4
// on, all that went through the cache of a transaction.
func unplaced(events ...logEvent) []logEvent {
	for i := range events {
		events[i].unplaced = true
	}
	return events
}

// TestEventsOfMariaDB114NeedNotTellTheirPlace: neither those within a transaction
// nor, should that be so, its last one. Reads have their fences all the same, and
// a resumed stream finds its place.
func TestEventsOfMariaDB114NeedNotTellTheirPlace(t *testing.T) {
	for name, last := range map[string]logEvent{"last told": xid(), "none told": unplaced(xid())[0]} {
		t.Run(name, func(t *testing.T) {
			d := newDouble(t, maria114)
			p := patient(d)
			d.tables["emr.patient"].rows = [][]any{{int64(1), "Ada"}}
			m := d.open("emr.patient")
			r := stream(t, m, nil)
			first := uint32(0)
			for n := range uint64(2) {
				first = d.end
				events := append([]logEvent{mariadbGTID(n + 1)}, unplaced(p.tableMap(), p.rows(writeRowsV1, [][]byte{p.all()}, person(int32(n+1), "Ada")))...)
				d.append(fmt.Sprintf("0-1-%d", n+1), append(events, last)...)
			}
			at := position(r.awaitChanges(t, 2))
			d.set(func() { d.shown = first })
			if _, err := m.Scan(t.Context(), "emr.patient", nil, 10); !errors.Is(err, tap.ErrBusy) {
				t.Errorf("a scan that does not show the last transaction: %v, want ErrBusy", err)
			}
			d.set(func() { d.shown = 0 })
			chunk, err := m.Scan(t.Context(), "emr.patient", nil, 10)
			if err != nil {
				t.Fatal(err)
			}
			events := r.awaitFence(t, chunk.Fence)
			if want := []string{"emr.patient 0-1-1/1: none -> 1,Ada", "emr.patient 0-1-2/1: none -> 2,Ada"}; !cmp.Equal(want, toldOf(events)) {
				t.Errorf("changes %v", toldOf(events))
			}
			r.end(t)
			r = newStream(t)
			r.run(m, at)
			d.append("0-1-3", mariadbGTID(3), p.tableMap(), p.rows(writeRowsV1, [][]byte{p.all()}, person(3, "Joe")), xid())
			events = r.awaitChanges(t, 1)
			if got := toldOf(events); len(gaps(events)) > 0 || got[0] != "emr.patient 0-1-3/1: none -> 3,Joe" || d.from != "0-1-1" {
				t.Errorf("changes %v, gaps %+v, read behind %s", got, gaps(events), d.from)
			}
		})
	}
}

// TestImagesOfFullNodupAreFilledFromTheFirstOne: binlog_row_image=FULL_NODUP leaves
// out of an update's second image what did not change.
func TestImagesOfFullNodupAreFilledFromTheFirstOne(t *testing.T) {
	d := newDouble(t, maria114)
	d.variables["binlog_row_image"] = "FULL_NODUP"
	p := patient(d)
	r := stream(t, d.open("emr.patient"), nil)
	update := func(second byte, before, after []byte) []logEvent {
		return []logEvent{p.tableMap(), p.rows(updateRowsV1, [][]byte{p.all(), {second}}, before, after)}
	}
	events := append([]logEvent{mariadbGTID(1)}, update(2, person(1, "Ada"), image(varchar("Eve")))...)
	events = append(events, update(5, person(1, "Eve"), image(int32Bytes(2), int32Bytes(3)))...)
	events = append(events, update(2, person(2, "Eve"), image(nil))...)
	d.append("0-1-1", append(events, xid())...)
	got := r.awaitChanges(t, 3)
	want := []string{"1,Ada -> 1,Eve", "1,Eve -> 2,Eve", "2,Eve -> 2,NULL"}
	for i := range want {
		want[i] = fmt.Sprintf("emr.patient 0-1-1/%d: %s", i+1, want[i])
	}
	if diff := cmp.Diff(want, toldOf(got)); diff != "" || len(gaps(got)) > 0 {
		t.Errorf("(-want +got):\n%s\ngaps %+v", diff, gaps(got))
	}
}
