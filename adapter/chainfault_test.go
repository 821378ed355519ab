package adapter_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/anchoring"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// stalled waits until the status says since when nothing is anchored and why,
// in words that hold want, with the mend.
func stalled(s *sidecartest.Sidecar, want string) *api.Status {
	return s.Until(func(status *api.Status) error {
		c := status.Chain
		if c.StalledSince == nil || c.Backlog == 0 || !strings.Contains(c.Problem, want) || !strings.Contains(c.Problem, "start the") {
			return fmt.Errorf("backlog %d, stalled since %v, problem %q", c.Backlog, c.StalledSince, c.Problem)
		}
		if reasons := strings.Join(status.NotReady, "\n"); !strings.Contains(reasons, "nothing was anchored for") {
			return fmt.Errorf("not ready because of %q", reasons)
		}
		return nil
	})
}

// flowing waits until anchoring works again, and everything is anchored.
func flowing(s *sidecartest.Sidecar) {
	s.Anchored()
	s.Until(func(status *api.Status) error {
		if status.Chain.StalledSince != nil {
			return fmt.Errorf("stalled since %v: %s", status.Chain.StalledSince, status.Chain.Problem)
		}
		return nil
	})
}

// TestAnchoringGoesOnWithoutOneOfFourAndHaltsWithoutTwo kills validators of
// four under a sidecar at work. Afterwards every anchor that it holds a receipt
// for stands on every node, and all nodes have the same blocks.
func TestAnchoringGoesOnWithoutOneOfFourAndHaltsWithoutTwo(t *testing.T) {
	if testing.Short() {
		t.Skip("runs four validators and a sidecar, and kills validators")
	}
	t.Parallel() // most of it is waiting
	rounds := 1
	if full() {
		rounds = 3
	}
	e, source := sqliteSource(t, 100_000)
	chain := sidecartest.StartChain(t, 4)
	s := sidecartest.NewSidecar(t, chain, source)
	s.Start()
	s.Covered()
	s.Anchored()
	for round := range rounds {
		one, two := 1+round%3, 1+(round+1)%3
		chain.Node(one).Kill()
		e.exec(fmt.Sprintf(`INSERT INTO patients VALUES (%d, 'With three', NULL, NULL)`, 5000+10*round))
		s.Recorded("patients", fmt.Sprint(5000+10*round), 1)
		flowing(s)
		chain.Node(two).Kill()
		e.exec(fmt.Sprintf(`INSERT INTO patients VALUES (%d, 'With two', NULL, NULL)`, 5001+10*round))
		s.Recorded("patients", fmt.Sprint(5001+10*round), 1)
		halt := stalled(s, "validators")
		if !halt.Chain.Reachable {
			t.Errorf("the sidecar's own node answers, and the status says that it does not: %q", halt.Chain.Problem)
		}
		chain.Start(one)
		flowing(s)
		chain.Start(two)
	}
	if report := s.Audit(); report.Verdict != "intact" {
		t.Errorf("audit: %s, findings %+v", report.Verdict, report.Findings)
	}
	s.Anchored()
	s.Stop()
	log := s.OpenLog()
	defer func() { _ = log.Close() }() // only read
	anchors := anchorsOf(t, log)
	sameChains(t, chain, 4)
	sameAnchors(t, chain, 4, s.LogID(), anchors)
	t.Logf("%d times a halt; %d anchors with receipts, all on all nodes", rounds, len(anchors))
}

// anchorsOf returns the anchors that a log keeps, after checking that each is
// of the log's own history and that its receipt holds.
func anchorsOf(t *testing.T, log *recordlog.Log) []anchoring.Anchor {
	t.Helper()
	text, err := log.Get("chain/trust")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := receipt.ParseTrust(text)
	if err != nil {
		t.Fatal(err)
	}
	var anchors []anchoring.Anchor
	err = log.Each("anchor/at/", func(name string, _ []byte) error {
		size := binary.BigEndian.Uint64([]byte(name[len("anchor/at/"):]))
		a, ok, err := anchoring.At(log, size)
		if err != nil || !ok {
			return fmt.Errorf("anchor of size %d: there %v: %v", size, ok, err)
		}
		anchors = append(anchors, a)
		return checkAnchor(log, a, trust)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(anchors) < 2 {
		t.Fatalf("the log keeps %d anchors", len(anchors))
	}
	return anchors
}

func checkAnchor(log *recordlog.Log, a anchoring.Anchor, trust receipt.Trust) error {
	r, err := receipt.Parse(a.Receipt)
	if err != nil {
		return err
	}
	if _, err := r.Verify(trust); err != nil {
		return fmt.Errorf("receipt of size %d: %w", a.Size, err)
	}
	held, err := rules.ParseAnchor(r.Value)
	if err != nil {
		return err
	}
	root, err := log.Root(a.Size)
	if err != nil {
		return err
	}
	if held.Root != root || held.Height != a.Height {
		return fmt.Errorf("the receipt of size %d is of another history", a.Size)
	}
	return nil
}

// sameAnchors demands that each of n nodes holds each anchor.
func sameAnchors(t *testing.T, chain *sidecartest.Chain, n int, logID string, anchors []anchoring.Anchor) {
	t.Helper()
	for i := range n {
		sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
			for _, a := range anchors {
				held, ok, err := chain.Client(i).Anchor(ctx, logID, 0, a.Size)
				if err != nil || !ok || held.Height != a.Height {
					return fmt.Errorf("node %d: anchor of size %d: there %v, height %d, want %d: %v", i, a.Size, ok, held.Height, a.Height, err)
				}
			}
			return nil
		})
	}
}

// sameChains demands that n nodes have the same block at each height.
func sameChains(t *testing.T, chain *sidecartest.Chain, n int) {
	t.Helper()
	var top int64
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
		status, err := chain.Client(0).Status(ctx)
		top = status.Height - 1 // the last block's votes may differ yet
		return err
	})
	for height := int64(1); height <= top; height++ {
		var want receipt.Trust
		for i := range n {
			got := headerOf(t, chain, i, height)
			if i == 0 {
				want = got
			} else if got != want {
				t.Errorf("height %d: node %d has block %x, node 0 has %x", height, i, got.HeaderHash, want.HeaderHash)
			}
		}
	}
	if top < 3 {
		t.Errorf("only %d blocks were compared", top)
	}
}

// headerOf returns what a node shows of a block, with its votes checked.
func headerOf(t *testing.T, chain *sidecartest.Chain, node int, height int64) (trust receipt.Trust) {
	t.Helper()
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
		block, err := chain.Client(node).LightBlock(ctx, height)
		if err == nil {
			trust, err = receipt.NewTrust(block)
		}
		return err
	})
	return trust
}
