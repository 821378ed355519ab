package merkle

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"pgregory.net/rapid"
)

// The reference is RFC 6962, sections 2.1, 2.1.1 and 2.1.2, word for word.

// naiveRoot is MTH(D[n]).
func naiveRoot(d [][]byte) Hash {
	switch n := len(d); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, d[0]...))
	default:
		k := split(n)
		left, right := naiveRoot(d[:k]), naiveRoot(d[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

// split is the largest power of two smaller than n.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

// naivePath is PATH(m, D[n]).
func naivePath(m int, d [][]byte) []Hash {
	if len(d) == 1 {
		return nil
	}
	k := split(len(d))
	if m < k {
		return append(naivePath(m, d[:k]), naiveRoot(d[k:]))
	}
	return append(naivePath(m-k, d[k:]), naiveRoot(d[:k]))
}

// naiveConsistency is PROOF(m, D[n]), by SUBPROOF(m, D[n], b).
func naiveConsistency(m int, d [][]byte, whole bool) []Hash {
	if m == len(d) {
		if whole {
			return nil
		}
		return []Hash{naiveRoot(d)}
	}
	k := split(len(d))
	if m <= k {
		return append(naiveConsistency(m, d[:k], whole), naiveRoot(d[k:]))
	}
	return append(naiveConsistency(m-k, d[k:], false), naiveRoot(d[:k]))
}

// tree is a log of this package with its leaves.
type tree struct {
	leaves [][]byte
	stored []Hash
}

func newTree(t testing.TB, n int) *tree {
	t.Helper()
	x := &tree{}
	for i := range n {
		x.add(t, fmt.Appendf(nil, "leaf %d", i))
	}
	return x
}

func (x *tree) add(t testing.TB, leaf []byte) {
	t.Helper()
	index := uint64(len(x.leaves))
	if got := StoredIndex(index); got != uint64(len(x.stored)) || StoredCount(index) != got {
		t.Fatalf("leaf %d is stored at %d of %d", index, got, len(x.stored))
	}
	hashes, err := StoredHashes(index, LeafHash(leaf), x)
	if err != nil {
		t.Fatal(err)
	}
	x.leaves, x.stored = append(x.leaves, leaf), append(x.stored, hashes...)
}

// ReadHashes implements HashReader.
func (x *tree) ReadHashes(indexes []int64) ([]Hash, error) {
	hashes := make([]Hash, len(indexes))
	for i, n := range indexes {
		if n >= int64(len(x.stored)) {
			return nil, errors.New("hash beyond the log")
		}
		hashes[i] = x.stored[n]
	}
	return hashes, nil
}

func (x *tree) root(t testing.TB, size int) Hash {
	t.Helper()
	root, err := Root(uint64(size), x)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

const referenceSize = 70

func TestRootsAndProofsEqualTheRFC(t *testing.T) {
	x := newTree(t, referenceSize)
	for n := range referenceSize + 1 {
		if got, want := x.root(t, n), naiveRoot(x.leaves[:n]); got != want {
			t.Fatalf("root of %d: %v, want %v", n, got, want)
		}
		for m := range n {
			path, err := ProveInclusion(uint64(n), uint64(m), x)
			if err != nil || !equal(path, naivePath(m, x.leaves[:n])) {
				t.Fatalf("path of %d in %d: %v", m, n, err)
			}
			if err := VerifyInclusion(path, uint64(n), x.root(t, n), uint64(m), LeafHash(x.leaves[m])); err != nil {
				t.Fatalf("leaf %d in %d: %v", m, n, err)
			}
			if m > 0 {
				checkConsistency(t, x, m, n)
			}
		}
	}
}

func checkConsistency(t *testing.T, x *tree, m, n int) {
	t.Helper()
	path, err := ProveConsistency(uint64(n), uint64(m), x)
	if err != nil || !equal(path, naiveConsistency(m, x.leaves[:n], true)) {
		t.Fatalf("consistency of %d and %d: %v", m, n, err)
	}
	if err := VerifyConsistency(path, uint64(n), x.root(t, n), uint64(m), x.root(t, m)); err != nil {
		t.Fatalf("consistency of %d and %d: %v", m, n, err)
	}
}

func equal(a, b []Hash) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestEdgesOfConsistency(t *testing.T) {
	x := newTree(t, 3)
	empty, two, three := x.root(t, 0), x.root(t, 2), x.root(t, 3)
	for _, c := range []struct {
		name     string
		proof    []Hash
		newSize  uint64
		newRoot  Hash
		oldSize  uint64
		oldRoot  Hash
		accepted bool
	}{
		{"from nothing", nil, 3, three, 0, empty, true},
		{"from nothing with another root", nil, 3, three, 0, two, false},
		{"from nothing with a proof", []Hash{two}, 3, three, 0, empty, false},
		{"the same", nil, 3, three, 3, three, true},
		{"the same size, another root", nil, 3, three, 3, two, false},
		{"the same with a proof", []Hash{two}, 3, three, 3, three, false},
		{"shrinking", nil, 2, two, 3, three, false},
		{"growing without proof", nil, 3, three, 2, two, false},
		{"an endless proof", make([]Hash, MaxProof+1), 3, three, 2, two, false},
		{"nothing and nothing", nil, 0, empty, 0, empty, true},
	} {
		if err := VerifyConsistency(c.proof, c.newSize, c.newRoot, c.oldSize, c.oldRoot); (err == nil) != c.accepted {
			t.Errorf("%s: %v", c.name, err)
		} else if err != nil && !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v is no ErrProof", c.name, err)
		}
	}
}

// spoil makes one change to a proof and what it is for.
func spoil(t *rapid.T, proof []Hash, sizes ...*uint64) []Hash {
	proof = append([]Hash(nil), proof...)
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case kind == 0 && len(proof) > 0:
		proof[rapid.IntRange(0, len(proof)-1).Draw(t, "hash")][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case kind == 1 && len(proof) > 0:
		i := rapid.IntRange(0, len(proof)-1).Draw(t, "cut")
		proof = append(proof[:i], proof[i+1:]...)
	case kind == 2:
		proof = append(proof, Hash{rapid.Byte().Draw(t, "more")})
	default:
		*sizes[rapid.IntRange(0, len(sizes)-1).Draw(t, "size")] = rapid.Uint64Range(0, referenceSize+2).Draw(t, "other")
	}
	return proof
}

// Good and spoilt inclusion proofs are judged as transparency-dev/merkle does.
func TestInclusionIsJudgedAsByTransparencyDev(t *testing.T) {
	x := newTree(t, referenceSize)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Uint64Range(1, referenceSize).Draw(t, "size")
		index := rapid.Uint64Range(0, size-1).Draw(t, "index")
		root, leaf := naiveRoot(x.leaves[:size]), LeafHash(x.leaves[index])
		hashes, err := ProveInclusion(size, index, x)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "spoil") {
			hashes = spoil(t, hashes, &size, &index)
		}
		got := VerifyInclusion(hashes, size, root, index, leaf)
		want := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf[:], raw(hashes), root[:])
		if (got == nil) != (want == nil) {
			t.Fatalf("size %d, index %d, %d hashes: %v, transparency-dev: %v", size, index, len(hashes), got, want)
		}
	})
}

