package mysql

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
)

// A value of a COMPRESSED column is empty, or begins with a byte that says how
// the rest stands: in the high bits 0 for as it is, 8 for zlib. With zlib, bit 3
// says that zlib's own head and checksum are left out, and the low three how
// many bytes, big-endian, hold the length of the value; deflated bytes follow.
const (
	compressedPlain = 0
	compressedZlib  = 8
	zlibBare        = 8
	zlibLength      = 7
	// deflateMost is how many times smaller deflate can make a value at best.
	// It bounds what is allocated on a length's word alone.
	deflateMost = 1100
)

var errCompressed = errors.New("a COMPRESSED value cannot be expanded")

// expand returns the value of a COMPRESSED column of at most longest bytes.
func expand(b []byte, longest uint64) ([]byte, error) {
	if len(b) == 0 {
		return b, nil
	}
	head := b[0]
	switch head >> 4 {
	case compressedPlain:
		return b[1:], nil
	case compressedZlib:
		r := &reader{rest: b[1:]}
		length := bigEndian(r.take(uint64(head & zlibLength)))
		if r.err != nil || length > longest {
			return nil, errCompressed
		}
		return inflate(r.rest, length, head&zlibBare != 0)
	}
	return nil, errCompressed
}

// inflate expands exactly length bytes.
func inflate(b []byte, length uint64, bare bool) ([]byte, error) {
	var source io.Reader = flate.NewReader(bytes.NewReader(b))
	if !bare {
		wrapped, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, errCompressed
		}
		source = wrapped
	}
	value := bytes.NewBuffer(make([]byte, 0, min(length, uint64(len(b))*deflateMost)+bytes.MinRead))
	// One byte more than there may be shows a value that is too long, and makes
	// the reader come to its end and check its sum.
	n, err := value.ReadFrom(io.LimitReader(source, int64(length)+1))
	if err != nil || uint64(n) != length {
		return nil, errCompressed
	}
	return value.Bytes(), nil
}
