package rules_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

func TestLifeOfALog(t *testing.T) {
	s, l := newState(t), newTree(t, chainID, logA, 0, 7)
	must(t, s, 1, l.register(t, "alder", memberKey(1)), rules.InfoRegistered)
	l.grow(t, "a", "b", "c")
	must(t, s, 2, l.anchor(t, 0, 3), rules.InfoAnchored)
	must(t, s, 3, l.beat(t, 0, 2), rules.InfoSeen)
	l.grow(t, "d", "e")
	must(t, s, 4, l.anchor(t, 3, 5), rules.InfoAnchored)

	c := l.checkpoint(t, 5)
	want := rules.Log{ID: logA, Member: "alder", Key: l.vkey,
		Registered: rules.Stamp{Height: 1, Time: at(1).Time},
		Head:       rules.Head{Size: 5, Root: c.Root, Stamp: rules.Stamp{Height: 4, Time: at(4).Time}},
		Seen:       rules.Stamp{Height: 4, Time: at(4).Time}, Beat: 2}
	if diff := cmp.Diff(want, logOf(t, s, logA)); diff != "" {
		t.Errorf("log record (-want +got):\n%s", diff)
	}
	for _, a := range []struct {
		size   uint64
		height int64
	}{{0, 1}, {3, 2}, {5, 4}} {
		b, err := s.Get(rules.AnchorKey(logA, 0, a.size))
		if err != nil {
			t.Fatal(err)
		}
		got, err := rules.ParseAnchor(b)
		if err != nil {
			t.Fatalf("anchor of size %d: %v", a.size, err)
		}
		want := rules.Anchor{Root: l.checkpoint(t, a.size).Root, Height: a.height, Time: at(a.height).Time}
		if got != want {
			t.Errorf("anchor of size %d: %+v, want %+v", a.size, got, want)
		}
	}
}

func TestRepeatOfTheHeldHeadSucceedsAndChangesNothing(t *testing.T) {
	s, l := newState(t), newTree(t, chainID, logA, 0, 7)
	must(t, s, 1, l.register(t, "alder", memberKey(1)), rules.InfoRegistered)
	must(t, s, 2, l.anchor(t, 0, 0), rules.InfoAlreadyAnchored)
	l.grow(t, "a", "b")
	must(t, s, 3, l.anchor(t, 0, 2), rules.InfoAnchored)
	before := logOf(t, s, logA)
	must(t, s, 9, l.anchor(t, 0, 2), rules.InfoAlreadyAnchored)
	must(t, s, 9, l.anchor(t, 1, 2), rules.InfoAlreadyAnchored)
	if diff := cmp.Diff(before, logOf(t, s, logA)); diff != "" {
		t.Errorf("the repeat changed the log (-before +after):\n%s", diff)
	}
}

// refusals makes one transaction for each code, against a state with log A
// registered at 1, anchored at sizes 4 and 6, a heartbeat of height 1500, and
// grants (share), in a block that quotaUsed makes.
func refusals(t *testing.T, a *tree) map[*rules.Refusal][]byte {
	other, shadow := newTree(t, chainID, logB, 0, 9), newTree(t, chainID, logA, 0, 8)
	rewritten := newTree(t, chainID, logA, 0, 7).grow(t, "a", "x", "c", "d", "e", "f", "g", "h")
	foreign, second := newTree(t, "other-chain", logA, 0, 7), newTree(t, chainID, logA, 1, 7)
	shadow.grow(t, "a", "b", "c", "d", "e", "f", "g", "h")
	second.grow(t, "a")
	foreign.grow(t, "a")

	flipped := a.anchor(t, 6, 8)
	flipped.Note = bytes.Clone(flipped.Note)
	flipped.Note[len(flipped.Note)-20] ^= 1
	badNote := a.anchor(t, 6, 8)
	badNote.Note = append(bytes.Clone(badNote.Note), "more"...)
	badID, badKey := other.register(t, "alder", memberKey(1)), other.register(t, "alder", memberKey(1))
	badID.Log = strings.ToUpper(logB)
	badKey.Key = a.vkey
	truncated := a.anchor(t, 6, 8).Append(nil)
	unknown := dcbor.AppendUint(dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 3), 1), chainID), 99)
	wrongChain := other.register(t, "alder", memberKey(1))
	wrongChain.Chain = "other-chain"
	long := a.anchor(t, 6, 8)
	long.Proof = make([]merkle.Hash, merkle.MaxProof+1)

	badContact := contactOf(t, "alder", 1)
	badContact.Endpoint = "nowhere"

	txs := sharingRefusals(t)
	maps.Copy(txs, map[*rules.Refusal][]byte{
		rules.ErrMalformed:        truncated[:len(truncated)-1],
		rules.ErrTooLarge:         make([]byte, rules.MaxTx+1),
		rules.ErrWrongChain:       wrongChain.Append(nil),
		rules.ErrUnknownKind:      unknown,
		rules.ErrUnknownMember:    other.register(t, "cedar", memberKey(1)).Append(nil),
		rules.ErrBadSignature:     other.register(t, "alder", memberKey(2)).Append(nil),
		rules.ErrBadLogID:         badID.Append(nil),
		rules.ErrBadLogKey:        badKey.Append(nil),
		rules.ErrLogExists:        shadow.register(t, "birch", memberKey(2)).Append(nil),
		rules.ErrUnknownLog:       other.anchor(t, 0, 0).Append(nil),
		rules.ErrWrongIncarnation: second.anchor(t, 0, 1).Append(nil),
		rules.ErrWrongKey:         shadow.anchor(t, 6, 8).Append(nil),
		rules.ErrBadCheckpoint:    badNote.Append(nil),
		rules.ErrRewound:          a.anchor(t, 4, 5).Append(nil),
		rules.ErrReplayed:         a.anchor(t, 0, 4).Append(nil),
		rules.ErrForked:           rewritten.anchor(t, 4, 6).Append(nil),
		rules.ErrOldSize:          a.anchor(t, 4, 8).Append(nil),
		rules.ErrBadProof:         rewritten.anchor(t, 6, 8).Append(nil),
		rules.ErrProofTooLong:     long.Append(nil),
		rules.ErrStaleHeartbeat:   a.beat(t, 0, 1500).Append(nil),
		rules.ErrHeartbeatAhead:   a.beat(t, 0, 2000).Append(nil),
		rules.ErrBadContact:       publish(t, badContact, memberKey(1)).Append(nil),
		rules.ErrWrongSequence:    publish(t, contactOf(t, "alder", 2), memberKey(1)).Append(nil),
	})
	return txs
}

