package rows

import (
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A Match says how a row of a chunk stands to the log's latest version of it.
type Match struct {
	// Equal says that the row is as that version, which the log had before the
	// window ended. Of any other row nothing is said: Compare tells.
	Equal bool
	// SameColumns says that the version covers just the columns that the table has.
	SameColumns bool
	Leaf        uint64 // of the version
	First       uint64 // leaf of the row's first version
}

// A Matcher compares many rows with their latest versions at once, in the order
// in which those stand in the log. It finds what Compare finds of rows at rest,
// which nearly all are, at a fraction of the cost. It keeps buffers and is not
// safe for concurrent use.
type Matcher struct {
	reader   *recordlog.Reader
	comparer *Comparer
	keys     keys
	heads    []recordlog.Head
	indexes  []uint64
	places   []int // of the rows that indexes are of
}

// NewMatcher returns a Matcher that reads with reader, which must be of log, and
// leaves to Compare what a book says more of.
func NewMatcher(log Log, reader *recordlog.Reader, book *cause.Book) *Matcher {
	m := &Matcher{reader: reader, comparer: NewComparer(log)}
	m.comparer.Accept(book)
	return m
}

// Match sets matches, one for each row, of rows that were read within the
// window.
func (m *Matcher) Match(t *tap.Table, rows []tap.Row, w recordlog.Window, matches []Match) error {
	m.keys.reset()
	for i := range rows {
		m.keys.add(t, rows[i].Cells)
	}
	if cap(m.heads) < len(rows) {
		m.heads = make([]recordlog.Head, len(rows))
	}
	m.heads = m.heads[:len(rows)]
	if err := m.reader.Heads(t.Name, m.keys.list(), m.heads); err != nil {
		return fmt.Errorf("look up rows: %w", err)
	}
	clear(matches)
	m.indexes, m.places = m.indexes[:0], m.places[:0]
	for i, h := range m.heads {
		if h.Version > 0 && !h.Deleted && h.Index < w.To {
			m.indexes, m.places = append(m.indexes, h.Index), append(m.places, i)
			matches[i] = Match{Leaf: h.Index, First: h.First}
		}
	}
	return m.reader.Entries(m.indexes, func(i int, e *recordlog.Entry) error {
		at := m.places[i]
		return m.match(e, t, rows[at].Cells, &matches[at])
	})
}

func (m *Matcher) match(e *recordlog.Entry, t *tap.Table, cells []row.Value, match *Match) error {
	c := m.comparer
	if e.Header.Op == commit.Delete || c.book != nil && !c.book.Plain(t.Name, e.Header.Index) {
		return nil
	}
	i, err := c.bare(e, t, cells)
	if errors.Is(err, recordlog.ErrKeyLost) {
		return nil
	}
	match.Equal = err == nil && i.commitment == e.Leaf.Commitment
	match.SameColumns = match.Equal && SameColumns(e, t)
	match.Equal = match.SameColumns || match.Equal && !c.columnsTold()
	return err
}

// keys are canonical keys in one piece of memory.
type keys struct {
	bytes []byte
	ends  []int
	keys  [][]byte
}

func (k *keys) reset() { k.bytes, k.ends = k.bytes[:0], k.ends[:0] }

// add adds the key of a row of t.
func (k *keys) add(t *tap.Table, cells []row.Value) {
	k.bytes = appendKeyOf(k.bytes, t, cells)
	k.ends = append(k.ends, len(k.bytes))
}

// list returns the keys, valid until the next reset.
func (k *keys) list() [][]byte {
	k.keys = k.keys[:0]
	start := 0
	for _, end := range k.ends {
		k.keys = append(k.keys, k.bytes[start:end:end])
		start = end
	}
	return k.keys
}

// appendKeyOf appends the canonical key of a row of t.
func appendKeyOf(b []byte, t *tap.Table, cells []row.Value) []byte {
	b = dcbor.AppendArray(b, len(t.Key))
	for _, c := range t.Key {
		b = row.AppendCell(b, cells[c])
	}
	return b
}
