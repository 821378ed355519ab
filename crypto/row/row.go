// Package row holds typed column values and their one canonical encoding.
//
// A tap turns each cell of its database into a Value; everything that is ever
// hashed about a row goes through AppendCell. The encoding is injective (two
// different cells never give the same bytes) and stable (the same cell gives
// the same bytes whether it came from the change stream, a snapshot or a later
// re-read). SPEC.md beside this file is the format; testdata holds vectors
// that another implementation can run.
//
// Values are normalised when they are made, not when they are encoded: a
// decimal 042.10 becomes 42.1, a time 10:00:00.500 becomes 10:00:00.5. So
// widening a column (INT to BIGINT, more fraction digits) leaves old bytes
// valid. Text keeps the column's own bytes and the name of its character set,
// because servers' conversions to Unicode are lossy.
package row

import (
	"errors"
	"math"
	"unsafe"
)

// Type is the type code that stands beside each value and in each column
// description. Codes are part of the format and never change their meaning.
type Type uint8

// The type codes of profile 1.
const (
	Any       Type = 0  // only as a column's type: cells say their own
	Int       Type = 1  // integer of any width, -2^63 … 2^64-1
	Decimal   Type = 2  // exact decimal number
	Float32   Type = 3  // IEEE 754 binary32
	Float64   Type = 4  // IEEE 754 binary64
	Text      Type = 5  // characters: charset name and raw bytes
	Bytes     Type = 6  // raw bytes
	Date      Type = 7  // YYYY-MM-DD, zero and partial dates included
	Time      Type = 8  // [-]HH:MM:SS[.f], a span or a time of day
	DateTime  Type = 9  // date and time without zone
	Timestamp Type = 10 // an instant, in UTC
	Bits      Type = 11 // bit field of up to 64 bits
	Enum      Type = 12 // one label, or the error value
	Set       Type = 13 // labels in the column's order
	UUID      Type = 14 // 16 bytes
	Bool      Type = 15
)

// String returns the type's name as SPEC.md and TYPES.md write it.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "unknown"
}

var typeNames = [...]string{"any", "int", "decimal", "float32", "float64", "text", "bytes", "date",
	"time", "datetime", "timestamp", "bits", "enum", "set", "uuid", "bool"}

// Valid reports whether t is a type code of profile 1.
func (t Type) Valid() bool { return t <= Bool }

// A Column describes one column of a row: its name and the type of its cells.
type Column struct {
	Name string
	Type Type
}

// A Value is one cell. The zero Value is null. Values share memory with what
// they were made of: the maker must not change it afterwards.
//
// A value is four words, so that the compiler keeps it in registers; rows are read
// by the million. Hence data is a string, one word less than a slice: see share.
type Value struct {
	kind *kind  // nil for null
	num  uint64 // Int, Bits, Bool, an Int below zero as two's complement; bits of Float32 and Float64
	data string // everything else; for Set the encoded array of labels
}

// A kind is what many values have in common. It is never changed once it is made.
type kind struct {
	typ     Type
	neg     bool   // Int: below zero
	null    bool   // Enum: the error value
	charset string // Text, Enum, Set
}

// The kinds of values without a character set.
var (
	negative = kind{typ: Int, neg: true}
	plain    = [...]kind{Int: {typ: Int}, Decimal: {typ: Decimal}, Float32: {typ: Float32}, Float64: {typ: Float64},
		Bytes: {typ: Bytes}, Date: {typ: Date}, Time: {typ: Time}, DateTime: {typ: DateTime}, Timestamp: {typ: Timestamp},
		Bits: {typ: Bits}, UUID: {typ: UUID}, Bool: {typ: Bool}}
)

// share makes a string of bytes without a copy. Its bytes change if the maker breaks
// the rule for values.
func share(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytes returns the data without a copy, never nil.
func (v Value) bytes() []byte {
	if v.data == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(v.data), len(v.data))
}

// ErrInvalid says that a value is not of its type's form. The message of the
// wrapping error names the form, never the value.
var ErrInvalid = errors.New("value not of its type's form")

// Type returns the value's type code, or Any for null.
func (v Value) Type() Type {
	if v.kind == nil {
		return Any
	}
	return v.kind.typ
}

// IsNull reports whether the value is null.
func (v Value) IsNull() bool { return v.kind == nil }

// Fits reports whether the value may stand in a column of type t.
func (v Value) Fits(t Type) bool { return v.kind == nil || t == Any || v.kind.typ == t }

// Null returns the null value.
func Null() Value { return Value{} }

// NewInt returns an integer value.
func NewInt(n int64) Value {
	if n < 0 {
		return Value{kind: &negative, num: uint64(n)}
	}
	return NewUint(uint64(n))
}

// NewUint returns an integer value that may exceed 2^63-1.
func NewUint(n uint64) Value { return Value{kind: &plain[Int], num: n} }

// NewBool returns a boolean value.
func NewBool(b bool) Value {
	if b {
		return Value{kind: &plain[Bool], num: 1}
	}
	return Value{kind: &plain[Bool]}
}

// NewBits returns the value of a bit field.
func NewBits(n uint64) Value { return Value{kind: &plain[Bits], num: n} }

// NewFloat32 returns a binary32 value. Every bit counts: -0 differs from 0.
func NewFloat32(f float32) Value {
	return Value{kind: &plain[Float32], num: uint64(math.Float32bits(f))}
}

// NewFloat64 returns a binary64 value. Every bit counts: -0 differs from 0.
func NewFloat64(f float64) Value { return Value{kind: &plain[Float64], num: math.Float64bits(f)} }

// NewBytes returns a byte string value; b may be empty but is never null.
func NewBytes(b []byte) Value { return FromNormal(Bytes, b) }

// Replace makes v equal to w. Where cells of one column follow each other in the same
// place, it is cheaper than to assign: the garbage collector need not hear of a kind
// that stays.
func (v *Value) Replace(w Value) {
	if v.kind != w.kind {
		v.kind = w.kind
	}
	v.num, v.data = w.num, w.data
}

// Int64 returns an Int's or Bits' value where it fits 64 signed bits.
func (v Value) Int64() (int64, bool) {
	switch v.Type() {
	case Int, Bits, Bool:
		return int64(v.num), v.kind.neg || v.num <= math.MaxInt64
	}
	return 0, false
}

// Float returns a Float32's or Float64's value.
func (v Value) Float() (float64, bool) {
	switch v.Type() {
	case Float32:
		return float64(math.Float32frombits(uint32(v.num))), true
	case Float64:
		return math.Float64frombits(v.num), true
	}
	return 0, false
}

// Raw returns the bytes of a Text, Bytes, Enum, UUID, Decimal or temporal
// value, sharing its memory; nil for any other and for an Enum's error value.
func (v Value) Raw() []byte {
	switch v.Type() {
	case Any, Int, Float32, Float64, Bits, Bool, Set:
		return nil
	}
	if v.kind.null {
		return nil
	}
	return v.bytes()
}

// Detach gives values memory of their own, one piece for all, so that what they
// were made of may be changed.
func Detach(values []Value) {
	n := 0
	for i := range values {
		n += len(values[i].data)
	}
	memory := make([]byte, 0, n)
	for i := range values {
		v := &values[i]
		start := len(memory)
		memory = append(memory, v.data...)
		v.data = share(memory[start:])
	}
}

// String tells the type alone, so that no cell reaches a log by accident. Use
// Display to show a value to a person who may see it.
func (v Value) String() string {
	if v.IsNull() {
		return "null"
	}
	return v.Type().String() + "(…)"
}
