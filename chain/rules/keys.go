package rules

import (
	"encoding/binary"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// Keys of the application's state. A key is a prefix, the log's or member's
// id, and for anchors the incarnation and size in big-endian order, so that a
// range of keys is a log's history in order.

// ChainKey is where the chain's id stands.
func ChainKey() []byte { return []byte("c/id") }

// MembersPrefix is what every MemberKey starts with.
func MembersPrefix() []byte { return []byte("m/") }

// LogsPrefix is what every LogKey starts with.
func LogsPrefix() []byte { return []byte("l/") }

// MemberKey is where a member's record stands.
func MemberKey(member string) []byte { return append([]byte("m/"), member...) }

// ContactsPrefix is what every ContactKey starts with.
func ContactsPrefix() []byte { return []byte("d/") }

// ContactKey is where a member's contact stands.
func ContactKey(member string) []byte { return append([]byte("d/"), member...) }

// LogKey is where a log's registration and head stand.
func LogKey(log string) []byte { return append([]byte("l/"), log...) }

// AnchorKey is where the anchor of a log's incarnation at a size stands.
func AnchorKey(log string, incarnation uint32, size uint64) []byte {
	k := append([]byte("a/"), log...)
	k = binary.BigEndian.AppendUint32(append(k, '/'), incarnation)
	return binary.BigEndian.AppendUint64(k, size)
}

// An Anchor is a checkpoint that the chain accepted; it stands in the state
// under AnchorKey.
type Anchor struct {
	Root   merkle.Hash
	Height int64 // of the block that accepted it
	Time   int64 // of that block's header, ms since 1970 UTC
}

// Append appends the canonical encoding of the anchor: [1, root, height, time].
func (a Anchor) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 4), 1)
	b = dcbor.AppendBytes(b, a.Root[:])
	return dcbor.AppendInt(dcbor.AppendInt(b, a.Height), a.Time)
}

// ParseAnchor reads a canonical anchor.
func ParseAnchor(b []byte) (Anchor, error) {
	var a Anchor
	r := dcbor.NewReader(b)
	r.ArrayOf(4)
	if v := r.Uint(); r.Err() == nil && v != 1 {
		return a, fmt.Errorf("anchor of format %d, this program knows 1", v)
	}
	r.Fixed(a.Root[:])
	a.Height, a.Time = r.Int(), r.Int()
	if err := r.Done(); err != nil {
		return a, fmt.Errorf("parse anchor: %w", err)
	}
	return a, nil
}
