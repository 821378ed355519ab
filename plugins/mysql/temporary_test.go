package mysql

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func TestDoubtfulMovesAreThoseThatShow(t *testing.T) {
	table := func(names ...string) *tap.Table {
		out := &tap.Table{}
		for _, name := range names {
			out.Columns = append(out.Columns, row.Column{Name: name})
		}
		return out
	}
	former, now := table("id", "v", "w"), table("id", "v", "x", "y")
	moved := []tap.Moved{{From: "V"}, {To: "v"}, {From: "v", To: "u"}, {From: "w", To: "x"}, {To: "y"}, {To: "id"}}
	for _, c := range []struct {
		late bool
		want []tap.Moved
	}{
		{false, []tap.Moved{{From: "w", To: "x"}, {To: "y"}}},
		{true, []tap.Moved{{}, {From: "w", To: "x"}}},
	} {
		if diff := cmp.Diff(c.want, seenMoves(moved, former, now, c.late)); diff != "" {
			t.Errorf("late %v: (-want +got)\n%s", c.late, diff)
		}
	}
}
