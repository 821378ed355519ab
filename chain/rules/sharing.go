package rules

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Limits of sharing.
const (
	// MaxOpenRequests is how many requests of one recipient may wait at one
	// custodian.
	MaxOpenRequests = 16
	// MaxUses is the most disclosures that one grant may permit.
	MaxUses = 1000
)

// An exchange is one act on the way through the rules: what it may read, and
// what it is to write once all of it was checked.
type exchange struct {
	state  State
	block  Block
	id     GrantID
	by     string // member
	writes []write
}

type write struct{ key, value []byte }

func (x *exchange) set(key, value []byte) { x.writes = append(x.writes, write{key, value}) }

func (x *exchange) now() Stamp { return Stamp{Height: x.block.Height, Time: x.block.Time} }

func (t SharingTx) apply(s State, b Block) (Result, error) {
	m, err := member(s, t.Member)
	if err != nil {
		return Result{}, err
	}
	if !verify(m.Key, t.message(), t.Signature) {
		return Result{}, fmt.Errorf("%w: not by member %s", ErrBadSignature, t.Member)
	}
	x := &exchange{state: s, block: b, id: t.Grant, by: t.Member}
	info, err := t.Act.apply(x)
	if err != nil {
		return Result{}, err
	}
	if err := b.take(t.Member, MaxSharingTxs); err != nil {
		return Result{}, err
	}
	for _, w := range x.writes {
		if err := s.Set(w.key, w.value); err != nil {
			return Result{}, fmt.Errorf("write grant: %w", err)
		}
	}
	return Result{Info: info}, nil
}

func (a Request) apply(x *exchange) (string, error) {
	if a.Purpose == 0 || int(a.Purpose) >= len(purposeCodes()) || a.Purpose == PurposeBreakGlass {
		return "", fmt.Errorf("%w: %s can't be requested", ErrBadTerms, a.Purpose)
	}
	if err := x.begins(a.Custodian); err != nil {
		return "", err
	}
	if err := x.count(x.by, a.Custodian, 1); err != nil {
		return "", err
	}
	x.begin(Grant{ID: x.id, Custodian: a.Custodian, Recipient: x.by, Purpose: a.Purpose,
		Subject: a.Subject, Scope: a.Scope, Requested: x.now()})
	return InfoRequested, nil
}

// begins says whether the member may start a grant with the custodian.
func (x *exchange) begins(custodian string) error {
	if custodian == x.by {
		return fmt.Errorf("%w: %s", ErrSameMember, x.by)
	}
	if _, err := member(x.state, custodian); err != nil {
		return err
	}
	held, err := x.state.Get(GrantKey(x.id))
	if err != nil {
		return fmt.Errorf("read grant: %w", err)
	}
	if held != nil {
		return fmt.Errorf("%w: %s", ErrGrantExists, x.id)
	}
	return nil
}

// begin writes a new grant, where both parties find it.
func (x *exchange) begin(g Grant) {
	x.set(GrantKey(g.ID), g.Append(nil))
	for _, party := range []string{g.Custodian, g.Recipient} {
		x.set(GrantIndexKey(party, g.Position()), []byte{1})
	}
}

// count changes how many requests of a recipient wait at a custodian.
func (x *exchange) count(recipient, custodian string, by int) error {
	key := openKey(recipient, custodian)
	open := 0
	b, err := x.state.Get(key)
	if err != nil {
		return fmt.Errorf("read requests: %w", err)
	}
	if b != nil {
		r := dcbor.NewReader(b)
		r.ArrayOf(2)
		r.Uint()
		open = int(readNumber(r))
		if err := r.Done(); err != nil {
			return fmt.Errorf("%w: requests: %w", errState, err)
		}
	}
	if open += by; open > MaxOpenRequests {
		return fmt.Errorf("%w: %d of %s wait at %s", ErrTooManyRequests, MaxOpenRequests, recipient, custodian)
	}
	x.set(key, dcbor.AppendUint(dcbor.AppendUint(dcbor.AppendArray(nil, 2), 1), uint64(open)))
	return nil
}

// grant returns the grant that the act is about.
func (x *exchange) grant() (Grant, error) {
	b, err := x.state.Get(GrantKey(x.id))
	if err != nil {
		return Grant{}, fmt.Errorf("read grant: %w", err)
	}
	if b == nil {
		return Grant{}, fmt.Errorf("%w: %s", ErrUnknownGrant, x.id)
	}
	g, err := ParseGrant(b)
	if err != nil {
		return Grant{}, fmt.Errorf("%w: %w", errState, err)
	}
	return g, nil
}

// custodians returns the grant of which the member must be the custodian.
func (x *exchange) custodians() (Grant, error) {
	g, err := x.grant()
	if err == nil && g.Custodian != x.by {
		err = fmt.Errorf("%w: %s of grant %s", ErrNotCustodian, x.by, x.id)
	}
	return g, err
}

