package cause

import (
	"iter"
	"maps"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// A Version is a recorded version of a row, as far as it must be known.
type Version struct {
	Table   string
	Index   uint64 // its leaf
	Columns []row.Column
	Key     []row.Value
	// Had reports whether the version was committed with a value in a column.
	Had func(column int, v row.Value) bool
	// Hint returns a value that the column may have had; may be nil. It is asked
	// of Had like any other.
	Hint func(column int) (row.Value, bool)

	known map[int]row.Value
	asked map[int]bool // by hint
}

// Known returns a value that the version is known to have been committed with:
// one of its key, or one that a rule speaks of.
func (v *Version) Known(column int) (row.Value, bool) {
	cell, ok := v.known[column]
	return cell, ok
}

// An Outcome is one way in which a row may rightly stand.
type Outcome struct {
	// Leaf is that of the last step that concerns the row; 0 if none does.
	Leaf uint64
	Gone bool
	// Set are the cells that columns of the version have now, instead of those
	// that it was committed with.
	Set map[int]row.Value
	// By are the steps that did it, in order.
	By []Did
}

// Did is what one step did to a row.
type Did struct {
	Step *Step
	Gone bool
	// Before and After are Outcome.Set before and after it.
	Before, After map[int]row.Value
}

// always is a place behind all that the log holds.
const always = ^uint64(0)

// maxOutcomes bounds the ways in which one row may stand at one moment.
const maxOutcomes = 1024

// Outcomes returns how a row may rightly stand whose last version is v, read
// within a window of the log: every way that is left open, at least one. What was
// told before the window was seen by the read, what after it was not, and what in
// it may have been.
func (b *Book) Outcomes(v *Version, w recordlog.Window) []Outcome {
	b.mu.RLock()
	defer b.mu.RUnlock()
	unchanged := []Outcome{{}}
	h := b.tables[v.Table]
	if h == nil || len(h.steps) == 0 || h.steps[len(h.steps)-1].Leaf <= v.Index {
		return unchanged
	}
	h.knowKey(v)
	if !h.concerned(v, w) {
		return unchanged
	}
	// A read shows the source at one moment: all that was told before it, and
	// nothing that was told after it.
	var passed []Outcome
	ways := unchanged
	for _, s := range h.between(v.Index, w.To) {
		var next []Outcome
		for _, way := range ways {
			after, hit := h.apply(s, v, way)
			switch {
			case !hit:
				next = append(next, way)
				continue
			case !s.Sure:
				way.By = slices.Clip(way.By) // two go on from it
				next = append(next, way)
			case s.Leaf >= w.From:
				passed = append(passed, way)
			}
			next = append(next, after)
		}
		ways = next[:min(len(next), maxOutcomes)]
	}
	return append(passed, ways...)
}

// Touches reports whether a rule that was told after a version may have changed a
// column that it has.
func (b *Book) Touches(table string, version uint64, name string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil || len(h.steps) == 0 || h.steps[len(h.steps)-1].Leaf <= version {
		return false
	}
	for _, l := range h.links {
		now, _ := h.named(version, name, l.first)
		if slices.ContainsFunc(l.columns, func(column string) bool { return sameName(column, now) }) {
			return true
		}
	}
	return false
}

// knowKey takes over from the key what it tells of columns.
func (h *history) knowKey(v *Version) {
	if v.known != nil {
		return
	}
	v.known, v.asked = make(map[int]row.Value), make(map[int]bool)
	names := h.keyAt(v.Index)
	if len(names) != len(v.Key) {
		return
	}
	for i, name := range names {
		if at := find(v.Columns, name); at >= 0 {
			v.known[at] = v.Key[i]
		}
	}
}

// concerned reports whether any step may concern the row as it was recorded;
// most rows are told from the others here, at the price of a look-up.
func (h *history) concerned(v *Version, w recordlog.Window) bool {
	for _, s := range h.between(v.Index, w.To) {
		if s.Removed == nil {
			continue
		}
		if _, hit := h.apply(s, v, Outcome{}); hit {
			return true
		}
	}
	hit := false
	for _, l := range h.links {
		cells, ok := h.resolve(l, v)
		if !ok {
			continue
		}
		hit = hit || slices.ContainsFunc(l.steps[cells], func(s *placed) bool { return s.Leaf > v.Index && s.Leaf < w.To })
	}
	return hit
}

// places returns where the columns that a rule names at a place of the log stand
// in a version; false if one is not there.
func (h *history) places(v *Version, names []string, leaf uint64) ([]int, bool) {
	at := make([]int, len(names))
	for i, name := range names {
		at[i] = -1
		for j := range v.Columns {
			if now, gone := h.named(v.Index, v.Columns[j].Name, leaf); !gone && sameName(now, name) {
				at[i] = j
				break
			}
		}
		if at[i] < 0 {
			return nil, false
		}
	}
	return at, true
}

// resolve finds which of the cells that steps speak of the version was committed
// with; false if with none.
func (h *history) resolve(l *links, v *Version) (string, bool) {
	at, ok := h.places(v, l.columns, l.first)
	if !ok {
		return "", false
	}
	cells := make([]row.Value, len(at))
	hidden := false
	for i, column := range at {
		v.askHint(column)
		cells[i], ok = v.known[column]
		hidden = hidden || !ok
	}
	if hidden {
		if cells, ok = v.oneOf(at, l.after(v.Index)); !ok {
			return "", false
		}
	}
	encoded := string(row.AppendCells(nil, cells))
	_, ok = l.steps[encoded]
	return encoded, ok
}

// askHint asks the version for the value that its column may have had.
func (v *Version) askHint(column int) {
	if _, ok := v.known[column]; ok || v.Hint == nil || v.asked[column] {
		return
	}
	v.asked[column] = true
	if cell, ok := v.Hint(column); ok && v.Had(column, cell) {
		v.known[column] = cell
	}
}

// oneOf finds the list of cells that the version was committed with in some
// columns. What it finds is known then.
func (v *Version) oneOf(at []int, lists iter.Seq[[]row.Value]) ([]row.Value, bool) {
	for cells := range lists {
		if !v.has(at, cells, nil) {
			continue
		}
		for i, column := range at {
			v.known[column] = cells[i]
		}
		return cells, true
	}
	return nil, false
}

func (v *Version) has(at []int, cells []row.Value, set map[int]row.Value) bool {
	for i, column := range at {
		cell, ok := set[column]
		if !ok {
			cell, ok = v.known[column]
		}
		if ok && !row.Equal(cell, cells[i]) || !ok && !v.Had(column, cells[i]) {
			return false
		}
	}
	return true
}

// apply carries a step out on a row that stands in one way, and reports whether
// it concerns the row.
func (h *history) apply(s *placed, v *Version, way Outcome) (Outcome, bool) {
	if way.Gone {
		return way, false
	}
	did := Did{Step: &s.Step, Before: way.Set, After: way.Set}
	if s.Removed != nil {
		if !h.removes(s, v, way) {
			return way, false
		}
		did.Gone = true
		return way.after(did), true
	}
	at, ok := h.places(v, s.Link.Columns, s.Leaf)
	if !ok {
		return way, false
	}
	change, ok := s.change(v, at, way.Set)
	if !ok {
		return way, false
	}
	did.Gone = s.Link.Effect == Gone
	if !did.Gone {
		did.After = maps.Clone(way.Set)
		if did.After == nil {
			did.After = make(map[int]row.Value)
		}
		for i, column := range at {
			did.After[column] = row.Null()
			if s.Link.Effect == Replaced {
				did.After[column] = change.New[i]
			}
		}
	}
	return way.after(did), true
}

func (o Outcome) after(did Did) Outcome {
	return Outcome{Leaf: did.Step.Leaf, Gone: did.Gone, Set: did.After, By: append(o.By, did)}
}

func (h *history) removes(s *placed, v *Version, way Outcome) bool {
	if s.Removed.All {
		return true
	}
	at, ok := h.places(v, []string{s.Removed.Column}, s.Leaf)
	if !ok {
		return false
	}
	cell, ok := way.Set[at[0]]
	if !ok {
		cell, ok = v.known[at[0]]
	}
	return ok && takes(s.Removed, cell)
}

// change finds the change of a step's link that concerns the row.
func (s *placed) change(v *Version, at []int, set map[int]row.Value) (Change, bool) {
	cells := make([]row.Value, len(at))
	known := 0
	for i, column := range at {
		cell, ok := set[column]
		if !ok {
			cell, ok = v.known[column]
		}
		if ok {
			cells[i] = cell
			known++
		}
	}
	if known == len(at) {
		i, ok := s.from(cells)
		if !ok {
			return Change{}, false
		}
		return s.Link.Changes[i], true
	}
	if known == 0 { // resolve has asked for all of them
		return Change{}, false
	}
	for _, c := range s.Link.Changes {
		if v.has(at, c.Old, set) {
			return c, true
		}
	}
	return Change{}, false
}

// Cells returns what the version held in some columns, after some of them were
// set; false if that is not known.
func (v *Version) Cells(names []string, set map[int]row.Value) ([]row.Value, bool) {
	cells := make([]row.Value, len(names))
	for i, name := range names {
		at := find(v.Columns, name)
		cell, ok := set[at]
		if !ok {
			cell, ok = v.known[at]
		}
		if at < 0 || !ok {
			return nil, false
		}
		cells[i] = cell
	}
	return cells, true
}
