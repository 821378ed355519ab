package recordlog

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// The tree stream holds a block per leaf: where its entry stands, a CRC, and
// the hashes that the leaf adds to the tree (its own and those of the subtrees
// that it completes, in tlog's order). A block's place and size follow from
// the leaf's index alone.
const blockHead = 8 + 4 + 4 // u64 offset and u32 payload length of the entry, u32 CRC

// block is one leaf's block as it stands in the stream.
type block struct {
	offset int64  // of the entry's record
	length uint32 // of the entry's payload
	hashes []byte
}

// hash returns the hash of the subtree of 1<<level leaves that the leaf
// completes; level 0 is its own.
func (k block) hash(level int) (h merkle.Hash) {
	copy(h[:], k.hashes[level*merkle.HashSize:])
	return h
}

// blockPlace returns where the block of a leaf starts in the tree stream; that
// of the leaf after the last is the stream's length.
func blockPlace(index uint64) int64 {
	return int64(index)*blockHead + int64(merkle.StoredCount(index))*merkle.HashSize
}

// blockHashes returns how many hashes the block of a leaf holds: one for each
// trailing one bit of the index, and its own.
func blockHashes(index uint64) int { return bits.TrailingZeros64(index+1) + 1 }

// blockSize returns the size of the block of a leaf in bytes.
func blockSize(index uint64) int { return blockHead + blockHashes(index)*merkle.HashSize }

// appendBlock appends the block of leaf number index, whose record of a payload
// of so many bytes stands at offset.
func appendBlock(b []byte, seed uint32, index uint64, offset int64, length int, hashes []merkle.Hash) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(offset))
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	b = append(b, 0, 0, 0, 0)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	sum := checksum(seed, index, b[start:start+12], b[start+blockHead:])
	binary.BigEndian.PutUint32(b[start+12:], sum)
	return b
}

// readBlock reads the block of a leaf and checks its CRC.
func (l *Log) readBlock(index uint64) (block, error) {
	at := blockPlace(index)
	b := make([]byte, blockSize(index))
	if err := l.tree.readAt(b, at); err != nil {
		return block{}, err
	}
	return l.parseBlock(index, at, b)
}

// parseBlock checks a block's CRC. The result shares the memory of b.
func (l *Log) parseBlock(index uint64, at int64, b []byte) (block, error) {
	if binary.BigEndian.Uint32(b[12:]) != checksum(l.seed, index, b[:12], b[blockHead:]) {
		return block{}, l.tree.corrupt(at, "tree block's checksum does not match", nil)
	}
	k := block{offset: int64(binary.BigEndian.Uint64(b)), length: binary.BigEndian.Uint32(b[8:]), hashes: b[blockHead:]}
	if k.offset < 0 || k.length > maxRecord {
		return block{}, l.tree.corrupt(at, "entry's place is impossible", nil)
	}
	return k, nil
}

// storedHash reads one stored hash by its place in tlog's order.
func (l *Log) storedHash(place int64) (merkle.Hash, error) {
	level, n := tlog.SplitStoredHashIndex(place)
	index := uint64(n+1)<<level - 1 // the leaf that completes the subtree
	b, err := l.readBlock(index)
	if err != nil {
		return merkle.Hash{}, err
	}
	return b.hash(level), nil
}

// hashes reads the stored hashes of one committed state.
func (l *Log) hashes(s *state) merkle.HashReader {
	end := int64(merkle.StoredCount(s.size))
	return merkle.HashReaderFunc(func(places []int64) ([]merkle.Hash, error) {
		out := make([]merkle.Hash, len(places))
		for i, place := range places {
			if place < 0 || place >= end {
				return nil, noLeaf(uint64(place), uint64(end))
			}
			h, err := l.storedHash(place)
			if err != nil {
				return nil, l.noteCorrupt(err)
			}
			out[i] = h
		}
		return out, nil
	})
}
