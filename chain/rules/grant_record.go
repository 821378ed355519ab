package rules

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Append appends the canonical encoding: [1, id, custodian, recipient, purpose,
// subject, scope, [height, time], terms, uses, ending, glass], the last of
// which are null as long as there is none. SPEC.md has their forms.
func (g Grant) Append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(b, 12), 1), g.ID[:])
	b = dcbor.AppendText(dcbor.AppendText(b, g.Custodian), g.Recipient)
	b = dcbor.AppendUint(b, uint64(g.Purpose))
	b = dcbor.AppendBytes(dcbor.AppendBytes(b, g.Subject[:]), g.Scope[:])
	b = g.Requested.append(dcbor.AppendArray(b, 2))
	if g.Terms == nil {
		b = dcbor.AppendNull(b)
	} else {
		b = g.Granted.append(g.Terms.append(dcbor.AppendArray(b, 7)))
	}
	b = dcbor.AppendUint(b, uint64(g.Uses))
	if g.Ended == nil {
		b = dcbor.AppendNull(b)
	} else {
		b = g.Ended.Stamp.append(appendBool(dcbor.AppendArray(b, 3), g.Ended.ByRecipient))
	}
	if g.Glass == nil {
		return dcbor.AppendNull(b)
	}
	return g.Glass.append(b)
}

func (t Terms) append(b []byte) []byte {
	b = dcbor.AppendInt(dcbor.AppendInt(dcbor.AppendBytes(b, t.Scope[:]), t.NotBefore), t.NotAfter)
	b = dcbor.AppendUint(b, uint64(t.MaxUses))
	if t.Consent == nil {
		return dcbor.AppendNull(b)
	}
	return dcbor.AppendBytes(b, t.Consent[:])
}

func (g Glass) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 4), uint64(g.Reason))
	b = dcbor.AppendBytes(b, g.Clinician[:])
	if j := g.Justification; j == nil {
		b = dcbor.AppendNull(b)
	} else {
		b = j.Stamp.append(dcbor.AppendBytes(dcbor.AppendArray(b, 3), j.Text[:]))
	}
	if v := g.Review; v != nil {
		return v.Stamp.append(appendBool(dcbor.AppendArray(b, 3), v.Accepted))
	}
	return dcbor.AppendNull(b)
}

// ParseGrant reads a canonical grant record.
func ParseGrant(b []byte) (Grant, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(12)
	if v := r.Uint(); r.Err() == nil && v != 1 {
		r.Fail("grant record of an unknown format")
	}
	var g Grant
	r.Fixed(g.ID[:])
	g.Custodian, g.Recipient, g.Purpose = r.Text(), r.Text(), Purpose(readByte(r))
	r.Fixed(g.Subject[:])
	r.Fixed(g.Scope[:])
	r.ArrayOf(2)
	g.Requested = readStamp(r)
	if !readNull(r) {
		r.ArrayOf(7)
		t := readTerms(r)
		g.Terms, g.Granted = &t, readStamp(r)
	}
	g.Uses = readNumber(r)
	if !readNull(r) {
		r.ArrayOf(3)
		g.Ended = &Ending{readBool(r), readStamp(r)}
	}
	if !readNull(r) {
		g.Glass = readGlass(r)
	}
	if err := r.Done(); err != nil {
		return Grant{}, fmt.Errorf("parse grant: %w", err)
	}
	return g, nil
}

// ParseGrants reads a canonical array of grant records.
func ParseGrants(b []byte) ([]Grant, error) { return parseList(b, "grants", ParseGrant) }

func readTerms(r *dcbor.Reader) Terms {
	var t Terms
	r.Fixed(t.Scope[:])
	t.NotBefore, t.NotAfter, t.MaxUses = r.Int(), r.Int(), readNumber(r)
	if !readNull(r) {
		t.Consent = new(Commitment)
		r.Fixed(t.Consent[:])
	}
	return t
}

func readGlass(r *dcbor.Reader) *Glass {
	r.ArrayOf(4)
	g := &Glass{Reason: Reason(readByte(r))}
	r.Fixed(g.Clinician[:])
	if !readNull(r) {
		r.ArrayOf(3)
		g.Justification = new(Justification)
		r.Fixed(g.Justification.Text[:])
		g.Justification.Stamp = readStamp(r)
	}
	if !readNull(r) {
		r.ArrayOf(3)
		g.Review = &Verdict{readBool(r), readStamp(r)}
	}
	return g
}

// readNull reads a null if one comes next, and says so.
func readNull(r *dcbor.Reader) bool {
	if r.Next() != dcbor.KindNull {
		return false
	}
	r.Null()
	return true
}

// A truth is the integer 1, anything else 0: the encoding has no other.
func appendBool(b []byte, v bool) []byte {
	if v {
		return dcbor.AppendUint(b, 1)
	}
	return dcbor.AppendUint(b, 0)
}

func readBool(r *dcbor.Reader) bool {
	v := r.Uint()
	if v > 1 {
		r.Fail("0 or 1 expected")
	}
	return v == 1
}

func readByte(r *dcbor.Reader) byte {
	v := r.Uint()
	if v > 1<<8-1 {
		r.Fail("code of more than 8 bits")
	}
	return byte(v)
}

func readNumber(r *dcbor.Reader) uint32 {
	v := r.Uint()
	if v > 1<<32-1 {
		r.Fail("number of more than 32 bits")
	}
	return uint32(v)
}
