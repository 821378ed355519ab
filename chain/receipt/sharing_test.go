package receipt_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// onChain is a chain's state, as the rules see it.
type onChain struct {
	*rules.Overlay
	chain *receipttest.Chain
}

func (s onChain) Set(key, value []byte) error {
	s.chain.Set(key, value)
	return s.Overlay.Set(key, value)
}

type nothing struct{}

func (nothing) Get([]byte) ([]byte, error) { return nil, nil }

// TestDisclosureIsProvenWithNoNetwork: bytes alone show that a disclosure was on
// the chain, of what and under which grant, that it was acknowledged, and that
// there was no second one.
func TestDisclosureIsProvenWithNoNetwork(t *testing.T) {
	c := receipttest.New(t, "test-chain", receipttest.Equal(4)...)
	trust := c.Trust(1)
	s := onChain{rules.NewOverlay(nothing{}), c}
	keys := map[string]ed25519.PrivateKey{}
	var g rules.Genesis
	for i, m := range []string{"alder", "birch"} {
		keys[m] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i)}, ed25519.SeedSize))
		g.Members = append(g.Members, rules.Member{ID: m, Name: m, Key: keys[m].Public().(ed25519.PublicKey)})
	}
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	id, scope, manifest := rules.GrantID{1}, rules.Commitment{2}, rules.Commitment{3}
	for _, a := range []struct {
		member string
		act    rules.Act
	}{
		{"birch", rules.Request{Custodian: "alder", Purpose: rules.PurposeTreatment, Subject: rules.Commitment{4}, Scope: scope}},
		{"alder", rules.Terms{Scope: scope, NotAfter: 1 << 60, MaxUses: 2}},
		{"alder", rules.Disclosing{Number: 1, Scope: scope, Manifest: manifest}},
		{"birch", rules.Acknowledging{Number: 1, Manifest: manifest}},
	} {
		height, at := c.Next()
		tx, err := rules.SharingTx{Chain: "test-chain", Grant: id, Member: a.member, Act: a.act}.Sign(rules.MemberSigner(keys[a.member]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rules.Apply(s, rules.Block{Chain: "test-chain", Height: height, Time: at.UnixMilli()}, tx.Append(nil)); err != nil {
			t.Fatal(err)
		}
		c.Block()
	}

	proven := func(key []byte) []byte {
		t.Helper()
		r, err := receipt.Parse(c.Receipt(key).Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Verify(trust); err != nil {
			t.Fatalf("%q: %v", key, err)
		}
		if !bytes.Equal(r.Key, key) {
			t.Fatalf("receipt of %q", r.Key)
		}
		return r.Value
	}
	d, err := rules.ParseDisclosure(proven(rules.DisclosureKey(id, 1)))
	if err != nil || d.Manifest != manifest || d.Acknowledged == nil || d.Acknowledged.Height <= d.Disclosed.Height {
		t.Errorf("disclosure %+v, %v", d, err)
	}
	held, err := rules.ParseGrant(proven(rules.GrantKey(id)))
	if err != nil || held.Custodian != "alder" || held.Recipient != "birch" || held.Uses != 1 {
		t.Errorf("grant %+v, %v", held, err)
	}
	if v := proven(rules.DisclosureKey(id, 2)); v != nil {
		t.Errorf("second disclosure: %x", v)
	}
	forged := c.Receipt(rules.DisclosureKey(id, 1))
	d.Manifest[0] ^= 1
	forged.Value = d.Append(nil)
	if _, err := forged.Verify(trust); err == nil {
		t.Error("a receipt of another manifest verifies")
	}
}
