package cause

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// A Book holds what was told of all tables. It may be used by any number of
// goroutines.
type Book struct {
	mu     sync.RWMutex
	tables map[string]*history
	exact  bool
	missed map[uint64]bool
}

// SetColumnsTold says that every column that comes, goes or gets another name is
// told: what a table has or lacks otherwise is explained by nothing.
func (b *Book) SetColumnsTold(told bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exact = told
}

// NewBook returns an empty Book.
func NewBook() *Book {
	return &Book{tables: make(map[string]*history), missed: make(map[uint64]bool)}
}

// SetMissed says whether a version's row has lost its key to another one and was not
// found under the one that it must have instead.
func (b *Book) SetMissed(version uint64, missed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if missed {
		b.missed[version] = true
	} else {
		delete(b.missed, version)
	}
}

// Missed reports whether it has.
func (b *Book) Missed(version uint64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.missed[version]
}

// history is what was told of one table and is not forgotten.
type history struct {
	steps  []*placed // in the order of their leaves
	links  map[string]*links
	shapes []*Shape // in the order of their leaves
	key    []string // names of the key's columns now
	size   int
}

// placed is a step that can be asked for a row's cells.
type placed struct {
	Step
	at    map[string]int   // index into Link.Changes, by the cells that were referred to
	to    map[string][]int // indexes into them, by the cells that are referred to since
	epoch int              // how many shapes with other names came before
}

// fewChanges are looked through; what has more is found by maps.
const fewChanges = 8

// from finds the change of a step's link that speaks of some cells.
func (p *placed) from(cells []row.Value) (int, bool) {
	if p.at != nil {
		i, ok := p.at[string(row.AppendCells(nil, cells))]
		return i, ok
	}
	i := slices.IndexFunc(p.Link.Changes, func(c Change) bool { return equal(c.Old, cells) })
	return i, i >= 0
}

// into finds the changes of a step's link that put some cells into a row.
func (p *placed) into(cells []row.Value) (list []int) {
	if p.to != nil {
		return p.to[string(row.AppendCells(nil, cells))]
	}
	for i, c := range p.Link.Changes {
		if p.Link.Effect == Replaced && equal(c.New, cells) {
			list = append(list, i)
		}
	}
	return list
}

// links are the steps that go by the same columns, by the cells that they speak
// of.
type links struct {
	columns []string
	first   uint64 // leaf of one of them: columns have the names of that place
	steps   map[string][]*placed
	last    map[string]uint64 // by cells: the last leaf of a step that speaks of them
	asked   []asked           // in the order of their leaves
}

// asked are cells that a step speaks of.
type asked struct {
	leaf    uint64
	cells   []row.Value
	encoded string
}

// after returns the cells that steps after a version speak of, each once.
func (l *links) after(version uint64) iter.Seq[[]row.Value] {
	return func(yield func([]row.Value) bool) {
		from, _ := slices.BinarySearchFunc(l.asked, version+1, func(a asked, leaf uint64) int { return cmp.Compare(a.leaf, leaf) })
		for _, a := range l.asked[from:] {
			if l.last[a.encoded] == a.leaf && !yield(a.cells) {
				return
			}
		}
	}
}

// add makes a step findable by some cells.
func (l *links) add(p *placed, cells []row.Value, encoded string) {
	l.steps[encoded] = append(l.steps[encoded], p)
	if last, ok := l.last[encoded]; ok && last >= p.Leaf {
		return
	}
	l.last[encoded] = p.Leaf
	at, _ := slices.BinarySearchFunc(l.asked, p.Leaf+1, func(a asked, leaf uint64) int { return cmp.Compare(a.leaf, leaf) })
	l.asked = slices.Insert(l.asked, at, asked{p.Leaf, cells, encoded})
}

func (b *Book) history(table string) *history {
	h, ok := b.tables[table]
	if !ok {
		h = &history{links: make(map[string]*links)}
		b.tables[table] = h
	}
	return h
}

// Add adds a step; its leaf is not below that of the table's last one unless it
// follows from an older step.
func (b *Book) Add(s Step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.history(s.Table)
	p := &placed{Step: s, epoch: h.epoch(s.Leaf)}
	at, _ := slices.BinarySearchFunc(h.steps, s.Leaf+1, func(p *placed, leaf uint64) int { return cmp.Compare(p.Leaf, leaf) })
	h.steps = slices.Insert(h.steps, at, p)
	h.size += s.Size()
	h.index(p)
}

