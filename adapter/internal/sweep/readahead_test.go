package sweep

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// numbers is a source with a table of the numbers 0 … rows-1; it fails at a
// chunk if told to. It stands in for a tap, whose reads no test could hold.
type numbers struct {
	rows, fail int
	scans      int
}

var errSource = errors.New("the source fails")

func (n *numbers) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, recordlog.Window, error) {
	if n.scans++; n.scans == n.fail {
		return tap.Chunk{}, recordlog.Window{}, errSource
	}
	t := &tap.Table{Name: table, Columns: []row.Column{{Name: "id", Type: row.Int}}, Key: []int{0}}
	next := int64(0)
	if after != nil {
		last, _ := after[0].Int64()
		next = last + 1
	}
	chunk := tap.Chunk{Table: t}
	for ; len(chunk.Rows) < limit && next < int64(n.rows); next++ {
		chunk.Rows = append(chunk.Rows, tap.Row{Cells: []row.Value{row.NewInt(next)}})
	}
	chunk.Last = next == int64(n.rows)
	return chunk, recordlog.Window{}, ctx.Err()
}

func (n *numbers) Fetch(context.Context, string, [][]row.Value) (tap.Chunk, recordlog.Window, error) {
	return tap.Chunk{}, recordlog.Window{}, errSource
}

// TestReadAheadReadsEachRowOnceInOrder, one chunk ahead and not more.
func TestReadAheadReadsEachRowOnceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &numbers{rows: 10}
		s := &sweep{source: source, table: "t", options: Options{ChunkRows: 3}}
		next, taken := int64(0), 0
		for r := range s.readAhead(t.Context()) {
			taken++
			synctest.Wait()
			if ahead := source.scans - taken; ahead > 1 {
				t.Errorf("%d chunks ahead", ahead)
			}
			for _, cells := range r.chunk.Rows {
				if id, _ := cells.Cells[0].Int64(); id != next {
					t.Fatalf("row %d where %d follows", id, next)
				}
				next++
			}
		}
		if next != 10 {
			t.Errorf("%d rows", next)
		}
	})
}

// TestReadAheadEndsWithItsError and with its context.
func TestReadAheadEndsWithItsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sweep{source: &numbers{rows: 10, fail: 2}, table: "t", options: Options{ChunkRows: 3}}
		var err error
		for r := range s.readAhead(t.Context()) {
			err = r.err
		}
		if !errors.Is(err, errSource) {
			t.Errorf("got %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		chunks := s.readAhead(ctx)
		cancel()
		for range chunks { // synctest fails where the reading does not end
		}
	})
}
