package rules_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// seedTxs are transactions of every kind, good and refused.
func seedTxs(t testing.TB, l *tree) [][]byte {
	return [][]byte{
		nil, {0x80}, {0x83, 1, 0x60, 4},
		newTree(t, chainID, logB, 0, 9).register(t, "birch", memberKey(2)).Append(nil),
		l.register(t, "alder", memberKey(1)).Append(nil),
		l.anchor(t, 6, 8).Append(nil),
		l.anchor(t, 0, 4).Append(nil),
		l.beat(t, 0, 1900).Append(nil),
		l.beat(t, 7, -1).Append(nil),
		publish(t, contactOf(t, "alder", 1), memberKey(1)).Append(nil),
		publish(t, contactOf(t, "birch", 2), memberKey(1)).Append(nil),
		act(t, "alder", grantID(1), request("birch")).Append(nil),
		act(t, "birch", grantID(1), terms(at(0).Time+hour, 2)).Append(nil),
		act(t, "birch", grantID(1), rules.Rejection{}).Append(nil),
		act(t, "birch", grantID(1), rules.Revocation{}).Append(nil),
		act(t, "birch", grantID(1), disclosing(1)).Append(nil),
		act(t, "alder", grantID(1), acknowledging(1)).Append(nil),
		act(t, "alder", grantID(2), glass("birch", 1)).Append(nil),
		act(t, "alder", grantID(2), rules.Justifying{}).Append(nil),
		act(t, "birch", grantID(2), rules.Reviewing{Accepted: true}).Append(nil),
	}
}

// FuzzParse: what is parsed has one encoding, the one that was read.
func FuzzParse(f *testing.F) {
	l := newTree(f, chainID, logA, 0, 7).grow(f, "a", "b", "c", "d", "e", "f", "g", "h")
	for _, tx := range seedTxs(f, l) {
		f.Add(tx)
	}
	f.Fuzz(func(t *testing.T, tx []byte) {
		parsed, err := rules.Parse(tx)
		if err != nil {
			if _, ok := rules.RefusalOf(err); !ok {
				t.Fatalf("parse fails without a code: %v", err)
			}
			return
		}
		if !bytes.Equal(parsed.Append(nil), tx) {
			t.Fatalf("parsed %x, encodes to %x", tx, parsed.Append(nil))
		}
	})
}

// FuzzApply: no bytes make the rules panic or fail without a code, and a
// refusal writes nothing. Nobody without a key gets further than a repeat.
func FuzzApply(f *testing.F) {
	s, l := newState(f), newTree(f, chainID, logA, 0, 7)
	must(f, s, 1, l.register(f, "alder", memberKey(1)), rules.InfoRegistered)
	l.grow(f, "a", "b", "c", "d", "e", "f", "g", "h")
	must(f, s, 2, l.anchor(f, 0, 4), rules.InfoAnchored)
	must(f, s, 3, l.anchor(f, 4, 6), rules.InfoAnchored)
	share(f, s)
	seeds := seedTxs(f, l)
	for _, tx := range seeds {
		f.Add(tx)
	}
	f.Fuzz(func(t *testing.T, tx []byte) {
		w := &recorder{State: rules.NewOverlay(s), writes: map[string]string{}}
		r, err := rules.Apply(w, at(2000), tx)
		if err == nil {
			if len(w.writes) > 0 && !slices.ContainsFunc(seeds, func(seed []byte) bool { return bytes.Equal(seed, tx) }) {
				t.Fatalf("accepted as %q without a key: %x", r.Info, tx)
			}
			return
		}
		if _, ok := rules.RefusalOf(err); !ok || len(w.writes) > 0 {
			t.Fatalf("refused with %v after %d writes", err, len(w.writes))
		}
	})
}

// FuzzRecords: what a node says that a record is has one encoding, and one
// meaning at most.
func FuzzRecords(f *testing.F) {
	s := newState(f)
	share(f, s)
	for _, key := range [][]byte{
		rules.ContactKey("birch"), rules.GrantKey(waiting), rules.GrantKey(active), rules.GrantKey(rejected), rules.GrantKey(revoked),
		rules.GrantKey(broken), rules.GrantKey(closed), rules.DisclosureKey(active, 1), rules.DisclosureKey(used, 1),
	} {
		v, err := s.Get(key)
		if err != nil || v == nil {
			f.Fatalf("%q: %v", key, err)
		}
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, contactErr := rules.ParseContact(b)
		g, grantErr := rules.ParseGrant(b)
		d, disclosureErr := rules.ParseDisclosure(b)
		_, anchorErr := rules.ParseAnchor(b)
		parsed := 0
		for _, again := range []struct {
			err error
			as  []byte
		}{{contactErr, c.Append(nil)}, {grantErr, g.Append(nil)}, {disclosureErr, d.Append(nil)}, {anchorErr, b}} {
			if again.err != nil {
				continue
			}
			if parsed++; !bytes.Equal(again.as, b) {
				t.Fatalf("parsed %x, encodes to %x", b, again.as)
			}
		}
		if parsed > 1 {
			t.Fatalf("%x is of %d forms", b, parsed)
		}
		if grantErr == nil {
			g.Status(at(0).Time)
		}
	})
}

// FuzzLists: a list that a node gives, and a genesis that a member hands out, are
// read or refused, and hold no more than there are bytes for.
func FuzzLists(f *testing.F) {
	s := newState(f)
	share(f, s)
	for _, key := range [][]byte{rules.MemberKey("birch"), rules.ContactKey("birch"), rules.GrantKey(active)} {
		v, err := s.Get(key)
		if err != nil || v == nil {
			f.Fatalf("%q: %v", key, err)
		}
		f.Add(slices.Concat(dcbor.AppendArray(nil, 2), v, v))
	}
	f.Add([]byte(`{"members":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		logs, _ := rules.ParseLogs(b)
		members, _ := rules.ParseMembers(b)
		contacts, _ := rules.ParseContacts(b)
		grants, _ := rules.ParseGrants(b)
		if n := len(logs) + len(members) + len(contacts) + len(grants); n > len(b) {
			t.Errorf("%d records of %d bytes", n, len(b))
		}
		if g, err := rules.ParseGenesis(b); err == nil {
			if err := g.Apply(rules.NewOverlay(empty{})); err != nil {
				t.Errorf("a genesis that is read cannot be applied: %v", err)
			}
		}
	})
}
