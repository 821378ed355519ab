package dcbor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrNotCanonical says that the input is not what the Append functions would
// have written: another type than asked for, a longer form than needed,
// invalid UTF-8, a truncated value or trailing bytes. The input is to be
// refused whole.
var ErrNotCanonical = errors.New("not canonical CBOR")

// Kind is the type of the next value of a Reader.
type Kind uint8

// The kinds of values in the profile.
const (
	KindInvalid Kind = iota // end of input, or a type outside the profile
	KindUint
	KindNegative
	KindBytes
	KindText
	KindArray
	KindNull
)

// Reader reads canonical CBOR from a byte slice. Its first error sticks: every
// later call returns zero values, so that a caller may read a whole structure
// and ask Done once. A Reader never allocates for what the input claims, only
// for what it holds.
type Reader struct {
	rest []byte
	err  error
}

// NewReader returns a Reader over b, which it does not copy.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

// Next tells the kind of the next value without reading it.
func (r *Reader) Next() Kind {
	if r.err != nil || len(r.rest) == 0 {
		return KindInvalid
	}
	switch b := r.rest[0]; {
	case b == null:
		return KindNull
	case b&0xe0 == majorUint:
		return KindUint
	case b&0xe0 == majorNeg:
		return KindNegative
	case b&0xe0 == majorBytes:
		return KindBytes
	case b&0xe0 == majorText:
		return KindText
	case b&0xe0 == majorArray:
		return KindArray
	}
	return KindInvalid
}

// Null reads a null.
func (r *Reader) Null() {
	if r.Next() != KindNull {
		r.fail("null expected")
		return
	}
	r.rest = r.rest[1:]
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 { return r.head(majorUint, "unsigned integer") }

// Int reads a signed integer that fits 64 bits.
func (r *Reader) Int() int64 {
	if r.Next() == KindNegative {
		v := r.head(majorNeg, "integer")
		if v > 1<<63-1 {
			r.fail("integer below -2^63")
			return 0
		}
		return -1 - int64(v)
	}
	v := r.head(majorUint, "integer")
	if v > 1<<63-1 {
		r.fail("integer above 2^63-1")
		return 0
	}
	return int64(v)
}

// Bytes reads a byte string. The result shares the input's memory.
func (r *Reader) Bytes() []byte { return r.take(r.head(majorBytes, "byte string")) }

// Fixed reads a byte string of exactly len(dst) bytes into dst.
func (r *Reader) Fixed(dst []byte) {
	b := r.Bytes()
	if r.err == nil && len(b) != len(dst) {
		r.fail(fmt.Sprintf("byte string of %d bytes, %d expected", len(b), len(dst)))
		return
	}
	copy(dst, b)
}

// Text reads a text string and checks that it is valid UTF-8.
func (r *Reader) Text() string { return string(r.TextBytes()) }

// TextBytes is Text without the copy: the result shares the input's memory.
func (r *Reader) TextBytes() []byte {
	b := r.take(r.head(majorText, "text string"))
	if !utf8.Valid(b) {
		r.fail("text is not valid UTF-8")
		return nil
	}
	return b
}

// Array reads the head of an array and returns its length, which is never
// more than the bytes that are left.
func (r *Reader) Array() int {
	n := r.head(majorArray, "array")
	if n > uint64(len(r.rest)) {
		r.fail("array longer than its input")
		return 0
	}
	return int(n)
}

// ArrayOf reads the head of an array that must have n elements.
func (r *Reader) ArrayOf(n int) {
	if got := r.Array(); r.err == nil && got != n {
		r.fail(fmt.Sprintf("array of %d elements, %d expected", got, n))
	}
}

// maxDepth bounds the nesting that Raw follows; no format of ours nests deeper.
const maxDepth = 16

// Raw reads one whole value of any kind and returns its encoding, which shares
// the input's memory.
func (r *Reader) Raw() []byte {
	start := r.rest
	r.skip(maxDepth)
	if r.err != nil {
		return nil
	}
	return start[:len(start)-len(r.rest)]
}

func (r *Reader) skip(depth int) {
	if depth == 0 {
		r.fail("nested too deeply")
		return
	}
	switch r.Next() {
	case KindUint:
		r.Uint()
	case KindNegative:
		r.head(majorNeg, "integer")
	case KindBytes:
		r.Bytes()
	case KindText:
		r.Text()
	case KindNull:
		r.Null()
	case KindArray:
		for n := r.Array(); n > 0 && r.err == nil; n-- {
			r.skip(depth - 1)
		}
	default:
		r.fail("value outside the profile")
	}
}

// Len returns the number of bytes not read yet.
func (r *Reader) Len() int { return len(r.rest) }

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Done returns the first error, or an error if bytes are left over.
func (r *Reader) Done() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail(fmt.Sprintf("%d bytes left over", len(r.rest)))
	}
	return r.err
}

// Fail makes the Reader fail for a reason of the caller's format.
func (r *Reader) Fail(reason string) { r.fail(reason) }

func (r *Reader) fail(reason string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrNotCanonical, reason)
	}
	r.rest = nil
}

func (r *Reader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.rest)) {
		r.fail("string longer than its input")
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

// head reads an initial byte of the given major type with its argument, and
// refuses an argument that has a shorter form.
func (r *Reader) head(major byte, what string) uint64 {
	if r.err != nil {
		return 0
	}
	if len(r.rest) == 0 || r.rest[0]&0xe0 != major {
		r.fail(what + " expected")
		return 0
	}
	info := r.rest[0] & 0x1f
	if info < 24 {
		r.rest = r.rest[1:]
		return uint64(info)
	}
	if info > 27 {
		r.fail("indefinite or reserved length")
		return 0
	}
	size := 1 << (info - 24)
	if len(r.rest) < 1+size {
		r.fail("truncated head")
		return 0
	}
	v, shortest := argument(r.rest[1 : 1+size])
	if !shortest {
		r.fail("longer form than needed")
		return 0
	}
	r.rest = r.rest[1+size:]
	return v
}

// argument decodes a big-endian argument of 1, 2, 4 or 8 bytes and tells
// whether no shorter form would have held it.
func argument(b []byte) (v uint64, shortest bool) {
	switch len(b) {
	case 1:
		v = uint64(b[0])
		return v, v >= 24
	case 2:
		v = uint64(binary.BigEndian.Uint16(b))
		return v, v > 0xff
	case 4:
		v = uint64(binary.BigEndian.Uint32(b))
		return v, v > 0xffff
	default:
		v = binary.BigEndian.Uint64(b)
		return v, v > 0xffffffff
	}
}
