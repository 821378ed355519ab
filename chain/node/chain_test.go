package node_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/node"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

const (
	chainID = "test-chain"
	member  = "alder"
)

// memberKey is a test key.
func memberKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
}

// birchKey is a test key of another member.
func birchKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize))
}

func genesis() node.Genesis {
	return node.Genesis{Chain: chainID, Members: []rules.Member{
		{ID: member, Name: "Alder Hospital", Key: memberKey().Public().(ed25519.PublicKey)},
		{ID: "birch", Name: "Birch Clinic", Key: birchKey().Public().(ed25519.PublicKey)},
	}}
}

// A network is the nodes of a chain in this process.
type network struct {
	t     testing.TB
	homes []string
	nodes []*node.Node // nil while stopped
}

func newNetwork(t testing.TB, n int) *network {
	t.Helper()
	homes, err := node.Testnet(t.TempDir(), n, genesis())
	if err != nil {
		t.Fatal(err)
	}
	w := &network{t: t, homes: homes, nodes: make([]*node.Node, n)}
	for i := range homes {
		w.start(i)
	}
	t.Cleanup(func() {
		for i := range w.nodes {
			w.stop(i)
		}
	})
	return w
}

func (w *network) start(i int) {
	w.t.Helper()
	n, err := node.Start(w.homes[i], node.Options{Logger: zerolog.Nop()})
	if err != nil {
		w.t.Fatalf("start node %d: %v", i, err)
	}
	w.nodes[i] = n
}

func (w *network) stop(i int) {
	w.t.Helper()
	if w.nodes[i] == nil {
		return
	}
	if err := w.nodes[i].Stop(); err != nil {
		w.t.Errorf("stop node %d: %v", i, err)
	}
	if err := w.nodes[i].Wait(); err != nil {
		w.t.Errorf("node %d ended: %v", i, err)
	}
	w.nodes[i] = nil
}

// homesRPC returns the address of a node that may be down.
func (w *network) homesRPC(i int) string {
	w.t.Helper()
	c, err := node.ReadConfig(w.homes[i])
	if err != nil {
		w.t.Fatal(err)
	}
	return c.RPC
}

func (w *network) client(i int) *client.Client { return w.nodes[i].Client() }

// within returns a context for one step of a test.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually repeats what a caller of the client repeats, until it works.
func eventually(t testing.TB, d time.Duration, what string, do func(context.Context) error) {
	t.Helper()
	ctx := within(t, d)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		if !client.Retry(err) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// A recordLog is a log with its stored hashes in memory and its history of
// anchors.
type recordLog struct {
	id, vkey, origin string
	signer           note.Signer
	stored           []merkle.Hash
	size, held       uint64
	salt             byte // another salt makes other leaves
	anchors          map[uint64]rules.Anchor
}

func newLog(t testing.TB) *recordLog {
	t.Helper()
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		t.Fatal(err)
	}
	l := &recordLog{id: hex.EncodeToString(id), anchors: map[uint64]rules.Anchor{}}
	l.origin = merkle.Origin(chainID, l.id, 0)
	skey, vkey, err := note.GenerateKey(rand.Reader, l.origin)
	if err != nil {
		t.Fatal(err)
	}
	l.vkey = vkey
	if l.signer, err = note.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *recordLog) ReadHashes(at []int64) ([]merkle.Hash, error) {
	out := make([]merkle.Hash, len(at))
	for i, a := range at {
		out[i] = l.stored[a]
	}
	return out, nil
}

func (l *recordLog) grow(t testing.TB, n int) {
	t.Helper()
	for range n {
		leaf := merkle.LeafHash([]byte{l.salt, byte(l.size), byte(l.size >> 8)})
		h, err := merkle.StoredHashes(l.size, leaf, l)
		if err != nil {
			t.Fatal(err)
		}
		l.stored = append(l.stored, h...)
		l.size++
	}
}

func (l *recordLog) request(t testing.TB, from, to uint64) client.AnchorRequest {
	t.Helper()
	root, err := merkle.Root(to, l)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := merkle.Checkpoint{Origin: l.origin, Size: to, Root: root}.Sign(l.signer)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := merkle.ProveConsistency(to, from, l)
	if err != nil {
		t.Fatal(err)
	}
	return client.AnchorRequest{Note: signed, OldSize: from, Proof: proof}
}

func (l *recordLog) register(t testing.TB, c *client.Client) {
	t.Helper()
	eventually(t, 30*time.Second, "register", func(ctx context.Context) error {
		_, err := c.RegisterLog(ctx, member, rules.MemberSigner(memberKey()), l.id, l.vkey)
		return err
	})
}

// anchor grows the log and anchors it.
func (l *recordLog) anchor(t testing.TB, c *client.Client) rules.Anchor {
	t.Helper()
	l.grow(t, 3)
	return l.catchUp(t, func() *client.Client { return c })
}

// catchUp anchors what the log has, asking for a client at each try.
func (l *recordLog) catchUp(t testing.TB, next func() *client.Client) rules.Anchor {
	t.Helper()
	var a rules.Anchor
	eventually(t, 90*time.Second, "anchor", func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		a, err = next().SubmitAnchor(ctx, l.request(t, l.held, l.size))
		return err
	})
	l.held = l.size
	l.anchors[l.size] = a
	return a
}
