package anchoring_test

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/adapter/internal/anchoring"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

var (
	errAway    = errors.New("the chain cannot be reached")
	errRefused = errors.New("the chain refuses")
)

// ledger stands for the chain in these tests: it keeps the head that it
// accepted, checks what it is sent as the chain's rules do, and fails on order.
// Whole chains are met by the end-to-end tests.
type ledger struct {
	t          *testing.T
	key        *keys.LogKey
	head       anchoring.Head
	submitted  [][]byte
	heartbeats int
	fail       map[string]error // by call, until taken away
	proves     *merkle.Hash     // the root that receipts prove, where it is not the head's
	late       bool             // accept the next anchor, and then fail
}

func (l *ledger) Head(context.Context) (anchoring.Head, error) { return l.head, l.fail["head"] }

func (l *ledger) Submit(_ context.Context, checkpoint []byte, oldSize uint64, proof []merkle.Hash) error {
	l.submitted = append(l.submitted, checkpoint)
	if err := l.fail["submit"]; err != nil && !l.late {
		return err
	}
	verifier, err := note.NewVerifier(l.key.VerifierKey())
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := merkle.OpenCheckpoint(checkpoint, verifier)
	if err != nil {
		l.t.Fatalf("checkpoint: %v", err)
	}
	if oldSize != l.head.Size || merkle.VerifyConsistency(proof, c.Size, c.Root, l.head.Size, l.head.Root) != nil {
		l.t.Fatalf("no provable extension of size %d", l.head.Size)
	}
	l.head = anchoring.Head{Size: c.Size, Root: c.Root}
	return l.fail["submit"]
}

func (l *ledger) Receipt(_ context.Context, size uint64) (anchoring.Receipt, error) {
	root := l.head.Root
	if l.proves != nil {
		root = *l.proves
	}
	return anchoring.Receipt{Root: root, Height: int64(size), Time: int64(size) * 1000, Bytes: []byte("receipt")}, l.fail["receipt"]
}

func (l *ledger) Heartbeat(context.Context) error {
	l.heartbeats++
	return nil
}

func (l *ledger) Refused(err error) bool { return errors.Is(err, errRefused) }

