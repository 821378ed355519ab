package row

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// AppendCell appends the canonical encoding of v: null, or the array of its
// type code and payload (SPEC.md, section 2).
func AppendCell(b []byte, v Value) []byte {
	t := v.Type()
	switch t {
	case Any:
		return dcbor.AppendNull(b)
	case Text, Enum, Set:
		return appendCharacters(b, v)
	}
	b = dcbor.AppendUint(dcbor.AppendArray(b, 2), uint64(t))
	switch t {
	case Int:
		if v.kind.neg {
			return dcbor.AppendInt(b, int64(v.num))
		}
		return dcbor.AppendUint(b, v.num)
	case Bits, Bool:
		return dcbor.AppendUint(b, v.num)
	case Float32:
		return binary.BigEndian.AppendUint32(append(b, 0x44), uint32(v.num))
	case Float64:
		return binary.BigEndian.AppendUint64(append(b, 0x48), v.num)
	case Bytes, UUID:
		return dcbor.AppendBytes(b, v.bytes())
	default: // Decimal, Date, Time, DateTime, Timestamp: ASCII by construction
		return dcbor.AppendText(b, v.data)
	}
}

func appendCharacters(b []byte, v Value) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 3), uint64(v.kind.typ))
	b = dcbor.AppendText(b, v.kind.charset)
	switch {
	case v.kind.typ == Set:
		return append(b, v.data...)
	case v.kind.null:
		return dcbor.AppendNull(b)
	}
	return dcbor.AppendBytes(b, v.bytes())
}

// AppendKey appends the canonical encoding of a key: the array of its cells in
// the order of the key's columns.
func AppendKey(b []byte, key []Value) []byte { return AppendCells(b, key) }

// AppendCells appends the array of the given cells.
func AppendCells(b []byte, cells []Value) []byte {
	b = dcbor.AppendArray(b, len(cells))
	for _, v := range cells {
		b = AppendCell(b, v)
	}
	return b
}

// ReadCell reads one canonical cell, sharing the Reader's memory. It accepts
// exactly what AppendCell writes; anything else fails the Reader.
func ReadCell(r *dcbor.Reader) Value {
	if r.Next() == dcbor.KindNull {
		r.Null()
		return Value{}
	}
	n := r.Array()
	t := Type(min(r.Uint(), math.MaxUint8))
	switch {
	case t == Any || !t.Valid():
		r.Fail("unknown type code")
		return Value{}
	case t == Text || t == Enum || t == Set:
		if n != 3 {
			r.Fail("characters need a charset and a payload")
		}
		return readCharacters(r, t)
	case n != 2:
		r.Fail("a cell is a type code and a payload")
	}
	return readPayload(r, t)
}

func readPayload(r *dcbor.Reader, t Type) Value {
	switch t {
	case Int:
		if r.Next() == dcbor.KindNegative {
			return NewInt(r.Int())
		}
		return NewUint(r.Uint())
	case Bits, Bool:
		v := Value{kind: &plain[t], num: r.Uint()}
		if t == Bool && v.num > 1 {
			r.Fail("bool above 1")
		}
		return v
	case Float32:
		var b [4]byte
		r.Fixed(b[:])
		return Value{kind: &plain[t], num: uint64(binary.BigEndian.Uint32(b[:]))}
	case Float64:
		var b [8]byte
		r.Fixed(b[:])
		return Value{kind: &plain[t], num: binary.BigEndian.Uint64(b[:])}
	case Bytes:
		return NewBytes(r.Bytes())
	}
	return readNormal(r, t)
}

// readNormal reads a payload that has a normal form and refuses any other.
func readNormal(r *dcbor.Reader, t Type) Value {
	var v Value
	var err error
	var raw []byte
	if t == UUID {
		raw = r.Bytes()
		v, err = NewUUID(raw)
	} else {
		raw = r.TextBytes()
		v, err = makeNormal(t, raw)
	}
	if err != nil || v.data != string(raw) {
		r.Fail(t.String() + " not in normal form")
		return Value{}
	}
	return v
}

func makeNormal(t Type, raw []byte) (Value, error) {
	switch t {
	case Decimal:
		return NewDecimal(raw)
	case Date:
		return NewDate(raw)
	case Time:
		return NewTime(raw)
	case DateTime:
		return NewDateTime(raw)
	default:
		return NewTimestamp(raw)
	}
}

func readCharacters(r *dcbor.Reader, t Type) Value {
	charset := charsetOf(r.TextBytes())
	switch {
	case t == Set:
		return Value{kind: &charset.set, data: share(readLabels(r))}
	case t == Text:
		return charset.Text(r.Bytes())
	case r.Next() == dcbor.KindNull:
		r.Null()
		return charset.EnumError()
	}
	return charset.Enum(r.Bytes())
}

// readLabels returns the encoded array of labels.
func readLabels(r *dcbor.Reader) []byte {
	encoded := r.Raw()
	labels := dcbor.NewReader(encoded)
	for n := labels.Array(); n > 0; n-- {
		labels.Bytes()
	}
	if labels.Done() != nil {
		r.Fail("set is not an array of labels")
	}
	return encoded
}

// ReadCells reads an array of cells as AppendCells writes it, appending to dst.
func ReadCells(r *dcbor.Reader, dst []Value) []Value {
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		dst = append(dst, ReadCell(r))
	}
	return dst
}

// ParseKey reads a canonical key.
func ParseKey(b []byte) ([]Value, error) {
	r := dcbor.NewReader(b)
	key := ReadCells(r, nil)
	return key, r.Done()
}

// Equal reports whether two values have the same canonical encoding.
func Equal(a, b Value) bool {
	if a.num != b.num || a.data != b.data {
		return false
	}
	return a.kind == b.kind || a.kind != nil && b.kind != nil && *a.kind == *b.kind
}

// Display writes the value for a person: text in quotes, bytes in hex. It is
// for readers who may see the record, never for logs or errors.
func (v Value) Display() string {
	switch v.Type() {
	case Any:
		return "NULL"
	case Int:
		if v.kind.neg {
			return strconv.FormatInt(int64(v.num), 10)
		}
		return strconv.FormatUint(v.num, 10)
	case Bits:
		return "b'" + strconv.FormatUint(v.num, 2) + "'"
	case Bool:
		return strconv.FormatBool(v.num == 1)
	case Float32:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(v.num))), 'g', -1, 32)
	case Float64:
		return strconv.FormatFloat(math.Float64frombits(v.num), 'g', -1, 64)
	case Bytes, UUID:
		return "0x" + hex.EncodeToString(v.bytes())
	case Text, Enum:
		if v.kind.null {
			return "(enum error value)"
		}
		return displayText(v.kind.charset, v.bytes())
	case Set:
		labels := v.Labels()
		parts := make([]string, len(labels))
		for i, label := range labels {
			parts[i] = displayText(v.kind.charset, label)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return strings.Clone(v.data)
}

func displayText(charset string, b []byte) string {
	if charset == "utf8" || charset == "ascii" {
		return strconv.Quote(string(b))
	}
	for _, c := range b {
		if c >= 0x80 {
			return charset + " 0x" + hex.EncodeToString(b)
		}
	}
	return strconv.Quote(string(b))
}
