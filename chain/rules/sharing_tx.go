package rules

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// A SharingTx is an act of a member about a grant, signed by the member.
type SharingTx struct {
	Chain     string
	Grant     GrantID
	Member    string // whose act it is
	Act       Act
	Signature []byte
}

// An Act is a Request, Terms, Rejection, Revocation, Disclosing, Acknowledging,
// BreakGlass, Justifying or Reviewing.
type Act interface {
	kind() uint64
	fields() int
	append(b []byte) []byte
	apply(x *exchange) (info string, err error)
}

// A Request asks a custodian for a grant. The member is the recipient.
type Request struct {
	Custodian string
	Purpose   Purpose
	Subject   Commitment // to the patient
	Scope     Commitment // to what is asked for
}

// A Rejection refuses a request. The member is the custodian.
type Rejection struct{}

// A Revocation ends a grant, by custodian or recipient, or withdraws a request,
// by the recipient.
type Revocation struct{}

// A Disclosing says that the custodian, whose act it is, sends what the
// manifest names. It comes before the key is sent.
type Disclosing struct {
	Number   uint32     // one more than the grant's uses
	Scope    Commitment // the granted scope, under which it is
	Manifest Commitment // SHA-256 of what is sent, sealed
}

// An Acknowledging says that the recipient, whose act it is, has what the
// manifest names.
type Acknowledging struct {
	Number   uint32
	Manifest Commitment
}

// A BreakGlass takes a grant that nobody gave, within the custodian's published
// policy. The member is the recipient.
type BreakGlass struct {
	Custodian string
	Reason    Reason
	Hours     uint8      // for how long
	Subject   Commitment // to the patient
	Scope     Commitment // to what is taken
	Clinician Commitment // to who breaks it
}

// A Justifying gives the reasons for a broken glass. The member is the recipient.
type Justifying struct{ Text Commitment }

// A Reviewing says whether the custodian, whose act it is, accepts that the
// glass was broken.
type Reviewing struct{ Accepted bool }

// The kinds of acts, as transactions.
const (
	kindRequest    = 5
	kindGrant      = 6
	kindReject     = 7
	kindRevoke     = 8
	kindDisclose   = 9
	kindAck        = 10
	kindBreakGlass = 11
	kindJustify    = 12
	kindReview     = 13
)

func (Request) kind() uint64       { return kindRequest }
func (Terms) kind() uint64         { return kindGrant }
func (Rejection) kind() uint64     { return kindReject }
func (Revocation) kind() uint64    { return kindRevoke }
func (Disclosing) kind() uint64    { return kindDisclose }
func (Acknowledging) kind() uint64 { return kindAck }
func (BreakGlass) kind() uint64    { return kindBreakGlass }
func (Justifying) kind() uint64    { return kindJustify }
func (Reviewing) kind() uint64     { return kindReview }

func (Request) fields() int       { return 4 }
func (Terms) fields() int         { return 5 }
func (Rejection) fields() int     { return 0 }
func (Revocation) fields() int    { return 0 }
func (Disclosing) fields() int    { return 3 }
func (Acknowledging) fields() int { return 2 }
func (BreakGlass) fields() int    { return 6 }
func (Justifying) fields() int    { return 1 }
func (Reviewing) fields() int     { return 1 }

func (a Request) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendText(b, a.Custodian), uint64(a.Purpose))
	return dcbor.AppendBytes(dcbor.AppendBytes(b, a.Subject[:]), a.Scope[:])
}

func (Rejection) append(b []byte) []byte  { return b }
func (Revocation) append(b []byte) []byte { return b }

func (a Disclosing) append(b []byte) []byte {
	b = dcbor.AppendUint(b, uint64(a.Number))
	return dcbor.AppendBytes(dcbor.AppendBytes(b, a.Scope[:]), a.Manifest[:])
}

func (a Acknowledging) append(b []byte) []byte {
	return dcbor.AppendBytes(dcbor.AppendUint(b, uint64(a.Number)), a.Manifest[:])
}

func (a BreakGlass) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendText(b, a.Custodian), uint64(a.Reason))
	b = dcbor.AppendBytes(dcbor.AppendUint(b, uint64(a.Hours)), a.Subject[:])
	return dcbor.AppendBytes(dcbor.AppendBytes(b, a.Scope[:]), a.Clinician[:])
}

func (a Justifying) append(b []byte) []byte { return dcbor.AppendBytes(b, a.Text[:]) }
func (a Reviewing) append(b []byte) []byte  { return appendBool(b, a.Accepted) }

// Sign signs with the member's key.
func (t SharingTx) Sign(by Signer) (SharingTx, error) {
	sig, err := by.Sign(t.message())
	if err != nil {
		return t, fmt.Errorf("sign act about grant %s: %w", t.Grant, err)
	}
	t.Signature = sig
	return t, nil
}

// Append appends [1, chain, kind, grant, member, fields of the act …, signature].
func (t SharingTx) Append(b []byte) []byte {
	return dcbor.AppendBytes(t.body(b, 1), t.Signature)
}

func (t SharingTx) message() []byte { return t.body([]byte(domain), 0) }

func (t SharingTx) body(b []byte, signatures int) []byte {
	b = head(b, sharingHead+t.Act.fields()+signatures, t.Chain, t.Act.kind())
	return t.Act.append(dcbor.AppendText(dcbor.AppendBytes(b, t.Grant[:]), t.Member))
}

func (t SharingTx) chain() string { return t.Chain }

// sharingHead is how many elements come before an act's own.
const sharingHead = 5

// parseSharing reads what follows the kind.
func parseSharing(r *dcbor.Reader, chain string, kind uint64, elements int) (Transaction, error) {
	t := SharingTx{Chain: chain}
	r.Fixed(t.Grant[:])
	t.Member = r.Text()
	t.Act = readAct(r, kind)
	if elements != sharingHead+t.Act.fields()+1 {
		return nil, fmt.Errorf("%w: %d elements", ErrMalformed, elements)
	}
	t.Signature = r.Bytes()
	return t, malformed(r.Done())
}

// readAct reads an act of a kind from kindRequest to kindReview.
func readAct(r *dcbor.Reader, kind uint64) Act {
	switch kind {
	case kindRequest:
		a := Request{Custodian: r.Text(), Purpose: Purpose(readByte(r))}
		r.Fixed(a.Subject[:])
		r.Fixed(a.Scope[:])
		return a
	case kindGrant:
		return readTerms(r)
	case kindReject:
		return Rejection{}
	case kindRevoke:
		return Revocation{}
	case kindDisclose:
		a := Disclosing{Number: readNumber(r)}
		r.Fixed(a.Scope[:])
		r.Fixed(a.Manifest[:])
		return a
	case kindAck:
		a := Acknowledging{Number: readNumber(r)}
		r.Fixed(a.Manifest[:])
		return a
	case kindBreakGlass:
		return readBreakGlass(r)
	case kindJustify:
		var a Justifying
		r.Fixed(a.Text[:])
		return a
	}
	return Reviewing{readBool(r)}
}

func readBreakGlass(r *dcbor.Reader) BreakGlass {
	a := BreakGlass{Custodian: r.Text(), Reason: Reason(readByte(r)), Hours: readByte(r)}
	r.Fixed(a.Subject[:])
	r.Fixed(a.Scope[:])
	r.Fixed(a.Clinician[:])
	return a
}
