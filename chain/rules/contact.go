package rules

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Limits of a contact.
const (
	// MaxRecipients is the most recipient keys that a contact may name.
	MaxRecipients = 4
	// MaxBreakGlassHours is the longest that a policy lets a glass be broken for.
	MaxBreakGlassHours = 24
	// maxHost is the most bytes of an endpoint's host: a DNS name's.
	maxHost = 253
)

// A Contact is how a member is reached, and what it permits without asking; it
// stands in the state under ContactKey.
type Contact struct {
	Member     string
	Sequence   uint64            // 1 for the first, then one more for each
	Endpoint   string            // host:port
	TLSKey     ed25519.PublicKey // of both ends of the member's connections
	Recipients [][]byte          // as seal.Public.Bytes gives them, the preferred first
	// BreakGlassHours is for how long others may break the glass, in hours; 0:
	// never.
	BreakGlassHours uint8
	Published       Stamp // of the block that accepted it
}

// Same says whether two contacts tell the same, whenever each was published.
func (c Contact) Same(as Contact) bool {
	return c.Member == as.Member && c.Endpoint == as.Endpoint && bytes.Equal(c.TLSKey, as.TLSKey) &&
		slices.EqualFunc(c.Recipients, as.Recipients, bytes.Equal) && c.BreakGlassHours == as.BreakGlassHours
}

// Append appends the canonical encoding: [1, member, sequence, endpoint, TLS
// key, [recipient …], hours, [height, time]].
func (c Contact) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 8), 1)
	return c.Published.append(dcbor.AppendArray(c.appendFields(b), 2))
}

// appendFields appends what a transaction and a record have alike.
func (c Contact) appendFields(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendText(b, c.Member), c.Sequence)
	b = dcbor.AppendBytes(dcbor.AppendText(b, c.Endpoint), c.TLSKey)
	b = dcbor.AppendArray(b, len(c.Recipients))
	for _, key := range c.Recipients {
		b = dcbor.AppendBytes(b, key)
	}
	return dcbor.AppendUint(b, uint64(c.BreakGlassHours))
}

func readContactFields(r *dcbor.Reader) Contact {
	c := Contact{Member: r.Text(), Sequence: r.Uint(), Endpoint: r.Text(), TLSKey: make(ed25519.PublicKey, ed25519.PublicKeySize)}
	r.Fixed(c.TLSKey)
	n := r.Array()
	if n > MaxRecipients {
		r.Fail("too many recipient keys")
		return Contact{}
	}
	for range n {
		c.Recipients = append(c.Recipients, bytes.Clone(r.Bytes()))
	}
	hours := r.Uint()
	if hours > MaxBreakGlassHours {
		r.Fail("break-glass policy of more than 24 hours")
		return Contact{}
	}
	c.BreakGlassHours = uint8(hours)
	return c
}

// ParseContact reads a canonical contact record.
func ParseContact(b []byte) (Contact, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(8)
	if v := r.Uint(); r.Err() == nil && v != 1 {
		r.Fail("contact record of an unknown format")
	}
	c := readContactFields(r)
	r.ArrayOf(2)
	c.Published = readStamp(r)
	if err := r.Done(); err != nil {
		return Contact{}, fmt.Errorf("parse contact: %w", err)
	}
	return c, nil
}

// ParseContacts reads a canonical array of contact records.
func ParseContacts(b []byte) ([]Contact, error) { return parseList(b, "contacts", ParseContact) }

// A ContactTx publishes a member's contact in place of the one before. It is
// signed by the member, and by the TLS key that it names: nobody can publish
// another's and so pass for the other, or have the other pass for them.
type ContactTx struct {
	Chain        string
	Contact      Contact // Published aside
	TLSSignature []byte
	Signature    []byte
}

// tlsDomain goes before what a TLS key signs: it never signs for a member.
const tlsDomain = "emrbchain/tls/v1\x00"

// Sign signs with the member's key and with the TLS key.
func (t ContactTx) Sign(member, tls Signer) (ContactTx, error) {
	var err error
	if t.Signature, err = member.Sign(t.body([]byte(domain), 9)); err != nil {
		return t, fmt.Errorf("sign contact: %w", err)
	}
	if t.TLSSignature, err = tls.Sign(t.body([]byte(tlsDomain), 9)); err != nil {
		return t, fmt.Errorf("sign contact with the TLS key: %w", err)
	}
	return t, nil
}

