package cause

import (
	"slices"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Concerns reports whether a step that was told from a place in the log on would
// concern a row of these cells: whoever read it may have read it before or after.
func (b *Book) Concerns(t *tap.Table, cells []row.Value, from uint64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[t.Name]
	if h == nil {
		return false
	}
	for _, s := range slices.Backward(h.steps) {
		if s.Leaf < from {
			return false
		}
		if s.concerns(t, cells) {
			return true
		}
	}
	return false
}

// Replay returns the cells that a row has, nil if it is gone, by the steps that were
// told from a place in the log on: it was read, in the shape that its table has,
// when some of them had been carried out. A step that speaks of the cells that were
// read was not, or they came again, and what follows is the same. It reports false
// if a step may not have been in force.
func (b *Book) Replay(t *tap.Table, cells []row.Value, from uint64) (now []row.Value, sure bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[t.Name]
	if h == nil {
		return cells, true
	}
	now = slices.Clone(cells)
	for _, s := range h.between(from-1, always) {
		switch {
		case !s.concerns(t, now):
		case !s.Sure:
			return nil, false
		case s.Removed != nil || s.Link.Effect == Gone:
			return nil, true
		case !s.put(t, now):
			return nil, false
		}
	}
	return now, true
}

// put puts the cells into a row that a step which concerns it gives it, and reports
// whether the row has their columns.
func (s *placed) put(t *tap.Table, cells []row.Value) bool {
	at, held, ok := s.held(t, cells)
	if !ok {
		return false
	}
	change, _ := s.from(held)
	for i := range at {
		cells[at[i]] = row.Null()
		if s.Link.Effect == Replaced {
			cells[at[i]] = s.Link.Changes[change].New[i]
		}
	}
	return true
}

// held returns where the columns of a step's link stand in a row, and what it holds
// in them; false if they are not there.
func (s *placed) held(t *tap.Table, cells []row.Value) (at []int, held []row.Value, ok bool) {
	at, held = make([]int, len(s.Link.Columns)), make([]row.Value, len(s.Link.Columns))
	for i, name := range s.Link.Columns {
		if at[i] = find(t.Columns, name); at[i] < 0 {
			return nil, nil, false
		}
		held[i] = cells[at[i]]
	}
	return at, held, true
}

func (s *placed) concerns(t *tap.Table, cells []row.Value) bool {
	if s.Removed != nil {
		at := find(t.Columns, s.Removed.Column)
		return s.Removed.All || at >= 0 && takes(s.Removed, cells[at])
	}
	_, held, ok := s.held(t, cells)
	if !ok {
		return true // it was read in another shape
	}
	_, hit := s.from(held)
	return hit
}