func TestConsistencyIsJudgedAsByTransparencyDev(t *testing.T) {
	x := newTree(t, referenceSize)
	rapid.Check(t, func(t *rapid.T) {
		newSize := rapid.Uint64Range(1, referenceSize).Draw(t, "new size")
		oldSize := rapid.Uint64Range(1, newSize).Draw(t, "old size")
		newRoot, oldRoot := naiveRoot(x.leaves[:newSize]), naiveRoot(x.leaves[:oldSize])
		hashes, err := ProveConsistency(newSize, oldSize, x)
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "spoil") {
			hashes = spoil(t, hashes, &newSize, &oldSize)
		}
		if oldSize == 0 {
			return // transparency-dev leaves the empty tree to its caller
		}
		got := VerifyConsistency(hashes, newSize, newRoot, oldSize, oldRoot)
		want := proof.VerifyConsistency(rfc6962.DefaultHasher, oldSize, newSize, raw(hashes), oldRoot[:], newRoot[:])
		if (got == nil) != (want == nil) {
			t.Fatalf("%d to %d, %d hashes: %v, transparency-dev: %v", oldSize, newSize, len(hashes), got, want)
		}
	})
}

func raw(hashes []Hash) [][]byte {
	list := make([][]byte, len(hashes))
	for i := range hashes {
		list[i] = hashes[i][:]
	}
	return list
}

// A log that altered, dropped or exchanged an entry has no consistency proof.
func TestARewrittenLogHasNoProof(t *testing.T) {
	honest := newTree(t, 20)
	root := honest.root(t, 11)
	for name, rewrite := range map[string]func(leaves [][]byte) [][]byte{
		"altered":   func(l [][]byte) [][]byte { l[5] = []byte("forged"); return l },
		"dropped":   func(l [][]byte) [][]byte { return append(l[:5], l[6:]...) },
		"exchanged": func(l [][]byte) [][]byte { l[5], l[6] = l[6], l[5]; return l },
		"inserted":  func(l [][]byte) [][]byte { return append([][]byte{[]byte("forged")}, l...) },
	} {
		forged := &tree{}
		for _, leaf := range rewrite(append([][]byte(nil), honest.leaves...)) {
			forged.add(t, bytes.Clone(leaf))
		}
		size := uint64(len(forged.leaves))
		hashes, err := ProveConsistency(size, 11, forged)
		if err != nil {
			t.Fatal(err)
		}
		if VerifyConsistency(hashes, size, forged.root(t, int(size)), 11, root) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