// Append appends [1, chain, 4, member, sequence, endpoint, TLS key,
// [recipient …], hours, TLS signature, signature].
func (t ContactTx) Append(b []byte) []byte {
	return dcbor.AppendBytes(dcbor.AppendBytes(t.body(b, 11), t.TLSSignature), t.Signature)
}

func (t ContactTx) body(b []byte, elements int) []byte {
	return t.Contact.appendFields(head(b, elements, t.Chain, kindContact))
}

func parseContactTx(r *dcbor.Reader, chain string) (Transaction, error) {
	t := ContactTx{Chain: chain, Contact: readContactFields(r), TLSSignature: r.Bytes(), Signature: r.Bytes()}
	return t, malformed(r.Done())
}

func (t ContactTx) chain() string { return t.Chain }

func (t ContactTx) apply(s State, b Block) (Result, error) {
	m, err := member(s, t.Contact.Member)
	if err != nil {
		return Result{}, err
	}
	if !verify(m.Key, t.body([]byte(domain), 9), t.Signature) {
		return Result{}, fmt.Errorf("%w: not by member %s", ErrBadSignature, m.ID)
	}
	if !verify(t.Contact.TLSKey, t.body([]byte(tlsDomain), 9), t.TLSSignature) {
		return Result{}, fmt.Errorf("%w: not by the TLS key that member %s names", ErrBadSignature, m.ID)
	}
	if err := t.Contact.check(); err != nil {
		return Result{}, err
	}
	held, _, err := contact(s, m.ID)
	if err != nil {
		return Result{}, err
	}
	if t.Contact.Sequence != held.Sequence+1 {
		return Result{}, fmt.Errorf("%w: it is number %d, member %s is at %d", ErrWrongSequence, t.Contact.Sequence, m.ID, held.Sequence)
	}
	if err := b.take(m.ID, MaxSharingTxs); err != nil {
		return Result{}, err
	}
	c := t.Contact
	c.Published = Stamp{Height: b.Height, Time: b.Time}
	if err := s.Set(ContactKey(m.ID), c.Append(nil)); err != nil {
		return Result{}, fmt.Errorf("write contact: %w", err)
	}
	return Result{Info: InfoPublished}, nil
}

// contact returns a member's contact; false, and the zero value, if it has
// published none.
func contact(s State, member string) (Contact, bool, error) {
	b, err := s.Get(ContactKey(member))
	if err != nil {
		return Contact{}, false, fmt.Errorf("read contact: %w", err)
	}
	if b == nil {
		return Contact{}, false, nil
	}
	c, err := ParseContact(b)
	if err != nil {
		return Contact{}, false, fmt.Errorf("%w: %w", errState, err)
	}
	return c, true, nil
}

// check looks at what the contact says of itself.
func (c Contact) check() error {
	bad := func(what string) error { return fmt.Errorf("%w: member %s: %s", ErrBadContact, c.Member, what) }
	if !validEndpoint(c.Endpoint) {
		return bad("an endpoint host:port expected, in lower case, an IPv6 address in brackets")
	}
	if len(c.Recipients) == 0 {
		return bad("at least one recipient key expected")
	}
	for i, key := range c.Recipients {
		if !validRecipient(key) {
			return bad(fmt.Sprintf("recipient key %d is none of a known suite", i+1))
		}
		if slices.ContainsFunc(c.Recipients[:i], func(other []byte) bool { return bytes.Equal(key, other) }) {
			return bad(fmt.Sprintf("recipient key %d is there twice", i+1))
		}
	}
	return nil
}

// validRecipient says whether a recipient key has the form of one: the suite in
// two bytes, and as many bytes as its keys have. Whether they are a key is for
// the sender to find: what a point on a curve is must not divide validators.
func validRecipient(key []byte) bool {
	if len(key) < 2 {
		return false
	}
	switch binary.BigEndian.Uint16(key) {
	case 1: // MLKEM768X25519
		return len(key) == 2+1216
	case 2: // P-256
		return len(key) == 2+65
	}
	return false
}

// validEndpoint says whether an endpoint has the form of a lower-case DNS name
// or IP address, and a port.
func validEndpoint(e string) bool {
	at := strings.LastIndexByte(e, ':')
	if at < 1 || at > maxHost {
		return false
	}
	host, port := e[:at], e[at+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return false
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		return closed && strings.Count(inner, ":") >= 2 && only(inner, "0123456789abcdef:.")
	}
	for label := range strings.SplitSeq(host, ".") {
		if len(label) > 63 || !validLabel(label) {
			return false
		}
	}
	return true
}

func validLabel(label string) bool {
	if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return only(label, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

func only(s, of string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(of, r) })
}
