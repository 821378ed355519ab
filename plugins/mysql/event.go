package mysql

import (
	"encoding/binary"
	"errors"
)

// errShort says that an event ended before its parts did.
var errShort = errors.New("it is cut short")

// A reader reads the parts of an event from its front. Once a part is not whole,
// it and all that follow are empty and err is set.
type reader struct {
	rest []byte
	err  error
}

// take returns the next n bytes, sharing their memory.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.rest, r.err = nil, errShort
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

// number reads an unsigned integer of so many bytes, little-endian.
func (r *reader) number(bytes uint64) uint64 { return littleEndian(r.take(bytes)) }

// packed reads an integer in the protocol's form of variable length.
func (r *reader) packed() uint64 {
	first := r.number(1)
	switch first {
	case 0xfc:
		return r.number(2)
	case 0xfd:
		return r.number(3)
	case 0xfe:
		return r.number(8)
	case 0xfb, 0xff: // NULL and an error, which no event holds
		r.rest, r.err = nil, errShort
		return 0
	}
	return first
}

// text reads bytes behind their packed length.
func (r *reader) text() []byte { return r.take(r.packed()) }

func littleEndian(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(b))
	case 4:
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		return binary.LittleEndian.Uint64(b)
	}
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
