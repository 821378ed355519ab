package mysql

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// errShort says that a row image ended before its columns did.
var errShort = errors.New("row image is cut short")

// image reads one row image of the shape from the front of body and returns
// the rest. Values share the memory of body.
func (s *shape) image(body []byte) (cells []row.Value, rest []byte, err error) {
	nulls := (len(s.columns) + 7) / 8
	if len(body) < nulls {
		return nil, nil, errShort
	}
	bitmap, body := body[:nulls], body[nulls:]
	cells = make([]row.Value, 0, len(s.table.Columns))
	for i := range s.columns {
		c := &s.columns[i]
		cell := row.Null()
		if bitmap[i/8]&(1<<(i%8)) == 0 {
			width, head, err := c.width(body)
			if err == nil && head+width > len(body) {
				err = errShort
			}
			if err == nil && !c.omitted {
				cell, err = c.decode(body[head : head+width])
			}
			if err != nil {
				return nil, nil, fmt.Errorf("decode column %s: %w", c.name, err)
			}
			body = body[head+width:]
		}
		if !c.omitted {
			cells = append(cells, cell)
		}
	}
	return cells, body, nil
}

// width returns how many bytes a value takes and how many bytes of length stand
// before it.
func (c *wireColumn) width(body []byte) (width, head int, err error) {
	switch c.wire {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_YEAR:
		return 1, 0, nil
	case mysql.MYSQL_TYPE_SHORT:
		return 2, 0, nil
	case mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		return 3, 0, nil
	case mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_FLOAT:
		return 4, 0, nil
	case mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DOUBLE:
		return 8, 0, nil
	case mysql.MYSQL_TYPE_TIME2:
		return 3 + fractionBytes(c.meta), 0, nil
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		return 4 + fractionBytes(c.meta), 0, nil
	case mysql.MYSQL_TYPE_DATETIME2:
		return 5 + fractionBytes(c.meta), 0, nil
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		if c.meta&0xff > c.meta>>8 {
			return 0, 0, fmt.Errorf("DECIMAL with more fraction digits than digits")
		}
		return decimalBytes(c.meta), 0, nil
	case mysql.MYSQL_TYPE_BIT:
		return (int(c.meta>>8)*8 + int(c.meta&0xff) + 7) / 8, 0, nil
	case mysql.MYSQL_TYPE_ENUM, mysql.MYSQL_TYPE_SET:
		return int(c.meta & 0xff), 0, nil
	}
	return c.lengthBefore(body)
}

// lengthBefore reads the length that stands before strings and blobs.
func (c *wireColumn) lengthBefore(body []byte) (width, head int, err error) {
	switch c.wire {
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING:
		head = lengthBytes(int(c.meta))
	case mysql.MYSQL_TYPE_STRING:
		head = lengthBytes(c.length)
	case mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_GEOMETRY:
		head = int(c.meta)
	default:
		return 0, 0, fmt.Errorf("type %d on the wire is not known", c.wire)
	}
	if len(body) < head {
		return 0, 0, errShort
	}
	return int(littleEndian(body[:head])), head, nil
}

func lengthBytes(longest int) int {
	if longest > 255 {
		return 2
	}
	return 1
}

func littleEndian(b []byte) uint64 {
	var n uint64
	for i := len(b) - 1; i >= 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	return n
}

func bigEndian(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// decode turns a value's bytes into a cell.
func (c *wireColumn) decode(b []byte) (row.Value, error) {
	switch c.kind {
	case kindInt:
		shift := 64 - 8*len(b)
		return row.NewInt(int64(littleEndian(b)<<shift) >> shift), nil
	case kindUint:
		return row.NewUint(littleEndian(b)), nil
	case kindYear:
		return decodeYear(b), nil
	case kindDecimal:
		return row.NewDecimal(decodeDecimal(b, c.meta))
	case kindFloat:
		return row.NewFloat32(math.Float32frombits(binary.LittleEndian.Uint32(b))), nil
	case kindDouble:
		return row.NewFloat64(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case kindBit:
		return row.NewBits(bigEndian(b)), nil
	case kindText:
		return row.NewText(c.charset, b), nil
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
	return c.decodeTemporal(b)
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
		return row.NewEnumError(c.charset), nil
	case index > uint64(len(c.labels)):
		return row.Value{}, fmt.Errorf("ENUM without its label in the log")
	}
	return row.NewEnum(c.charset, c.labels[index-1]), nil
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
	return row.NewSet(c.charset, labels), nil
}
