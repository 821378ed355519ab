package node_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/seal"
)

func contact(t testing.TB, tls ed25519.PrivateKey) rules.Contact {
	t.Helper()
	c := rules.Contact{Member: member, Endpoint: "alder.example:8443", TLSKey: tls.Public().(ed25519.PublicKey), BreakGlassHours: 8}
	for _, s := range []seal.Suite{seal.MLKEM768X25519, seal.P256} {
		r, err := seal.GenerateRecipient(s)
		if err != nil {
			t.Fatal(err)
		}
		c.Recipients = append(c.Recipients, r.Public().Bytes())
	}
	return c
}

func TestContactIsPublishedAndReplaced(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	tls := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	by, byTLS := rules.MemberSigner(memberKey()), rules.MemberSigner(tls)
	first := contact(t, tls)
	one, err := c.PublishContact(within(t, 5*time.Second), first, by, byTLS)
	if err != nil || !one.Same(first) || one.Sequence != 1 {
		t.Fatalf("first: %+v, %v", one, err)
	}
	again, err := c.PublishContact(within(t, 5*time.Second), first, by, byTLS)
	if err != nil || again.Published != one.Published {
		t.Errorf("repeat: %+v, %v", again, err)
	}
	second := first
	second.Endpoint = "10.0.0.7:443"
	if got, err := c.PublishContact(within(t, 5*time.Second), second, by, byTLS); err != nil || got.Sequence != 2 {
		t.Errorf("second: %+v, %v", got, err)
	}
	// What it was is published again, as the next one.
	if got, err := c.PublishContact(within(t, 5*time.Second), first, by, byTLS); err != nil || got.Sequence != 3 {
		t.Errorf("third: %+v, %v", got, err)
	}
	all, err := c.Contacts(within(t, 5*time.Second))
	if err != nil || len(all) != 1 || !all[0].Same(first) {
		t.Errorf("all: %+v, %v", all, err)
	}
	second.Endpoint = "nowhere"
	if _, err := c.PublishContact(within(t, 5*time.Second), second, by, byTLS); !errors.Is(err, rules.ErrBadContact) {
		t.Errorf("no endpoint: %v", err)
	}
	if _, err := c.PublishContact(within(t, 5*time.Second), contact(t, memberKey()), by, byTLS); !errors.Is(err, rules.ErrBadSignature) {
		t.Errorf("another's TLS key: %v", err)
	}

	block, err := c.LightBlock(within(t, 5*time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := receipt.NewTrust(block)
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.ReceiptParts(within(t, 10*time.Second), rules.ContactKey(member))
	if err != nil {
		t.Fatal(err)
	}
	r, err := receipt.New(p.LightBlock, p.Key, p.Value, p.Proof, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Verify(trust); err != nil {
		t.Errorf("receipt of a contact: %v", err)
	}
}
