package commit

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// A Leaf is what the record log's tree hashes: it names nothing.
type Leaf struct {
	Op         Op
	Time       int64 // when it was logged, ms since 1970 UTC
	Commitment Digest
}

// leafFormat is the version of the leaf's format.
const leafFormat = 1

// Append appends the canonical encoding cbor([1, op, time, C]).
func (l *Leaf) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 4), leafFormat)
	b = dcbor.AppendUint(b, uint64(l.Op))
	b = dcbor.AppendInt(b, l.Time)
	return dcbor.AppendBytes(b, l.Commitment[:])
}

// ParseLeaf reads a canonical leaf.
func ParseLeaf(b []byte) (Leaf, error) {
	var l Leaf
	r := dcbor.NewReader(b)
	r.ArrayOf(4)
	if f := r.Uint(); r.Err() == nil && f != leafFormat {
		return l, fmt.Errorf("leaf of format %d, this program knows %d", f, leafFormat)
	}
	l.Op, l.Time = Op(smallUint(r)), r.Int()
	r.Fixed(l.Commitment[:])
	if err := r.Done(); err != nil {
		return l, fmt.Errorf("parse leaf: %w", err)
	}
	return l, nil
}
