package rules_test

import (
	"fmt"
	"testing"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// Grants of a state, by what they are: alder asks birch.
var (
	waiting, active, rejected = grantID(1), grantID(2), grantID(3)
	revoked, expired, used    = grantID(4), grantID(5), grantID(6)
	scheduled, broken, closed = grantID(7), grantID(8), grantID(9)
)

// share brings grants of every status into a state, as seen from block 2000.
func share(t testing.TB, s rules.State) {
	do := func(ms int64, member string, id rules.GrantID, a rules.Act) {
		t.Helper()
		accept(t, s, when(ms), act(t, member, id, a))
	}
	until := at(0).Time + hour
	accept(t, s, when(-80*hour), publish(t, contactOf(t, "birch", 1), memberKey(2)))
	accept(t, s, when(-80*hour), publish(t, contactOf(t, "dogwood", 1), memberKey(4)))
	for _, id := range []rules.GrantID{waiting, active, rejected, revoked, expired, used, scheduled} {
		do(0, "alder", id, request("birch"))
	}
	later := terms(until, 1)
	later.NotBefore = until
	do(1, "birch", active, terms(until, 2))
	do(1, "birch", active, disclosing(1))
	do(1, "birch", rejected, rules.Rejection{})
	do(1, "birch", revoked, terms(until, 2))
	do(1, "alder", revoked, rules.Revocation{})
	do(1, "birch", expired, terms(at(1000).Time, 2))
	do(1, "birch", used, terms(until, 1))
	do(1, "birch", used, disclosing(1))
	do(1, "alder", used, acknowledging(1))
	do(1, "birch", scheduled, later)
	do(1, "alder", broken, glass("birch", 8))
	do(1, "alder", closed, glass("birch", 8))
	do(1, "alder", closed, rules.Justifying{})
	do(1, "birch", closed, rules.Reviewing{})
	for n := range byte(rules.MaxOpenRequests) {
		do(1, "dogwood", grantID(50+n), request("birch"))
	}
	for n := range byte(rules.MaxBrokenGlasses) {
		do(1, "dogwood", grantID(100+n), glass("birch", 1))
	}
	do(-73*hour, "birch", grantID(200), glass("dogwood", 1))
}

// quotaUsed is block 2000 after birch has had all that its logs may.
func quotaUsed(t testing.TB) rules.Block {
	s, b := newState(t), at(2000)
	b.Quota = rules.NewQuota()
	for n := range rules.MaxLogTxs {
		accept(t, s, b, newTree(t, chainID, fmt.Sprintf("%032x", n), 0, 9).register(t, "birch", memberKey(2)))
	}
	return b
}

func sharingRefusals(t testing.TB) map[*rules.Refusal][]byte {
	over, wrong := disclosing(2), acknowledging(1)
	over.Scope, wrong.Manifest = commitment(2), commitment(7)
	fresh, until := grantID(99), at(0).Time+hour
	txs := map[*rules.Refusal][]byte{rules.ErrQuota: newTree(t, chainID, logB, 0, 9).register(t, "birch", memberKey(2)).Append(nil)}
	for _, c := range []struct {
		want   *rules.Refusal
		member string
		id     rules.GrantID
		act    rules.Act
	}{
		{rules.ErrBadTerms, "birch", waiting, terms(until, 0)},
		{rules.ErrGrantExists, "alder", waiting, request("birch")},
		{rules.ErrUnknownGrant, "birch", fresh, terms(until, 1)},
		{rules.ErrSameMember, "alder", fresh, request("alder")},
		{rules.ErrNotCustodian, "dogwood", waiting, terms(until, 1)},
		{rules.ErrNotRecipient, "dogwood", active, acknowledging(1)},
		{rules.ErrNotParty, "dogwood", active, rules.Revocation{}},
		{rules.ErrGranted, "birch", active, terms(until, 2)},
		{rules.ErrNotGranted, "birch", waiting, disclosing(1)},
		{rules.ErrRejected, "birch", rejected, disclosing(1)},
		{rules.ErrRevoked, "birch", revoked, disclosing(1)},
		{rules.ErrExpired, "birch", expired, disclosing(1)},
		{rules.ErrExhausted, "birch", used, disclosing(2)},
		{rules.ErrNotYetActive, "birch", scheduled, disclosing(1)},
		{rules.ErrDisclosed, "birch", active, disclosing(1)},
		{rules.ErrDisclosureAhead, "birch", active, disclosing(3)},
		{rules.ErrOverScope, "birch", active, over},
		{rules.ErrUnknownDisclosure, "alder", active, acknowledging(2)},
		{rules.ErrWrongManifest, "alder", active, wrong},
		{rules.ErrAcknowledged, "alder", used, acknowledging(1)},
		{rules.ErrTooManyRequests, "dogwood", fresh, request("birch")},
		{rules.ErrNoBreakGlass, "birch", fresh, glass("alder", 1)},
		{rules.ErrGlassTooLong, "alder", fresh, glass("birch", 9)},
		{rules.ErrGlassCap, "dogwood", fresh, glass("birch", 1)},
		{rules.ErrJustificationOverdue, "birch", fresh, glass("dogwood", 1)},
		{rules.ErrNoGlass, "alder", active, rules.Justifying{}},
		{rules.ErrJustified, "alder", closed, rules.Justifying{}},
		{rules.ErrNotJustified, "birch", broken, rules.Reviewing{}},
		{rules.ErrReviewed, "birch", closed, rules.Reviewing{}},
	} {
		txs[c.want] = act(t, c.member, c.id, c.act).Append(nil)
	}
	return txs
}
