package node_test

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/rules"
)

func TestOneNode(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	l := newLog(t)
	l.register(t, c)
	first, second := l.anchor(t, c), l.anchor(t, c)
	if first.Height >= second.Height {
		t.Errorf("anchors at heights %d and %d", first.Height, second.Height)
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

func TestSubmittingAgainIsSafe(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	l := newLog(t)
	l.register(t, c)
	l.register(t, c)
	l.anchor(t, c)
	second := l.anchor(t, c)
	again, err := c.SubmitAnchor(within(t, 5*time.Second), l.request(t, 3, 6))
	if err != nil || again != second {
		t.Errorf("repeat of the held head: %+v, %v, want %+v", again, err, second)
	}
}

// TestRefusalsReachTheCaller checks that errors.Is works through the node; that
// every rule is kept is for the tests of package rules.
func TestRefusalsReachTheCaller(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	l, stranger := newLog(t), newLog(t)
	l.register(t, c)
	l.anchor(t, c)
	l.anchor(t, c)
	rewritten := *l
	rewritten.stored, rewritten.size, rewritten.salt = nil, 0, 1
	rewritten.grow(t, 100)
	stranger.grow(t, 1)
	_, rewindError := c.SubmitAnchor(within(t, 5*time.Second), l.request(t, 3, 5))
	_, replayError := c.SubmitAnchor(within(t, 5*time.Second), l.request(t, 0, 3))
	_, forkError := c.SubmitAnchor(within(t, 5*time.Second), rewritten.request(t, 3, 6))
	_, proofError := c.SubmitAnchor(within(t, 5*time.Second), rewritten.request(t, 6, 9))
	_, unknownError := c.SubmitAnchor(within(t, 5*time.Second), stranger.request(t, 0, 1))
	_, noteError := c.SubmitAnchor(within(t, 5*time.Second), client.AnchorRequest{Note: []byte("no note")})
	_, memberError := c.RegisterLog(within(t, 5*time.Second), "cedar", rules.MemberSigner(memberKey()), stranger.id, stranger.vkey)
	for want, got := range map[error]error{
		rules.ErrRewound: rewindError, rules.ErrReplayed: replayError, rules.ErrForked: forkError,
		rules.ErrBadProof: proofError, rules.ErrUnknownLog: unknownError, rules.ErrBadCheckpoint: noteError,
		rules.ErrUnknownMember: memberError,
	} {
		if !errors.Is(got, want) || client.Retry(got) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func TestHeartbeatMovesLastSeen(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	l := newLog(t)
	l.register(t, c)
	before, _, err := c.Log(within(t, 5*time.Second), l.id)
	if err != nil {
		t.Fatal(err)
	}
	after, err := c.Heartbeat(within(t, 5*time.Second), l.id, 0, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	if after.Seen.Height <= before.Seen.Height || after.Head != before.Head {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestReceiptsFromANodeVerify(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	l := newLog(t)
	l.register(t, c)
	first := l.anchor(t, c)
	l.anchor(t, c)
	genesisBlock, err := c.LightBlock(within(t, 5*time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := receipt.NewTrust(genesisBlock)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]struct {
		key     []byte
		present bool
	}{
		"registration": {rules.AnchorKey(l.id, 0, 0), true},
		"first anchor": {rules.AnchorKey(l.id, 0, 3), true},
		"log":          {rules.LogKey(l.id), true},
		"no anchor":    {rules.AnchorKey(l.id, 0, 4), false},
		"no log":       {rules.LogKey(newLog(t).id), false},
	} {
		p, err := c.ReceiptParts(within(t, 10*time.Second), k.key)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		r, err := receipt.New(p.LightBlock, p.Key, p.Value, p.Proof, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := r.Verify(trust)
		if err != nil || got.Present != k.present || got.Height != p.Height+1 || got.ChainID != chainID {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if name == "first anchor" && p.Height != first.Height {
			t.Errorf("%s: proven at %d, accepted at %d", name, p.Height, first.Height)
		}
	}
	changes, err := c.ValidatorChanges(within(t, 5*time.Second), 1, first.Height)
	if err != nil || len(changes) != 0 {
		t.Errorf("changes of validators: %v, %v", changes, err)
	}
}

func TestWhatANodeTells(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c, err := client.Dial(w.nodes[0].RPCAddr())
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(t)
	l.register(t, c)
	ctx := within(t, 10*time.Second)
	s, err := c.Status(ctx)
	if err != nil || s.Chain != chainID || s.Height < 1 || s.Power != 1 || s.Tolerates != 0 || len(s.Validators) != 1 || s.Node != w.nodes[0].ID() {
		t.Errorf("status: %+v, %v", s, err)
	}
	members, err := c.Members(ctx)
	if err != nil || len(members) != 2 || members[0].ID != member || members[1].ID != "birch" {
		t.Errorf("members: %+v, %v", members, err)
	}
	logs, err := c.Logs(ctx)
	if err != nil || len(logs) != 1 || logs[0].ID != l.id {
		t.Errorf("logs: %+v, %v", logs, err)
	}
	if _, found, err := c.Log(ctx, newLog(t).id); found || err != nil {
		t.Errorf("log that is not registered: %v, %v", found, err)
	}
	if _, err := c.ForChain("other-chain").Status(ctx); !errors.Is(err, rules.ErrWrongChain) {
		t.Errorf("client of another chain: %v", err)
	}
	if _, err := c.LightBlock(within(t, 300*time.Millisecond), 1_000_000); !errors.Is(err, client.ErrNotFinal) {
		t.Errorf("block of the far future: %v", err)
	}
	if _, err := c.ReceiptPartsAt(within(t, 300*time.Millisecond), rules.LogKey(l.id), 1_000_000); !errors.Is(err, client.ErrNotFinal) {
		t.Errorf("state of the far future: %v", err)
	}
	w.stop(0)
	fresh, err := client.Dial(w.homesRPC(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Status(ctx); !errors.Is(err, client.ErrUnreachable) || !client.Retry(err) {
		t.Errorf("node that is down: %v", err)
	}
}

func TestStopLeavesNothingRunning(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := newNetwork(t, 1)
	newLog(t).register(t, w.client(0))
	w.stop(0)
	goleak.VerifyNone(t, before,
		// CometBFT does not end the two of its write-ahead log.
		goleak.IgnoreAnyFunction("github.com/cometbft/cometbft/libs/autofile.(*AutoFile).closeFileRoutine"),
		goleak.IgnoreAnyFunction("github.com/cometbft/cometbft/libs/autofile.OpenAutoFile.func1"),
		// goleveldb's ends a second after its store is closed.
		goleak.IgnoreAnyFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
}
