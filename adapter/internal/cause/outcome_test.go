package cause

import (
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// moves is a book of rules that move what column k of table t holds: the n-th, at
// leaf n, from n-1 to n.
func moves(n int) *Book {
	b := NewBook()
	for to := 1; to <= n; to++ {
		change := Change{Old: []row.Value{row.NewInt(int64(to - 1))}, New: []row.Value{row.NewInt(int64(to))}}
		b.Add(Step{Table: "t", Leaf: uint64(to), Entry: uint64(to), Sure: true,
			Link: &Link{Name: "f", Columns: []string{"k"}, Effect: Replaced, Changes: []Change{change}}})
	}
	return b
}

var moving = &tap.Table{Name: "t", Columns: []row.Column{{Name: "k", Type: row.Int}}, Key: []int{0}}

// TestARowStandsAsAtOneMomentOfTheRead however many rules moved it meanwhile: as all
// those before the moment made it, and none after it.
func TestARowStandsAsAtOneMomentOfTheRead(t *testing.T) {
	b := moves(500)
	v := &Version{Table: "t", Columns: moving.Columns, Had: func(_ int, v row.Value) bool { return row.Equal(v, row.NewInt(0)) }}
	stood := make(map[int64]int)
	for _, way := range b.Outcomes(v, recordlog.Window{From: 101, To: 401}) {
		n, _ := way.Set[0].Int64()
		stood[n]++
		if len(way.By) != int(n) || way.By[n-1].Step.Leaf != uint64(n) {
			t.Errorf("%d steps led to %d", len(way.By), n)
		}
	}
	for n := int64(100); n <= 400; n++ {
		if stood[n] != 1 {
			t.Errorf("the row stands %d times at %d", stood[n], n)
		}
	}
	if len(stood) != 301 {
		t.Errorf("%d ways, want 301", len(stood))
	}
}

// TestReplayLeadsFromEachMomentToTheLast, and Former back to the first.
func TestReplayLeadsFromEachMomentToTheLast(t *testing.T) {
	b := moves(500)
	for n := range int64(501) {
		now, sure := b.Replay(moving, []row.Value{row.NewInt(n)}, 101)
		want := int64(500)
		if n < 100 {
			want = n // no row that was read since can hold it
		}
		if !sure || !row.Equal(now[0], row.NewInt(want)) {
			t.Errorf("replay of %d: %v, %v", n, now, sure)
		}
		first := row.AppendKey(nil, []row.Value{row.NewInt(0)})
		found := n == 0
		for _, former := range b.Former(moving, []row.Value{row.NewInt(n)}) {
			found = found || string(former.Key) == string(first) && former.Before == 1
		}
		if !found {
			t.Errorf("%d does not lead back to the first key", n)
		}
	}
	b.Add(Step{Table: "t", Leaf: 501, Entry: 501, Sure: true, Removed: &tap.Removal{All: true}})
	if now, sure := b.Replay(moving, []row.Value{row.NewInt(300)}, 101); now != nil || !sure {
		t.Errorf("a row that was removed: %v, %v", now, sure)
	}
	b.Add(Step{Table: "t", Leaf: 502, Entry: 502, Removed: &tap.Removal{All: true}})
	if _, sure := b.Replay(moving, []row.Value{row.NewInt(300)}, 502); sure {
		t.Error("a rule that may not have been in force is taken for sure")
	}
}
