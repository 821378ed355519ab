package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// cellReader reads rows of one table as typed cells. Every column is selected
// by an expression, so that the driver sees no declared type and guesses no
// date or boolean; text comes as its stored bytes; one more column tells the
// storage class of each cell by its first letter.
type cellReader struct {
	table   *tap.Table
	charset string
	list    string // what to select
}

func newCellReader(t *tap.Table, charset string) *cellReader {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = identifier(c.Name)
	}
	return &cellReader{table: t, charset: charset, list: selectList(names)}
}

// selectList selects the storage classes of the named columns, then the cells.
func selectList(names []string) string {
	if len(names) == 0 {
		return "''"
	}
	classes, cells := make([]string, len(names)), make([]string, len(names))
	for i, c := range names {
		classes[i] = "substr(typeof(" + c + "), 1, 1)"
		cells[i] = "CASE typeof(" + c + ") WHEN 'text' THEN CAST(" + c + " AS BLOB) ELSE " + c + " END"
	}
	return strings.Join(classes, " || ") + ", " + strings.Join(cells, ", ")
}

// scanCells reads the columns of a selectList from the current row of rows,
// after the destinations of columns that stand before it. size is roughly the
// bytes that the cells hold.
func scanCells(rows *sql.Rows, charset string, columns int, before ...any) (cells []row.Value, size int, err error) {
	var classes string
	raw := make([]any, columns)
	dest := append(before, &classes)
	for i := range raw {
		dest = append(dest, &raw[i])
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, 0, fmt.Errorf("read row: %w", err)
	}
	if len(classes) != columns {
		return nil, 0, fmt.Errorf("read row: %d storage classes for %d columns", len(classes), columns)
	}
	cells = make([]row.Value, columns)
	for i, v := range raw {
		var ok bool
		if cells[i], ok = cell(classes[i], v, charset); !ok {
			return nil, 0, fmt.Errorf("read row: column %d has storage class %q and arrived as %T", i, classes[i], v)
		}
		size += 40 + len(cells[i].Raw())
	}
	return cells, size, nil
}

// cell makes the typed cell of a value of a storage class.
func cell(class byte, v any, charset string) (row.Value, bool) {
	switch v := v.(type) {
	case nil:
		return row.Null(), class == 'n'
	case int64:
		return row.NewInt(v), class == 'i'
	case float64:
		return row.NewFloat64(v), class == 'r'
	case []byte:
		if class == 't' {
			return row.NewText(charset, nonNil(v)), true
		}
		return row.NewBytes(nonNil(v)), class == 'b'
	}
	return row.Value{}, false
}

// keyColumns returns the quoted names of the key's columns.
func (c *cellReader) keyColumns() []string {
	names := make([]string, len(c.table.Key))
	for i, k := range c.table.Key {
		names[i] = identifier(c.table.Columns[k].Name)
	}
	return names
}

// parameter returns the placeholder and argument that stand for a cell. Text
// goes as bytes and is cast back, so that every byte string survives in every
// encoding of the database; the plus sign takes the cast's affinity away.
func parameter(v row.Value) (placeholder string, argument any, err error) {
	switch v.Type() {
	case row.Int:
		n, _ := v.Int64()
		return "?", n, nil
	case row.Float64:
		f, _ := v.Float()
		return "?", f, nil
	case row.Text:
		return "+CAST(? AS TEXT)", nonNil(v.Raw()), nil
	case row.Bytes:
		return "?", nonNil(v.Raw()), nil
	}
	return "", nil, fmt.Errorf("a key of type %s is none of SQLite", v.Type())
}

func nonNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// parameters returns the placeholders and arguments of a key.
func (c *cellReader) parameters(key []row.Value) (placeholders []string, arguments []any, err error) {
	if len(key) != len(c.table.Key) {
		return nil, nil, fmt.Errorf("a key of %d cells for %d key columns", len(key), len(c.table.Key))
	}
	for _, v := range key {
		p, a, err := parameter(v)
		if err != nil {
			return nil, nil, err
		}
		placeholders, arguments = append(placeholders, p), append(arguments, a)
	}
	return placeholders, arguments, nil
}

// fetch reads the row with exactly this key, or nil. A collation may find a
// row whose key has other bytes: that is another row.
func (c *cellReader) fetch(ctx context.Context, q querier, key []row.Value) (cells []row.Value, size int, err error) {
	placeholders, arguments, err := c.parameters(key)
	if err != nil {
		return nil, 0, err
	}
	var where []string
	for i, name := range c.keyColumns() {
		where = append(where, name+" = "+placeholders[i])
	}
	query := "SELECT " + c.list + " FROM " + identifier(c.table.Name) + " WHERE " + strings.Join(where, " AND ")
	rows, err := q.QueryContext(ctx, query, arguments...)
	if err != nil {
		return nil, 0, fmt.Errorf("read row of %s: %w", c.table.Name, err)
	}
	defer rows.Close()
	for rows.Next() {
		cells, size, err = scanCells(rows, c.charset, len(c.table.Columns))
		if err != nil || sameKey(c.table.KeyOf(cells), key) {
			return cells, size, err
		}
	}
	return nil, 0, rows.Err()
}

func sameKey(a, b []row.Value) bool {
	for i := range a {
		if !row.Equal(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}
