package rows

import (
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/cause/convert"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A Standing says how a row that is right stands to a version of it.
type Standing struct {
	Equal bool
	// Renew says that the version is not the row as it stands, but what the row
	// was before something that the source told: the row wants a new version.
	Renew bool
	// Way is what happened to the row since; Way.Leaf is 0 if nothing did.
	Way     cause.Outcome
	Version *cause.Version // of a Way with a leaf
}

// Matches reports whether the cells are those that the version committed to.
// Columns that the table has gained since are not part of it. One that it has
// lost counts as changed, and so does one of another type or character set,
// unless the book has it from the source.
func (c *Comparer) Matches(e *recordlog.Entry, t *tap.Table, cells []row.Value) (bool, error) {
	if e.Header.Op == commit.Delete {
		return false, nil
	}
	i, err := c.image(e, t, cells, recordlog.Window{To: always})
	if err != nil {
		return false, err
	}
	if !c.allRight(i, cause.Outcome{}) {
		return false, nil
	}
	return true, c.checkImage(i)
}

// standing compares cells, read within a window, with a version and what was told
// since of its row.
func (c *Comparer) standing(e *recordlog.Entry, t *tap.Table, cells []row.Value, w recordlog.Window) (Standing, error) {
	if e.Header.Op == commit.Delete {
		return Standing{}, nil
	}
	i, err := c.image(e, t, cells, w)
	if err != nil {
		return Standing{}, err
	}
	if !i.told {
		if !c.allRight(i, cause.Outcome{}) {
			return Standing{}, nil
		}
		return Standing{Equal: true, Renew: !SameColumns(e, t)}, c.checkImage(i)
	}
	if !c.untouchedRight(i) {
		return Standing{}, nil
	}
	v := i.version()
	for _, way := range c.book.Outcomes(v, w) {
		if c.allRight(i, way) {
			return Standing{Equal: true, Renew: way.Leaf != 0 || i.converted || !SameColumns(e, t), Way: way, Version: v}, c.checkImage(i)
		}
	}
	return Standing{}, nil
}

// untouchedRight reports whether the columns that no rule may have changed are as
// they must be: of a row that changes all the time, most versions are told from it
// so, at the price of a comparison.
func (c *Comparer) untouchedRight(i *image) bool {
	h := &i.entry.Header
	for column := range i.digests {
		if !c.book.Touches(h.Table, h.Index, h.Columns[column].Name) && !c.right(i, cause.Outcome{}, column) {
			return false
		}
	}
	return true
}

// Gone reports whether a row whose latest version is e may rightly be missing
// from a read within a window, for what the source told since. Moved are the keys
// that it may rightly have instead.
func (c *Comparer) Gone(e *recordlog.Entry, w recordlog.Window) (m Standing, moved [][]row.Value, err error) {
	if c.book == nil || !c.book.Since(e.Header.Table, e.Header.Index) {
		return Standing{}, nil, nil
	}
	i, err := c.image(e, nil, nil, recordlog.Window{To: always})
	if err != nil {
		return Standing{}, nil, err
	}
	v := i.version()
	for _, way := range c.book.Outcomes(v, w) {
		if way.Gone {
			return Standing{Equal: true, Renew: true, Way: way, Version: v}, nil, c.CheckEntry(e)
		}
		if key, ok := c.book.NewKey(v, way); ok {
			moved = append(moved, key)
		}
	}
	return Standing{}, moved, nil
}

// An image is a row as it was read, under the salts of a recorded version.
type image struct {
	entry      *recordlog.Entry
	told       bool // the source told something since the version
	commitment commit.Digest
	digests    []commit.Digest
	cells      []row.Value // in the version's columns' order
	salts      []commit.Salt
	lost       []bool           // columns of the version that the table no longer has
	dropped    []bool           // those of which the source told it
	added      []string         // columns that the table has otherwise than was told
	window     recordlog.Window // of the read
	converted  bool             // a column was found equal only after it was converted back
}

// always is a place behind all that the log holds.
const always = ^uint64(0)

// image makes the image of a row that was read within a window; with no table, one
// of which nothing is known. An image of a row of which nothing was told is good
// until the next one.
func (c *Comparer) image(e *recordlog.Entry, t *tap.Table, cells []row.Value, w recordlog.Window) (*image, error) {
	if c.book == nil || !c.book.Since(e.Header.Table, e.Header.Index) {
		return c.bare(e, t, cells)
	}
	k, err := c.versionKey(e)
	if err != nil {
		return nil, err
	}
	i := &image{entry: e, told: true, window: w, salts: commit.Salts(k, len(e.Digests))}
	if t == nil {
		return i, nil
	}
	return i, c.digest(i, k, t, cells)
}

// bare makes the image of a row of which nothing was told, good until the next
// one.
func (c *Comparer) bare(e *recordlog.Entry, t *tap.Table, cells []row.Value) (*image, error) {
	k, err := c.versionKey(e)
	if err != nil {
		return nil, err
	}
	c.scratch = image{entry: e, window: recordlog.Window{To: always}}
	return &c.scratch, c.digest(&c.scratch, k, t, cells)
}

func (c *Comparer) versionKey(e *recordlog.Entry) (k commit.Key, err error) {
	if len(e.Digests) != len(e.Header.Columns) {
		return k, fmt.Errorf("%w: leaf %d", ErrDamaged, e.Header.Index)
	}
	owner, err := c.owner(e.Owner)
	if err != nil {
		return k, err
	}
	return owner.VersionKey(e.Header.Log, e.Header.Index), nil
}

// digest computes an image's digests, and its commitment where each cell is of
// its column's type.
func (c *Comparer) digest(i *image, k commit.Key, t *tap.Table, cells []row.Value) (err error) {
	h := &i.entry.Header
	if c.place(i, t, cells) {
		i.commitment, i.digests, err = c.committer.Commit(k, h, i.cells)
		return err
	}
	if i.salts == nil {
		i.salts = commit.Salts(k, len(h.Columns))
	}
	i.digests = make([]commit.Digest, len(h.Columns))
	for at, column := range h.Columns {
		i.digests[at] = commit.ColumnDigest(i.salts[at], column.Name, i.cells[at])
	}
	return nil
}

// place orders the cells as the version's columns are, and reports whether each
// fits its column's type.
func (c *Comparer) place(i *image, t *tap.Table, cells []row.Value) (fits bool) {
	fits = true
	c.cells, c.taken = c.cells[:0], append(c.taken[:0], make([]bool, len(t.Columns))...)
	columns := i.entry.Header.Columns
	for n, want := range columns {
		at, dropped := stands(t.Columns, columns, n), false
		if i.told {
			at, dropped = c.book.Place(t.Name, i.entry.Header.Index, want.Name, t.Columns, i.window)
		}
		cell := row.Null()
		if at >= 0 {
			cell, c.taken[at] = cells[at], true
		} else {
			fits = false
			i.lose(n, dropped)
		}
		fits = fits && cell.Fits(want.Type)
		c.cells = append(c.cells, cell)
	}
	i.cells = c.cells
	i.added = c.added(i, t, cells)
	return fits && i.added == nil
}

// added returns the columns that the table has beyond the version's, and that
// nobody told of, or that hold otherwise than was told.
func (c *Comparer) added(i *image, t *tap.Table, cells []row.Value) []string {
	if c.book == nil {
		return nil
	}
	var names []string
	for at, taken := range c.taken {
		if taken || isKeyColumn(t, at) {
			continue
		}
		name := t.Columns[at].Name
		if !arrivedSo(c.book.Arrived(t.Name, i.entry.Header.Index, name, t.Columns, i.window), cells[at]) {
			names = append(names, name)
		}
	}
	return names
}

// arrivedSo reports whether a cell is what a row must hold in a column that came.
func arrivedSo(a cause.Arrival, cell row.Value) bool {
	if a.Holds == nil {
		return a.Told
	}
	held := func(v row.Value) bool { return row.Equal(v, *a.Holds) }
	return held(cell) || a.Converted && leadsBack(cell, a.Types, held)
}

func (i *image) lose(column int, dropped bool) {
	if i.lost == nil {
		i.lost, i.dropped = make([]bool, len(i.entry.Header.Columns)), make([]bool, len(i.entry.Header.Columns))
	}
	i.lost[column], i.dropped[column] = true, dropped
}

// version is what the book must know of the recorded version.
func (i *image) version() *cause.Version {
	h := &i.entry.Header
	v := &cause.Version{Table: h.Table, Index: h.Index, Columns: h.Columns, Had: i.had}
	if key, err := row.ParseKey(h.Key); err == nil {
		v.Key = key
	}
	if i.cells != nil {
		cells := slices.Clone(i.cells)
		v.Hint = func(column int) (row.Value, bool) { return cells[column], i.lost == nil || !i.lost[column] }
	}
	return v
}

func (i *image) had(column int, v row.Value) bool {
	return commit.ColumnDigest(i.salts[column], i.entry.Header.Columns[column].Name, v) == i.entry.Digests[column]
}

// allRight reports whether the row stands in one way.
func (c *Comparer) allRight(i *image, way cause.Outcome) bool {
	if way.Gone || i.added != nil {
		return false
	}
	if way.Leaf == 0 && i.commitment == i.entry.Leaf.Commitment {
		return true
	}
	for column := range i.digests {
		if !c.right(i, way, column) {
			return false
		}
	}
	return true
}

// right reports whether one column is as it must be if the row stands in one way.
func (c *Comparer) right(i *image, way cause.Outcome, column int) bool {
	want, set := way.Set[column]
	switch {
	case i.lost != nil && i.lost[column]:
		return i.dropped[column] || !c.columnsTold() && i.digests[column] == i.entry.Digests[column]
	case set:
		return row.Equal(i.cells[column], want) || i.told && slices.ContainsFunc(convert.Back(i.cells[column], want.Type()),
			func(v row.Value) bool { return row.Equal(v, want) })
	}
	return i.digests[column] == i.entry.Digests[column] || i.told && c.convertedBack(i, column)
}

func (c *Comparer) columnsTold() bool { return c.book != nil && c.book.ColumnsTold() }

// convertedBack reports whether the cell is what the source made of the one that
// was committed when it gave the column other types.
func (c *Comparer) convertedBack(i *image, column int) bool {
	h := &i.entry.Header
	types, converted := c.book.Converted(h.Table, h.Index, h.Columns[column])
	if !converted {
		return false
	}
	if !leadsBack(i.cells[column], types, func(v row.Value) bool { return i.had(column, v) }) {
		return false
	}
	i.converted = true
	return true
}

// leadsBack reports whether a cell is what the source made of one that was held,
// in a column that has had some types since: back through those in between, of
// which each has few cells, to the first one, of which it is asked.
func leadsBack(cell row.Value, types []row.Type, held func(row.Value) bool) bool {
	cells := []row.Value{cell}
	for n := len(types) - 1; n > 0; n-- {
		cells = backThrough(cells, types[n])
	}
	for _, cell := range cells {
		if cell.Type() == types[0] && held(cell) || slices.ContainsFunc(convert.Back(cell, types[0]), held) {
			return true
		}
	}
	return false
}

func backThrough(cells []row.Value, t row.Type) []row.Value {
	var out []row.Value
	for _, cell := range cells {
		if cell.Type() == t {
			out = append(out, cell)
			continue
		}
		out = append(out, convert.Back(cell, t)...)
	}
	return out
}

// checkImage checks the log's copy of a version that was found equal, unless its
// commitment was computed.
func (c *Comparer) checkImage(i *image) error {
	if i.commitment == i.entry.Leaf.Commitment {
		return nil
	}
	return c.CheckEntry(i.entry)
}

// describe says how a row differs from a version and from every way in which it
// may rightly stand.
func (c *Comparer) describe(e *recordlog.Entry, t *tap.Table, cells []row.Value, w recordlog.Window, head recordlog.Head) (Comparison, error) {
	out := Comparison{State: Differs, Entry: e, Head: head}
	if e.Header.Op == commit.Delete {
		out.State = Resurrected
		return out, nil
	}
	i, err := c.image(e, t, cells, w)
	if err != nil {
		return out, err
	}
	way := cause.Outcome{}
	if i.told {
		way = c.nearest(i, c.book.Outcomes(i.version(), w))
	}
	present := slices.Clone(i.digests)
	for column := range present {
		switch {
		case c.right(i, way, column):
			present[column] = e.Digests[column] // nothing is said of it
		case present[column] == e.Digests[column] && (i.lost == nil || !i.lost[column]):
			out.State = Kept
		default:
			out.Columns = append(out.Columns, e.Header.Columns[column].Name)
		}
	}
	out.Columns = append(out.Columns, i.added...)
	switch {
	case len(out.Columns) > 0:
		out.State, out.Present = Differs, present
		return out, nil
	case out.State == Kept || way.Gone:
		out.State = Kept
		return out, c.CheckEntry(e)
	}
	return out, fmt.Errorf("%w: leaf %d", ErrDamaged, e.Header.Index)
}

// nearest is the way, of those in which the row is there, that it differs least
// from; if it must be gone in all of them, the last way with nothing set.
func (c *Comparer) nearest(i *image, ways []cause.Outcome) cause.Outcome {
	best, least := cause.Outcome{Gone: true}, len(i.digests)+1
	for _, way := range ways {
		if way.Gone {
			continue
		}
		wrong := 0
		for column := range i.digests {
			if !c.right(i, way, column) {
				wrong++
			}
		}
		if wrong < least {
			best, least = way, wrong
		}
	}
	return best
}

// Concerned returns the keys at which the row of a version is to be looked for,
// if anything that was told before the log had a size concerns it: the key that it
// had, and the one that it may have since. Of a row that can stand in one way
// alone, that way comes with them.
func (c *Comparer) Concerned(e *recordlog.Entry, size uint64) (keys [][]row.Value, must *Standing, err error) {
	i, err := c.image(e, nil, nil, recordlog.Window{To: always})
	if err != nil || !i.told {
		return nil, nil, err
	}
	v := i.version()
	ways := c.book.Outcomes(v, recordlog.Window{From: size, To: size})
	for _, way := range ways {
		if way.Leaf == 0 {
			continue
		}
		if keys == nil {
			keys = append(keys, v.Key)
		}
		if key, ok := c.book.NewKey(v, way); ok {
			keys = append(keys, key)
		}
	}
	if keys == nil || len(ways) > 1 {
		return keys, nil, nil
	}
	return keys, &Standing{Way: ways[0], Version: v}, c.CheckEntry(e)
}
