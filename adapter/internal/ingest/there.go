package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// there is a table as it is at the place where the stream stands, whatever the
// source has by now: a change since then is still to be told.
type there struct {
	columns []string // in no order; nil if not known
	key     []string
}

const (
	therePrefix = "ingest/there/"
	thereFormat = 1
)

// append appends the encoding: [1, columns, key].
func (t *there) append(b []byte) []byte {
	return appendNames(appendNames(dcbor.AppendUint(dcbor.AppendArray(b, 3), thereFormat), t.columns), t.key)
}

func parseThere(b []byte) (there, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(3)
	if f := r.Uint(); r.Err() == nil && f != thereFormat {
		return there{}, fmt.Errorf("names of columns have format %d, this program knows %d", f, thereFormat)
	}
	t := there{columns: readNames(r), key: readNames(r)}
	return t, r.Done()
}

func thereOf(t *tap.Table) there { return there{columns: columnNames(t.Columns), key: keyNames(t)} }

func columnNames(columns []row.Column) (names []string) {
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return names
}

// recallThere returns a listed table as it is where the stream stands: as last
// told, or else as last listed. A stream that begins now has it as it is listed.
func (s *session) recallThere(b *recordlog.Batch, t *tap.Table, state *TableState) (there, error) {
	if s.place.position == nil || len(state.Key) == 0 {
		return thereOf(t), nil
	}
	held, err := b.Get(therePrefix + t.Name)
	if err != nil {
		return there{}, err
	}
	if held != nil {
		known, err := parseThere(held)
		if err != nil {
			return there{}, fmt.Errorf("read columns of table %s: %w", t.Name, err)
		}
		return known, nil
	}
	columns, err := commit.ParseColumns(state.Columns)
	if err != nil {
		return there{}, fmt.Errorf("read columns of table %s: %w", t.Name, err)
	}
	known := there{columns: columnNames(columns)}
	for _, at := range state.Key {
		if at >= uint64(len(columns)) {
			return there{}, fmt.Errorf("read key of table %s: it has no column %d", t.Name, at)
		}
		known.key = append(known.key, columns[at].Name)
	}
	return known, nil
}

func (s *session) setThere(b *recordlog.Batch, table string, t there) {
	s.there[table] = t
	b.Set(therePrefix+table, t.append(nil))
}

// namedMoves names the columns that came and went with a change of which the tap
// could not tell it: those in which the table differs from what it was.
func (t *there) namedMoves(c *tap.SchemaChange) []tap.Moved {
	unnamed := func(m tap.Moved) bool { return m.From == "" && m.To == "" }
	if t.columns == nil || c.Table.Refused != "" || !slices.ContainsFunc(c.Moved, unnamed) {
		return c.Moved
	}
	moved := slices.DeleteFunc(slices.Clone(c.Moved), unnamed)
	now := columnNames(c.Table.Columns)
	from := func(name string) bool {
		return slices.ContainsFunc(c.Moved, func(m tap.Moved) bool { return strings.EqualFold(m.From, name) })
	}
	to := func(name string) bool {
		return slices.ContainsFunc(c.Moved, func(m tap.Moved) bool { return strings.EqualFold(m.To, name) })
	}
	for _, name := range t.columns {
		if !covers(now, []string{name}) && !from(name) {
			moved = append(moved, tap.Moved{From: name})
		}
	}
	for _, name := range now {
		if !covers(t.columns, []string{name}) && !to(name) {
			moved = append(moved, tap.Moved{To: name})
		}
	}
	return moved
}

// after is the table as it is after a change, in which it may be listed as it is
// later still.
func (t *there) after(c *tap.SchemaChange, key []string) there {
	if t.columns == nil || c.Removed != nil && c.Removed.All {
		if c.Table.Refused != "" {
			return there{key: key}
		}
		return there{columns: columnNames(c.Table.Columns), key: key}
	}
	columns := slices.Clone(t.columns)
	for _, m := range c.Moved {
		if m.From != "" {
			columns = slices.DeleteFunc(columns, func(name string) bool { return strings.EqualFold(name, m.From) })
		}
	}
	for _, m := range c.Moved {
		if m.To != "" {
			columns = append(columns, m.To)
		}
	}
	return there{columns: columns, key: key}
}
