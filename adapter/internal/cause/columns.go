package cause

import (
	"slices"

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
// the columns that the table has as it was read, before a place in the log; -1 if
// it is not there. Dropped says that the source told so. A source that does not
// tell columns is believed to have dropped those that its last shape lacks.
func (b *Book) Place(table string, version uint64, name string, columns []row.Column, before uint64) (at int, dropped bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return find(columns, name), false
	}
	shapes := until(h.after(version, before), columns)
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
// where that can be told.
func until(shapes []*Shape, columns []row.Column) []*Shape {
	for i, s := range slices.Backward(shapes) {
		if slices.Equal(s.Columns, columns) {
			return shapes[:i+1]
		}
	}
	return shapes
}

// An Added is a column that a table has and a version of its row has not, with
// what the row holds in it.
type Added struct {
	Name string
	Cell row.Value
}

// Unexplained returns which columns that a version does not have came otherwise
// than the source told since, before a place in the log, or hold something else
// than rows that were there before must.
func (b *Book) Unexplained(table string, version uint64, columns []Added, before uint64) (names []string) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if !b.exact {
		return nil
	}
	var shapes []*Shape
	if h := b.tables[table]; h != nil {
		shapes = h.after(version, before)
	}
	for _, column := range columns {
		if !came(shapes, column) {
			names = append(names, column.Name)
		}
	}
	return names
}

// came reports whether a column is new by some of a table's shapes.
func came(shapes []*Shape, column Added) bool {
	for i, s := range shapes {
		for _, m := range s.Moved {
			if m.From == "" && (m.To == "" || isNow(m.To, column.Name, shapes[i+1:]) && holds(m, column.Cell, shapes[i+1:])) {
				return true
			}
		}
	}
	return false
}

// isNow reports whether a column that came by a name has another one by some of
// the shapes that followed, or has it still.
func isNow(came, name string, followed []*Shape) bool {
	if sameName(came, name) {
		return true
	}
	for _, s := range followed {
		if came = s.moved(came); sameName(came, name) {
			return true
		}
	}
	return false
}

// holds reports whether a new column may hold a cell in a row that was there
// before. What was converted since is not known.
func holds(m tap.Moved, cell row.Value, followed []*Shape) bool {
	return m.Holds == nil || row.Equal(*m.Holds, cell) ||
		slices.ContainsFunc(followed, func(s *Shape) bool { return s.Converted })
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
