package order

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// Signed is an order with an officer's signature.
type Signed struct {
	Order     []byte // canonical
	Officer   [ed25519.PublicKeySize]byte
	At        int64 // ms since 1970 UTC, by the clock where it was signed
	Signature [ed25519.SignatureSize]byte
}

// message is what is signed: a label, so that no signature serves for another
// purpose, and [order, officer, at].
func (s *Signed) message() []byte {
	b := dcbor.AppendArray([]byte("emrbchain/order/signature/v1\n"), 3)
	b = dcbor.AppendBytes(dcbor.AppendBytes(b, s.Order), s.Officer[:])
	return dcbor.AppendInt(b, s.At)
}

// Sign signs an order. An officer's key has the form of a member's.
func Sign(order []byte, officer *keys.Member, at int64) *Signed {
	s := &Signed{Order: order, At: at}
	copy(s.Officer[:], officer.Public())
	copy(s.Signature[:], officer.Sign(s.message()))
	return s
}

// Verify checks the signature and returns the order. Whether the officer may order
// anything is for the reader of a log to know.
func (s *Signed) Verify() (*Order, error) {
	if !ed25519.Verify(s.Officer[:], s.message(), s.Signature[:]) {
		return nil, ErrSignature
	}
	return Parse(s.Order)
}

func (s *Signed) append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendArray(b, 4), s.Order)
	b = dcbor.AppendInt(dcbor.AppendBytes(b, s.Officer[:]), s.At)
	return dcbor.AppendBytes(b, s.Signature[:])
}

func readSigned(r *dcbor.Reader) *Signed {
	s := new(Signed)
	r.ArrayOf(4)
	s.Order = bytes.Clone(r.Bytes())
	r.Fixed(s.Officer[:])
	s.At = r.Int()
	r.Fixed(s.Signature[:])
	return s
}

// A Body is what the log's entry of an order that was carried out holds.
type Body struct {
	Signed *Signed
	// Owners and Leaves are of Erase: the numbers of the owner keys that were
	// destroyed, and the leaves that none opens any more, both ascending.
	Owners []uint64
	Leaves []uint64
}

const bodyFormat = 1

// Append appends the canonical encoding: [1, [order, officer, at, signature],
// [owner], [leaf]].
func (y *Body) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 4), bodyFormat)
	return appendNumbers(appendNumbers(y.Signed.append(b), y.Owners), y.Leaves)
}

// ParseBody reads the body of an entry, and checks no signature.
func ParseBody(b []byte) (*Body, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(4)
	if v := r.Uint(); r.Err() == nil && v != bodyFormat {
		return nil, fmt.Errorf("%w: entry of format %d, this program knows %d", ErrMalformed, v, bodyFormat)
	}
	y := &Body{Signed: readSigned(r)}
	y.Owners, y.Leaves = readNumbers(r), readNumbers(r)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return y, nil
}

func appendNumbers(b []byte, numbers []uint64) []byte {
	b = dcbor.AppendArray(b, len(numbers))
	for _, n := range numbers {
		b = dcbor.AppendUint(b, n)
	}
	return b
}

// readNumbers reads ascending numbers.
func readNumbers(r *dcbor.Reader) (numbers []uint64) {
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		next := r.Uint()
		if len(numbers) > 0 && next <= numbers[len(numbers)-1] {
			r.Fail("numbers are not in ascending order")
		}
		numbers = append(numbers, next)
	}
	return numbers
}

// An Officer is what the log's entry of an officer's key holds.
type Officer struct {
	Key  [ed25519.PublicKeySize]byte
	Name string
}

// MaxName is the most bytes that an officer's name may have.
const MaxName = 200

// Append appends the canonical encoding: [1, public key, name].
func (o *Officer) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 3), bodyFormat)
	return dcbor.AppendText(dcbor.AppendBytes(b, o.Key[:]), o.Name)
}

// ParseOfficer reads it.
func ParseOfficer(b []byte) (*Officer, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(3)
	if v := r.Uint(); r.Err() == nil && v != bodyFormat {
		return nil, fmt.Errorf("%w: officer of format %d, this program knows %d", ErrMalformed, v, bodyFormat)
	}
	o := new(Officer)
	r.Fixed(o.Key[:])
	if o.Name = r.Text(); o.Name == "" || len(o.Name) > MaxName {
		r.Fail("the name is empty or too long")
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return o, nil
}

// ID is the name by which people compare an officer's key, keys.MemberID.
func (o *Officer) ID() string { return keys.MemberID(o.Key[:]) }
