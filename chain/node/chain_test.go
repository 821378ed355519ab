package node_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
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

func genesis() node.Genesis {
	return node.Genesis{Chain: chainID, Members: []rules.Member{
		{ID: member, Name: "Alder Hospital", Key: memberKey().Public().(ed25519.PublicKey)},
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
		leaf := merkle.LeafHash([]byte{byte(l.size), byte(l.size >> 8)})
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

// anchor grows the log and anchors it through any of the clients.
func (l *recordLog) anchor(t testing.TB, c *client.Client) rules.Anchor {
	t.Helper()
	l.grow(t, 3)
	var a rules.Anchor
	eventually(t, 60*time.Second, "anchor", func(ctx context.Context) (err error) {
		a, err = c.SubmitAnchor(ctx, l.request(t, l.held, l.size))
		return err
	})
	l.held = l.size
	l.anchors[l.size] = a
	return a
}

func TestOneNode(t *testing.T) {
	w := newNetwork(t, 1)
	c := w.client(0)
	l := newLog(t)
	l.register(t, c)
	first := l.anchor(t, c)
	second := l.anchor(t, c)
	if first.Height >= second.Height {
		t.Errorf("anchors at heights %d and %d", first.Height, second.Height)
	}
	again, err := c.SubmitAnchor(within(t, 5*time.Second), l.request(t, 3, 6))
	if err != nil || again != second {
		t.Errorf("repeat of the held head: %+v, %v, want %+v", again, err, second)
	}
	_, err = c.SubmitAnchor(within(t, 5*time.Second), l.request(t, 0, 3))
	if !errors.Is(err, rules.ErrReplayed) {
		t.Errorf("old anchor: %v", err)
	}
	_, err = c.SubmitAnchor(within(t, 5*time.Second), l.request(t, 3, 5))
	if !errors.Is(err, rules.ErrRewound) {
		t.Errorf("rewound log: %v", err)
	}

	w.stop(0)
	if _, _, err := c.Log(within(t, 5*time.Second), l.id); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("stopped node: %v", err)
	}
	w.start(0)
	held, found, err := w.client(0).Log(within(t, 5*time.Second), l.id)
	if err != nil || !found || held.Head.Size != 6 {
		t.Fatalf("log after a restart: %+v, %v, %v", held, found, err)
	}
	l.anchor(t, w.client(0))
}

func TestFourNodes(t *testing.T) {
	w := newNetwork(t, 4)
	logs := []*recordLog{newLog(t), newLog(t), newLog(t)}
	for i, l := range logs {
		l.register(t, w.client(i))
	}
	var wg sync.WaitGroup
	for i, l := range logs {
		wg.Go(func() {
			for range 3 {
				l.anchor(t, w.client(i))
			}
		})
	}
	wg.Wait()
}
