package ingest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// emptied sends a statement that took all rows away, as its own transaction.
func (x *scripted) emptied(position string) {
	x.events <- func(s tap.Sink) error {
		return s.Schema(tap.SchemaChange{Position: tap.Position(position), Table: x.table, Statement: "TRUNCATE TABLE",
			Removed: &tap.Removal{All: true}})
	}
	x.transaction(position)
}

// carriedOut waits until what was told is in the versions.
func (b *bench) carriedOut() {
	b.t.Helper()
	b.until(func() bool {
		tables, _ := b.ingest.Book().Pending()
		return len(tables) == 0
	})
	b.settle()
}

// Rows of a table that was emptied are gone rightly; a row that is there still,
// or again, is found.
func TestAnEmptiedTableExplainsThatItsRowsAreGone(t *testing.T) {
	for _, edited := range []bool{false, true} {
		b, x := start(t, tap.EveryVersion)
		x.set(1, "a")
		x.set(2, "b")
		x.transaction("p1", x.insert(1, "a", "e1"), x.insert(2, "b", "e2"))
		b.acked(x, "p1")
		from := b.log.Size()
		x.set(1, "")
		if !edited {
			x.set(2, "")
		}
		x.emptied("p2")
		b.acked(x, "p2")
		b.carriedOut()
		if !edited {
			b.check(from, "schema", "delete 1/2 scan ", "delete 2/2 scan ")
			b.found()
		} else {
			b.found("changed in a gap 2/2 []")
		}
		b.stop()
	}
}

// A row that the stream brings back after its table was emptied begins anew.
func TestARowReinsertedAfterItsTableWasEmptiedIsNoBreak(t *testing.T) {
	b, x := start(t, tap.EveryVersion)
	x.set(1, "a")
	x.transaction("p1", x.insert(1, "a", "e1"))
	b.acked(x, "p1")
	from := b.log.Size()
	x.set(1, "new")
	x.emptied("p2")
	x.transaction("p3", x.insert(1, "new", "e2"))
	b.acked(x, "p3")
	b.carriedOut()
	b.found()
	if list := strings.Join(b.entries(from), ", "); list != "schema, delete 1/2 scan , insert 1/3 stream e2" {
		t.Errorf("entries %s", list)
	}
	b.stop()
}

// widened adds a column w to the table, in which every row holds null, and tells
// what the rows must hold in it.
func (x *scripted) widened(position string, holds *row.Value) {
	x.mu.Lock()
	wider := *x.table
	wider.Columns = append(slices.Clone(wider.Columns), row.Column{Name: "w", Type: row.Text})
	x.table = &wider
	x.mu.Unlock()
	x.events <- func(s tap.Sink) error {
		return s.Schema(tap.SchemaChange{Position: tap.Position(position), Table: &wider, Statement: "ALTER TABLE",
			Moved: []tap.Moved{{To: "w", Holds: holds}}})
	}
	x.transaction(position)
}

// Rows hold in a new column what the source told. Where it does not tell, what is
// read first is believed, and that is said of the table.
func TestANewColumnHoldsWhatTheSourceToldOrIsNoted(t *testing.T) {
	null, text := row.Null(), row.NewText("utf8", []byte("told"))
	for _, c := range []struct {
		holds *row.Value
		note  bool
		found []string
	}{
		{nil, true, nil}, {&null, false, nil}, {&text, false, []string{"changed in a gap 1/1 [w]", "changed in a gap 2/1 [w]"}},
	} {
		b, x := start(t, tap.EveryVersion)
		x.set(1, "a")
		x.set(2, "b")
		x.transaction("p1", x.insert(1, "a", "e1"), x.insert(2, "b", "e2"))
		b.acked(x, "p1")
		x.widened("p2", c.holds)
		b.acked(x, "p2")
		b.settle()
		b.found(c.found...)
		notes := strings.Join(b.coverage("t").Notes, "; ")
		if noted := strings.Contains(notes, "column w: not protected before leaf "); noted != c.note {
			t.Errorf("holds %v: notes %q", c.holds, notes)
		}
		b.stop()
	}
}
