package cause

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/cause/convert"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// maxFormer bounds the keys that one row may have had: of those that conversions
// leave open, and of those that rules gave it one after the other.
const (
	maxFormer = 256
	maxMoves  = 50_000
)

// A FormerKey is a key that a row may have had before a place in the log.
type FormerKey struct {
	Key    []byte // canonical
	Before uint64
}

// Former returns the keys that a row as it stands may have had before something
// that was told gave it another one: the table was given another key, the key's
// columns were converted, or a rule put new cells into them.
func (b *Book) Former(t *tap.Table, cells []row.Value) []FormerKey {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[t.Name]
	if h == nil || len(h.shapes) == 0 && len(h.steps) == 0 {
		return nil
	}
	f := formers{now: row.AppendKey(nil, t.KeyOf(cells)), known: make(map[string]bool)}
	for i := range slices.Backward(h.shapes) {
		h.formerByShape(i, t, cells, &f)
	}
	h.formerByLinks(t, cells, &f)
	return f.keys
}

// formers gathers former keys, each once.
type formers struct {
	now   []byte
	keys  []FormerKey
	known map[string]bool
}

func (f *formers) add(key []row.Value, before uint64, other bool) {
	encoded := row.AppendKey(nil, key)
	name := string(binary.BigEndian.AppendUint64(slices.Clone(encoded), before))
	if !f.known[name] && (other || !bytes.Equal(encoded, f.now)) {
		f.known[name] = true
		f.keys = append(f.keys, FormerKey{Key: encoded, Before: before})
	}
}

// Barrier is the last place in the log at which the table was given a key of
// other columns, 0 if there is none: a version from before it is of another row
// than the one that has its key now.
func (b *Book) Barrier(table string) uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if h := b.tables[table]; h != nil {
		for _, s := range slices.Backward(h.shapes) {
			if s.Rekeys() {
				return s.Leaf
			}
		}
	}
	return 0
}

// Rekeys reports whether the key has other columns since, not only other names.
func (s *Shape) Rekeys() bool {
	return !slices.EqualFunc(s.FormerKey, s.Key, func(former, now string) bool { return sameName(s.moved(former), now) })
}

// formerByShape adds the keys that the row may have had before shape i.
func (h *history) formerByShape(i int, t *tap.Table, cells []row.Value, f *formers) {
	s := h.shapes[i]
	if !s.Converted && !s.Rekeys() {
		return
	}
	ways := [][]row.Value{nil}
	for _, name := range s.FormerKey {
		for _, later := range h.shapes[i:] {
			name = later.moved(name)
		}
		at := find(t.Columns, name)
		if at < 0 {
			return // the column is gone, and with it what the key was
		}
		ways = times(ways, h.formerCells(i, name, cells[at]))
	}
	for _, key := range ways {
		f.add(key, s.Leaf, s.Rekeys())
	}
}

// formerCells returns the cells that a key's column may have had before shape i.
func (h *history) formerCells(i int, name string, cell row.Value) []row.Value {
	list := []row.Value{cell}
	if !h.shapes[i].Converted {
		return list
	}
	types := []row.Type{cell.Type()}
	for _, s := range h.shapes[:i] {
		if at := find(s.Columns, name); at >= 0 && !slices.Contains(types, s.Columns[at].Type) {
			types = append(types, s.Columns[at].Type)
		}
	}
	for _, t := range append(types, row.Int, row.Text, row.Bytes, row.Decimal) {
		list = append(list, convert.Back(cell, t)...)
	}
	return list
}

// times appends each of some cells to each of some beginnings.
func times(ways [][]row.Value, cells []row.Value) [][]row.Value {
	var out [][]row.Value
	for _, way := range ways {
		for _, cell := range cells {
			if len(out) == maxFormer {
				return out
			}
			out = append(out, append(way[:len(way):len(way)], cell))
		}
	}
	return out
}

// formerByLinks adds the keys that the row had before rules put other cells into
// columns of its key, one after the other.
func (h *history) formerByLinks(t *tap.Table, cells []row.Value, f *formers) {
	stood := stood{rows: [][]row.Value{cells}}
	for _, s := range slices.Backward(h.steps) {
		if s.Link == nil || s.Link.Effect != Replaced {
			continue
		}
		for _, former := range stood.before(s, t) {
			f.add(t.KeyOf(former), s.Leaf, false)
			stood.add(former)
		}
	}
}

// stood are the ways in which a row may have stood once, found by what it held in
// the columns of links: of many, one that a row went through, each step concerns few.
type stood struct {
	rows  [][]row.Value
	links map[string]*standings // by the columns
}

// standings are places in rows, by the cells that they have in some columns.
type standings struct {
	at    []int // where the columns stand
	cells map[string][]int
}

func (s *standings) add(place int, cells []row.Value) {
	held := make([]row.Value, len(s.at))
	for i, at := range s.at {
		held[i] = cells[at]
	}
	encoded := string(row.AppendCells(nil, held))
	s.cells[encoded] = append(s.cells[encoded], place)
}

func (s *stood) add(cells []row.Value) {
	if len(s.rows) == maxMoves {
		return
	}
	for _, l := range s.links {
		l.add(len(s.rows), cells)
	}
	s.rows = append(s.rows, cells)
}

// by returns what is found by the columns of a step's link; nil if the table lacks
// one.
func (s *stood) by(step *placed, t *tap.Table) *standings {
	name := string(appendTexts(nil, step.Link.Columns))
	if l, ok := s.links[name]; ok {
		return l
	}
	at, _, ok := step.held(t, s.rows[0])
	if !ok {
		return nil
	}
	l := &standings{at: at, cells: make(map[string][]int)}
	for place, cells := range s.rows {
		l.add(place, cells)
	}
	if s.links == nil {
		s.links = make(map[string]*standings)
	}
	s.links[name] = l
	return l
}

// before returns how the row stood before a step that put other cells into columns
// of it.
func (s *stood) before(step *placed, t *tap.Table) (list [][]row.Value) {
	l := s.by(step, t)
	if l == nil {
		return nil
	}
	back := func(place, change int) {
		former := slices.Clone(s.rows[place])
		for i, cell := range step.Link.Changes[change].Old {
			former[l.at[i]] = cell
		}
		list = append(list, former)
	}
	if len(step.Link.Changes) > len(s.rows) {
		for place, cells := range s.rows {
			_, held, _ := step.held(t, cells)
			for _, change := range step.into(held) {
				back(place, change)
			}
		}
		return list
	}
	for change, c := range step.Link.Changes {
		for _, place := range l.cells[string(row.AppendCells(nil, c.New))] {
			back(place, change)
		}
	}
	return list
}

// NewKey returns the canonical key that a row has if it stands in one way; false
// if its key is as it was, or cannot be told.
func (b *Book) NewKey(v *Version, way Outcome) ([]row.Value, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[v.Table]
	if h == nil || way.Gone {
		return nil, false
	}
	names := h.keyAt(v.Index)
	if len(names) != len(v.Key) {
		return nil, false
	}
	key := slices.Clone(v.Key)
	for i, name := range names {
		if cell, ok := way.Set[find(v.Columns, name)]; ok {
			key[i] = cell
		}
	}
	return key, !equal(key, v.Key)
}
