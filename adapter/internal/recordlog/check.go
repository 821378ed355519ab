package recordlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// anchorSize is the length of the named state AnchorState.
const anchorSize = 8 + merkle.HashSize

// AppendAnchor appends the value of the state AnchorState.
func AppendAnchor(b []byte, size uint64, root merkle.Hash) []byte {
	return append(binary.BigEndian.AppendUint64(b, size), root[:]...)
}

// lastAnchor reads the last anchored size and root; size 0 if there is none.
func (l *Log) lastAnchor() (size uint64, root merkle.Hash, err error) {
	b, err := l.Get(AnchorState)
	if err != nil {
		return 0, root, err
	}
	if b == nil {
		root, err = merkle.Root(0, nil)
		return 0, root, err
	}
	if len(b) != anchorSize {
		return 0, root, &CorruptError{File: l.index.path, Offset: -1, Reason: "state " + AnchorState + " is malformed"}
	}
	copy(root[:], b[8:])
	size = binary.BigEndian.Uint64(b)
	return size, root, nil
}

// checkTail is what Open checks: the root at the last anchor, every entry and
// tree block since, and the root of the whole.
func (l *Log) checkTail(s *state) error {
	size, root, err := l.lastAnchor()
	if err != nil {
		return err
	}
	if err := l.checkAnchor(s, size, root); err != nil {
		return err
	}
	return l.checkLeaves(context.Background(), s, size, s.size, func(*Entry) error { return nil })
}

// checkAnchor compares the log with its last anchor.
func (l *Log) checkAnchor(s *state, size uint64, root merkle.Hash) error {
	if size > s.size {
		return &CorruptError{File: l.tree.path(0), Offset: -1, Reason: fmt.Sprintf("log has %d leaves, %d are anchored", s.size, size)}
	}
	return l.checkRoot(s, size, root, "anchored one")
}

// checkRoot compares the root of the first size leaves with what it should be.
func (l *Log) checkRoot(s *state, size uint64, want merkle.Hash, what string) error {
	got, err := merkle.Root(size, l.hashes(s))
	if err != nil {
		return err
	}
	if got != want {
		return &CorruptError{File: l.tree.path(0), Offset: -1, Reason: fmt.Sprintf("root of the first %d leaves is not the %s", size, what)}
	}
	return nil
}

// checkLeaves recomputes the tree from the entries from … to-1, in order, and
// then the root of the whole.
func (l *Log) checkLeaves(ctx context.Context, s *state, from, to uint64, fn func(*Entry) error) error {
	for index := from; index < to; index++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := l.readEntry(s, index)
		if err != nil {
			return fmt.Errorf("check entry %d: %w", index, err)
		}
		if err := l.checkBlock(s, index, e); err != nil {
			return fmt.Errorf("check tree at %d: %w", index, err)
		}
		if err := fn(e); err != nil {
			return fmt.Errorf("check entry %d: %w", index, err)
		}
	}
	return l.checkRoot(s, s.size, s.root, "committed one")
}

// checkBlock recomputes the hashes that an entry adds to the tree.
func (l *Log) checkBlock(s *state, index uint64, e *Entry) error {
	b, err := l.readBlock(index)
	if err != nil {
		return err
	}
	want, err := merkle.StoredHashes(index, merkle.LeafHash(e.Leaf.Append(nil)), l.hashes(s))
	if err != nil {
		return err
	}
	for i := range want {
		if want[i] != b.hash(i) {
			return l.tree.corrupt(blockPlace(index), "stored hash does not follow from the leaves", nil)
		}
	}
	return nil
}

// Check reads the entries from … to-1 again and recomputes everything: record
// checksums, leaf hashes, the tree above them, the roots, the rows' heads, and
// each commitment from its private part as far as the owner's key is there. Its
// error is ErrCorrupt at the first thing that does not match.
func (l *Log) Check(ctx context.Context, from, to uint64) error {
	size, root, err := l.lastAnchor()
	if err != nil {
		return l.noteCorrupt(err)
	}
	s := l.committed.Load() // after the anchor was read, so never shorter than it
	if from > to || to > s.size {
		return noLeaf(to, s.size)
	}
	if err := l.checkAnchor(s, size, root); err != nil {
		return l.noteCorrupt(err)
	}
	var committer commit.Committer
	return l.noteCorrupt(l.checkLeaves(ctx, s, from, to, func(e *Entry) error {
		if err := l.checkPrivate(&committer, e); err != nil {
			return err
		}
		return l.checkHead(e)
	}))
}

// checkPrivate recomputes an entry's commitment from its private part.
func (l *Log) checkPrivate(c *commit.Committer, e *Entry) error {
	owner, err := l.OwnerKey(e.Owner)
	if errors.Is(err, ErrKeyLost) {
		return nil // nothing to recompute with; the leaf itself was checked
	} else if err != nil {
		return err
	}
	k := owner.VersionKey(l.origin, e.Header.Index)
	got := c.Recombine(k, &e.Header, e.Digests)
	if !e.Header.Op.IsRow() {
		if got, _, err = c.Commit(k, &e.Header, []row.Value{row.NewBytes(e.Body)}); err != nil {
			return err
		}
	}
	if got != e.Leaf.Commitment {
		return l.privateDamage(e, "private part is not what the leaf commits to")
	}
	return nil
}

// checkHead compares an entry with the head of its row.
func (l *Log) checkHead(e *Entry) error {
	h := &e.Header
	if !h.Op.IsRow() {
		return nil
	}
	head, found, err := l.Head(h.Table, h.Key)
	if err != nil {
		return err
	}
	same := head.Index == h.Index
	switch {
	case !found, head.Version < h.Version, head.Index < h.Index, head.First > h.Index,
		same != (head.Version == h.Version), same && head.Deleted != (h.Op == commit.Delete),
		(head.First == h.Index) != (h.Version == 1):
		return &CorruptError{File: l.index.path, Offset: -1, Reason: fmt.Sprintf("head of the row of entry %d does not match it", h.Index)}
	}
	return nil
}

func (l *Log) privateDamage(e *Entry, reason string) error {
	b, err := l.readBlock(e.Header.Index)
	if err != nil {
		return err
	}
	return l.entries.corrupt(b.offset, reason, nil)
}
