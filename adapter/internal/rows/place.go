package rows

import (
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Project orders a row's cells as a version's columns are, null where the table
// has no column of that name any more.
func Project(t *tap.Table, cells []row.Value, columns []row.Column) []row.Value {
	out := make([]row.Value, len(columns))
	for n := range columns {
		if at := stands(t.Columns, columns, n); at >= 0 {
			out[n] = cells[at]
		}
	}
	return out
}

// stands returns where recorded column n stands now, or -1.
func stands(now, recorded []row.Column, n int) int {
	name := recorded[n].Name
	if n < len(now) && now[n].Name == name {
		return n
	}
	if at := indexOf(now, name); at >= 0 {
		return at
	}
	return respelled(now, recorded, name)
}

// SameColumns reports whether a version covers just the columns that the table
// has, in any order.
func SameColumns(e *recordlog.Entry, t *tap.Table) bool {
	columns, _ := own(t, nil)
	if len(e.Header.Columns) != len(columns) {
		return false
	}
	for i, c := range columns {
		if e.Header.Columns[i].Name != c.Name && indexOf(e.Header.Columns, c.Name) < 0 {
			return false
		}
	}
	return true
}

// respelled returns where a recorded column stands with its name in other case,
// or -1. To the database it is the same column still.
func respelled(now, recorded []row.Column, name string) int {
	for at := range now {
		if strings.EqualFold(now[at].Name, name) && indexOf(recorded, now[at].Name) < 0 {
			return at
		}
	}
	return -1
}

func indexOf(columns []row.Column, name string) int {
	for i := range columns {
		if columns[i].Name == name {
			return i
		}
	}
	return -1
}
