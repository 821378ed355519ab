package rules_test

import (
	"crypto/ed25519"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// An event is an act that the chain accepted.
type event struct {
	time   int64
	member string
	act    rules.Act
}

// mayDisclose says from what was accepted before, and from nothing else,
// whether a disclosure by a member is one that a grant permits.
func mayDisclose(past []event, now int64, by string, a rules.Disclosing) bool {
	var custodian, recipient string
	var given *rules.Terms
	uses := uint32(0)
	for _, e := range past {
		switch x := e.act.(type) {
		case rules.Request:
			custodian, recipient = x.Custodian, e.member
		case rules.BreakGlass:
			custodian, recipient = x.Custodian, e.member
			given = &rules.Terms{Scope: x.Scope, NotAfter: e.time + int64(x.Hours)*hour, MaxUses: rules.GlassUses}
		case rules.Terms:
			if e.member != custodian || given != nil {
				return false
			}
			given = &x
		case rules.Revocation, rules.Rejection:
			return false
		case rules.Disclosing:
			uses++
		}
	}
	return given != nil && by == custodian && recipient != custodian &&
		now >= given.NotBefore && now <= given.NotAfter &&
		uses < given.MaxUses && a.Number == uses+1 && a.Scope == given.Scope
}

// TestNothingIsDisclosedWithoutAGrantInForce drives a few grants through random
// acts of three members, some of them forged, as time goes by. A disclosure is
// accepted exactly if the accepted acts before it permit it.
func TestNothingIsDisclosedWithoutAGrantInForce(t *testing.T) {
	disclosed, refused := 0, 0
	members := []string{"alder", "birch", "dogwood"}
	rapid.Check(t, func(rt *rapid.T) {
		s := newState(t)
		for i, m := range members {
			accept(t, s, when(0), publish(t, contactOf(t, m, 1), memberKey([]byte{1, 2, 4}[i])))
		}
		past := map[rules.GrantID][]event{}
		b := when(0)
		for step := range rapid.IntRange(20, 120).Draw(rt, "steps") {
			b.Height, b.Time = b.Height+1, b.Time+rapid.Int64Range(0, hour/20).Draw(rt, "ms")
			id := grantID(byte(step/10) + rapid.ByteRange(0, 1).Draw(rt, "grant"))
			a, member := drawAct(rt, b.Time, past[id])
			tx := act(t, member, id, a)
			if rapid.IntRange(0, 9).Draw(rt, "forge") > 8 {
				tx.Member = rapid.SampledFrom(members).Draw(rt, "pretend")
				if forged := act(t, tx.Member, id, tx.Act); string(forged.Signature) != string(tx.Signature) {
					if _, err := rules.Apply(s, b, tx.Append(nil)); err == nil {
						rt.Fatalf("forged %T is accepted", tx.Act)
					}
					continue
				}
			}
			_, err := rules.Apply(s, b, tx.Append(nil))
			if a, ok := tx.Act.(rules.Disclosing); ok {
				if may := mayDisclose(past[id], b.Time, tx.Member, a); may != (err == nil) {
					rt.Fatalf("disclosure %+v by %s after %+v at %d: %v; may it: %v", a, tx.Member, past[id], b.Time, err, may)
				}
				if err == nil {
					disclosed++
				} else {
					refused++
				}
			}
			if err == nil {
				past[id] = append(past[id], event{b.Time, tx.Member, tx.Act})
			}
		}
	})
	if disclosed == 0 || refused == 0 {
		t.Errorf("%d disclosures accepted and %d refused: too few to show anything", disclosed, refused)
	}
}

// drawAct draws an act and whose it is, more often than not one that fits what
// was accepted before.
func drawAct(rt *rapid.T, now int64, past []event) (rules.Act, string) {
	kinds := []string{"disclose", "disclose", "disclose", "disclose", "disclose", "disclose", "ack", "grant", "revoke", "reject"}
	switch len(past) {
	case 0:
		kinds = []string{"request", "request", "request", "glass", "disclose"}
	case 1:
		kinds = []string{"grant", "grant", "grant", "grant", "grant", "disclose", "reject", "revoke"}
	}
	fits := rapid.IntRange(0, 9).Draw(rt, "fits") < 8
	member := func(right string) string {
		if fits {
			return right
		}
		return rapid.SampledFrom([]string{"alder", "birch", "dogwood"}).Draw(rt, "member")
	}
	switch rapid.SampledFrom(kinds).Draw(rt, "act") {
	case "request":
		return request(member("birch")), member("alder")
	case "glass":
		return glass(member("birch"), rapid.Uint8Range(1, 3).Draw(rt, "hours")), member("alder")
	case "grant":
		a := terms(now+rapid.Int64Range(1, 2*hour).Draw(rt, "for"), rapid.Uint32Range(1, 4).Draw(rt, "uses"))
		if rapid.Bool().Draw(rt, "later") {
			a.NotBefore = now + rapid.Int64Range(0, hour/4).Draw(rt, "from")
		}
		return a, member("birch")
	case "reject":
		return rules.Rejection{}, member("birch")
	case "revoke":
		return rules.Revocation{}, member(rapid.SampledFrom([]string{"alder", "birch"}).Draw(rt, "party"))
	case "ack":
		return acknowledging(1), member("alder")
	}
	a := disclosing(1)
	for _, e := range past {
		switch x := e.act.(type) {
		case rules.Disclosing:
			a.Number++
		case rules.BreakGlass:
			a.Scope = x.Scope
		}
	}
	if !fits {
		a.Number = rapid.Uint32Range(0, 4).Draw(rt, "number")
	}
	if rapid.IntRange(0, 9).Draw(rt, "over") > 7 {
		a.Scope = commitment(rapid.ByteRange(2, 3).Draw(rt, "scope"))
	}
	return a, member("birch")
}

// TestWhatAFinishedGrantLeaves holds the sizes that SPEC.md tells, keys
// included, with the longest names and heights of 32 bits.
func TestWhatAFinishedGrantLeaves(t *testing.T) {
	custodian, recipient := strings.Repeat("a", 40), strings.Repeat("b", 40)
	s := &sized{Overlay: rules.NewOverlay(empty{}), bytes: map[string]int{}}
	if err := (rules.Genesis{Members: []rules.Member{
		{ID: custodian, Name: "A", Key: memberKey(1).Public().(ed25519.PublicKey)},
		{ID: recipient, Name: "B", Key: memberKey(2).Public().(ed25519.PublicKey)},
	}}).Apply(s); err != nil {
		t.Fatal(err)
	}
	b := rules.Block{Chain: chainID, Height: 1<<32 - 100, Time: at(0).Time}
	do := func(member string, id rules.GrantID, a rules.Act) {
		t.Helper()
		key := rules.MemberSigner(memberKey(1))
		if member == recipient {
			key = rules.MemberSigner(memberKey(2))
		}
		tx, err := rules.SharingTx{Chain: chainID, Grant: id, Member: member, Act: a}.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		accept(t, s, b, tx)
		b.Height++
	}
	accept(t, s, b, publish(t, contactOf(t, custodian, 1), memberKey(1)))
	clear(s.bytes)
	do(recipient, grantID(1), request(custodian))
	do(custodian, grantID(1), terms(at(0).Time+hour, rules.MaxUses))
	do(custodian, grantID(1), disclosing(1))
	do(recipient, grantID(1), acknowledging(1))
	do(custodian, grantID(1), rules.Revocation{})
	want := map[string]int{"g": 319, "i": 136, "x": 88, "p": 86}
	if diff := cmp.Diff(want, s.bytes); diff != "" {
		t.Errorf("a grant with one disclosure (-SPEC.md +held):\n%s", diff)
	}
	clear(s.bytes)
	do(recipient, grantID(2), glass(custodian, 8))
	do(recipient, grantID(2), rules.Justifying{})
	do(custodian, grantID(2), rules.Reviewing{})
	do(custodian, grantID(2), rules.Revocation{})
	want = map[string]int{"g": 385, "i": 136, "b": 73}
	if diff := cmp.Diff(want, s.bytes); diff != "" {
		t.Errorf("a broken glass (-SPEC.md +held):\n%s", diff)
	}
}

// sized counts the bytes of what is written, by the first letter of the key.
type sized struct {
	*rules.Overlay
	bytes map[string]int
}

func (s *sized) Set(key, value []byte) error {
	old, err := s.Get(key)
	if err != nil {
		return err
	}
	if old == nil {
		s.bytes[string(key[:1])] += len(key)
	}
	s.bytes[string(key[:1])] += len(value) - len(old)
	return s.Overlay.Set(key, value)
}
