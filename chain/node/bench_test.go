package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/abci/example/kvstore"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	"github.com/rs/zerolog"
	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// BenchmarkSubmitToFinal measures from giving a transaction to a node until the
// node's committed state shows it, with four validators in this process: an
// anchor of ours, then a transaction of the same size of CometBFT's own kvstore
// application under the same timers, in turns. Both are polled alike. Run it
// with -benchtime 100x or more, on a machine that does nothing else.
func BenchmarkSubmitToFinal(b *testing.B) {
	ours, theirs := newAnchoring(b), newStoring(b)
	var anchors, values []time.Duration
	for b.Loop() {
		size, took := ours.next(b)
		anchors = append(anchors, took)
		values = append(values, theirs.next(b, size))
	}
	report(b, "anchor", anchors)
	report(b, "kvstore", values)
	b.ReportMetric(float64(quantile(anchors, 50))/float64(quantile(values, 50)), "p50-ratio")
	b.ReportMetric(float64(quantile(anchors, 95))/float64(quantile(values, 95)), "p95-ratio")
	b.ReportMetric(0, "ns/op")
}

func report(b *testing.B, name string, took []time.Duration) {
	for _, q := range []int{50, 95} {
		b.ReportMetric(float64(quantile(took, q).Microseconds())/1000, fmt.Sprintf("%s-p%d-ms", name, q))
	}
}

func quantile(took []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[(len(sorted)-1)*percent/100]
}

// submit gives a transaction to a node and waits until shown says so.
func submit(b *testing.B, rpc client.RPC, tx []byte, shown func() bool) time.Duration {
	began := time.Now()
	r, err := rpc.BroadcastTxSync(context.Background(), tx)
	if err != nil || r.Code != 0 {
		b.Fatalf("submit: %v, %+v", err, r)
	}
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !shown() {
		<-poll.C
	}
	return time.Since(began)
}

func query(b *testing.B, rpc client.RPC, path string, data []byte) []byte {
	r, err := rpc.ABCIQueryWithOptions(context.Background(), path, data, rpcclient.ABCIQueryOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return r.Response.Value
}

// four starts four validators with an application each and returns the first.
func four(b *testing.B, open func(home string) (application, error)) *Node {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	homes, err := Testnet(b.TempDir(), 4, Genesis{Chain: "test-chain", Members: []rules.Member{{ID: "alder", Name: "Alder", Key: key}}})
	if err != nil {
		b.Fatal(err)
	}
	var first *Node
	for _, home := range homes {
		a, err := open(home)
		if err != nil {
			b.Fatal(err)
		}
		n, err := start(home, Options{Logger: zerolog.Nop()}, a)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = n.Stop() })
		if first == nil {
			first = n
		}
	}
	return first
}

// anchoring is one log on a chain of ours.
type anchoring struct {
	node   *Node
	id     string
	signer note.Signer
	origin string
	stored []merkle.Hash
	size   uint64
}

func newAnchoring(b *testing.B) *anchoring {
	n := four(b, func(home string) (application, error) { return app.Open(filepath.Join(home, dataDir)) })
	a := &anchoring{node: n, id: strings.Repeat("0a", 16)}
	a.origin = merkle.Origin("test-chain", a.id, 0)
	skey, vkey, err := note.GenerateKey(rand.Reader, a.origin)
	if err != nil {
		b.Fatal(err)
	}
	if a.signer, err = note.NewSigner(skey); err != nil {
		b.Fatal(err)
	}
	member := rules.MemberSigner(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := n.Client().RegisterLog(ctx, "alder", member, a.id, vkey); err != nil {
		b.Fatal(err)
	}
	a.grow(b, 1000) // proofs of the usual length
	a.next(b)
	return a
}

// ReadHashes implements merkle.HashReader.
func (a *anchoring) ReadHashes(at []int64) ([]merkle.Hash, error) {
	out := make([]merkle.Hash, len(at))
	for i, index := range at {
		out[i] = a.stored[index]
	}
	return out, nil
}

func (a *anchoring) grow(b *testing.B, n int) {
	for range n {
		h, err := merkle.StoredHashes(a.size, merkle.LeafHash(fmt.Append(nil, a.size)), a)
		if err != nil {
			b.Fatal(err)
		}
		a.stored = append(a.stored, h...)
		a.size++
	}
}

// next anchors the next checkpoint.
func (a *anchoring) next(b *testing.B) (size int, took time.Duration) {
	from := a.size
	if len(query(b, a.node.local, app.PathState, rules.AnchorKey(a.id, 0, from))) == 0 {
		from = 0
	}
	a.grow(b, 100)
	root, err := merkle.Root(a.size, a)
	if err != nil {
		b.Fatal(err)
	}
	signed, err := merkle.Checkpoint{Origin: a.origin, Size: a.size, Root: root}.Sign(a.signer)
	if err != nil {
		b.Fatal(err)
	}
	proof, err := merkle.ProveConsistency(a.size, from, a)
	if err != nil {
		b.Fatal(err)
	}
	tx := rules.AnchorTx{Chain: "test-chain", Note: signed, OldSize: from, Proof: proof}.Append(nil)
	key := rules.AnchorKey(a.id, 0, a.size)
	return len(tx), submit(b, a.node.local, tx, func() bool { return len(query(b, a.node.local, app.PathState, key)) > 0 })
}

// storing is a chain of CometBFT's kvstore application.
type storing struct {
	node *Node
	n    int
}

func newStoring(b *testing.B) *storing {
	s := &storing{node: four(b, func(home string) (application, error) {
		return kvstore.NewPersistentApplication(filepath.Join(home, dataDir)), nil
	})}
	s.next(b, 100)
	return s
}

// next stores a value in a transaction of a size.
func (s *storing) next(b *testing.B, size int) time.Duration {
	s.n++
	key := fmt.Sprint("key", s.n)
	tx := key + "=" + strings.Repeat("v", max(1, size-len(key)-1))
	return submit(b, s.node.local, []byte(tx), func() bool { return len(query(b, s.node.local, "/store", []byte(key))) > 0 })
}
