package node_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/rules"
)

func TestGoesOnWithoutOneOfFourAndHaltsWithoutTwo(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 4)
	logs := []*recordLog{newLog(t), newLog(t), newLog(t)}
	for i, l := range logs {
		l.register(t, w.client(i%2))
	}
	anchorAll(t, w, logs, 2)

	w.stop(3)
	anchorAll(t, w, logs, 2)

	w.stop(2)
	halted := height(t, w.client(0))
	pending := logs[0]
	pending.grow(t, 3)
	_, err := w.client(0).SubmitAnchor(within(t, 1500*time.Millisecond), pending.request(t, pending.held, pending.size))
	if !errors.Is(err, client.ErrNotFinal) || !errors.Is(err, context.DeadlineExceeded) || !client.Retry(err) {
		t.Errorf("anchor on a halted chain: %v", err)
	}
	// The block that the last anchor made may have been on its way.
	if now := height(t, w.client(0)); now > halted+1 {
		t.Errorf("the chain went on from %d to %d without a quorum", halted, now)
	}

	w.start(3)
	pending.catchUp(t, func() *client.Client { return w.client(0) })
	anchorAll(t, w, logs, 1)
	w.start(2)
	clients := []*client.Client{w.client(0), w.client(1), w.client(2), w.client(3)}
	compareChains(t, clients)
	compareAnchors(t, clients, logs)
}

// anchorAll anchors each log some times, all at once, through nodes 0 and 1.
func anchorAll(t *testing.T, w *network, logs []*recordLog, times int) {
	t.Helper()
	var wg sync.WaitGroup
	for i, l := range logs {
		wg.Go(func() {
			for range times {
				l.anchor(t, w.client(i%2))
			}
		})
	}
	wg.Wait()
}

func height(t *testing.T, c *client.Client) int64 {
	t.Helper()
	s, err := c.Status(within(t, 5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return s.Height
}

// compareChains checks that all nodes have the same block at each height, up
// to the highest that any of them has.
func compareChains(t *testing.T, clients []*client.Client) {
	t.Helper()
	top := int64(0)
	for _, c := range clients {
		top = max(top, height(t, c))
	}
	ctx := within(t, 60*time.Second)
	for h := int64(1); h <= top; h++ {
		want := block(t, ctx, clients[0], h)
		for i, c := range clients[1:] {
			got := block(t, ctx, c, h)
			if !bytes.Equal(got.Hash(), want.Hash()) || !bytes.Equal(got.AppHash, want.AppHash) {
				t.Errorf("height %d: node %d has block %v, state %v; node 0 has %v, %v", h, i+1, got.Hash(), got.AppHash, want.Hash(), want.AppHash)
			}
		}
	}
}

func block(t *testing.T, ctx context.Context, c *client.Client, height int64) *types.LightBlock {
	t.Helper()
	b, err := c.LightBlock(ctx, height)
	if err != nil {
		t.Fatal(err)
	}
	var p cmtproto.LightBlock
	if err := p.Unmarshal(b); err != nil {
		t.Fatal(err)
	}
	l, err := types.LightBlockFromProto(&p)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.ValidateBasic(chainID); err != nil {
		t.Fatal(err)
	}
	return l
}

// compareAnchors checks that every anchor that was reported final stands on
// every node as it was reported.
func compareAnchors(t *testing.T, clients []*client.Client, logs []*recordLog) {
	t.Helper()
	ctx := within(t, 60*time.Second)
	for i, c := range clients {
		for _, l := range logs {
			awaitHead(t, ctx, c, l)
			got := map[uint64]rules.Anchor{}
			for size := range l.anchors {
				var found bool
				var err error
				if got[size], found, err = c.Anchor(ctx, l.id, 0, size); err != nil || !found {
					t.Errorf("node %d: anchor of size %d is lost: %v", i, size, err)
				}
			}
			if diff := cmp.Diff(l.anchors, got); diff != "" {
				t.Errorf("node %d: anchors (-reported +held):\n%s", i, diff)
			}
		}
	}
}

// awaitHead waits until a node holds a log's last anchor: it stores a block a
// moment before it carries it out.
func awaitHead(t *testing.T, ctx context.Context, c *client.Client, l *recordLog) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		held, _, err := c.Log(ctx, l.id)
		if err == nil && held.Head.Size == l.held {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("log of size %d: %+v, %v", l.held, held, err)
		case <-tick.C:
		}
	}
}
