package rules

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// A GrantID names a grant; 16 random bytes of whom it starts with.
type GrantID [16]byte

// String returns 32 lower-case hexadecimal digits.
func (id GrantID) String() string { return hex.EncodeToString(id[:]) }

// A Commitment hides what it binds. Whoever makes one MUST key it with a secret
// of that grant alone: the chain can't tell one from a plain hash, and everybody
// reads the chain.
type Commitment [32]byte

// A Purpose says what records are asked for: a code of HL7 v3-ActReason.
type Purpose uint8

// The purposes. Numbers never change their meaning.
const (
	PurposeTreatment  Purpose = 1 // TREAT
	PurposeEmergency  Purpose = 2 // ETREAT
	PurposeBreakGlass Purpose = 3 // BTG: of BreakGlass only
	PurposePayment    Purpose = 4 // HPAYMT
	PurposeOperations Purpose = 5 // HOPERAT
	PurposeResearch   Purpose = 6 // HRESCH
	PurposePatient    Purpose = 7 // PATRQT
)

func purposeCodes() []string {
	return []string{"", "TREAT", "ETREAT", "BTG", "HPAYMT", "HOPERAT", "HRESCH", "PATRQT"}
}

// String returns the HL7 code.
func (p Purpose) String() string {
	if codes := purposeCodes(); p > 0 && int(p) < len(codes) {
		return codes[p]
	}
	return fmt.Sprintf("purpose %d", uint8(p))
}

// ParsePurpose returns the purpose of an HL7 code.
func ParsePurpose(code string) (Purpose, error) {
	for p, known := range purposeCodes() {
		if p > 0 && code == known {
			return Purpose(p), nil
		}
	}
	return 0, fmt.Errorf("purpose %q: one of %v expected", clip(code), purposeCodes()[1:])
}

// A Reason says why the glass was broken.
type Reason uint8

// The reasons. Numbers never change their meaning.
const (
	ReasonEmergency   Reason = 1 // life or health is in danger now
	ReasonNoConsent   Reason = 2 // the patient can't be asked
	ReasonUnreachable Reason = 3 // nobody at the custodian answers in time
	ReasonThirdParty  Reason = 4 // somebody else is in danger
	lastReason               = ReasonThirdParty
)

// Terms are what a custodian grants.
type Terms struct {
	Scope     Commitment  // to what is granted: what was asked for, or less
	NotBefore int64       // block time from which on it may be disclosed, ms since 1970 UTC; 0: at once
	NotAfter  int64       // block time until which it may, ms since 1970 UTC
	MaxUses   uint32      // how many disclosures
	Consent   *Commitment // to the patient's consent; nil: none is needed
}

// Same says whether two terms grant the same.
func (t Terms) Same(as Terms) bool {
	consent := t.Consent == nil && as.Consent == nil || t.Consent != nil && as.Consent != nil && *t.Consent == *as.Consent
	t.Consent, as.Consent = nil, nil
	return consent && t == as
}

// A Glass is what a grant has that was not granted, but taken.
type Glass struct {
	Reason        Reason
	Clinician     Commitment // to who broke it
	Justification *Justification
	Review        *Verdict
}

// A Justification is why the glass was rightly broken.
type Justification struct {
	Text Commitment // to the words
	Stamp
}

// A Verdict is what the custodian thinks of a justification.
type Verdict struct {
	Accepted bool
	Stamp
}

// An Ending is by whom and when a grant was rejected or revoked.
type Ending struct {
	ByRecipient bool // or else by the custodian
	Stamp
}

// A Grant is what the chain holds of one; it stands in the state under GrantKey.
type Grant struct {
	ID                   GrantID
	Custodian, Recipient string // members
	Purpose              Purpose
	Subject              Commitment // to the patient
	Scope                Commitment // to what was asked for
	Requested            Stamp
	Terms                *Terms // nil until granted
	Granted              Stamp
	Uses                 uint32 // disclosures so far
	Ended                *Ending
	Glass                *Glass // nil if it was requested
}

// A Status is how a grant stands at a time.
type Status uint8

// The statuses.
const (
	StatusRequested Status = iota + 1 // waits for the custodian
	StatusScheduled                   // granted, not before a time to come
	StatusActive                      // granted: may be disclosed
	StatusExhausted                   // disclosed as often as granted
	StatusExpired                     // granted, until a time that is over
	StatusRevoked                     // ended by either, after it was granted, or withdrawn before
	StatusRejected                    // not granted
)

// String returns the status in a word.
func (s Status) String() string {
	words := []string{"", "requested", "scheduled", "active", "exhausted", "expired", "revoked", "rejected"}
	if int(s) >= len(words) {
		return ""
	}
	return words[s]
}