// index makes a step's values findable.
func (h *history) index(p *placed) {
	if p.Link == nil {
		return
	}
	if len(p.Link.Changes) > fewChanges {
		p.at, p.to = make(map[string]int, len(p.Link.Changes)), make(map[string][]int)
	}
	name := string(appendTexts([]byte{byte(p.epoch), byte(p.epoch >> 8)}, p.Link.Columns))
	l, ok := h.links[name]
	if !ok {
		l = &links{columns: p.Link.Columns, first: p.Leaf, steps: make(map[string][]*placed), last: make(map[string]uint64)}
		h.links[name] = l
	}
	for i, c := range p.Link.Changes {
		cells := string(row.AppendCells(nil, c.Old))
		if p.at != nil {
			p.at[cells] = i
		}
		if p.to != nil && p.Link.Effect == Replaced {
			now := string(row.AppendCells(nil, c.New))
			p.to[now] = append(p.to[now], i)
		}
		l.add(p, c.Old, cells)
	}
}

// between returns the steps that stand after a version and before a place in the
// log.
func (h *history) between(version, before uint64) []*placed {
	at := func(p *placed, leaf uint64) int { return cmp.Compare(p.Leaf, leaf) }
	from, _ := slices.BinarySearchFunc(h.steps, version+1, at)
	to, _ := slices.BinarySearchFunc(h.steps, before, at)
	return h.steps[from:max(from, to)]
}

// Forget removes the steps of a table that the keep function does not keep.
func (b *Book) Forget(table string, keep func(*Step) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.history(table)
	h.steps = slices.DeleteFunc(h.steps, func(p *placed) bool { return !keep(&p.Step) })
	h.size, h.links = 0, make(map[string]*links)
	for _, p := range h.steps {
		h.size += p.Size()
		h.index(p)
	}
}

// Steps returns the steps of a table.
func (b *Book) Steps(table string) []Step {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var list []Step
	if h := b.tables[table]; h != nil {
		for _, p := range h.steps {
			list = append(list, p.Step)
		}
	}
	return list
}

// Size is how many values the steps of a table hold.
func (b *Book) Size(table string) int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if h := b.tables[table]; h != nil {
		return h.size
	}
	return 0
}

// Pending returns the tables that have steps, and the lowest leaf of any.
func (b *Book) Pending() (tables []string, oldest uint64) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	oldest = ^uint64(0)
	for _, name := range slices.Sorted(maps.Keys(b.tables)) {
		if h := b.tables[name]; len(h.steps) > 0 {
			tables = append(tables, name)
			oldest = min(oldest, h.steps[0].Leaf)
		}
	}
	return tables, oldest
}

// Since reports whether anything was told of a table after a version.
func (b *Book) Since(table string, version uint64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return false
	}
	n, m := len(h.steps), len(h.shapes)
	return n > 0 && h.steps[n-1].Leaf > version || m > 0 && h.shapes[m-1].Leaf > version
}

// SetKey tells by which columns rows of a table are named now.
func (b *Book) SetKey(table string, key []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.history(table).key = key
}

// Key names the columns by which rows of a table are named now, as far as known.
func (b *Book) Key(table string) []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if h := b.tables[table]; h != nil {
		return h.key
	}
	return nil
}

// find returns where a column of that name stands, in any case.
func find(columns []row.Column, name string) int {
	fallback := -1
	for i := range columns {
		switch {
		case columns[i].Name == name:
			return i
		case fallback < 0 && strings.EqualFold(columns[i].Name, name):
			fallback = i
		}
	}
	return fallback
}

// Rules reports whether any step was told of a table after a version.
func (b *Book) Rules(table string, version uint64) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	return h != nil && len(h.steps) > 0 && h.steps[len(h.steps)-1].Leaf > version
}

// Has reports whether a table has a step by a link at a place in the log that
// speaks of some cells.
func (b *Book) Has(table, link string, leaf uint64, old []row.Value) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	h := b.tables[table]
	if h == nil {
		return false
	}
	return slices.ContainsFunc(h.steps, func(p *placed) bool {
		if p.Link == nil || p.Leaf != leaf || p.Link.Name != link {
			return false
		}
		_, ok := p.from(old)
		return ok
	})
}
