package ingest_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// numbered is a tap of a table whose rows have two numbers, either of which may
// be the key. It reads them all at once.
type numbered struct {
	*scripted
	list [][]row.Value
}

func newNumbered() *numbered {
	x := &numbered{scripted: newScripted(newSource(), tap.EveryVersion)}
	x.table.Columns = []row.Column{{Name: "id", Type: row.Int}, {Name: "n", Type: row.Int}}
	return x
}

func numbers(id, n int64) []row.Value { return []row.Value{row.NewInt(id), row.NewInt(n)} }

// Scan implements tap.Tap.
func (x *numbered) Scan(context.Context, string, []row.Value, int) (tap.Chunk, error) {
	return x.some(func([]row.Value) bool { return true }), nil
}

// Fetch implements tap.Tap.
func (x *numbered) Fetch(_ context.Context, _ string, keys [][]row.Value) (tap.Chunk, error) {
	return x.some(func(key []row.Value) bool {
		return slices.ContainsFunc(keys, func(k []row.Value) bool { return row.Equal(k[0], key[0]) })
	}), nil
}

func (x *numbered) some(wanted func(key []row.Value) bool) tap.Chunk {
	x.mu.Lock()
	defer x.mu.Unlock()
	chunk := tap.Chunk{Table: x.table, Last: true}
	for _, cells := range x.list {
		if wanted(x.table.KeyOf(cells)) {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: cells})
		}
	}
	slices.SortFunc(chunk.Rows, func(a, b tap.Row) int {
		return bytes.Compare(row.AppendKey(nil, x.table.KeyOf(a.Cells)), row.AppendKey(nil, x.table.KeyOf(b.Cells)))
	})
	return x.read(chunk)
}

// rekeyed makes n the key, past which the source then has the given rows, and
// tells so together with an insert.
func (x *numbered) rekeyed(position string, inserted []row.Value, list ...[]row.Value) {
	x.mu.Lock()
	now := *x.table
	now.Key = []int{1}
	x.table, x.list = &now, list
	x.mu.Unlock()
	x.events <- func(s tap.Sink) error {
		if err := s.Schema(tap.SchemaChange{Position: tap.Position(position), Table: &now, Statement: "ALTER TABLE"}); err != nil {
			return err
		}
		if err := s.Change(tap.Change{Table: &now, Op: tap.Insert, After: inserted, EventID: position}); err != nil {
			return err
		}
		return s.Commit(tap.Commit{Position: tap.Position(position)})
	}
}

// removedNone tells a rule that concerns no row. It is forgotten once no change is
// in doubt.
func (x *numbered) removedNone(position string) {
	x.events <- func(s tap.Sink) error {
		none := &tap.Removal{Column: "n", Ranges: []tap.Range{{From: row.NewInt(1000), To: row.Null()}}}
		return s.Schema(tap.SchemaChange{Position: tap.Position(position), Table: x.table, Statement: "ALTER TABLE", Removed: none})
	}
	x.transaction(position)
}

// A row may be inserted with the key that another one had before the table was
// given a key of other columns. The other one must be there under its new key.
func TestANewRowMayHaveTheKeyThatAnotherOneHad(t *testing.T) {
	for _, gone := range []bool{false, true} {
		b, x := newBench(t, 10), newNumbered()
		x.list = [][]row.Value{numbers(1, 11), numbers(5, 15)}
		b.run(x)
		b.settle()
		left := [][]row.Value{numbers(40, 5), numbers(1, 11)}
		if !gone {
			left = append(left, numbers(5, 15))
		}
		x.rekeyed("p1", numbers(40, 5), left...)
		b.acked(x.scripted, "p1")
		x.removedNone("p2")
		b.acked(x.scripted, "p2")
		b.carriedOut() // so that nothing is in doubt
		if gone {
			b.found("history broken 5/1 []")
		} else {
			b.found()
		}
		b.stop()
	}
}

// A tap that is attached again finds a table as it is by now. What rows were named by
// where the stream stands is known however often that happens before the change is told.
func TestAKeyThatIsNotToldYetIsTheFormerOne(t *testing.T) {
	b, x := newBench(t, 10), newNumbered()
	x.list = [][]row.Value{numbers(1, 11), numbers(5, 15)}
	b.run(x)
	b.settle()
	x.transaction("p1")
	b.acked(x.scripted, "p1")
	b.stop()
	<-x.from

	now := *x.table
	now.Key = []int{1}
	x.table = &now
	reading := make(chan struct{})
	x.scanned = func(int) { <-reading }
	b.run(x)
	<-x.from
	b.cancel()
	close(reading)
	<-b.ended

	x.scanned = nil
	x.rekeyed("p2", numbers(40, 5), numbers(40, 5), numbers(1, 11), numbers(5, 15))
	b.run(x)
	b.acked(x.scripted, "p2")
	b.settle()
	b.found()
	b.stop()
}