// refusal says why nothing may be disclosed in a status, nil if it may.
func (s Status) refusal() *Refusal {
	refusals := []*Refusal{nil, ErrNotGranted, ErrNotYetActive, nil, ErrExhausted, ErrExpired, ErrRevoked, ErrRejected}
	return refusals[s]
}

// Status returns how the grant stands at a block's time, in ms since 1970 UTC.
func (g Grant) Status(now int64) Status {
	switch {
	case g.Ended != nil && g.Terms == nil && !g.Ended.ByRecipient:
		return StatusRejected
	case g.Ended != nil:
		return StatusRevoked
	case g.Terms == nil:
		return StatusRequested
	case now > g.Terms.NotAfter:
		return StatusExpired
	case g.Uses >= g.Terms.MaxUses:
		return StatusExhausted
	case now < g.Terms.NotBefore:
		return StatusScheduled
	}
	return StatusActive
}

// JustifyBy returns the block time until which a broken glass must be justified,
// ms since 1970 UTC; 0 for a grant that was requested.
func (g Grant) JustifyBy() int64 {
	if g.Glass == nil {
		return 0
	}
	return g.Requested.Time + justifyWithin
}

// GlassHours returns for how long the glass was broken; 0 for a grant that was
// requested.
func (g Grant) GlassHours() uint8 {
	if g.Glass == nil || g.Terms == nil {
		return 0
	}
	return uint8((g.Terms.NotAfter - g.Granted.Time) / hour)
}

// A GrantPosition is a place in the order of a member's grants: by the block
// that they began in, then by id. The zero value is before all.
type GrantPosition struct {
	Height int64
	ID     GrantID
}

// GrantPositionSize is the size of a position's Bytes.
const GrantPositionSize = 8 + len(GrantID{})

// Bytes returns height BE64 ‖ id.
func (p GrantPosition) Bytes() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(p.Height)), p.ID[:]...)
}

// Position returns the grant's place.
func (g Grant) Position() GrantPosition { return GrantPosition{g.Requested.Height, g.ID} }

// GrantKey is where a grant stands.
func GrantKey(id GrantID) []byte { return append([]byte("g/"), id[:]...) }

// DisclosureKey is where a grant's disclosure of a number stands, from 1.
func DisclosureKey(id GrantID, number uint32) []byte {
	return binary.BigEndian.AppendUint32(append([]byte("x/"), id[:]...), number)
}

// GrantsPrefix is what every GrantIndexKey of a member starts with.
func GrantsPrefix(member string) []byte { return append(append([]byte("i/"), member...), '/') }

// GrantsEnd is the first key after all GrantIndexKeys of a member.
func GrantsEnd(member string) []byte { return append(append([]byte("i/"), member...), '/'+1) }

// GrantIndexKey says, by being there, that a member is party to the grant at a
// position. Keys of a member are in the order of positions.
func GrantIndexKey(member string, at GrantPosition) []byte {
	return append(GrantsPrefix(member), at.Bytes()...)
}

// openKey is where it stands how many requests of a recipient wait at a custodian.
func openKey(recipient, custodian string) []byte {
	return append(append(append([]byte("p/"), recipient...), '/'), custodian...)
}

// glassKey is where a member's broken glasses stand that count still.
func glassKey(member string) []byte { return append([]byte("b/"), member...) }

// A Disclosure is one use of a grant; it stands in the state under
// DisclosureKey.
type Disclosure struct {
	Manifest     Commitment // SHA-256 of what is sent, sealed
	Disclosed    Stamp
	Acknowledged *Stamp // nil until the recipient says that it has it
}

// Append appends the canonical encoding: [1, manifest, [height, time], null or
// [height, time]].
func (d Disclosure) Append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(b, 4), 1), d.Manifest[:])
	b = d.Disclosed.append(dcbor.AppendArray(b, 2))
	if d.Acknowledged == nil {
		return dcbor.AppendNull(b)
	}
	return d.Acknowledged.append(dcbor.AppendArray(b, 2))
}

// ParseDisclosure reads a canonical disclosure record.
func ParseDisclosure(b []byte) (Disclosure, error) {
	var d Disclosure
	r := dcbor.NewReader(b)
	r.ArrayOf(4)
	if v := r.Uint(); r.Err() == nil && v != 1 {
		r.Fail("disclosure record of an unknown format")
	}
	r.Fixed(d.Manifest[:])
	r.ArrayOf(2)
	d.Disclosed = readStamp(r)
	if !readNull(r) {
		r.ArrayOf(2)
		s := readStamp(r)
		d.Acknowledged = &s
	}
	if err := r.Done(); err != nil {
		return Disclosure{}, fmt.Errorf("parse disclosure: %w", err)
	}
	return d, nil
}
