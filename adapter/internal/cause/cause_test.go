package cause

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestRemovalsAreReadAsTheyWereKept: a sidecar that stops before it has looked at
// the rows goes on with the same rule.
func TestRemovalsAreReadAsTheyWereKept(t *testing.T) {
	day := func(text string) row.Value {
		v, err := row.NewDate([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, r := range []tap.Removal{
		{All: true},
		{Column: "id", Values: []row.Value{row.NewInt(-5), row.NewUint(1 << 63)}},
		{Column: "id", Ranges: []tap.Range{{From: row.Null(), To: row.NewInt(5)}, {From: row.NewInt(9), To: row.Null()}}},
		{Column: "day", Ranges: []tap.Range{{From: day("2024-01-01"), To: day("2024-02-01")}}},
	} {
		kept := Step{Table: "t", Leaf: 7, Entry: 9, Sure: true, Removed: &r}
		read, err := ParseStep(kept.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&kept, read, cmp.Comparer(row.Equal)); diff != "" {
			t.Errorf("(-kept +read)\n%s", diff)
		}
	}
}

// TestRangesHoldTheirFirstValueAndNotTheirLast, in the order of the type.
func TestRangesHoldTheirFirstValueAndNotTheirLast(t *testing.T) {
	r := &tap.Removal{Column: "id", Values: []row.Value{row.NewUint(1 << 63)},
		Ranges: []tap.Range{{From: row.Null(), To: row.NewInt(-5)}, {From: row.NewInt(9), To: row.NewInt(11)}}}
	for _, c := range []struct {
		cell row.Value
		want bool
	}{
		{row.NewInt(-6), true}, {row.NewInt(-5), false}, {row.NewInt(8), false}, {row.NewInt(9), true}, {row.NewInt(10), true},
		{row.NewInt(11), false}, {row.NewUint(1 << 63), true}, {row.NewUint(1<<63 + 1), false},
	} {
		if got := takes(r, c.cell); got != c.want {
			t.Errorf("takes %s = %v, want %v", c.cell.Display(), got, c.want)
		}
	}
}
