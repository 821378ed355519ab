package rows_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestAMatchIsWhatCompareFinds over rows in every state, in an order of no
// meaning, under windows all along the log.
func TestAMatchIsWhatCompareFinds(t *testing.T) {
	log, table := logtest.New(t), logtest.Table()
	const ids = 40
	var read []tap.Row
	for n := range 150 {
		id := rand.Int64N(ids)
		v := fmt.Sprint(n)
		if n%7 == 0 {
			v = "" // a delete
		}
		logtest.Record(t, log, table, id, v)
		read = append(read, tap.Row{Cells: logtest.Cells(id, v)})
	}
	for id := range int64(ids + 5) {
		read = append(read, tap.Row{Cells: logtest.Cells(id, "forged")})
	}
	rand.Shuffle(len(read), func(a, b int) { read[a], read[b] = read[b], read[a] })
	matcher, comparer := rows.NewMatcher(log, log.NewReader(), nil), rows.NewComparer(log)
	equal := 0
	for to := range log.Size() + 1 {
		w := recordlog.Window{From: to / 2, To: to}
		part := read[rand.IntN(len(read)):]
		matches := make([]rows.Match, len(part))
		if err := matcher.Match(table, part, w, matches); err != nil {
			t.Fatal(err)
		}
		for i, m := range matches {
			c, err := comparer.Compare(table, part[i].Cells, w)
			if err != nil {
				t.Fatal(err)
			}
			// An older version of the window is for Compare alone to find.
			latest := c.State == rows.Equal && c.Entry.Header.Index == c.Head.Index
			if m.Equal != latest || latest && (m.Leaf != c.Head.Index || m.First != c.Head.First || !m.SameColumns) {
				t.Fatalf("window %v, row %v: match %+v, comparison %+v", w, part[i].Cells[0].Display(), m, c)
			}
			if m.Equal {
				equal++
			}
		}
	}
	if equal == 0 {
		t.Error("no row was equal")
	}
}

// TestAMatchUnderOtherColumns is equal where the version's columns are all there
// with their values, and says that the table has others.
func TestAMatchUnderOtherColumns(t *testing.T) {
	log, table := logtest.New(t), logtest.Table()
	logtest.Record(t, log, table, 1, "v")
	wider := &tap.Table{Name: table.Name, Key: []int{1}, Columns: slices.Insert(slices.Clone(table.Columns), 0, row.Column{Name: "new", Type: row.Int})}
	narrower := &tap.Table{Name: table.Name, Key: []int{0}, Columns: table.Columns[:1]}
	w := recordlog.Window{From: log.Size(), To: log.Size()}
	for _, c := range []struct {
		table *tap.Table
		cells []row.Value
		want  bool
	}{
		{wider, slices.Insert(logtest.Cells(1, "v"), 0, row.NewInt(5)), true},
		{wider, slices.Insert(logtest.Cells(1, "forged"), 0, row.NewInt(5)), false},
		{narrower, logtest.Cells(1, "v")[:1], false},
	} {
		matches := make([]rows.Match, 1)
		if err := rows.NewMatcher(log, log.NewReader(), nil).Match(c.table, []tap.Row{{Cells: c.cells}}, w, matches); err != nil {
			t.Fatal(err)
		}
		if matches[0].Equal != c.want || matches[0].SameColumns {
			t.Errorf("%d columns: %+v", len(c.table.Columns), matches[0])
		}
	}
}
