package rules_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

const hour = 3_600_000

func grantID(n byte) rules.GrantID { return rules.GrantID{15: n} }

// commitment is 32 bytes that tests tell apart.
func commitment(n byte) rules.Commitment { return rules.Commitment{0: 0xc0, 31: n} }

func keyOf(member string) ed25519.PrivateKey {
	return memberKey(map[string]byte{"alder": 1, "birch": 2, "dogwood": 4}[member])
}

func act(t testing.TB, member string, id rules.GrantID, a rules.Act) rules.SharingTx {
	t.Helper()
	tx, err := rules.SharingTx{Chain: chainID, Grant: id, Member: member, Act: a}.Sign(rules.MemberSigner(keyOf(member)))
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func request(custodian string) rules.Request {
	return rules.Request{Custodian: custodian, Purpose: rules.PurposeTreatment, Subject: commitment(1), Scope: commitment(2)}
}

func terms(notAfter int64, uses uint32) rules.Terms {
	consent := commitment(4)
	return rules.Terms{Scope: commitment(3), NotAfter: notAfter, MaxUses: uses, Consent: &consent}
}

func disclosing(n uint32) rules.Disclosing {
	return rules.Disclosing{Number: n, Scope: commitment(3), Manifest: commitment(byte(100 + n))}
}

func acknowledging(n uint32) rules.Acknowledging {
	return rules.Acknowledging{Number: n, Manifest: commitment(byte(100 + n))}
}

func glass(custodian string, hours uint8) rules.BreakGlass {
	return rules.BreakGlass{Custodian: custodian, Reason: rules.ReasonEmergency, Hours: hours,
		Subject: commitment(1), Scope: commitment(2), Clinician: commitment(5)}
}

// when is a block at a time, in ms after that of block 0.
func when(ms int64) rules.Block {
	return rules.Block{Chain: chainID, Height: 1 + ms/1000, Time: at(0).Time + ms}
}

func accept(t testing.TB, s rules.State, b rules.Block, tx rules.Transaction) {
	t.Helper()
	if _, err := rules.Apply(s, b, tx.Append(nil)); err != nil {
		t.Fatal(err)
	}
}

func refuse(t testing.TB, s rules.State, b rules.Block, tx rules.Transaction, want error) {
	t.Helper()
	if _, err := rules.Apply(s, b, tx.Append(nil)); !errors.Is(err, want) {
		t.Errorf("%T: got %v, want %v", tx.(rules.SharingTx).Act, err, want)
	}
}

func grantOf(t testing.TB, s rules.State, id rules.GrantID) rules.Grant {
	t.Helper()
	b, err := s.Get(rules.GrantKey(id))
	if err != nil {
		t.Fatal(err)
	}
	g, err := rules.ParseGrant(b)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestLifeOfAGrant(t *testing.T) {
	s, id := newState(t), grantID(1)
	until := at(0).Time + hour
	must(t, s, 1, act(t, "alder", id, request("birch")), rules.InfoRequested)
	must(t, s, 2, act(t, "birch", id, terms(until, 2)), rules.InfoGranted)
	must(t, s, 3, act(t, "birch", id, disclosing(1)), rules.InfoDisclosed)
	must(t, s, 4, act(t, "birch", id, disclosing(2)), rules.InfoDisclosed)
	must(t, s, 5, act(t, "alder", id, acknowledging(2)), rules.InfoAcknowledged)

	granted := terms(until, 2)
	want := rules.Grant{ID: id, Custodian: "birch", Recipient: "alder", Purpose: rules.PurposeTreatment,
		Subject: commitment(1), Scope: commitment(2), Requested: rules.Stamp{Height: 1, Time: at(1).Time},
		Terms: &granted, Granted: rules.Stamp{Height: 2, Time: at(2).Time}, Uses: 2}
	if diff := cmp.Diff(want, grantOf(t, s, id)); diff != "" {
		t.Errorf("grant (-want +got):\n%s", diff)
	}
	for n, acknowledged := range map[uint32]*rules.Stamp{1: nil, 2: {Height: 5, Time: at(5).Time}} {
		b, err := s.Get(rules.DisclosureKey(id, n))
		if err != nil {
			t.Fatal(err)
		}
		got, err := rules.ParseDisclosure(b)
		want := rules.Disclosure{Manifest: commitment(byte(100 + n)), Disclosed: rules.Stamp{Height: int64(2 + n), Time: at(int64(2 + n)).Time}, Acknowledged: acknowledged}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("disclosure %d (-want +got), %v:\n%s", n, err, diff)
		}
	}
	for _, party := range []string{"alder", "birch"} {
		if b, err := s.Get(rules.GrantIndexKey(party, rules.GrantPosition{Height: 1, ID: id})); err != nil || b == nil {
			t.Errorf("%s does not find the grant: %v", party, err)
		}
	}
}

// TestEveryActIsLegalFromNamedStatusesOnly tries every act on a grant in every
// status. What is not named here is refused, with the named error.
func TestEveryActIsLegalFromNamedStatusesOnly(t *testing.T) {
	acts := map[string]rules.SharingTx{}
	grants := map[string]func(s rules.State, id rules.GrantID){}
	id := grantID(1)
	do := func(s rules.State, member string, ms int64, a rules.Act) {
		accept(t, s, when(ms), act(t, member, id, a))
	}
	until := at(0).Time + 10*hour
	now := int64(5 * hour)
	granted := func(s rules.State, terms rules.Terms) {
		do(s, "alder", 0, request("birch"))
		do(s, "birch", 1, terms)
	}
	grants["none"] = func(rules.State, rules.GrantID) {}
	grants["requested"] = func(s rules.State, _ rules.GrantID) { do(s, "alder", 0, request("birch")) }
	grants["rejected"] = func(s rules.State, _ rules.GrantID) {
		do(s, "alder", 0, request("birch"))
		do(s, "birch", 1, rules.Rejection{})
	}
	grants["withdrawn"] = func(s rules.State, _ rules.GrantID) {
		do(s, "alder", 0, request("birch"))
		do(s, "alder", 1, rules.Revocation{})
	}
	grants["scheduled"] = func(s rules.State, _ rules.GrantID) {
		late := terms(until, 2)
		late.NotBefore = at(0).Time + 6*hour
		granted(s, late)
	}
	grants["active"] = func(s rules.State, _ rules.GrantID) { granted(s, terms(until, 2)) }
	grants["used"] = func(s rules.State, _ rules.GrantID) { granted(s, terms(until, 2)); do(s, "birch", 2, disclosing(1)) }
	grants["exhausted"] = func(s rules.State, _ rules.GrantID) { granted(s, terms(until, 1)); do(s, "birch", 2, disclosing(1)) }
	grants["expired"] = func(s rules.State, _ rules.GrantID) { granted(s, terms(at(0).Time+hour, 2)) }
	grants["revoked"] = func(s rules.State, _ rules.GrantID) {
		granted(s, terms(until, 2))
		do(s, "birch", 2, disclosing(1))
		do(s, "birch", 3, rules.Revocation{})
	}
	grants["given back"] = func(s rules.State, _ rules.GrantID) {
		granted(s, terms(until, 2))
		do(s, "alder", 3, rules.Revocation{})
	}
	grants["glass"] = func(s rules.State, _ rules.GrantID) { do(s, "alder", 0, glass("birch", 8)) }
	grants["justified"] = func(s rules.State, _ rules.GrantID) {
		do(s, "alder", 0, glass("birch", 8))
		do(s, "alder", 1, rules.Justifying{Text: commitment(6)})
	}
	grants["reviewed"] = func(s rules.State, _ rules.GrantID) {
		do(s, "alder", 0, glass("birch", 8))
		do(s, "alder", 1, rules.Justifying{Text: commitment(6)})
		do(s, "birch", 2, rules.Reviewing{})
	}
	over := disclosing(1)
	over.Scope = commitment(2)
	acts["request"] = act(t, "alder", id, request("birch"))
	acts["break glass"] = act(t, "alder", id, glass("birch", 8))
	acts["grant"] = act(t, "birch", id, terms(until, 2))
	acts["reject"] = act(t, "birch", id, rules.Rejection{})
	acts["revoke"] = act(t, "birch", id, rules.Revocation{})
	acts["withdraw"] = act(t, "alder", id, rules.Revocation{})
	acts["disclose 1"] = act(t, "birch", id, disclosing(1))
	acts["disclose 2"] = act(t, "birch", id, disclosing(2))
	acts["over scope"] = act(t, "birch", id, over)
	acts["ack"] = act(t, "alder", id, acknowledging(1))
	acts["justify"] = act(t, "alder", id, rules.Justifying{Text: commitment(6)})
	acts["review"] = act(t, "birch", id, rules.Reviewing{Accepted: true})

	var ok error
	statuses := []string{"none", "requested", "rejected", "withdrawn", "scheduled", "active", "used", "exhausted", "expired", "revoked", "given back", "glass", "justified", "reviewed"}
	missing, free := rules.ErrUnknownGrant, rules.ErrGrantExists
	for what, want := range map[string][]error{
		"request":     {ok, free, free, free, free, free, free, free, free, free, free, free, free, free},
		"break glass": {ok, free, free, free, free, free, free, free, free, free, free, free, free, free},
		"grant": {missing, ok, rules.ErrRejected, rules.ErrRevoked, rules.ErrGranted, rules.ErrGranted, rules.ErrGranted, rules.ErrGranted,
			rules.ErrGranted, rules.ErrRevoked, rules.ErrRevoked, rules.ErrGranted, rules.ErrGranted, rules.ErrGranted},
		"reject": {missing, ok, rules.ErrRejected, rules.ErrRevoked, rules.ErrGranted, rules.ErrGranted, rules.ErrGranted, rules.ErrGranted,
			rules.ErrGranted, rules.ErrRevoked, rules.ErrRevoked, rules.ErrGranted, rules.ErrGranted, rules.ErrGranted},
		"revoke": {missing, rules.ErrNotGranted, rules.ErrRejected, rules.ErrRevoked, ok, ok, ok, rules.ErrExhausted, rules.ErrExpired,
			rules.ErrRevoked, rules.ErrRevoked, ok, ok, ok},
		"withdraw": {missing, ok, rules.ErrRejected, rules.ErrRevoked, ok, ok, ok, rules.ErrExhausted, rules.ErrExpired,
			rules.ErrRevoked, rules.ErrRevoked, ok, ok, ok},
		"disclose 1": {missing, rules.ErrNotGranted, rules.ErrRejected, rules.ErrRevoked, rules.ErrNotYetActive, ok, rules.ErrDisclosed,
			rules.ErrDisclosed, rules.ErrExpired, rules.ErrDisclosed, rules.ErrRevoked, rules.ErrOverScope, rules.ErrOverScope, rules.ErrOverScope},
		"disclose 2": {missing, rules.ErrNotGranted, rules.ErrRejected, rules.ErrRevoked, rules.ErrNotYetActive, rules.ErrDisclosureAhead, ok,
			rules.ErrExhausted, rules.ErrExpired, rules.ErrRevoked, rules.ErrRevoked, rules.ErrDisclosureAhead, rules.ErrDisclosureAhead, rules.ErrDisclosureAhead},
		"over scope": {missing, rules.ErrNotGranted, rules.ErrRejected, rules.ErrRevoked, rules.ErrNotYetActive, rules.ErrOverScope, rules.ErrDisclosed,
			rules.ErrDisclosed, rules.ErrExpired, rules.ErrDisclosed, rules.ErrRevoked, ok, ok, ok},
		"ack": {missing, rules.ErrUnknownDisclosure, rules.ErrUnknownDisclosure, rules.ErrUnknownDisclosure, rules.ErrUnknownDisclosure,
			rules.ErrUnknownDisclosure, ok, ok, rules.ErrUnknownDisclosure, ok, rules.ErrUnknownDisclosure, rules.ErrUnknownDisclosure,
			rules.ErrUnknownDisclosure, rules.ErrUnknownDisclosure},
		"justify": {missing, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass,
			rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, ok, rules.ErrJustified, rules.ErrJustified},
		"review": {missing, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass,
			rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNoGlass, rules.ErrNotJustified, ok, rules.ErrReviewed},
	} {
		for i, status := range statuses {
			s := newState(t)
			must(t, s, 1, publish(t, contactOf(t, "birch", 1), memberKey(2)), rules.InfoPublished)
			grants[status](s, id)
			_, err := rules.Apply(s, when(now), acts[what].Append(nil))
			if !errors.Is(err, want[i]) {
				t.Errorf("%s when %s: got %v, want %v", what, status, err, want[i])
			}
		}
	}
}

func TestOnlyThePartyMayAct(t *testing.T) {
	s, id := newState(t), grantID(1)
	accept(t, s, when(0), publish(t, contactOf(t, "birch", 1), memberKey(2)))
	accept(t, s, when(0), act(t, "alder", id, request("birch")))
	accept(t, s, when(0), act(t, "alder", grantID(2), glass("birch", 1)))
	for _, stranger := range []string{"alder", "dogwood"} {
		for _, a := range []rules.Act{terms(at(0).Time+hour, 1), rules.Rejection{}, disclosing(1), rules.Reviewing{}} {
			refuse(t, s, when(1), act(t, stranger, id, a), rules.ErrNotCustodian)
		}
	}
	for _, stranger := range []string{"birch", "dogwood"} {
		for _, a := range []rules.Act{acknowledging(1), rules.Justifying{}} {
			refuse(t, s, when(1), act(t, stranger, grantID(2), a), rules.ErrNotRecipient)
		}
	}
	refuse(t, s, when(1), act(t, "dogwood", id, rules.Revocation{}), rules.ErrNotParty)
}

func TestSignatureBindsEveryFieldOfAnAct(t *testing.T) {
	s, id := newState(t), grantID(1)
	accept(t, s, when(0), publish(t, contactOf(t, "birch", 1), memberKey(2)))
	accept(t, s, when(0), act(t, "alder", id, request("birch")))
	good := act(t, "birch", id, terms(at(0).Time+hour, 2))
	for name, change := range map[string]func(*rules.SharingTx, *rules.Terms){
		"member":     func(x *rules.SharingTx, _ *rules.Terms) { x.Member = "alder" },
		"grant":      func(x *rules.SharingTx, _ *rules.Terms) { x.Grant = grantID(2) },
		"scope":      func(_ *rules.SharingTx, a *rules.Terms) { a.Scope = commitment(2) },
		"not before": func(_ *rules.SharingTx, a *rules.Terms) { a.NotBefore = 1 },
		"not after":  func(_ *rules.SharingTx, a *rules.Terms) { a.NotAfter++ },
		"uses":       func(_ *rules.SharingTx, a *rules.Terms) { a.MaxUses++ },
		"consent":    func(_ *rules.SharingTx, a *rules.Terms) { a.Consent = nil },
		"signature":  func(x *rules.SharingTx, _ *rules.Terms) { x.Signature = nil },
	} {
		x, a := good, good.Act.(rules.Terms)
		change(&x, &a)
		x.Act = a
		if _, err := rules.Apply(writeGuard{t, s}, when(1), x.Append(nil)); !errors.Is(err, rules.ErrBadSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A rejection is not a revocation: the kind is signed.
	x := act(t, "birch", id, rules.Revocation{})
	x.Act = rules.Rejection{}
	refuse(t, s, when(1), x, rules.ErrBadSignature)
	accept(t, s, when(1), good)
}

func TestTermsThatCannotBe(t *testing.T) {
	s, id := newState(t), grantID(1)
	accept(t, s, when(0), act(t, "alder", id, request("birch")))
	for name, change := range map[string]func(*rules.Terms){
		"over before it begins": func(a *rules.Terms) { a.NotAfter = at(0).Time },
		"after before before":   func(a *rules.Terms) { a.NotBefore = a.NotAfter + 1 },
		"negative":              func(a *rules.Terms) { a.NotBefore = -1 },
		"no uses":               func(a *rules.Terms) { a.MaxUses = 0 },
		"too many uses":         func(a *rules.Terms) { a.MaxUses = rules.MaxUses + 1 },
	} {
		a := terms(at(0).Time+hour, 1)
		change(&a)
		t.Run(name, func(t *testing.T) {
			refuse(t, writeGuard{t, s}, when(1), act(t, "birch", id, a), rules.ErrBadTerms)
		})
	}
	for _, p := range []rules.Purpose{0, rules.PurposeBreakGlass, 8, 255} {
		a := request("birch")
		a.Purpose = p
		refuse(t, s, when(1), act(t, "alder", grantID(2), a), rules.ErrBadTerms)
	}
	refuse(t, s, when(1), act(t, "alder", grantID(2), request("alder")), rules.ErrSameMember)
	refuse(t, s, when(1), act(t, "alder", grantID(2), request("cedar")), rules.ErrUnknownMember)
}

func TestGrantIsInForceUntilItsLastMillisecond(t *testing.T) {
	s, id := newState(t), grantID(1)
	a := terms(at(0).Time+2000, 9)
	a.NotBefore = at(0).Time + 1000
	accept(t, s, when(0), act(t, "alder", id, request("birch")))
	accept(t, s, when(0), act(t, "birch", id, a))
	refuse(t, s, when(999), act(t, "birch", id, disclosing(1)), rules.ErrNotYetActive)
	accept(t, s, when(1000), act(t, "birch", id, disclosing(1)))
	accept(t, s, when(2000), act(t, "birch", id, disclosing(2)))
	refuse(t, s, when(2001), act(t, "birch", id, disclosing(3)), rules.ErrExpired)
}

func TestAcknowledgingNamesWhatCame(t *testing.T) {
	s, id := newState(t), grantID(1)
	accept(t, s, when(0), act(t, "alder", id, request("birch")))
	accept(t, s, when(0), act(t, "birch", id, terms(at(0).Time+hour, 2)))
	accept(t, s, when(0), act(t, "birch", id, disclosing(1)))
	other := acknowledging(1)
	other.Manifest = commitment(7)
	refuse(t, s, when(1), act(t, "alder", id, other), rules.ErrWrongManifest)
	accept(t, s, when(1), act(t, "alder", id, acknowledging(1)))
	refuse(t, s, when(2), act(t, "alder", id, acknowledging(1)), rules.ErrAcknowledged)
}

// TestOpenRequestsArePerPair: what one asks of one leaves the others their own.
func TestOpenRequestsArePerPair(t *testing.T) {
	s := newState(t)
	ask := func(from, to string, n byte) rules.SharingTx { return act(t, from, grantID(n), request(to)) }
	for n := range byte(rules.MaxOpenRequests) {
		accept(t, s, when(0), ask("alder", "birch", n))
	}
	refuse(t, writeGuard{t, s}, when(0), ask("alder", "birch", 100), rules.ErrTooManyRequests)
	accept(t, s, when(0), ask("dogwood", "birch", 101))
	accept(t, s, when(0), ask("alder", "dogwood", 102))
	for n, end := range []rules.SharingTx{
		act(t, "alder", grantID(0), rules.Revocation{}),
		act(t, "birch", grantID(1), rules.Rejection{}),
		act(t, "birch", grantID(2), terms(at(0).Time+hour, 1)),
	} {
		accept(t, s, when(1), end)
		accept(t, s, when(1), ask("alder", "birch", byte(110+n)))
		refuse(t, s, when(1), ask("alder", "birch", 100), rules.ErrTooManyRequests)
	}
	// Revoking what was granted frees nothing: it waited no more.
	accept(t, s, when(2), act(t, "birch", grantID(2), rules.Revocation{}))
	refuse(t, s, when(2), ask("alder", "birch", 100), rules.ErrTooManyRequests)
}

func TestGlassIsBrokenWithinThePolicyOnly(t *testing.T) {
	s := newState(t)
	refuse(t, s, when(0), act(t, "alder", grantID(1), glass("birch", 1)), rules.ErrNoBreakGlass)
	accept(t, s, when(0), publish(t, contactOf(t, "birch", 1), memberKey(2)))
	never := contactOf(t, "dogwood", 1)
	never.BreakGlassHours = 0
	accept(t, s, when(0), publish(t, never, memberKey(4)))
	refuse(t, s, when(0), act(t, "alder", grantID(1), glass("dogwood", 1)), rules.ErrNoBreakGlass)
	refuse(t, s, when(0), act(t, "alder", grantID(1), glass("birch", 9)), rules.ErrGlassTooLong)
	refuse(t, s, when(0), act(t, "alder", grantID(1), glass("birch", 0)), rules.ErrBadTerms)
	refuse(t, s, when(0), act(t, "alder", grantID(1), glass("alder", 1)), rules.ErrSameMember)
	unreasoned := glass("birch", 1)
	for _, unreasoned.Reason = range []rules.Reason{0, 5, 255} {
		refuse(t, s, when(0), act(t, "alder", grantID(1), unreasoned), rules.ErrBadTerms)
	}
	accept(t, s, when(0), act(t, "alder", grantID(1), glass("birch", 8)))
	g := grantOf(t, s, grantID(1))
	if g.Status(when(8*hour).Time) != rules.StatusActive || g.Status(when(8*hour+1).Time) != rules.StatusExpired || g.Purpose != rules.PurposeBreakGlass {
		t.Errorf("glass: %+v", g)
	}
	use := disclosing(1)
	use.Scope = commitment(2)
	accept(t, s, when(1), act(t, "birch", grantID(1), use))
}

func TestGlassesAreCappedInAnyDay(t *testing.T) {
	s := newState(t)
	accept(t, s, when(0), publish(t, contactOf(t, "birch", 1), memberKey(2)))
	accept(t, s, when(0), publish(t, contactOf(t, "dogwood", 1), memberKey(4)))
	for n := range byte(rules.MaxBrokenGlasses) {
		to := []string{"birch", "dogwood"}[n%2]
		accept(t, s, when(int64(n)*hour/2), act(t, "alder", grantID(n), glass(to, 1)))
		accept(t, s, when(int64(n)*hour/2), act(t, "alder", grantID(n), rules.Justifying{}))
	}
	refuse(t, s, when(24*hour-1), act(t, "alder", grantID(100), glass("birch", 1)), rules.ErrGlassCap)
	accept(t, s, when(24*hour-1), act(t, "dogwood", grantID(101), glass("birch", 1)))
	accept(t, s, when(24*hour), act(t, "alder", grantID(100), glass("birch", 1)))
	refuse(t, s, when(24*hour), act(t, "alder", grantID(102), glass("birch", 1)), rules.ErrGlassCap)
	accept(t, s, when(24*hour+hour/2), act(t, "alder", grantID(102), glass("birch", 1)))
}

// TestGlassesThatCountAreFew: who justifies none makes the list as long as it gets.
func TestGlassesThatCountAreFew(t *testing.T) {
	s := newState(t)
	accept(t, s, when(0), publish(t, contactOf(t, "birch", 1), memberKey(2)))
	n := byte(0)
	for day := range int64(4) {
		for range rules.MaxBrokenGlasses {
			accept(t, s, when(day*24*hour), act(t, "alder", grantID(n), glass("birch", 1)))
			n++
		}
		refuse(t, s, when(day*24*hour), act(t, "alder", grantID(n), glass("birch", 1)), rules.ErrGlassCap)
	}
	refuse(t, s, when(96*hour), act(t, "alder", grantID(n), glass("birch", 1)), rules.ErrJustificationOverdue)
	// [1, [80 of [id, time, 0]]], the ids of 17 bytes and the times of 9.
	if b, err := s.Get([]byte("b/alder")); err != nil || len(b) != 2+2+80*(1+17+9+1) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for id := range n {
		accept(t, s, when(96*hour), act(t, "alder", grantID(id), rules.Justifying{}))
	}
	accept(t, s, when(96*hour), act(t, "alder", grantID(n), glass("birch", 1)))
	if b, err := s.Get([]byte("b/alder")); err != nil || len(b) != 2+1+1*(1+17+9+1) {
		t.Errorf("after justification %d bytes, %v", len(b), err)
	}
}

func TestOverdueJustificationStopsTheNextGlass(t *testing.T) {
	s := newState(t)
	accept(t, s, when(0), publish(t, contactOf(t, "birch", 1), memberKey(2)))
	accept(t, s, when(0), act(t, "alder", grantID(1), glass("birch", 1)))
	accept(t, s, when(72*hour), act(t, "alder", grantID(2), glass("birch", 1)))
	refuse(t, s, when(72*hour), act(t, "birch", grantID(1), rules.Reviewing{}), rules.ErrNotJustified)
	refuse(t, s, when(72*hour+1), act(t, "alder", grantID(3), glass("birch", 1)), rules.ErrJustificationOverdue)
	accept(t, s, when(72*hour+1), act(t, "dogwood", grantID(4), glass("birch", 1)))
	accept(t, s, when(72*hour+1), act(t, "birch", grantID(1), rules.Reviewing{Accepted: false}))
	refuse(t, s, when(72*hour+1), act(t, "alder", grantID(3), glass("birch", 1)), rules.ErrJustificationOverdue)
	accept(t, s, when(72*hour+2), act(t, "alder", grantID(1), rules.Justifying{Text: commitment(6)}))
	accept(t, s, when(72*hour+2), act(t, "alder", grantID(3), glass("birch", 1)))
	// Of the second, nothing was said yet.
	refuse(t, s, when(144*hour+1), act(t, "alder", grantID(5), glass("birch", 1)), rules.ErrJustificationOverdue)
	g := grantOf(t, s, grantID(1))
	if g.Glass.Review == nil || g.Glass.Review.Accepted || g.Glass.Justification.Time <= g.JustifyBy() {
		t.Errorf("glass: %+v", g.Glass)
	}
}

// TestQuotaOfABlockIsPerMember: who has used up theirs keeps nobody out, and
// not their own logs either.
func TestQuotaOfABlockIsPerMember(t *testing.T) {
	s, l := newState(t), newTree(t, chainID, logA, 0, 7)
	b := when(0)
	b.Quota = rules.NewQuota()
	accept(t, s, b, publish(t, contactOf(t, "birch", 1), memberKey(2)))
	for n := range byte(rules.MaxSharingTxs / 2) {
		accept(t, s, b, act(t, "alder", grantID(n), request("birch")))
		accept(t, s, b, act(t, "alder", grantID(n), rules.Revocation{}))
	}
	refuse(t, writeGuard{t, s}, b, act(t, "alder", grantID(100), request("birch")), rules.ErrQuota)
	accept(t, s, b, act(t, "dogwood", grantID(101), request("birch")))
	accept(t, s, b, l.register(t, "alder", memberKey(1)))
	for n := range 63 {
		l.grow(t, fmt.Sprint(n))
		accept(t, s, b, l.anchor(t, uint64(n), uint64(n+1)))
	}
	l.grow(t, "one more")
	for _, tx := range []rules.Transaction{l.anchor(t, 63, 64), newTree(t, chainID, logB, 0, 9).register(t, "alder", memberKey(1))} {
		if _, err := rules.Apply(writeGuard{t, s}, b, tx.Append(nil)); !errors.Is(err, rules.ErrQuota) {
			t.Errorf("log's transaction after 64: %v", err)
		}
	}
	accept(t, s, b, newTree(t, chainID, logB, 0, 9).register(t, "birch", memberKey(2)))
	// A repeat of the head is on nobody's account: it needs nobody's key.
	for n := range rules.MaxRepeats {
		x := l.anchor(t, 63, 63)
		x.OldSize = uint64(n)
		accept(t, s, b, x)
	}
	if _, err := rules.Apply(s, b, l.anchor(t, 63, 63).Append(nil)); !errors.Is(err, rules.ErrQuota) {
		t.Errorf("repeat after %d: %v", rules.MaxRepeats, err)
	}
	b.Quota = rules.NewQuota()
	accept(t, s, b, act(t, "alder", grantID(100), request("birch")))
	accept(t, s, b, l.anchor(t, 63, 64))
}

func TestPurposesAreHL7Codes(t *testing.T) {
	for p, code := range map[rules.Purpose]string{rules.PurposeTreatment: "TREAT", rules.PurposeEmergency: "ETREAT", rules.PurposeBreakGlass: "BTG",
		rules.PurposePayment: "HPAYMT", rules.PurposeOperations: "HOPERAT", rules.PurposeResearch: "HRESCH", rules.PurposePatient: "PATRQT"} {
		back, err := rules.ParsePurpose(code)
		if err != nil || back != p || p.String() != code {
			t.Errorf("%s: %v, %v", code, back, err)
		}
	}
	for _, bad := range []string{"", "treat", "SRVC"} {
		if p, err := rules.ParsePurpose(bad); err == nil {
			t.Errorf("%q: %v", bad, p)
		}
	}
}

// TestListIsAsLongAsItsInput: a node can't have a client make room for what it
// only claims.
func TestListIsAsLongAsItsInput(t *testing.T) {
	const claimed = 1 << 22
	b := append(dcbor.AppendArray(nil, claimed), make([]byte, claimed)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := rules.ParseGrants(b); err == nil {
		t.Error("zeros are grants")
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > claimed {
		t.Errorf("%d bytes for none of %d grants", used, claimed)
	}
}