func newLedger(t *testing.T) *ledger {
	t.Helper()
	key, err := keys.GenerateLogKey(rand.Reader, merkle.Origin(logtest.ChainID, logtest.LogID, 0))
	if err != nil {
		t.Fatal(err)
	}
	root, err := merkle.Root(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &ledger{t: t, key: key, head: anchoring.Head{Root: root}, fail: make(map[string]error)}
}

func (l *ledger) anchoring(log *recordlog.Log, bucket uint64) *anchoring.Anchoring {
	l.t.Helper()
	a, err := anchoring.New(log, l, anchoring.Options{Signer: l.key.Signer(), Cadence: time.Millisecond, Bucket: bucket,
		Logger: zerolog.Nop()})
	if err != nil {
		l.t.Fatal(err)
	}
	return a
}

func anchor(t *testing.T, a *anchoring.Anchoring) {
	t.Helper()
	if err := a.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSizesArePaddedToABucket(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	a := l.anchoring(log, 8)
	for n, rows := range []int64{3, 1, 17, 0} {
		for id := range rows {
			logtest.Record(t, log, logtest.Table(), int64(n)*100+id, "v")
		}
		anchor(t, a)
		if l.head.Size%8 != 0 || l.head.Size != log.Size() {
			t.Errorf("anchored at size %d of %d", l.head.Size, log.Size())
		}
	}
	if l.head.Size != 48 {
		t.Errorf("the last anchor is of size %d; one without work must look like one with little", l.head.Size)
	}
	last, err := log.Entry(log.Size() - 1)
	if err != nil || last.Header.Op != commit.Pad {
		t.Errorf("the log ends with %v: %v", last.Header.Op, err)
	}
}

func TestALogThatDoesNotGrowSaysThatItLives(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	a := l.anchoring(log, 0)
	anchor(t, a)
	anchor(t, a)
	if l.heartbeats != 1 || len(l.submitted) != 1 {
		t.Errorf("%d heartbeats, %d anchors", l.heartbeats, len(l.submitted))
	}
}

// What was submitted before a crash is submitted again, byte for byte, until
// the chain holds it; only then comes what was logged since.
func TestWhatIsInFlightComesFirst(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	l.fail["submit"] = errAway
	if err := l.anchoring(log, 0).Anchor(t.Context()); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	logtest.Record(t, log, logtest.Table(), 2, "v")
	delete(l.fail, "submit")
	a := l.anchoring(log, 0) // as after a crash
	anchor(t, a)
	if len(l.submitted) != 2 || !slices.Equal(l.submitted[0], l.submitted[1]) || l.head.Size != 1 {
		t.Errorf("%d submitted, the chain holds size %d", len(l.submitted), l.head.Size)
	}
	anchor(t, a)
	if l.head.Size != 2 {
		t.Errorf("the chain holds size %d", l.head.Size)
	}
}

// An anchor that was accepted although its answer was lost is kept with its
// receipt, and not made again.
func TestALostAnswerIsMadeGood(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	l.fail["submit"], l.late = errAway, true
	a := l.anchoring(log, 0)
	if err := a.Anchor(t.Context()); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	delete(l.fail, "submit")
	l.fail["receipt"] = errAway
	if err := a.Anchor(t.Context()); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	delete(l.fail, "receipt")
	anchor(t, l.anchoring(log, 0))
	if len(l.submitted) != 1 {
		t.Errorf("submitted %d times", len(l.submitted))
	}
	if held, ok, err := anchoring.At(log, 1); !ok || err != nil || string(held.Receipt) != "receipt" {
		t.Errorf("kept %+v, %v, %v", held, ok, err)
	}
}

// A store that is older than what the chain holds, or has another history,
// anchors nothing more and says what to do.
func TestAnotherHistoryIsNotAnchored(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	for name, head := range map[string]anchoring.Head{"older store": {Size: 9}, "other root": {Size: 1, Root: merkle.Hash{1}}} {
		l.head, l.submitted = head, nil
		size := log.Size()
		err := l.anchoring(log, 8).Run(t.Context())
		if !errors.Is(err, anchoring.ErrDiverged) || !strings.Contains(err.Error(), "restore the newest store") {
			t.Errorf("%s: %v", name, err)
		}
		if len(l.submitted) > 0 || log.Size() != size {
			t.Errorf("%s: the log grew, or was submitted", name)
		}
	}
}

func TestARefusalHalts(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	l.fail["submit"] = errRefused
	a := l.anchoring(log, 0)
	if err := a.Run(t.Context()); !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	status, err := a.Status()
	if err != nil || !status.Halted || status.Backlog != 1 || status.Error == "" {
		t.Errorf("%+v, %v", status, err)
	}
}

// While the chain is away the log grows, and status says so; once it is back
// everything is anchored.
func TestAnOutageIsBridged(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	a := l.anchoring(log, 0)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	anchor(t, a)
	l.fail["head"] = errAway
	for id := range int64(20) {
		logtest.Record(t, log, logtest.Table(), id, "w")
		if err := a.Anchor(t.Context()); !errors.Is(err, errAway) {
			t.Fatal(err)
		}
	}
	if status, err := a.Status(); err != nil || status.Backlog != 20 || status.Last.Size != 1 {
		t.Errorf("%+v, %v", status, err)
	}
	delete(l.fail, "head")
	anchor(t, a)
	if status, err := a.Status(); err != nil || status.Backlog != 0 || status.Last.Size != 21 {
		t.Errorf("%+v, %v", status, err)
	}
}

func TestTheAnchorsAroundALeaf(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	a := l.anchoring(log, 0)
	for id := range int64(9) {
		logtest.Record(t, log, logtest.Table(), id, "v")
		if id%3 == 2 {
			anchor(t, a)
		}
	}
	logtest.Record(t, log, logtest.Table(), 9, "v")
	for _, who := range []*anchoring.Anchoring{a, l.anchoring(log, 0)} {
		for leaf, want := range map[uint64][2]uint64{0: {0, 3}, 2: {0, 3}, 3: {3, 6}, 8: {6, 9}, 9: {9, 0}} {
			before, after, ok, err := who.Around(leaf)
			if err != nil || before.Size != want[0] || after.Size != want[1] || ok != (want[1] != 0) {
				t.Errorf("leaf %d: between %d and %d, %v, %v", leaf, before.Size, after.Size, ok, err)
			}
		}
	}
}

// A node that only says that the chain holds another history, and cannot prove
// it, does not stop the anchoring.
func TestAnUnprovenHeadIsNotBelieved(t *testing.T) {
	log, l := logtest.New(t), newLedger(t)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	l.head = anchoring.Head{Size: 9, Root: merkle.Hash{1}}
	l.proves = &merkle.Hash{2}
	if err := l.anchoring(log, 8).Anchor(t.Context()); err == nil || errors.Is(err, anchoring.ErrDiverged) {
		t.Errorf("a head with another root than is proven: %v", err)
	}
	l.fail["receipt"] = errAway
	if err := l.anchoring(log, 8).Anchor(t.Context()); !errors.Is(err, errAway) || errors.Is(err, anchoring.ErrDiverged) {
		t.Errorf("a head without a receipt: %v", err)
	}
}
