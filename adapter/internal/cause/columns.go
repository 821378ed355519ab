package cause

import (
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// moves reports whether columns got other names, or are gone.
func (s *Shape) moves() bool {
	for _, m := range s.Moved {
		if m.From != "" {
			return true
		}
	}
	return false
}

// Place returns where a column that a version was committed with stands among
// the columns that the table has as it was read within a window; -1 if it is not
// there. Dropped says that the source told so. A source that does not
// tell columns is believed to have dropped those that its last shape lacks.
func (b *Book) Place(table string, version uint64, name string, columns []row.Column, w recordlog.Window) (at int, dropped bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return find(columns, name), false
	}
	shapes := until(h.after(version, w.To), columns, w.From)
	names := []string{name}
	for _, s := range shapes {
		if name = s.moved(name); name == "" {
			return -1, true
		}
		names = append(names, name)
	}
	for _, name := range slices.Backward(names) {
		if at = find(columns, name); at >= 0 {
			return at, false
		}
	}
	return -1, !b.exact && len(shapes) > 0 && find(shapes[len(shapes)-1].Columns, name) < 0
}

// until leaves out the shapes that came after the one that a table was read in,
// where that can be told. Those that were told before the read began were in force
// by then, whatever columns they have: of a statement that the tap is behind, the
// definition may be a later one's.
func until(shapes []*Shape, columns []row.Column, from uint64) []*Shape {
	for i, s := range slices.Backward(shapes) {
		if s.Leaf < from || slices.Equal(s.Columns, columns) {
			return shapes[:i+1]
		}
	}
	return shapes
}

// An Arrival is how a column came that a version of a row does not have.
type Arrival struct {
	// Told says that the source told that it came.
	Told bool
	// Holds is what the row must hold in it; nil if the source did not tell.
	Holds *row.Value
	// Types are those that the column has had since, in order, from that of Holds
	// on; Converted says that values may have been converted.
	Types     []row.Type
	Converted bool
}

// Arrived says how a column came that the table has as it was read within a window,
// and that a version does not have.
func (b *Book) Arrived(table string, version uint64, name string, columns []row.Column, w recordlog.Window) Arrival {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return Arrival{Told: !b.exact}
	}
	shapes := until(h.after(version, w.To), columns, w.From)
	for i, s := range slices.Backward(shapes) {
		m := s.came(name)
		switch {
		case m == nil:
			name = s.former(name)
		case m.Holds == nil:
			return Arrival{Told: true}
		default:
			return since(m, shapes[i+1:])
		}
		if name == "" {
			break
		}
	}
	return Arrival{Told: !b.exact}
}

// came returns how a column of a name is new by a shape; nil if it is not. One
// that the tap cannot name is none of those that were there.
func (s *Shape) came(name string) *tap.Moved {
	for i := range s.Moved {
		m := &s.Moved[i]
		if m.From == "" && (sameName(m.To, name) || m.To == "" && find(s.Columns, name) < 0) {
			return m
		}
	}
	return nil
}

// former returns the name that a column had before a shape; empty if what had its
// name then is another column.
func (s *Shape) former(name string) string {
	for _, m := range s.Moved {
		if sameName(m.To, name) {
			return m.From
		}
	}
	if s.moved(name) != name {
		return ""
	}
	return name
}

// since is how a column arrived that some shapes followed.
func since(m *tap.Moved, followed []*Shape) Arrival {
	a := Arrival{Told: true, Holds: m.Holds, Types: []row.Type{m.Holds.Type()}}
	name := m.To
	for _, s := range followed {
		a.Converted = a.Converted || s.Converted
		name = s.moved(name)
		if at := find(s.Columns, name); at >= 0 && s.Columns[at].Type != a.Types[len(a.Types)-1] {
			a.Types = append(a.Types, s.Columns[at].Type)
		}
	}
	return a
}

// A Newcomer is a column that came with a change of its table's shape.
type Newcomer struct {
	Name string // as it is now
	Leaf uint64 // of the change
}

// Untold lists the columns of a table of which the source did not tell what the
// rows that were there held when they came.
func (b *Book) Untold(table string) (list []Newcomer) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return nil
	}
	for i, s := range h.shapes {
		for _, m := range s.Moved {
			if m.From != "" || m.To == "" || m.Holds != nil {
				continue
			}
			name := m.To
			for _, later := range h.shapes[i+1:] {
				name = later.moved(name)
			}
			if name != "" {
				list = append(list, Newcomer{name, s.Leaf})
			}
		}
	}
	return list
}

// ColumnsTold reports whether every column that comes or goes is told.
func (b *Book) ColumnsTold() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.exact
}

// Reshaped reports whether a table was told to have another shape at a place in
// the log or later: what was read before may not be how it is.
func (b *Book) Reshaped(table string, from uint64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	return h != nil && len(h.shapes) > 0 && h.shapes[len(h.shapes)-1].Leaf >= from
}
