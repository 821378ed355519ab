package mysql

import (
	"encoding/base64"
	"math"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Types of the binary form of JSON. A value is its type and what follows; those
// of an object or array stand behind a table of their types and offsets, small
// ones in the table itself. In a large one, counts and offsets have four bytes.
// https://dev.mysql.com/doc/dev/mysql-server/latest/json__binary_8h.html
const (
	jsonSmallObject = iota
	jsonLargeObject
	jsonSmallArray
	jsonLargeArray
	jsonLiteral
	jsonInt16
	jsonUint16
	jsonInt32
	jsonUint32
	jsonInt64
	jsonUint64
	jsonDouble
	jsonString
	jsonOpaque = 15
)

// mostJSONDepth is above what the server allows.
const mostJSONDepth = 128

// decodeJSON writes a value of the log as text in the form of normalJSON.
func decodeJSON(b []byte) ([]byte, error) {
	if len(b) == 0 { // what an error while writing left, which the server reads so
		return []byte("null"), nil
	}
	d := jsonDecoder{out: make([]byte, 0, 2*len(b))}
	if err := d.value(b[0], b[1:], 0); err != nil {
		return nil, err
	}
	return d.out, nil
}

type jsonDecoder struct{ out []byte }

// value writes the value of a type at the front of b.
func (d *jsonDecoder) value(kind byte, b []byte, depth int) error {
	r := &reader{rest: b}
	switch kind {
	case jsonSmallObject, jsonLargeObject, jsonSmallArray, jsonLargeArray:
		return d.container(kind, b, depth)
	case jsonLiteral:
		words := []string{"null", "true", "false"}
		n := r.number(1)
		if r.err != nil || n >= uint64(len(words)) {
			return errJSON
		}
		d.out = append(d.out, words[n]...)
		return nil
	case jsonString:
		d.out = appendJSONString(d.out, r.take(r.bases128()))
		return r.err
	case jsonOpaque:
		wire := byte(r.number(1))
		value := r.take(r.bases128())
		if r.err != nil {
			return r.err
		}
		return d.opaque(wire, value)
	}
	return d.number(kind, r)
}

func (d *jsonDecoder) number(kind byte, r *reader) (err error) {
	switch kind {
	case jsonInt16:
		d.out, err = appendJSONNumber(d.out, strconv.AppendInt(nil, int64(int16(r.number(2))), 10))
	case jsonUint16:
		d.out, err = appendJSONNumber(d.out, strconv.AppendUint(nil, r.number(2), 10))
	case jsonInt32:
		d.out, err = appendJSONNumber(d.out, strconv.AppendInt(nil, int64(int32(r.number(4))), 10))
	case jsonUint32:
		d.out, err = appendJSONNumber(d.out, strconv.AppendUint(nil, r.number(4), 10))
	case jsonInt64:
		d.out, err = appendJSONNumber(d.out, strconv.AppendInt(nil, int64(r.number(8)), 10))
	case jsonUint64:
		d.out, err = appendJSONNumber(d.out, strconv.AppendUint(nil, r.number(8), 10))
	case jsonDouble:
		f := math.Float64frombits(r.number(8))
		d.out, err = appendJSONNumber(d.out, strconv.AppendFloat(nil, f, 'e', -1, 64))
	default:
		return errJSON
	}
	if r.err != nil {
		return r.err
	}
	return err
}

// bases128 reads a length of seven bits a byte, the lowest first.
func (r *reader) bases128() (n uint64) {
	for shift := 0; shift < 35; shift += 7 {
		b := r.number(1)
		n |= b & 0x7f << shift
		if b < 0x80 {
			return n
		}
	}
	r.rest, r.err = nil, errShort
	return 0
}

// container writes an object or array. Its offsets count from its own begin.
func (d *jsonDecoder) container(kind byte, b []byte, depth int) error {
	if depth >= mostJSONDepth {
		return errJSON
	}
	width := uint64(2)
	if kind == jsonLargeObject || kind == jsonLargeArray {
		width = 4
	}
	isObject := kind == jsonSmallObject || kind == jsonLargeObject
	r := &reader{rest: b}
	count, size := r.number(width), r.number(width)
	if r.err != nil || size < 2*width || size > uint64(len(b)) || count > size {
		return errShort
	}
	b = b[:size]
	entries := &reader{rest: b[2*width:]}
	keys := entries
	if isObject {
		keys = &reader{rest: entries.take(count * (width + 2))}
	}
	brackets := "[]"
	if isObject {
		brackets = "{}"
	}
	d.out = append(d.out, brackets[0])
	for i := range count {
		if i > 0 {
			d.out = append(d.out, ", "...)
		}
		if isObject {
			key := at(b, keys.number(width)).take(keys.number(2))
			d.out = append(appendJSONString(d.out, key), ": "...)
		}
		if err := d.entry(byte(entries.number(1)), entries.take(width), b, depth); err != nil {
			return err
		}
	}
	d.out = append(d.out, brackets[1])
	if entries.err != nil || keys.err != nil {
		return errShort
	}
	return nil
}

// entry writes a value of a container by its place in the table.
func (d *jsonDecoder) entry(kind byte, place, container []byte, depth int) error {
	switch {
	case len(place) == 0:
		return errShort
	case kind == jsonLiteral || kind == jsonInt16 || kind == jsonUint16,
		len(place) == 4 && (kind == jsonInt32 || kind == jsonUint32):
		return d.value(kind, place, depth+1)
	}
	return d.value(kind, at(container, littleEndian(place)).rest, depth+1)
}

// at returns a reader of a container from an offset on.
func at(container []byte, offset uint64) *reader {
	r := &reader{rest: container}
	r.take(offset)
	return r
}

// opaque writes a value of a type that JSON has not: a decimal as a number, what
// else as a string.
func (d *jsonDecoder) opaque(wire byte, b []byte) error {
	switch wire {
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		c := wireColumn{wire: wire}
		if len(b) < 2 {
			return errShort
		}
		c.meta = uint16(b[0])<<8 | uint16(b[1])
		if !c.measure() || len(b) != 2+c.fixed {
			return errJSON
		}
		var err error
		d.out, err = appendJSONNumber(d.out, appendDecimal(nil, b[2:], c.meta))
		return err
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIME:
		if len(b) != 8 {
			return errJSON
		}
		d.out = appendJSONString(d.out, jsonMoment(wire, int64(littleEndian(b))))
		return nil
	}
	d.out = appendJSONString(d.out, jsonBase64(wire, b))
	return nil
}

// jsonMoment writes a moment that stands as microseconds in 24 bits below fields
// of six bits and above: second, minute, hour, and but for TIME day, and month
// and year in one.
func jsonMoment(wire byte, packed int64) (text []byte) {
	if packed < 0 {
		text, packed = append(text, '-'), -packed
	}
	n, micro := uint64(packed)>>24, uint64(packed)&(1<<24-1)
	hour := n >> 12 & 1023
	if wire != mysql.MYSQL_TYPE_TIME {
		days := n >> 17
		hour &= 31
		text = appendDate(text, days>>5/13, days>>5%13, days&31)
		if wire == mysql.MYSQL_TYPE_DATE || wire == mysql.MYSQL_TYPE_NEWDATE {
			return text
		}
		text = append(text, ' ')
	}
	text = appendClock(text, hour, n>>6&63, n&63)
	text = append(text, '.')
	for unit := uint64(100_000); unit > 0; unit /= 10 {
		text = append(text, byte('0'+micro/unit%10))
	}
	return text
}

// base64Line is after how many characters the server begins a new line.
const base64Line = 76

func jsonBase64(wire byte, b []byte) []byte {
	text := append([]byte("base64:type"), strconv.Itoa(int(wire))...)
	text = append(text, ':')
	for encoded := base64.StdEncoding.EncodeToString(b); ; text = append(text, '\n') {
		if len(encoded) <= base64Line {
			return append(text, encoded...)
		}
		text = append(text, encoded[:base64Line]...)
		encoded = encoded[base64Line:]
	}
}
