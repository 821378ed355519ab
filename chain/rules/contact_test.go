package rules_test

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/seal"
)

// recipientKey is the public key of P-256's private key n: the same for ever.
func recipientKey(t testing.TB, n byte) []byte {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(append(make([]byte, 31), n))
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{0, byte(seal.P256)}, key.PublicKey().Bytes()...)
}

func contactOf(t testing.TB, member string, sequence uint64) rules.Contact {
	t.Helper()
	return rules.Contact{Member: member, Sequence: sequence, Endpoint: member + ".example:8443",
		TLSKey: memberKey(99).Public().(ed25519.PublicKey), Recipients: [][]byte{recipientKey(t, 1), recipientKey(t, 2)}, BreakGlassHours: 8}
}

// publish signs a contact whose TLS key is memberKey(99).
func publish(t testing.TB, c rules.Contact, key ed25519.PrivateKey) rules.ContactTx {
	t.Helper()
	tx, err := rules.ContactTx{Chain: chainID, Contact: c}.Sign(rules.MemberSigner(key), rules.MemberSigner(memberKey(99)))
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func heldContact(t testing.TB, s rules.State, member string) rules.Contact {
	t.Helper()
	b, err := s.Get(rules.ContactKey(member))
	if err != nil {
		t.Fatal(err)
	}
	c, err := rules.ParseContact(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContactIsReplacedByTheNextOneOnly(t *testing.T) {
	s := newState(t)
	first, second := contactOf(t, "alder", 1), contactOf(t, "alder", 2)
	second.Endpoint, second.BreakGlassHours = "[2001:db8::7]:443", 0
	must(t, s, 1, publish(t, first, memberKey(1)), rules.InfoPublished)
	must(t, s, 2, publish(t, second, memberKey(1)), rules.InfoPublished)
	for sequence, c := range map[uint64]rules.Contact{1: first, 2: second, 4: contactOf(t, "alder", 4), 0: contactOf(t, "alder", 0)} {
		_, err := rules.Apply(writeGuard{t, s}, at(3), publish(t, c, memberKey(1)).Append(nil))
		if !errors.Is(err, rules.ErrWrongSequence) {
			t.Errorf("number %d after 2: %v", sequence, err)
		}
	}
	held := heldContact(t, s, "alder")
	if !held.Same(second) || held.Sequence != 2 || held.Published != (rules.Stamp{Height: 2, Time: at(2).Time}) {
		t.Errorf("held: %+v", held)
	}
}

func TestContactIsSignedByTheMemberAndTheTLSKey(t *testing.T) {
	s := newState(t)
	good := publish(t, contactOf(t, "alder", 1), memberKey(1))
	others := publish(t, contactOf(t, "birch", 1), memberKey(2))
	for name, change := range map[string]func(*rules.ContactTx){
		"another member":               func(x *rules.ContactTx) { x.Contact.Member = "birch" },
		"sequence":                     func(x *rules.ContactTx) { x.Contact.Sequence = 2 },
		"endpoint":                     func(x *rules.ContactTx) { x.Contact.Endpoint = "evil.example:8443" },
		"recipients' order":            func(x *rules.ContactTx) { x.Contact.Recipients = [][]byte{recipientKey(t, 2), recipientKey(t, 1)} },
		"policy":                       func(x *rules.ContactTx) { x.Contact.BreakGlassHours = 24 },
		"TLS key":                      func(x *rules.ContactTx) { x.Contact.TLSKey = memberKey(3).Public().(ed25519.PublicKey) },
		"no signature of the TLS key":  func(x *rules.ContactTx) { x.TLSSignature = nil },
		"the TLS key's for another":    func(x *rules.ContactTx) { x.TLSSignature = others.TLSSignature },
		"the member's signature there": func(x *rules.ContactTx) { x.TLSSignature = x.Signature },
		"no signature of the member":   func(x *rules.ContactTx) { x.Signature = nil },
	} {
		x := good
		change(&x)
		if _, err := rules.Apply(writeGuard{t, s}, at(1), x.Append(nil)); !errors.Is(err, rules.ErrBadSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The TLS key of another member, whose private key the publisher has not.
	stolen := contactOf(t, "alder", 1)
	stolen.TLSKey = memberKey(50).Public().(ed25519.PublicKey)
	if _, err := rules.Apply(writeGuard{t, s}, at(1), publish(t, stolen, memberKey(1)).Append(nil)); !errors.Is(err, rules.ErrBadSignature) {
		t.Errorf("another's TLS key: %v", err)
	}
	must(t, s, 1, good, rules.InfoPublished)
}

func TestContactThatCannotBe(t *testing.T) {
	s := newState(t)
	endpoint := func(e string) func(*rules.Contact) { return func(c *rules.Contact) { c.Endpoint = e } }
	recipients := func(keys ...[]byte) func(*rules.Contact) { return func(c *rules.Contact) { c.Recipients = keys } }
	one := recipientKey(t, 1)
	for name, c := range map[string]struct {
		change func(*rules.Contact)
		want   error
	}{
		"no endpoint":        {endpoint(""), rules.ErrBadContact},
		"no port":            {endpoint("alder.example"), rules.ErrBadContact},
		"port 0":             {endpoint("alder.example:0"), rules.ErrBadContact},
		"port too large":     {endpoint("alder.example:65536"), rules.ErrBadContact},
		"port padded":        {endpoint("alder.example:080"), rules.ErrBadContact},
		"no host":            {endpoint(":443"), rules.ErrBadContact},
		"upper case":         {endpoint("Alder.example:443"), rules.ErrBadContact},
		"slash":              {endpoint("alder.example/x:443"), rules.ErrBadContact},
		"empty label":        {endpoint("alder..example:443"), rules.ErrBadContact},
		"hyphen":             {endpoint("-alder.example:443"), rules.ErrBadContact},
		"bare IPv6":          {endpoint("2001:db8::7:443"), rules.ErrBadContact},
		"zone":               {endpoint("[fe80::1%eth0]:443"), rules.ErrBadContact},
		"open bracket":       {endpoint("[::1:443"), rules.ErrBadContact},
		"host too long":      {endpoint(strings.Repeat("a.", 127) + ":443"), rules.ErrBadContact},
		"label too long":     {endpoint(strings.Repeat("a", 64) + ":443"), rules.ErrBadContact},
		"no recipients":      {recipients(), rules.ErrBadContact},
		"recipient twice":    {recipients(one, recipientKey(t, 2), one), rules.ErrBadContact},
		"unknown suite":      {recipients(append([]byte{0, 9}, one[2:]...)), rules.ErrBadContact},
		"suite alone":        {recipients(one[:2]), rules.ErrBadContact},
		"no suite":           {recipients([]byte{0}), rules.ErrBadContact},
		"suite of another":   {recipients(append([]byte{0, 1}, one[2:]...)), rules.ErrBadContact},
		"recipient cut":      {recipients(one[:40]), rules.ErrBadContact},
		"five recipients":    {recipients(one, recipientKey(t, 2), recipientKey(t, 3), recipientKey(t, 4), recipientKey(t, 5)), rules.ErrMalformed},
		"25 hours":           {func(c *rules.Contact) { c.BreakGlassHours = 25 }, rules.ErrMalformed},
		"TLS key of 31 byte": {func(c *rules.Contact) { c.TLSKey = c.TLSKey[:31] }, rules.ErrMalformed},
		"unknown member":     {func(c *rules.Contact) { c.Member = "cedar" }, rules.ErrUnknownMember},
	} {
		x := contactOf(t, "alder", 1)
		c.change(&x)
		if _, err := rules.Apply(writeGuard{t, s}, at(1), publish(t, x, memberKey(1)).Append(nil)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, good := range []string{"a:1", "10.0.0.7:65535", "alder.example:443", "x--y.example:8443", "[::1]:443"} {
		x := contactOf(t, "alder", 1)
		x.Endpoint = good
		must(t, rules.NewOverlay(s), 1, publish(t, x, memberKey(1)), rules.InfoPublished)
	}
}

func TestLargestContactFitsATransaction(t *testing.T) {
	s := newState(t)
	c := contactOf(t, "alder", 1)
	c.Endpoint = strings.Repeat("a.", 125) + "aaa:65535"
	c.Recipients = nil
	for range rules.MaxRecipients {
		r, err := seal.GenerateRecipient(seal.MLKEM768X25519)
		if err != nil {
			t.Fatal(err)
		}
		c.Recipients = append(c.Recipients, r.Public().Bytes())
	}
	must(t, s, 1, publish(t, c, memberKey(1)), rules.InfoPublished)
}
