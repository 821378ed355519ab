package rowkey

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// Cells are what some columns of a row hold, by which a row is named that has no key.
type Cells struct {
	columns []row.Column
	cells   map[int]json.RawMessage
}

// IsCells reports whether a text names a row by its cells.
func IsCells(text string) bool { return strings.HasPrefix(text, "{") }

// ParseCells reads a JSON object of columns' names and cells, each cell as in the
// array of a key: {"pid":42,"code":"718-7"}.
func ParseCells(text string, columns []row.Column) (*Cells, error) {
	var named map[string]json.RawMessage
	if len(text) > MaxText || json.Unmarshal([]byte(text), &named) != nil || len(named) == 0 {
		return nil, wrong(`write the cells of some columns as a JSON object, such as {"pid":42,"code":"a"}`)
	}
	c := &Cells{columns: columns, cells: make(map[int]json.RawMessage, len(named))}
	for name, cell := range named {
		at := slices.IndexFunc(columns, func(c row.Column) bool { return c.Name == name })
		if at < 0 {
			return nil, wrong("the table has not all of the columns that are named")
		}
		c.cells[at] = cell
	}
	return c, nil
}

// Match reports whether a row has these cells.
func (c *Cells) Match(cells []row.Value) bool {
	for at, text := range c.cells {
		v, err := parseJSON(text, Column{Type: c.columns[at].Type, Charset: cells[at].Charset()})
		if err != nil || !row.Equal(v, cells[at]) {
			return false
		}
	}
	return true
}
