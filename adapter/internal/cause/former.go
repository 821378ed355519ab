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
	maxMoves  = 10_000
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
	stood := [][]row.Value{cells}
	for _, s := range slices.Backward(h.steps) {
		if s.Link == nil || s.Link.Effect != Replaced {
			continue
		}
		for _, cells := range stood {
			for _, former := range s.formerCells(t, cells) {
				f.add(t.KeyOf(former), s.Leaf, false)
				if len(stood) < maxMoves {
					stood = append(stood, former)
				}
			}
		}
	}
}

// formerCells returns the cells that a row had before a step that put others into
// some columns; none if the step did not.
func (s *placed) formerCells(t *tap.Table, cells []row.Value) (list [][]row.Value) {
	at, held, ok := s.held(t, cells)
	if !ok {
		return nil
	}
	for _, change := range s.into(held) {
		former := slices.Clone(cells)
		for i, cell := range s.Link.Changes[change].Old {
			former[at[i]] = cell
		}
		list = append(list, former)
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
