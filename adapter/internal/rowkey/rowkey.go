// Package rowkey is how a row's key is written by people: on the command line,
// in addresses and in reports.
//
// Most keys have one column, and are written plainly:
//
//	42                          a number
//	MRN-0042                    text
//	0x8f3a…                     bytes, and UUIDs (a UUID's dashes are welcome)
//	2026-11-23                  a date; 10:30:00, 2026-11-23 10:30:00 likewise
//
// A key of several columns is a JSON array in the order of the key's columns,
// and so is a text that would otherwise be taken for something else:
//
//	["ward 3",42]               text and number
//	["[draft]"]                 text that starts with a bracket
//	[{"cell":"8305666c6174…"}]  a cell in its canonical encoding, in hex
//
// The last form writes any cell at all: Format falls back to it for text in a
// character set whose bytes are not UTF-8. In a column that holds values of any
// type (SQLite), digits are a number, 0x… is bytes and everything else is text;
// in an array, JSON's own types decide.
//
// A row of a table without a key is named by what it holds, as far as that tells it
// from others that differ:
//
//	{"pid":42,"code":"718-7"}   columns and cells
//
// What Format writes, Parse reads back as the same key. No error repeats any
// part of the key.
package rowkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// MaxText is the most bytes that a written key may have.
const MaxText = 16 << 10

// A Column is what must be known about a key's column to read its cell.
type Column struct {
	Type row.Type
	// Charset names the character set of a text column; empty means utf8.
	Charset string
}

// Columns describes the key's columns: their types by the table's description,
// their character sets by the key of any row of the table (nil if there is none).
func Columns(key []row.Column, sample []row.Value) []Column {
	columns := make([]Column, len(key))
	for i, c := range key {
		columns[i].Type = c.Type
		if i < len(sample) && c.Type != row.Any {
			columns[i].Charset = sample[i].Charset()
		}
	}
	return columns
}

// ErrKey says that a text is not a key of the table; the wrapping error's
// message says what to write.
var ErrKey = errors.New("not a key of this table")

func wrong(format string, arguments ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrKey}, arguments...)...)
}

// Parse reads a written key.
func Parse(text string, columns []Column) ([]row.Value, error) {
	if len(text) > MaxText || !utf8.ValidString(text) {
		return nil, wrong("write at most %d bytes of UTF-8", MaxText)
	}
	if strings.HasPrefix(text, "[") {
		return parseArray(text, columns)
	}
	if len(columns) != 1 {
		return nil, wrong("it has %d columns; write them as a JSON array, such as [\"a\",42]", len(columns))
	}
	v, err := parsePlain(text, columns[0])
	if err != nil {
		return nil, err
	}
	return []row.Value{v}, nil
}

func parseArray(text string, columns []Column) ([]row.Value, error) {
	var cells []json.RawMessage
	if json.Unmarshal([]byte(text), &cells) != nil {
		return nil, wrong("what starts with [ must be a JSON array, such as [\"a\",42]")
	}
	if len(cells) != len(columns) {
		return nil, wrong("the array has %d cells, the key has %d columns", len(cells), len(columns))
	}
	key := make([]row.Value, len(cells))
	for i, cell := range cells {
		v, err := parseJSON(cell, columns[i])
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", i+1, err)
		}
		key[i] = v
	}
	return key, nil
}

// Format writes a key so that Parse with the same columns reads it back. Without
// columns the cells are written for columns of any type.
func Format(key []row.Value, columns []Column) string {
	if len(columns) != len(key) {
		columns = make([]Column, len(key))
	}
	if len(key) == 1 {
		if text := formatPlain(key[0]); isPlain(text) && reads(text, key, columns) {
			return text
		}
	}
	cells := make([]string, len(key))
	for i, v := range key {
		cells[i] = formatJSON(v, columns[i])
	}
	return "[" + strings.Join(cells, ",") + "]"
}

func reads(text string, key []row.Value, columns []Column) bool {
	got, err := Parse(text, columns)
	return err == nil && slices.EqualFunc(got, key, row.Equal)
}

// isPlain refuses texts that would be lost in an address or a shell's line.
func isPlain(text string) bool {
	if text == "" || text == "." || text == ".." || strings.TrimSpace(text) != text {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
