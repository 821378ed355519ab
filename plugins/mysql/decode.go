package mysql

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// A memory holds the cells of the images of one change, and is used again for the
// next.
type memory struct {
	cells []row.Value
	text  []byte // that decimals and moments are written as
}

// clear makes room for another change.
func (m *memory) clear() { m.cells, m.text = m.cells[:0], m.text[:0] }

// image returns room for the cells of one image, which may hold another's yet.
func (m *memory) image(columns int) []row.Value {
	start := len(m.cells)
	m.cells = slices.Grow(m.cells, columns)[:start+columns]
	return m.cells[start : start+columns : start+columns]
}

// written returns what was appended to the memory's text.
func (m *memory) written(text []byte) []byte {
	start := len(m.text)
	if cap(text) == cap(m.text) { // in place, of which the garbage collector need not hear
		m.text = m.text[:len(text)]
	} else {
		m.text = text
	}
	return text[start:len(text):len(text)]
}

// image reads one row image of the shape from the front of body and returns
// the rest. Values share the memory of m and of body. A history row of a system-versioned
// table has no cells.
func (s *shape) image(m *memory, body []byte) (cells []row.Value, rest []byte, err error) {
	nulls := (len(s.columns) + 7) / 8
	if len(body) < nulls {
		return nil, nil, errShort
	}
	bitmap, body := body[:nulls], body[nulls:]
	cells = m.image(len(s.columns))
	next, ended := 0, false
	for i := range s.columns {
		c := &s.columns[i]
		if bitmap[i/8]&(1<<(i%8)) != 0 {
			if !c.omitted {
				cells[next] = row.Null()
				next++
			}
			continue
		}
		width := c.fixed
		if c.head > 0 {
			if len(body) < c.head {
				return nil, nil, errShort
			}
			width, body = int(littleEndian(body[:c.head])), body[c.head:] // four bytes at most
		}
		if width > len(body) {
			return nil, nil, errShort
		}
		value := body[:width:width]
		body = body[width:]
		switch {
		case !c.omitted:
			var v row.Value
			v, err = c.decode(m, value)
			cells[next].Replace(v)
			next++
		case c.rowEnd:
			var endless bool
			endless, err = c.endless(value)
			ended = !endless
		}
		if err != nil {
			return nil, nil, fmt.Errorf("decode column %s: %w", c.name, err)
		}
	}
	if ended {
		return nil, body, nil
	}
	return cells[:next:next], body, nil
}

// measure works out from the type on the wire how long values are: always
// fixed, or as the head bytes before each say. The decoders rely on what it
// checks. It reports whether the type is one that the tap can read.
func (c *wireColumn) measure() bool {
	digits := c.meta
	switch c.wire {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_YEAR:
		c.fixed = 1
	case mysql.MYSQL_TYPE_SHORT:
		c.fixed = 2
	case mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		c.fixed = 3
	case mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_FLOAT:
		c.fixed = 4
	case mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DOUBLE:
		c.fixed = 8
	case mysql.MYSQL_TYPE_TIME2:
		c.fixed = 3 + fractionBytes(digits)
		return digits <= maxDigits
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		c.fixed = 4 + fractionBytes(digits)
		return digits <= maxDigits
	case mysql.MYSQL_TYPE_DATETIME2:
		c.fixed = 5 + fractionBytes(digits)
		return digits <= maxDigits
	case mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP:
		c.fixed = oldWidth(c.wire, digits)
		return digits <= maxDigits
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		precision, scale := c.meta>>8, c.meta&0xff
		if precision == 0 || precision > maxPrecision || scale > precision {
			return false
		}
		c.fixed = decimalBytes(c.meta)
	case mysql.MYSQL_TYPE_BIT:
		bits := int(c.meta>>8)*8 + int(c.meta&0xff)
		c.fixed = (bits + 7) / 8
		return 0 < bits && bits <= 64
	case mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		c.fixed = int(c.meta & 0xff)
		return 0 < c.fixed && c.fixed <= 8
	default:
		return c.measureHead()
	}
	return true
}

