// Package dcbor is the one restricted profile of deterministic CBOR that every
// hashed or signed format of EMRBchain is written in.
//
// The profile is RFC 8949 section 4.2.1 (core deterministic encoding) limited
// to unsigned and negative integers, byte strings, text strings of valid
// UTF-8, arrays of definite length, and null. There are no maps, tags, floats,
// booleans or indefinite lengths, so one value has exactly one encoding.
//
// The Append functions write it without allocating. Reader reads it and
// refuses everything that they would not have written. The package has no
// notion of what the bytes mean; the formats that use it say that in their
// SPEC.md.
package dcbor

import (
	"encoding/binary"
)

// Major types of RFC 8949 section 3.1, in place in the initial byte.
const (
	majorUint  = 0 << 5
	majorNeg   = 1 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorArray = 4 << 5

	null = 0xf6
)

// AppendNull appends the null value.
func AppendNull(b []byte) []byte { return append(b, null) }

// AppendUint appends an unsigned integer.
func AppendUint(b []byte, v uint64) []byte { return appendHead(b, majorUint, v) }

// AppendInt appends a signed integer.
func AppendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, majorNeg, uint64(-(v + 1)))
	}
	return appendHead(b, majorUint, uint64(v))
}

// AppendBytes appends a byte string.
func AppendBytes(b, v []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

// AppendText appends a text string. The caller vouches for valid UTF-8: a
// Reader refuses anything else.
func AppendText(b []byte, v string) []byte {
	return append(appendHead(b, majorText, uint64(len(v))), v...)
}

// AppendTextBytes is AppendText for text held as bytes.
func AppendTextBytes(b, v []byte) []byte {
	return append(appendHead(b, majorText, uint64(len(v))), v...)
}

// AppendArray appends the head of an array of n elements; the caller appends
// the elements.
func AppendArray(b []byte, n int) []byte {
	return appendHead(b, majorArray, uint64(n))
}

func appendHead(b []byte, major byte, v uint64) []byte {
	switch {
	case v < 24:
		return append(b, major|byte(v))
	case v <= 0xff:
		return append(b, major|24, byte(v))
	case v <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(v))
	case v <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, major|27), v)
	}
}
