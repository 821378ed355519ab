package cause

import (
	"cmp"
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
}

// SetColumnsTold says that every column that comes, goes or gets another name is
// told: what a table has or lacks otherwise is explained by nothing.
func (b *Book) SetColumnsTold(told bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exact = told
}

// NewBook returns an empty Book.
func NewBook() *Book { return &Book{tables: make(map[string]*history)} }

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
	at    map[string]int // index into Link.Changes, by the cells that were referred to
	epoch int            // how many shapes with other names came before
}

// links are the steps that go by the same columns, by the cells that they speak
// of.
type links struct {
	columns []string
	first   uint64 // leaf of one of them: columns have the names of that place
	steps   map[string][]*placed
	asked   [][]row.Value // the cells, each list once
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
	p.at = make(map[string]int, len(p.Link.Changes))
	name := string(appendTexts([]byte{byte(p.epoch), byte(p.epoch >> 8)}, p.Link.Columns))
	l, ok := h.links[name]
	if !ok {
		l = &links{columns: p.Link.Columns, first: p.Leaf, steps: make(map[string][]*placed)}
		h.links[name] = l
	}
	for i, c := range p.Link.Changes {
		cells := string(row.AppendCells(nil, c.Old))
		p.at[cells] = i
		if l.steps[cells] == nil {
			l.asked = append(l.asked, c.Old)
		}
		l.steps[cells] = append(l.steps[cells], p)
	}
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
		_, ok := p.at[string(row.AppendCells(nil, old))]
		return ok
	})
}
