package ingest

import (
	"bytes"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// movedPrefix names the state that holds the position of a table's last change
// that moved columns: a tap may tell it again after a restart.
const movedPrefix = "ingest/moved/"

// reshaped keeps a change of a table's shape that was told, and reports whether rows
// have a key of other columns since.
func (a *applier) reshaped(c *tap.SchemaChange, leaf uint64) (rekeyed bool, err error) {
	name := c.Table.Name
	again, err := a.toldAgain(c)
	if err != nil {
		return false, err
	}
	former := a.book.Key(name)
	shape := &cause.Shape{Table: name, Leaf: leaf, Columns: c.Table.Columns, Moved: c.Moved, Converted: c.Rewritten,
		Key: keyNames(c.Table), FormerKey: former}
	if again {
		shape.Moved = nil
	}
	if c.Table.Refused != "" { // the key is as it was until another one is told
		shape.Columns, shape.Key = nil, movedNames(former, shape.Moved)
	}
	if former == nil {
		shape.FormerKey = shape.Key
	}
	if c.Rewritten || len(shape.Moved) > 0 || !slices.Equal(shape.Key, shape.FormerKey) {
		a.addShape(a.batch, shape)
	}
	return shape.Rekeys(), nil
}

// toldAgain reports whether the columns that a change moved are those of a change
// that the log has: they moved once.
func (a *applier) toldAgain(c *tap.SchemaChange) (bool, error) {
	if len(c.Moved) == 0 || len(c.Position) == 0 {
		return false, nil
	}
	name := movedPrefix + c.Table.Name
	last, err := a.batch.Get(name)
	if err != nil || bytes.Equal(last, c.Position) {
		return err == nil, err
	}
	a.batch.Set(name, c.Position)
	return false, nil
}

// movedNames returns the names that columns have since; that of a column which
// is gone stays.
func movedNames(names []string, moved []tap.Moved) []string {
	names = slices.Clone(names)
	for i, name := range names {
		for _, m := range moved {
			if m.From == name && m.To != "" {
				names[i] = m.To
			}
		}
	}
	return names
}

// opened notes that a table may have gained columns that nobody told of.
func (s *session) opened(b *recordlog.Batch, table string, leaf uint64) {
	t := s.tables[table]
	if !s.described.ColumnsTold || t == nil || t.Refused != "" {
		return
	}
	key := keyNames(t)
	s.addShape(b, &cause.Shape{Table: table, Leaf: leaf, Columns: t.Columns, Moved: []tap.Moved{{}}, Key: key, FormerKey: key})
}
