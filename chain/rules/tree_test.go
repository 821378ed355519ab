package rules_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

const (
	chainID = "test-chain"
	logA    = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
	logB    = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
)

// seeded is a source of the same bytes for ever: test keys only.
type seeded byte

func (s seeded) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

func memberKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// A tree is a record log that holds its stored hashes in memory.
type tree struct {
	signer note.Signer
	vkey   string
	origin string
	id     string
	stored []merkle.Hash
	size   uint64
}

func newTree(t testing.TB, chain, id string, incarnation uint32, seed byte) *tree {
	t.Helper()
	origin := merkle.Origin(chain, id, incarnation)
	skey, vkey, err := note.GenerateKey(seeded(seed), origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return &tree{signer: signer, vkey: vkey, origin: origin, id: id}
}

func (l *tree) ReadHashes(at []int64) ([]merkle.Hash, error) {
	out := make([]merkle.Hash, len(at))
	for i, a := range at {
		out[i] = l.stored[a]
	}
	return out, nil
}

func (l *tree) grow(t testing.TB, leaves ...string) *tree {
	t.Helper()
	for _, leaf := range leaves {
		h, err := merkle.StoredHashes(l.size, merkle.LeafHash([]byte(leaf)), l)
		if err != nil {
			t.Fatal(err)
		}
		l.stored = append(l.stored, h...)
		l.size++
	}
	return l
}

func (l *tree) checkpoint(t testing.TB, size uint64) merkle.Checkpoint {
	t.Helper()
	root, err := merkle.Root(size, l)
	if err != nil {
		t.Fatal(err)
	}
	return merkle.Checkpoint{Origin: l.origin, Size: size, Root: root}
}

func (l *tree) note(t testing.TB, size uint64) []byte {
	t.Helper()
	n, err := l.checkpoint(t, size).Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (l *tree) anchor(t testing.TB, from, to uint64) rules.AnchorTx {
	t.Helper()
	proof, err := merkle.ProveConsistency(to, from, l)
	if err != nil {
		t.Fatal(err)
	}
	return rules.AnchorTx{Chain: chainID, Note: l.note(t, to), OldSize: from, Proof: proof}
}

func (l *tree) register(t testing.TB, member string, key ed25519.PrivateKey) rules.RegisterTx {
	t.Helper()
	tx, err := rules.RegisterTx{Chain: chainID, Log: l.id, Key: l.vkey, Member: member}.Sign(rules.MemberSigner(key))
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func (l *tree) beat(t testing.TB, incarnation uint32, height int64) rules.HeartbeatTx {
	t.Helper()
	tx, err := rules.HeartbeatTx{Chain: chainID, Log: l.id, Incarnation: incarnation, Height: height}.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// empty is a state of nothing.
type empty struct{}

func (empty) Get([]byte) ([]byte, error) { return nil, nil }

func newState(t testing.TB) *rules.Overlay {
	t.Helper()
	g := rules.Genesis{Members: []rules.Member{
		{ID: "alder", Name: "Alder Hospital", Key: memberKey(1).Public().(ed25519.PublicKey)},
		{ID: "birch", Name: "Birch Clinic", Key: memberKey(2).Public().(ed25519.PublicKey)},
		{ID: "dogwood", Name: "Dogwood Hospital", Key: memberKey(4).Public().(ed25519.PublicKey)},
	}}
	s := rules.NewOverlay(empty{})
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func at(height int64) rules.Block {
	return rules.Block{Chain: chainID, Height: height, Time: 1_700_000_000_000 + height}
}

func must(t testing.TB, s rules.State, height int64, tx rules.Transaction, info string) {
	t.Helper()
	got, err := rules.Apply(s, at(height), tx.Append(nil))
	if err != nil {
		t.Fatalf("block %d: %v", height, err)
	}
	if got.Info != info {
		t.Fatalf("block %d: info %q, want %q", height, got.Info, info)
	}
}

func logOf(t testing.TB, s rules.State, id string) rules.Log {
	t.Helper()
	b, err := s.Get(rules.LogKey(id))
	if err != nil {
		t.Fatal(err)
	}
	l, err := rules.ParseLog(b)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
