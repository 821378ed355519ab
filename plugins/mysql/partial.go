package mysql

import (
	"errors"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// An image of a row may lack columns and still tell the whole row: those that
// are left out of rows anyway, as MySQL leaves out generated columns; and in the
// second image of an update, those that the update did not change, which MariaDB
// from 11.4 on leaves out with binlog_row_image=FULL_NODUP.

// imaged returns the shape of rows whose images have the columns of an event, nil
// if those do not tell the whole row.
func (s *shape) imaged(rows *replication.RowsEvent) *shape {
	if int(rows.ColumnCount) != len(s.columns) {
		return nil
	}
	if whole(rows.ColumnBitmap1, rows.ColumnCount) && whole(rows.ColumnBitmap2, rows.ColumnCount) {
		return s
	}
	bitmaps := string(rows.ColumnBitmap1) + "/" + string(rows.ColumnBitmap2)
	made, ok := s.partial[bitmaps]
	if !ok {
		made = s.without(rows.ColumnBitmap1, rows.ColumnBitmap2)
		if s.partial == nil {
			s.partial = make(map[string]*shape)
		}
		s.partial[bitmaps] = made
	}
	return made
}

// without returns the shape of rows that have the columns of two bitmaps; there
// is no second one but for updates.
func (s *shape) without(first, second []byte) *shape {
	made := &shape{table: s.table, lasting: s.lasting, columns: s.columnsOf(first)}
	for i := range s.columns {
		c := &s.columns[i]
		if !hasBit(first, i) && (!c.omitted || c.rowEnd) {
			return nil
		}
	}
	if second == nil {
		return made
	}
	made.after = &shape{table: s.table, columns: s.columnsOf(second)}
	next := 0
	for i := range s.columns {
		c := &s.columns[i]
		switch present := hasBit(second, i); {
		case c.rowEnd:
			made.endsAsBefore = !present
		case c.omitted:
		case present:
			made.source = append(made.source, next)
			next++
		default:
			made.source = append(made.source, fromBefore)
		}
	}
	return made
}

// fromBefore stands for the place of a column that is not in the second image.
const fromBefore = -1

func hasBit(bitmap []byte, i int) bool { return bitmap[i/8]&(1<<(i%8)) != 0 }

func (s *shape) columnsOf(bitmap []byte) (present []wireColumn) {
	for i := range s.columns {
		if hasBit(bitmap, i) {
			present = append(present, s.columns[i])
		}
	}
	return present
}

// afterImage reads the second image of an update, which follows the one of the
// cells before.
func (s *shape) afterImage(m *memory, body []byte, before []row.Value) (cells []row.Value, rest []byte, err error) {
	if s.after == nil {
		return s.image(m, body)
	}
	changed, rest, err := s.after.image(m, body)
	if err != nil || changed == nil || before == nil && s.endsAsBefore {
		return nil, rest, err
	}
	cells = m.image(len(s.source))
	for i, from := range s.source {
		switch {
		case from != fromBefore:
			cells[i] = changed[from]
		case before == nil:
			return nil, nil, errors.New("the second image of a row lacks columns, and there is no first one")
		default:
			cells[i] = before[i]
		}
	}
	return cells, rest, nil
}