const (
	maxDigits    = 6  // of a fraction of a second
	maxPrecision = 65 // of a DECIMAL
)

// measureHead sets how many bytes hold the length of strings and blobs.
func (c *wireColumn) measureHead() bool {
	switch c.wire {
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, wireVarcharCompressed:
		c.head = lengthBytes(int(c.meta))
	case mysql.MYSQL_TYPE_STRING:
		c.head = lengthBytes(c.length)
	case mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_JSON, wireBlobCompressed:
		c.head = int(c.meta)
	}
	return 0 < c.head && c.head <= 4
}

func lengthBytes(longest int) int {
	if longest > 255 {
		return 2
	}
	return 1
}

// decode returns what a value's bytes stand for.
func (c *wireColumn) decode(m *memory, b []byte) (v row.Value, err error) {
	if c.wire == wireBlobCompressed || c.wire == wireVarcharCompressed {
		if b, err = expand(b, c.longest()); err != nil {
			return v, err
		}
	}
	switch c.kind {
	case kindInt:
		shift := 64 - 8*len(b)
		return row.NewInt(int64(littleEndian(b)<<shift) >> shift), nil
	case kindUint:
		return row.NewUint(littleEndian(b)), nil
	case kindYear, kindYear2:
		return decodeYear(b), nil
	case kindDecimal:
		return row.FromNormal(row.Decimal, m.written(appendDecimal(m.text, b, c.meta))), nil
	case kindFloat:
		return row.NewFloat32(math.Float32frombits(binary.LittleEndian.Uint32(b))), nil
	case kindDouble:
		return row.NewFloat64(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case kindBit:
		return row.NewBits(bigEndian(b)), nil
	case kindText:
		return c.charset.Text(b), nil
	case kindJSON:
		b, err = decodeJSON(b)
		return row.NewText(jsonCharset, b), err
	case kindBytes:
		return row.NewBytes(b), nil
	case kindBinary, kindInet6, kindInet4:
		return row.NewBytes(pad(b, c.length)), nil
	case kindUUID:
		return row.NewUUID(pad(b, c.length))
	case kindEnum:
		return c.decodeEnum(b)
	case kindSet:
		return c.decodeSet(b)
	}
	return c.decodeTemporal(m, b)
}

// longest returns how many bytes a value of a COMPRESSED column can have.
func (c *wireColumn) longest() uint64 {
	if c.wire == wireVarcharCompressed {
		return uint64(c.meta)
	}
	return 1<<(8*c.head) - 1
}

func decodeYear(b []byte) row.Value {
	if b[0] == 0 {
		return row.NewInt(0)
	}
	return row.NewInt(1900 + int64(b[0]))
}

// pad gives BINARY(n) back the zero bytes that the log strips.
func pad(b []byte, length int) []byte {
	if len(b) >= length {
		return b
	}
	padded := make([]byte, length)
	copy(padded, b)
	return padded
}

func (c *wireColumn) decodeEnum(b []byte) (row.Value, error) {
	index := littleEndian(b)
	switch {
	case index == 0:
		return c.charset.EnumError(), nil
	case index > uint64(len(c.labels)):
		return row.Value{}, fmt.Errorf("ENUM without its label in the log")
	}
	return c.charset.Enum(c.labels[index-1]), nil
}

func (c *wireColumn) decodeSet(b []byte) (row.Value, error) {
	mask := littleEndian(b)
	var labels [][]byte
	for i := 0; mask != 0; i, mask = i+1, mask>>1 {
		if mask&1 == 0 {
			continue
		}
		if i >= len(c.labels) {
			return row.Value{}, fmt.Errorf("SET without its label in the log")
		}
		labels = append(labels, c.labels[i])
	}
	return c.charset.Set(labels), nil
}
