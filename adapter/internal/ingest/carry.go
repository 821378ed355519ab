package ingest

import (
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// carryOn brings a row of which more was told while it was read to where it stands
// by all that was told before the log had a size: a row that a rule changes all the
// time would never be at rest otherwise, and what was told never forgotten. It
// reports false if that is not certain.
func (r *renewer) carryOn(one *sweep.Renewal, size uint64) bool {
	v := one.Standing.Version
	if v == nil || r.mayDerive(v.Table) {
		return false
	}
	ways := r.book.Outcomes(v, recordlog.Window{From: size, To: size})
	if len(ways) != 1 {
		return false
	}
	cells, sure := r.book.Replay(one.Table, one.Cells, one.Window.From)
	if !sure || ways[0].Gone != (cells == nil) {
		return false
	}
	one.Cells, one.Standing.Way = cells, ways[0]
	return true
}

// mayDerive reports whether rules of a table may still be found that follow from
// what was told of those which it refers to.
func (s *session) mayDerive(table string) bool {
	return s.refersTo(table, func(ref *tap.Reference) bool {
		return slices.ContainsFunc(s.book.Steps(ref.Table), func(step cause.Step) bool {
			return step.Link != nil && !covers(step.Link.Columns, ref.Of)
		})
	})
}