// recipients returns the grant of which the member must be the recipient.
func (x *exchange) recipients() (Grant, error) {
	g, err := x.grant()
	if err == nil && g.Recipient != x.by {
		err = fmt.Errorf("%w: %s of grant %s", ErrNotRecipient, x.by, x.id)
	}
	return g, err
}

// waits says that a grant is requested only, or why it is no request any more.
func (x *exchange) waits(g Grant) error {
	switch is := g.Status(x.block.Time); is {
	case StatusRequested:
		return nil
	case StatusRejected, StatusRevoked:
		return fmt.Errorf("%w: %s", is.refusal(), x.id)
	}
	return fmt.Errorf("%w: %s", ErrGranted, x.id)
}

func (a Terms) apply(x *exchange) (string, error) {
	g, err := x.custodians()
	if err != nil {
		return "", err
	}
	if err := x.waits(g); err != nil {
		return "", err
	}
	if a.NotBefore < 0 || a.NotAfter < a.NotBefore || a.NotAfter <= x.block.Time {
		return "", fmt.Errorf("%w: grant %s would end before it begins", ErrBadTerms, x.id)
	}
	if a.MaxUses == 0 || a.MaxUses > MaxUses {
		return "", fmt.Errorf("%w: grant %s of %d uses, 1 to %d expected", ErrBadTerms, x.id, a.MaxUses, MaxUses)
	}
	g.Terms, g.Granted = &a, x.now()
	x.set(GrantKey(g.ID), g.Append(nil))
	return InfoGranted, x.count(g.Recipient, g.Custodian, -1)
}

func (Rejection) apply(x *exchange) (string, error) {
	g, err := x.custodians()
	if err != nil {
		return "", err
	}
	if err := x.waits(g); err != nil {
		return "", err
	}
	g.Ended = &Ending{Stamp: x.now()}
	x.set(GrantKey(g.ID), g.Append(nil))
	return InfoRejected, x.count(g.Recipient, g.Custodian, -1)
}

func (Revocation) apply(x *exchange) (string, error) {
	g, err := x.grant()
	if err != nil {
		return "", err
	}
	if x.by != g.Custodian && x.by != g.Recipient {
		return "", fmt.Errorf("%w: %s of grant %s", ErrNotParty, x.by, x.id)
	}
	is := g.Status(x.block.Time)
	withdrawn := is == StatusRequested && x.by == g.Recipient
	if !withdrawn && is != StatusActive && is != StatusScheduled {
		return "", fmt.Errorf("%w: %s", is.refusal(), x.id)
	}
	g.Ended = &Ending{ByRecipient: x.by == g.Recipient, Stamp: x.now()}
	x.set(GrantKey(g.ID), g.Append(nil))
	if withdrawn {
		return InfoRevoked, x.count(g.Recipient, g.Custodian, -1)
	}
	return InfoRevoked, nil
}

func (a Disclosing) apply(x *exchange) (string, error) {
	g, err := x.custodians()
	if err != nil {
		return "", err
	}
	if a.Number <= g.Uses {
		return "", fmt.Errorf("%w: number %d of grant %s", ErrDisclosed, a.Number, x.id)
	}
	if is := g.Status(x.block.Time); is != StatusActive {
		return "", fmt.Errorf("%w: %s", is.refusal(), x.id)
	}
	if a.Number != g.Uses+1 {
		return "", fmt.Errorf("%w: number %d of grant %s after %d", ErrDisclosureAhead, a.Number, x.id, g.Uses)
	}
	if a.Scope != g.Terms.Scope {
		return "", fmt.Errorf("%w: grant %s", ErrOverScope, x.id)
	}
	g.Uses = a.Number
	x.set(GrantKey(g.ID), g.Append(nil))
	x.set(DisclosureKey(g.ID, a.Number), Disclosure{Manifest: a.Manifest, Disclosed: x.now()}.Append(nil))
	return InfoDisclosed, nil
}

func (a Acknowledging) apply(x *exchange) (string, error) {
	g, err := x.recipients()
	if err != nil {
		return "", err
	}
	b, err := x.state.Get(DisclosureKey(g.ID, a.Number))
	if err != nil {
		return "", fmt.Errorf("read disclosure: %w", err)
	}
	if b == nil {
		return "", fmt.Errorf("%w: number %d of grant %s", ErrUnknownDisclosure, a.Number, x.id)
	}
	d, err := ParseDisclosure(b)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errState, err)
	}
	if d.Acknowledged != nil {
		return "", fmt.Errorf("%w: number %d of grant %s", ErrAcknowledged, a.Number, x.id)
	}
	if d.Manifest != a.Manifest {
		return "", fmt.Errorf("%w: number %d of grant %s", ErrWrongManifest, a.Number, x.id)
	}
	now := x.now()
	d.Acknowledged = &now
	x.set(DisclosureKey(g.ID, a.Number), d.Append(nil))
	return InfoAcknowledged, nil
}
