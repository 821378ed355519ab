// Package merkle is the record log's tree: the Merkle tree of RFC 6962,
// section 2, over golang.org/x/mod/sumdb/tlog, and its checkpoints as C2SP
// tlog-checkpoint notes. It adds no construction of its own; SPEC.md says which
// of the two documents' choices are fixed.
//
// Hashes are stored in tlog's order: leaf n and all the subtrees that it
// completes follow each other, so the stored hashes of a log of n leaves are
// one append-only sequence.
package merkle

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// HashSize is the size of a Hash in bytes.
const HashSize = tlog.HashSize

// MaxSize is the most leaves that a log may have. tlog's search for a power of
// two does not end for larger trees, so they are refused before it.
const MaxSize = 1 << 62

// MaxProof is the most hashes that a proof in a tree of up to MaxSize leaves
// has.
const MaxProof = 64

type (
	// Hash is a SHA-256 hash of the tree.
	Hash = tlog.Hash
	// HashReader reads stored hashes by their place in tlog's order.
	HashReader = tlog.HashReader
	// HashReaderFunc is a function as a HashReader.
	HashReaderFunc = tlog.HashReaderFunc
)

// ErrProof says that a proof does not lead from what it is for to the root.
var ErrProof = errors.New("proof does not verify")

// LeafHash returns SHA-256(0x00 ‖ leaf).
func LeafHash(leaf []byte) Hash { return tlog.RecordHash(leaf) }

// StoredHashes returns the hashes to store when the leaf with the given hash
// becomes leaf number index: its own and those of the subtrees that it
// completes.
func StoredHashes(index uint64, leaf Hash, stored HashReader) ([]Hash, error) {
	return tlog.StoredHashesForRecordHash(int64(index), leaf, stored)
}

// StoredCount returns how many hashes are stored for a log of size leaves.
func StoredCount(size uint64) uint64 { return uint64(tlog.StoredHashCount(int64(size))) }

// StoredIndex returns the place of leaf number index among the stored hashes.
func StoredIndex(index uint64) uint64 { return uint64(tlog.StoredHashIndex(0, int64(index))) }

// Root returns the root of the first size leaves. The root of no leaves is
// SHA-256 of nothing.
func Root(size uint64, stored HashReader) (Hash, error) {
	return tlog.TreeHash(int64(size), stored)
}

// ProveInclusion returns the proof that leaf index is in the tree of size
// leaves: the audit path of RFC 6962, section 2.1.1.
func ProveInclusion(size, index uint64, stored HashReader) ([]Hash, error) {
	return tlog.ProveRecord(int64(size), int64(index), stored)
}

// VerifyInclusion checks that a leaf hash stands at index under the root of
// size leaves.
func VerifyInclusion(proof []Hash, size uint64, root Hash, index uint64, leaf Hash) error {
	if size > MaxSize || index >= size || len(proof) > MaxProof {
		return fmt.Errorf("inclusion: %w", ErrProof)
	}
	if tlog.CheckRecord(proof, int64(size), root, int64(index), leaf) != nil {
		return fmt.Errorf("inclusion: %w", ErrProof)
	}
	return nil
}

// ProveConsistency returns the proof that the tree of oldSize leaves is a
// prefix of that of newSize leaves (RFC 6962, section 2.1.2). It is empty from
// size 0, and between equal sizes.
func ProveConsistency(newSize, oldSize uint64, stored HashReader) ([]Hash, error) {
	if oldSize == 0 || oldSize == newSize {
		return nil, nil
	}
	return tlog.ProveTree(int64(newSize), int64(oldSize), stored)
}

// VerifyConsistency checks that the tree under oldRoot is a prefix of that
// under newRoot.
func VerifyConsistency(proof []Hash, newSize uint64, newRoot Hash, oldSize uint64, oldRoot Hash) error {
	bad := fmt.Errorf("consistency: %w", ErrProof)
	switch {
	case newSize > MaxSize || oldSize > newSize || len(proof) > MaxProof:
		return bad
	case oldSize == newSize:
		if len(proof) > 0 || oldRoot != newRoot {
			return bad
		}
		return nil
	case oldSize == 0:
		if empty, _ := tlog.TreeHash(0, nil); len(proof) > 0 || oldRoot != empty {
			return bad
		}
		return nil
	}
	if tlog.CheckTree(proof, int64(newSize), newRoot, int64(oldSize), oldRoot) != nil {
		return bad
	}
	return nil
}