func refusalState(t *testing.T) (*rules.Overlay, *tree) {
	s, a := newState(t), newTree(t, chainID, logA, 0, 7)
	must(t, s, 1, a.register(t, "alder", memberKey(1)), rules.InfoRegistered)
	a.grow(t, "a", "b", "c", "d", "e", "f", "g", "h")
	must(t, s, 2, a.anchor(t, 0, 4), rules.InfoAnchored)
	must(t, s, 3, a.anchor(t, 4, 6), rules.InfoAnchored)
	must(t, s, 1501, a.beat(t, 0, 1500), rules.InfoSeen)
	share(t, s)
	return s, a
}

func TestEveryRefusalHasItsOwnCode(t *testing.T) {
	s, a := refusalState(t)
	txs, full := refusals(t, a), quotaUsed(t)
	for _, want := range rules.Refusals() {
		tx, ok := txs[want]
		if !ok {
			t.Errorf("no transaction makes code %d: %v", want.Code, want)
			continue
		}
		w := rules.NewOverlay(s)
		_, err := rules.Apply(writeGuard{t, w}, full, tx)
		got, refused := rules.RefusalOf(err)
		if !refused || got != want {
			t.Errorf("code %d: got %v, want %v", want.Code, err, want)
		}
		if back, ok := rules.Refused(want.Code); !ok || !errors.Is(err, back) {
			t.Errorf("code %d leads back to %v", want.Code, back)
		}
	}
	if len(txs) != len(rules.Refusals()) {
		t.Errorf("%d transactions for %d refusals", len(txs), len(rules.Refusals()))
	}
	if _, ok := rules.Refused(rules.CodeOK); ok {
		t.Error("code 0 is a refusal")
	}
}

// writeGuard fails the test when a refused transaction writes.
type writeGuard struct {
	t *testing.T
	rules.State
}

func (w writeGuard) Set(key, _ []byte) error {
	w.t.Errorf("a refused transaction wrote %q", key)
	return nil
}

