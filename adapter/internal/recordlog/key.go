package recordlog

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Keys of rows stand in the index in a form of their own, which keeps integers
// in numeric order, so that rows which lie together in the source lie together
// here: an integer cell is a sign byte and eight bytes, any other cell is its
// canonical bytes, which start otherwise and end by themselves. So the form is
// injective and leads back to the one canonical key.
const (
	signNegative    = 0x00
	signNotNegative = 0x01
	intCellSize     = 9
)

// intCell is how the canonical bytes of an integer cell start: an array of two,
// the first the type code.
var intCell = [2]byte{0x82, byte(row.Int)}

// appendOrdered appends the ordered form of a canonical key.
func appendOrdered(b, key []byte) ([]byte, error) {
	r := dcbor.NewReader(key)
	cells := r.Array()
	b = dcbor.AppendArray(b, cells)
	for range cells {
		cell := r.Raw()
		if !isCell(cell) {
			r.Fail("key holds what is no cell")
			break
		}
		b = appendOrderedCell(b, cell)
	}
	if err := r.Done(); err != nil {
		return b, fmt.Errorf("%w: key is not canonical", ErrEntry)
	}
	return b, nil
}

// isCell reports whether a CBOR value may be a cell: an array, or null. No cell
// starts with a sign byte.
func isCell(b []byte) bool {
	kind := dcbor.NewReader(b).Next()
	return kind == dcbor.KindArray || kind == dcbor.KindNull
}

// appendOrderedCell appends the ordered form of one canonical cell.
func appendOrderedCell(b, cell []byte) []byte {
	if len(cell) < 3 || [2]byte(cell) != intCell {
		return append(b, cell...)
	}
	sign, n := byte(signNotNegative), uint64(0)
	r := dcbor.NewReader(cell[2:])
	if r.Next() == dcbor.KindNegative {
		sign, n = signNegative, uint64(r.Int()) // -2^63 … -1 as 2^63 … 2^64-1
	} else {
		n = r.Uint()
	}
	if r.Done() != nil {
		return append(b, cell...) // no integer after all
	}
	return binary.BigEndian.AppendUint64(append(b, sign), n)
}

// appendCanonical appends the canonical key of an ordered form.
func appendCanonical(b, ordered []byte) ([]byte, error) {
	r := dcbor.NewReader(ordered)
	cells := r.Array()
	if r.Err() != nil {
		return nil, fmt.Errorf("ordered key: %w", r.Err())
	}
	b = dcbor.AppendArray(b, cells)
	rest := ordered[len(ordered)-r.Len():]
	for range cells {
		var err error
		if b, rest, err = appendCanonicalCell(b, rest); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("ordered key: %d bytes left over", len(rest))
	}
	return b, nil
}

func appendCanonicalCell(b, rest []byte) (cell, left []byte, err error) {
	if len(rest) >= intCellSize && rest[0] <= signNotNegative {
		n := binary.BigEndian.Uint64(rest[1:])
		b = append(b, intCell[:]...)
		if rest[0] == signNotNegative {
			return dcbor.AppendUint(b, n), rest[intCellSize:], nil
		}
		if n>>63 == 0 {
			return nil, nil, fmt.Errorf("ordered key: integer below -2^63")
		}
		return dcbor.AppendInt(b, int64(n)), rest[intCellSize:], nil
	}
	r := dcbor.NewReader(rest)
	raw := r.Raw()
	if r.Err() != nil || !isCell(raw) {
		return nil, nil, fmt.Errorf("ordered key: not a cell")
	}
	if len(raw) > 2 && [2]byte(raw) == intCell && !bytes.Equal(appendOrderedCell(nil, raw), raw) {
		return nil, nil, fmt.Errorf("ordered key: integer in another form")
	}
	return append(b, raw...), rest[len(raw):], nil
}
