package rules

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Limits of breaking the glass. Times are differences of block times, in ms.
const (
	// MaxBrokenGlasses is how often one recipient may break the glass in any 24
	// hours, whoever the custodians are.
	MaxBrokenGlasses = 20
	// GlassUses is how many disclosures a broken glass permits.
	GlassUses = 64

	hour          = 3_600_000
	glassWindow   = 24 * hour
	justifyWithin = 72 * hour
)

func (a BreakGlass) apply(x *exchange) (string, error) {
	if a.Reason == 0 || a.Reason > lastReason {
		return "", fmt.Errorf("%w: reason %d", ErrBadTerms, a.Reason)
	}
	if a.Hours == 0 {
		return "", fmt.Errorf("%w: grant %s of no hours", ErrBadTerms, x.id)
	}
	if err := x.begins(a.Custodian); err != nil {
		return "", err
	}
	if err := a.permitted(x); err != nil {
		return "", err
	}
	broken, err := x.glasses(x.by)
	if err != nil {
		return "", err
	}
	if broken, err = x.anotherGlass(broken); err != nil {
		return "", err
	}
	x.set(glassKey(x.by), appendGlasses(nil, broken))
	now := x.now()
	x.begin(Grant{ID: x.id, Custodian: a.Custodian, Recipient: x.by, Purpose: PurposeBreakGlass,
		Subject: a.Subject, Scope: a.Scope, Requested: now, Granted: now,
		Terms: &Terms{Scope: a.Scope, NotAfter: now.Time + int64(a.Hours)*hour, MaxUses: GlassUses},
		Glass: &Glass{Reason: a.Reason, Clinician: a.Clinician}})
	return InfoGlassBroken, nil
}

// permitted asks the custodian's published policy.
func (a BreakGlass) permitted(x *exchange) error {
	c, _, err := contact(x.state, a.Custodian)
	if err != nil {
		return err
	}
	if c.BreakGlassHours == 0 {
		return fmt.Errorf("%w: %s", ErrNoBreakGlass, a.Custodian)
	}
	if a.Hours > c.BreakGlassHours {
		return fmt.Errorf("%w: %d hours, %s permits %d", ErrGlassTooLong, a.Hours, a.Custodian, c.BreakGlassHours)
	}
	return nil
}

// A brokenGlass is one that still counts: young, or not justified.
type brokenGlass struct {
	id        GrantID
	time      int64 // when it was broken
	justified bool
}

func (x *exchange) glasses(member string) ([]brokenGlass, error) {
	b, err := x.state.Get(glassKey(member))
	if err != nil {
		return nil, fmt.Errorf("read broken glasses: %w", err)
	}
	if b == nil {
		return nil, nil
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(2)
	r.Uint()
	all := make([]brokenGlass, r.Array())
	for i := range all {
		r.ArrayOf(3)
		r.Fixed(all[i].id[:])
		all[i].time, all[i].justified = r.Int(), readBool(r)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: broken glasses: %w", errState, err)
	}
	return all, nil
}

// appendGlasses appends [1, [[id, time, justified], …]].
func appendGlasses(b []byte, all []brokenGlass) []byte {
	b = dcbor.AppendArray(dcbor.AppendUint(dcbor.AppendArray(b, 2), 1), len(all))
	for _, g := range all {
		b = dcbor.AppendInt(dcbor.AppendBytes(dcbor.AppendArray(b, 3), g.id[:]), g.time)
		b = appendBool(b, g.justified)
	}
	return b
}

// anotherGlass adds the one that is being broken, and drops those that count no
// more.
func (x *exchange) anotherGlass(broken []brokenGlass) ([]brokenGlass, error) {
	var kept []brokenGlass
	young := 0
	for _, g := range broken {
		if !g.justified && x.block.Time > g.time+justifyWithin {
			return nil, fmt.Errorf("%w: grant %s", ErrJustificationOverdue, g.id)
		}
		if x.block.Time < g.time+glassWindow {
			young++
		} else if g.justified {
			continue
		}
		kept = append(kept, g)
	}
	if young >= MaxBrokenGlasses {
		return nil, fmt.Errorf("%w: %d by %s", ErrGlassCap, young, x.by)
	}
	return append(kept, brokenGlass{id: x.id, time: x.block.Time}), nil
}

func (a Justifying) apply(x *exchange) (string, error) {
	g, err := x.recipients()
	if err != nil {
		return "", err
	}
	if g.Glass == nil {
		return "", fmt.Errorf("%w: grant %s", ErrNoGlass, x.id)
	}
	if g.Glass.Justification != nil {
		return "", fmt.Errorf("%w: grant %s", ErrJustified, x.id)
	}
	broken, err := x.glasses(x.by)
	if err != nil {
		return "", err
	}
	for i := range broken {
		broken[i].justified = broken[i].justified || broken[i].id == x.id
	}
	g.Glass.Justification = &Justification{Text: a.Text, Stamp: x.now()}
	x.set(GrantKey(g.ID), g.Append(nil))
	x.set(glassKey(x.by), appendGlasses(nil, broken))
	return InfoJustified, nil
}

func (a Reviewing) apply(x *exchange) (string, error) {
	g, err := x.custodians()
	if err != nil {
		return "", err
	}
	if g.Glass == nil {
		return "", fmt.Errorf("%w: grant %s", ErrNoGlass, x.id)
	}
	if g.Glass.Review != nil {
		return "", fmt.Errorf("%w: grant %s", ErrReviewed, x.id)
	}
	if g.Glass.Justification == nil && x.block.Time <= g.JustifyBy() {
		return "", fmt.Errorf("%w: grant %s", ErrNotJustified, x.id)
	}
	g.Glass.Review = &Verdict{Accepted: a.Accepted, Stamp: x.now()}
	x.set(GrantKey(g.ID), g.Append(nil))
	return InfoReviewed, nil
}