func TestFurtherRefusals(t *testing.T) {
	s, a := refusalState(t)
	second := newTree(t, chainID, logA, 1, 7).grow(t, "a")
	foreign := newTree(t, "other-chain", logA, 0, 7).grow(t, "a")
	foreignNote := foreign.anchor(t, 0, 1)
	rewritten := newTree(t, chainID, logA, 0, 7).grow(t, "a", "x", "c", "d")
	forgedBeat := newTree(t, chainID, logA, 0, 8)
	flipped := a.anchor(t, 6, 8)
	sig := bytes.LastIndexByte(flipped.Note[:len(flipped.Note)-4], ' ') + 12
	if flipped.Note[sig] != 'A' {
		flipped.Note[sig] = 'A'
	} else {
		flipped.Note[sig] = 'B'
	}
	padded := a.register(t, "alder", memberKey(1))
	padded.Log, padded.Key = logB, strings.Replace(newTree(t, chainID, logB, 0, 9).vkey, "+", "+\n", 2)
	zero := a.anchor(t, 6, 8)
	zero.Note = bytes.Replace(zero.Note, []byte("/0\n"), []byte("/00\n"), 1)

	for name, c := range map[string]struct {
		tx   rules.Transaction
		want error
	}{
		"note of another chain":           {foreignNote, rules.ErrWrongChain},
		"signature of the note flipped":   {flipped, rules.ErrBadSignature},
		"fork at an older anchor":         {rewritten.anchor(t, 0, 4), rules.ErrForked},
		"heartbeat of another key":        {forgedBeat.beat(t, 0, 1900), rules.ErrBadSignature},
		"heartbeat of no incarnation":     {second.beat(t, 1, 1900), rules.ErrWrongIncarnation},
		"heartbeat kept back":             {a.beat(t, 0, 999), rules.ErrStaleHeartbeat},
		"log key in another form":         {padded, rules.ErrBadLogKey},
		"origin in another form":          {zero, rules.ErrBadCheckpoint},
		"negative height of a heartbeat":  {a.beat(t, 0, -1), rules.ErrStaleHeartbeat},
		"registration without signature":  {rules.RegisterTx{Chain: chainID, Log: logB, Key: newTree(t, chainID, logB, 0, 9).vkey, Member: "alder"}, rules.ErrBadSignature},
		"heartbeat of an unknown log":     {newTree(t, chainID, logB, 0, 9).beat(t, 0, 1900), rules.ErrUnknownLog},
		"heartbeat of no possible log":    {newTree(t, chainID, "x", 0, 9).beat(t, 0, 1900), rules.ErrBadLogID},
		"empty note":                      {rules.AnchorTx{Chain: chainID}, rules.ErrBadCheckpoint},
		"proof where none belongs":        {rules.AnchorTx{Chain: chainID, Note: a.note(t, 8), OldSize: 6}, rules.ErrBadProof},
		"old size of the future":          {rules.AnchorTx{Chain: chainID, Note: a.note(t, 8), OldSize: 8}, rules.ErrOldSize},
		"member id that cannot be":        {a.register(t, "Alder", memberKey(1)), rules.ErrUnknownMember},
		"registration by a second member": {a.register(t, "birch", memberKey(2)), rules.ErrLogExists},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rules.Apply(writeGuard{t, rules.NewOverlay(s)}, at(2000), c.tx.Append(nil))
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestNoHeartbeatIsAcceptedTwice(t *testing.T) {
	for _, named := range []int64{-1, 0, 1, 4} {
		s, l := newState(t), newTree(t, chainID, logA, 0, 7)
		must(t, s, 1, l.register(t, "alder", memberKey(1)), rules.InfoRegistered)
		tx := l.beat(t, 0, named).Append(nil)
		accepted := 0
		for h := int64(5); h < 9; h++ {
			if _, err := rules.Apply(s, at(h), tx); err == nil {
				accepted++
			} else if !errors.Is(err, rules.ErrStaleHeartbeat) {
				t.Errorf("height %d named in block %d: %v", named, h, err)
			}
		}
		if want := int(min(1, max(0, named))); accepted != want {
			t.Errorf("height %d named: accepted %d times, want %d", named, accepted, want)
		}
	}
}

func TestSignatureBindsEveryField(t *testing.T) {
	s := newState(t)
	good := newTree(t, chainID, logA, 0, 7).register(t, "alder", memberKey(1))
	other := newTree(t, chainID, logB, 0, 7)
	for name, tx := range map[string]rules.RegisterTx{
		"member": {Chain: chainID, Log: good.Log, Key: good.Key, Member: "birch", Signature: good.Signature},
		"key":    {Chain: chainID, Log: good.Log, Key: newTree(t, chainID, logA, 0, 8).vkey, Member: good.Member, Signature: good.Signature},
		"log":    {Chain: chainID, Log: logB, Key: other.vkey, Member: good.Member, Signature: good.Signature},
	} {
		if _, err := rules.Apply(s, at(1), tx.Append(nil)); !errors.Is(err, rules.ErrBadSignature) {
			t.Errorf("other %s under the same signature: %v", name, err)
		}
	}
	must(t, s, 1, good, rules.InfoRegistered)
}

func TestStateThatTheRulesDidNotWriteIsNoRefusal(t *testing.T) {
	s, l := newState(t), newTree(t, chainID, logA, 0, 7)
	if err := s.Set(rules.LogKey(logA), []byte("junk")); err != nil {
		t.Fatal(err)
	}
	_, err := rules.Apply(s, at(1), l.beat(t, 0, 0).Append(nil))
	if _, refused := rules.RefusalOf(err); err == nil || refused {
		t.Errorf("damaged record: %v", err)
	}
	broken := errors.New("disk")
	_, err = rules.Apply(failing{broken}, at(1), l.beat(t, 0, 0).Append(nil))
	if !errors.Is(err, broken) {
		t.Errorf("state that cannot be read: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Get([]byte) ([]byte, error) { return nil, f.err }
func (f failing) Set(_, _ []byte) error      { return f.err }

func TestRefusalsSayNoKeyOrRoot(t *testing.T) {
	s, a := refusalState(t)
	for want, tx := range refusals(t, a) {
		_, err := rules.Apply(s, at(2000), tx)
		if strings.Contains(fmt.Sprint(err), a.vkey) {
			t.Errorf("code %d shows a key: %v", want.Code, err)
		}
	}
}
