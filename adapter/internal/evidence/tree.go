package evidence

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// A Tree is a Merkle tree of RFC 6962 in memory, 64 bytes a leaf, for the
// findings of an audit and for proofs. The zero Tree is empty.
type Tree struct {
	stored []merkle.Hash
	size   uint64
}

// Add adds a leaf.
func (t *Tree) Add(leaf []byte) error {
	hashes, err := merkle.StoredHashes(t.size, merkle.LeafHash(leaf), merkle.HashReaderFunc(t.read))
	if err != nil {
		return fmt.Errorf("add leaf: %w", err)
	}
	t.stored = append(t.stored, hashes...)
	t.size++
	return nil
}

// Size returns the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Root returns the root over all leaves.
func (t *Tree) Root() (merkle.Hash, error) {
	return merkle.Root(t.size, merkle.HashReaderFunc(t.read))
}

// Prove returns the proof that leaf index is in the tree.
func (t *Tree) Prove(index uint64) ([]merkle.Hash, error) {
	if index >= t.size {
		return nil, fmt.Errorf("prove leaf %d of %d: %w", index, t.size, merkle.ErrProof)
	}
	return merkle.ProveInclusion(t.size, index, merkle.HashReaderFunc(t.read))
}

func (t *Tree) read(indexes []int64) ([]merkle.Hash, error) {
	out := make([]merkle.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(t.stored)) {
			return nil, fmt.Errorf("read tree hash: %w", merkle.ErrProof)
		}
		out[i] = t.stored[index]
	}
	return out, nil
}

// manifestFormat is the version of the manifest row's format.
const manifestFormat = 1

// A ManifestRow is a live row that an audit read and found to hold its latest
// version. Rows that it did not read, or found otherwise, do not stand in the
// manifest.
type ManifestRow struct {
	Table      string
	Key        []byte // canonical
	Version    uint64
	Commitment commit.Digest
}

// Append appends the canonical encoding [1, table, key, version, C], which is
// the leaf in the manifest's tree.
func (m *ManifestRow) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 5), manifestFormat)
	b = dcbor.AppendBytes(dcbor.AppendText(b, m.Table), m.Key)
	return dcbor.AppendBytes(dcbor.AppendUint(b, m.Version), m.Commitment[:])
}

// ErrOrder says that manifest rows do not ascend by table, then key.
var ErrOrder = errors.New("manifest rows out of order")

// A Manifest computes the root over an audit's intact rows as they go by, in
// ascending order of (table, key) compared as bytes, without keeping them. The
// zero Manifest is empty.
type Manifest struct {
	peaks []merkle.Hash // roots of the full subtrees, largest first
	count uint64
	table string
	key   []byte
	buf   []byte
}

// Add adds the next row.
func (m *Manifest) Add(row ManifestRow) error {
	if m.count > 0 && (row.Table < m.table || row.Table == m.table && bytes.Compare(row.Key, m.key) <= 0) {
		return ErrOrder
	}
	m.table, m.key = row.Table, append(m.key[:0], row.Key...)
	m.buf = row.Append(m.buf[:0])
	h := merkle.LeafHash(m.buf)
	for n := m.count; n&1 == 1; n >>= 1 {
		last := len(m.peaks) - 1
		h = tlog.NodeHash(m.peaks[last], h)
		m.peaks = m.peaks[:last]
	}
	m.peaks = append(m.peaks, h)
	m.count++
	return nil
}

// Count returns the number of rows.
func (m *Manifest) Count() uint64 { return m.count }

// Root returns the root over the rows so far.
func (m *Manifest) Root() merkle.Hash {
	if m.count == 0 {
		root, _ := merkle.Root(0, nil) // reads nothing, so it cannot fail
		return root
	}
	h := m.peaks[len(m.peaks)-1]
	for i := len(m.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(m.peaks[i], h)
	}
	return h
}
