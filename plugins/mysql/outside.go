package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// An outsider is a table that is not tapped and that tapped ones refer to. Its
// changes go to nobody, so what foreign keys did because of them is a gap of the
// tables that refer.
type outsider struct {
	name  string
	shape shape // its columns alone
	// readable says that its rows can be read as they were logged.
	readable bool
	children []outsideChild
}

type outsideChild struct {
	table string
	tap.Reference
}

// outside returns the outsider of a table map, nil if no tapped table refers to
// it.
func (s *stream) outside(name string, body []byte) (*outsider, error) {
	o := &outsider{name: name}
	for table, d := range s.known {
		for _, ref := range d.references {
			if s.tap.fold(ref.Table) == s.tap.fold(name) {
				o.children = append(o.children, outsideChild{table, ref})
			}
		}
	}
	if o.children == nil {
		return nil, nil
	}
	m, err := s.tap.dialect.parseTableMap(body)
	if err != nil {
		return nil, err
	}
	o.readable = m.named
	o.shape.table = &tap.Table{Name: name}
	for i := range m.columns {
		c := newWireColumn(&m.columns[i], s.tap.charsets)
		o.readable = o.readable && c.kind != kindNone && c.measure()
		o.shape.columns = append(o.shape.columns, c)
	}
	return o, nil
}

// addOutside takes a row event of an outsider: a gap of each table whose rows
// may have gone or changed with its rows.
func (s *stream) addOutside(o *outsider, event *replication.BinlogEvent, rows *replication.RowsEvent) {
	op := operation(rows)
	if op == tap.Insert || rows.Flags&uncheckedFlag != 0 {
		return
	}
	for _, c := range o.acting(op, event, rows) {
		s.open.gap(fmt.Sprintf("rows of table %s, which is not tapped, went or changed, and rows of this one with them by foreign key %s: "+
			"add %s to source.tables", o.name, c.Name, o.name), c.table)
	}
}

// acting returns the references that the server followed because of the rows of
// an event, or may have: where the rows cannot be read, all.
func (o *outsider) acting(op tap.Op, event *replication.BinlogEvent, rows *replication.RowsEvent) []outsideChild {
	possible := slices.DeleteFunc(slices.Clone(o.children), func(c outsideChild) bool {
		return op == tap.Delete && c.OnDelete == tap.NoAction || op == tap.Update && c.OnUpdate == tap.NoAction
	})
	if op == tap.Delete || len(possible) == 0 {
		return possible
	}
	if !o.readable || !whole(rows.ColumnBitmap1, rows.ColumnCount) || !whole(rows.ColumnBitmap2, rows.ColumnCount) ||
		int(rows.ColumnCount) != len(o.shape.columns) {
		return possible
	}
	body, _ := rows.Rows[0][0].([]byte)
	if compressed(event.Header.EventType) {
		var err error
		if body, err = mysql.DecompressMariadbData(body); err != nil {
			return possible
		}
	}
	moved, err := o.moved(possible, body)
	if err != nil {
		return possible
	}
	return moved
}

// moved returns the references to columns that an update changed in any row.
func (o *outsider) moved(possible []outsideChild, body []byte) (acts []outsideChild, err error) {
	hit, m := make([]bool, len(possible)), memory{}
	for len(body) > 0 {
		m.clear()
		var before, after []row.Value
		if before, body, err = o.shape.image(&m, body); err != nil {
			return nil, err
		}
		if after, body, err = o.shape.image(&m, body); err != nil {
			return nil, err
		}
		for i, c := range possible {
			hit[i] = hit[i] || o.differ(c.Of, before, after)
		}
	}
	for i, c := range possible {
		if hit[i] {
			acts = append(acts, c)
		}
	}
	return acts, nil
}

func (o *outsider) differ(names []string, before, after []row.Value) bool {
	for i, c := range o.shape.columns {
		named := slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, c.name) })
		if named && (i >= len(before) || i >= len(after) || !row.Equal(before[i], after[i])) {
			return true
		}
	}
	return false
}
