package rows

import (
	"errors"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A Finder finds, among rows that were read, the one that a version was committed
// to, where the key does not tell because it is another one since. Each row is found
// once. The log has no values, so a version is asked for its cells column by column,
// those with the fewest different cells first; what it is told to be since by the
// book of the Comparer counts as well.
type Finder struct {
	comparer *Comparer
	table    *tap.Table
	window   recordlog.Window
	rows     [][]row.Value
	order    []int // columns
	root     branch
}

// branch holds rows that have the same cells in the first columns of the order.
type branch struct {
	rows     []int // of the last column
	cells    []row.Value
	branches []*branch // one for each of cells
	left     int       // rows that were not found yet
	next     int       // of branches: where the last one was found, for rows tend to lie as their versions do
}

// NewFinder returns a Finder among rows of a table, read within a window.
func (c *Comparer) NewFinder(t *tap.Table, cells [][]row.Value, w recordlog.Window) *Finder {
	f := &Finder{comparer: c, table: t, window: w, rows: cells}
	distinct := make([]int, len(t.Columns))
	for at := range t.Columns {
		if isKeyColumn(t, at) {
			continue
		}
		seen := make(map[string]bool)
		for _, r := range cells {
			seen[string(row.AppendCell(nil, r[at]))] = true
		}
		distinct[at] = len(seen)
		f.order = append(f.order, at)
	}
	slices.SortStableFunc(f.order, func(a, b int) int { return distinct[a] - distinct[b] })
	all := make([]int, len(cells))
	for i := range all {
		all[i] = i
	}
	f.root = *f.grow(all, 0)
	return f
}

// grow parts rows by the columns from one of the order on.
func (f *Finder) grow(rows []int, depth int) *branch {
	b := &branch{left: len(rows)}
	if depth == len(f.order) {
		b.rows = rows
		return b
	}
	parts := make(map[string]int)
	var list [][]int
	for _, i := range rows {
		cell := f.rows[i][f.order[depth]]
		encoded := string(row.AppendCell(nil, cell))
		at, known := parts[encoded]
		if !known {
			at = len(list)
			parts[encoded] = at
			b.cells, list = append(b.cells, cell), append(list, nil)
		}
		list[at] = append(list[at], i)
	}
	for _, part := range list {
		b.branches = append(b.branches, f.grow(part, depth+1))
	}
	return b
}

// Find returns which of the rows a version is of, by its place among them.
func (f *Finder) Find(e *recordlog.Entry) (place int, ok bool, err error) {
	k, err := f.comparer.versionKey(e)
	if errors.Is(err, recordlog.ErrKeyLost) {
		return 0, false, nil
	}
	if err != nil || e.Header.Op == commit.Delete {
		return 0, false, err
	}
	s := &search{Finder: f, entry: e, salts: commit.Salts(k, len(e.Digests)), column: make([]int, len(f.table.Columns)),
		converted: make([]bool, len(f.table.Columns))}
	for at := range s.column {
		s.column[at] = -1
	}
	for n, c := range e.Header.Columns {
		if at := f.comparer.now(e, n, f.table, f.window); at >= 0 {
			s.column[at], s.converted[at] = n, f.comparer.converted(e, c)
		}
	}
	return s.among(&f.root, 0)
}

// converted reports whether a column's values may have been converted since a
// version.
func (c *Comparer) converted(e *recordlog.Entry, column row.Column) bool {
	if c.book == nil {
		return false
	}
	_, converted := c.book.Converted(e.Header.Table, e.Header.Index, column)
	return converted
}

// now returns where column n of a version stands in a table as it was read within a
// window, -1 if it is not there.
func (c *Comparer) now(e *recordlog.Entry, n int, t *tap.Table, w recordlog.Window) int {
	if c.book == nil {
		return stands(t.Columns, e.Header.Columns, n)
	}
	at, _ := c.book.Place(t.Name, e.Header.Index, e.Header.Columns[n].Name, t.Columns, w)
	return at
}

// search is one run of Find.
type search struct {
	*Finder
	entry     *recordlog.Entry
	salts     []commit.Salt
	column    []int  // of the version, by the table's column; -1 if it tells nothing
	converted []bool // by the table's column
}

func (s *search) among(b *branch, depth int) (place int, ok bool, err error) {
	if depth == len(s.order) {
		return s.last(b)
	}
	at := s.order[depth]
	for step := range b.branches {
		if i := (b.next + step) % len(b.branches); s.held(s.column[at], b.cells[i]) {
			return s.into(b, i, depth)
		}
	}
	if s.column[at] >= 0 && !s.converted[at] {
		return 0, false, nil
	}
	for i := range b.branches {
		if place, ok, err = s.into(b, i, depth); err != nil || ok {
			return place, ok, err
		}
	}
	return 0, false, nil
}

// into looks among the rows of one branch of b.
func (s *search) into(b *branch, i, depth int) (place int, ok bool, err error) {
	if b.branches[i].left == 0 {
		return 0, false, nil
	}
	if place, ok, err = s.among(b.branches[i], depth+1); ok {
		b.next = i
		b.left--
	}
	return place, ok, err
}

// held reports whether the version was committed to a cell in a column, -1 for none.
func (s *search) held(n int, v row.Value) bool {
	return n >= 0 && commit.ColumnDigest(s.salts[n], s.entry.Header.Columns[n].Name, v) == s.entry.Digests[n]
}

// last takes the first of some rows with equal cells, if the version is of it.
func (s *search) last(b *branch) (place int, ok bool, err error) {
	m, err := s.comparer.standing(s.entry, s.table, s.rows[b.rows[0]], s.window)
	if err != nil || !m.Equal {
		return 0, false, err
	}
	place = b.rows[0]
	b.rows = b.rows[1:]
	b.left--
	return place, true, nil
}
