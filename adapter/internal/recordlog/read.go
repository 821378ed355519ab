package recordlog

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

// A Window says between which sizes of the log the source was read: From is
// the size before the read began, To the size when everything that the read
// could have seen was logged.
type Window struct{ From, To uint64 }

// Entry returns an entry, this batch's own ones included. It is valid after the
// batch as well.
func (b *Batch) Entry(index uint64) (*Entry, error) {
	if index < b.base.size {
		return b.log.Entry(index)
	}
	if index >= b.Next() {
		return nil, noLeaf(index, b.Next())
	}
	if index >= b.state.size {
		if err := b.settle(); err != nil {
			return nil, err
		}
	}
	record := b.entries[b.starts[index-b.base.size]:]
	payload := record[recordHead : recordHead+int(binary.BigEndian.Uint32(record))]
	e := new(Entry)
	if _, err := b.log.parseEntry(e, b.state, index, slices.Clone(payload)); err != nil {
		return nil, fmt.Errorf("read pending entry %d: %w", index, err)
	}
	return e, nil
}

// OwnerKey returns the owner of an id, this batch's own ones included.
func (b *Batch) OwnerKey(id uint64) (*commit.Owner, error) {
	if id <= b.base.owners {
		return b.log.OwnerKey(id)
	}
	if o, ok := b.made[id]; ok {
		return o, nil
	}
	return nil, fmt.Errorf("%w: owner %d has none", ErrKeyLost, id)
}

// OwnerOf returns whose key an entry was committed under, to commit the row's
// next version under the same, or under that of the owner that follows it.
func (b *Batch) OwnerOf(index uint64) (id uint64, o *commit.Owner, err error) {
	e, err := b.Entry(index)
	if err != nil {
		return 0, nil, err
	}
	return b.Heir(e.Owner)
}
