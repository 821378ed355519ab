package cause

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A Shape is a change of a table's shape that the source's own stream told, at
// one place in the log.
type Shape struct {
	Table string
	Leaf  uint64
	// Columns are those that the table has since; Moved are those that got
	// another name, are gone whatever Columns has of that name, or are new.
	Columns []row.Column
	Moved   []tap.Moved
	// Converted says that values may have become those of other types.
	Converted bool
	// Key and FormerKey name the columns of the key since and before.
	Key, FormerKey []string
}

// shapeFormat is the version of a shape's encoding.
const shapeFormat = 2

// Append appends the encoding: [2, table, leaf, columns, moved, converted, key,
// former key]. Of each move it has the names and an array of what a new column
// holds, with one cell or none.
func (s *Shape) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 8), shapeFormat)
	b = dcbor.AppendUint(dcbor.AppendText(b, s.Table), s.Leaf)
	b = dcbor.AppendBytes(b, commit.AppendColumns(nil, s.Columns))
	b = dcbor.AppendArray(b, len(s.Moved))
	for _, m := range s.Moved {
		b = dcbor.AppendText(dcbor.AppendText(dcbor.AppendArray(b, 3), m.From), m.To)
		var holds []row.Value
		if m.Holds != nil {
			holds = []row.Value{*m.Holds}
		}
		b = row.AppendCells(b, holds)
	}
	b = dcbor.AppendUint(b, flag(s.Converted))
	return appendTexts(appendTexts(b, s.Key), s.FormerKey)
}

// ParseShape reads what Append wrote. It shares no memory with b.
func ParseShape(b []byte) (*Shape, error) {
	r := dcbor.NewReader(slices.Clone(b))
	r.ArrayOf(8)
	if f := r.Uint(); r.Err() == nil && f != shapeFormat {
		return nil, fmt.Errorf("%w: %d, this program knows %d", ErrFormat, f, shapeFormat)
	}
	s := &Shape{Table: r.Text(), Leaf: r.Uint()}
	encoded := r.Bytes()
	s.Moved = readMoved(r)
	s.Converted = r.Uint() == 1
	s.Key, s.FormerKey = readTexts(r), readTexts(r)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse a shape: %w", err)
	}
	var err error
	if s.Columns, err = commit.ParseColumns(encoded); err != nil {
		return nil, fmt.Errorf("parse a shape: %w", err)
	}
	return s, nil
}

func readMoved(r *dcbor.Reader) (list []tap.Moved) {
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.ArrayOf(3)
		m := tap.Moved{From: r.Text(), To: r.Text()}
		if holds := row.ReadCells(r, nil); len(holds) > 0 {
			m.Holds = &holds[0]
		}
		list = append(list, m)
	}
	return list
}

// AddShape adds a shape; its leaf is above that of the table's last one.
func (b *Book) AddShape(s *Shape) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.history(s.Table)
	h.shapes, h.key = append(h.shapes, s), s.Key
}

func sameName(a, b string) bool { return strings.EqualFold(a, b) }

// epoch counts the shapes with other names before a place in the log.
func (h *history) epoch(leaf uint64) (n int) {
	for _, s := range h.shapes {
		if s.Leaf < leaf && len(s.Moved) > 0 {
			n++
		}
	}
	return n
}

// keyAt names the columns of the key by which a version's row was named.
func (h *history) keyAt(version uint64) []string {
	for _, s := range h.shapes {
		if s.Leaf > version {
			return s.FormerKey
		}
	}
	return h.key
}

// after returns the shapes between a version and a place in the log.
func (h *history) after(version, before uint64) []*Shape {
	from, _ := slices.BinarySearchFunc(h.shapes, version+1, shapeAt)
	to, _ := slices.BinarySearchFunc(h.shapes, before, shapeAt)
	return h.shapes[from:max(from, to)]
}

func shapeAt(s *Shape, leaf uint64) int { return cmp.Compare(s.Leaf, leaf) }

// named follows the name that a column had in a version up to a place in the
// log; gone says that it is gone by then.
func (h *history) named(version uint64, name string, before uint64) (now string, gone bool) {
	for _, s := range h.after(version, before) {
		if name = s.moved(name); name == "" {
			return "", true
		}
	}
	return name, false
}

// moved returns the name that a column has since; empty if it is gone.
func (s *Shape) moved(name string) string {
	for _, m := range s.Moved {
		if m.From != "" && sameName(m.From, name) {
			return m.To
		}
	}
	return name
}

// Converted returns the types that a column of a version has had since, in order
// and each once in a row, if values may have been converted since then.
func (b *Book) Converted(table string, version uint64, column row.Column) (types []row.Type, converted bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return nil, false
	}
	types = []row.Type{column.Type}
	name := column.Name
	for _, s := range h.after(version, ^uint64(0)) {
		converted = converted || s.Converted
		name = s.moved(name)
		if at := find(s.Columns, name); at >= 0 && s.Columns[at].Type != types[len(types)-1] {
			types = append(types, s.Columns[at].Type)
		}
	}
	return types, converted
}

// Plain reports whether nothing was told of a table after a version but columns
// that it gained, lost or converted: a row that is as the version says by the
// names of its columns is right.
func (b *Book) Plain(table string, version uint64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return true
	}
	if n := len(h.steps); n > 0 && h.steps[n-1].Leaf > version {
		return false
	}
	return !slices.ContainsFunc(h.after(version, ^uint64(0)), func(s *Shape) bool { return s.moves() || s.Rekeys() })
}
