package mysql

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// errCell says that the driver returned what no rule of this package expects.
var errCell = errors.New("unexpected form of a value")

// selectList returns the expressions that read a definition's columns: one for
// most, number and label for ENUM and SET, whose label alone does not tell the
// error value from the empty label.
func (d *definition) selectList() string {
	var list []string
	for i := range d.columns {
		c := &d.columns[i]
		if c.omitted != "" {
			continue
		}
		name := quoteName(c.name)
		switch c.kind {
		case kindEnum, kindSet:
			list = append(list, "CAST("+name+" AS UNSIGNED)", name)
		case kindYear2:
			list = append(list, "YEAR("+name+")")
		case kindUUID, kindInet6:
			list = append(list, "CAST("+name+" AS BINARY(16))")
		case kindInet4:
			list = append(list, "CAST("+name+" AS BINARY(4))")
		default:
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// cells turns the driver's values of one row into ours, which share their memory.
func (d *definition) cells(values []driverValue) ([]row.Value, error) {
	cells := make([]row.Value, 0, len(d.columns))
	for i := range d.columns {
		c := &d.columns[i]
		if c.omitted != "" {
			continue
		}
		width := 1
		if c.kind == kindEnum || c.kind == kindSet {
			width = 2
		}
		if len(values) < width {
			return nil, fmt.Errorf("read row: %w", errCell)
		}
		cell, err := c.cell(values[:width])
		if err != nil {
			return nil, fmt.Errorf("read column %s: %w", c.name, err)
		}
		cells = append(cells, cell)
		values = values[width:]
	}
	return cells, nil
}

func (c *column) cell(values []driverValue) (row.Value, error) {
	if values[0].value == nil {
		return row.Null(), nil
	}
	switch c.kind {
	case kindInt, kindUint, kindYear:
		return intCell(values[0].value)
	case kindYear2:
		return year2Cell(values[0].value)
	case kindFloat:
		f, ok := values[0].value.(float32)
		return row.NewFloat32(f), expect(ok)
	case kindDouble:
		f, ok := values[0].value.(float64)
		return row.NewFloat64(f), expect(ok)
	case kindEnum, kindSet:
		return c.labelCell(values)
	}
	b, ok := values[0].value.([]byte)
	if !ok {
		return row.Value{}, errCell
	}
	return c.bytesCell(b)
}

func (c *column) bytesCell(b []byte) (row.Value, error) {
	switch c.kind {
	case kindDecimal:
		return row.NewDecimal(b)
	case kindBit:
		return bitCell(b)
	case kindText:
		return row.NewText(charsetTag(c.charset), b), nil
	case kindJSON:
		text, err := normalJSON(b)
		return row.NewText(jsonCharset, text), err
	case kindDate:
		return row.NewDate(b)
	case kindTime:
		return row.NewTime(b)
	case kindDateTime:
		return row.NewDateTime(b)
	case kindTimestamp:
		return row.NewTimestamp(b)
	case kindUUID:
		return row.NewUUID(b)
	}
	return row.NewBytes(b), nil
}

func expect(ok bool) error {
	if !ok {
		return errCell
	}
	return nil
}

// intCell reads an integer; the driver returns those above 2^63-1 as text.
func intCell(value any) (row.Value, error) {
	switch v := value.(type) {
	case int64:
		return row.NewInt(v), nil
	case uint64:
		return row.NewUint(v), nil
	case []byte:
		n, err := strconv.ParseUint(string(v), 10, 64)
		return row.NewUint(n), expect(err == nil)
	case string:
		n, err := strconv.ParseUint(v, 10, 64)
		return row.NewUint(n), expect(err == nil)
	}
	return row.Value{}, errCell
}

// year2Cell reads the year of a YEAR(2). Its error value, which the log has as 0,
// is the year 1900 to YEAR().
func year2Cell(value any) (row.Value, error) {
	year, ok := value.(int64)
	if year == 1900 {
		year = 0
	}
	return row.NewInt(year), expect(ok)
}

func bitCell(b []byte) (row.Value, error) {
	if len(b) > 8 {
		return row.Value{}, errCell
	}
	var wide [8]byte
	copy(wide[8-len(b):], b)
	return row.NewBits(binary.BigEndian.Uint64(wide[:])), nil
}

// labelCell reads an ENUM or SET from its number and its text.
func (c *column) labelCell(values []driverValue) (row.Value, error) {
	number, err := intCell(values[0].value)
	if err != nil {
		return row.Value{}, err
	}
	text, ok := values[1].value.([]byte)
	if !ok {
		return row.Value{}, errCell
	}
	tag := charsetTag(c.charset)
	mask := unsigned(number)
	if c.kind == kindEnum {
		if mask == 0 {
			return row.NewEnumError(tag), nil
		}
		return row.NewEnum(tag, text), nil
	}
	labels := splitSet(text, bits.OnesCount64(mask), comma(c.charset))
	if len(labels) != bits.OnesCount64(mask) {
		return row.Value{}, errCell
	}
	return row.NewSet(tag, labels), nil
}

// unsigned returns an integer's 64 bits.
func unsigned(v row.Value) uint64 {
	n, _ := v.Int64()
	return uint64(n)
}

// splitSet splits a set's text into count labels. No label holds the comma, and
// the server writes none behind an empty label that stands first.
func splitSet(text []byte, count int, comma []byte) [][]byte {
	switch count {
	case 0:
		return nil
	case 1:
		return [][]byte{text}
	}
	width := len(comma)
	var labels [][]byte
	start := 0
	for i := 0; i+width <= len(text); i += width {
		if bytes.Equal(text[i:i+width], comma) {
			labels = append(labels, text[start:i])
			start = i + width
		}
	}
	labels = append(labels, text[start:])
	if len(labels) == count-1 {
		labels = append([][]byte{{}}, labels...)
	}
	return labels
}

// comma returns a comma in the given character set.
func comma(charset string) []byte {
	switch charset {
	case "ucs2", "utf16":
		return []byte{0, ','}
	case "utf16le":
		return []byte{',', 0}
	case "utf32":
		return []byte{0, 0, 0, ','}
	}
	return []byte{','}
}
