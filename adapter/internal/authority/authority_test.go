package authority_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/authority"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/order"
)

func officerKey(seed byte) *keys.Member {
	return keys.NewMember((*[32]byte)(bytes.Repeat([]byte{seed}, 32)))
}

// register puts the officer of a seed on record.
func register(t *testing.T, log *recordlog.Log, seed byte) {
	t.Helper()
	o := order.Officer{Name: "officer"}
	copy(o.Key[:], officerKey(seed).Public())
	if err := log.Update(func(b *recordlog.Batch) error { return authority.Register(b, o) }); err != nil {
		t.Fatal(err)
	}
}

func signed(log *recordlog.Log, o order.Order, seed byte) (*order.Order, *order.Signed) {
	o.Log, o.Reason = log.Origin(), "why"
	return &o, order.Sign(o.Append(nil), officerKey(seed), 1)
}

// carriedOut enters an erasure of leaf 1.
func carriedOut(t *testing.T, log *recordlog.Log, seed byte) (leaf uint64) {
	t.Helper()
	o, s := signed(log, order.Order{Kind: order.Erase}, seed)
	err := log.Update(func(b *recordlog.Batch) (err error) {
		leaf, err = authority.Enter(b, o, &order.Body{Signed: s, Owners: []uint64{1}, Leaves: []uint64{1}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// TestAnOfficersKeyCountsFromItsAnchorOn: an order's entry must come after an anchor
// that covers the key's, whatever is anchored later.
func TestAnOfficersKeyCountsFromItsAnchorOn(t *testing.T) {
	log := logtest.New(t)
	register(t, log, 1) // leaf 0
	leaf := carriedOut(t, log, 1)
	for size, counts := range map[uint64]bool{0: false, 1: true} {
		r := authority.Reader{Log: log, Before: func(at uint64) (uint64, error) {
			if at != leaf {
				t.Errorf("asked for the anchor before leaf %d", at)
			}
			return size, nil
		}}
		_, err := r.Erased(leaf, 1)
		if counts != (err == nil) || !counts && !errors.Is(err, authority.ErrUnauthorised) {
			t.Errorf("anchored up to %d before it: %v", size, err)
		}
	}
}

// TestWhoWritesStateChangesNoVerdict: named state that points to entries without an
// order that counts, and orders of others than officers on record.
func TestWhoWritesStateChangesNoVerdict(t *testing.T) {
	log := logtest.New(t)
	register(t, log, 1) // leaf 0
	r := authority.Reader{Log: log, Before: func(uint64) (uint64, error) { return 1, nil }}
	unauthorised := func(what string, leaf, erased uint64) {
		t.Helper()
		if _, err := r.Erased(leaf, erased); !errors.Is(err, authority.ErrUnauthorised) {
			t.Errorf("%s: %v", what, err)
		}
	}
	good := carriedOut(t, log, 1)
	if _, err := r.Erased(good, 1); err != nil {
		t.Fatal(err)
	}
	unauthorised("another leaf than the order erases", good, 2)
	unauthorised("an entry that is no order", 0, 1)
	unauthorised("an order of a stranger", carriedOut(t, log, 2), 1)

	// A stranger whose key is said to be on record where another's is.
	f := findings.Finding{Verdict: findings.Altered, Table: "t", Key: []byte{0x81, 0x01}, Leaf: 1, Version: 1, Present: []commit.Digest{{1}}}
	o, s := signed(log, order.Order{Kind: order.Correct, Table: f.Table, Key: f.Key, Found: []order.Found{authority.Found(&f, nil)}}, 2)
	err := log.Update(func(b *recordlog.Batch) error {
		b.Set("officer/"+string(officerKey(2).Public()), dcbor.AppendUint(nil, 0))
		_, err := authority.Enter(b, o, &order.Body{Signed: s}, &f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, _, err := r.Corrected(&f); c != nil || err != nil {
		t.Errorf("a stranger's correction counts: %v", err)
	}
	// The same by the officer counts, for that finding and no other.
	o, s = signed(log, order.Order{Kind: order.Correct, ID: [order.IDSize]byte{1}, Table: f.Table, Key: f.Key, Found: []order.Found{authority.Found(&f, nil)}}, 1)
	other := f
	other.Present = []commit.Digest{{2}}
	err = log.Update(func(b *recordlog.Batch) error {
		_, err := authority.Enter(b, o, &order.Body{Signed: s}, &f, &other)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, _, err := r.Corrected(&f); c == nil || err != nil {
		t.Errorf("an officer's correction does not count: %v", err)
	}
	if c, _, err := r.Corrected(&other); c != nil || err != nil {
		t.Errorf("a finding counts as corrected that the order does not name: %v", err)
	}
}
