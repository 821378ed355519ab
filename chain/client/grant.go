package client

import (
	"context"
	"fmt"

	rpcclient "github.com/cometbft/cometbft/rpc/client"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// GrantsPage is the most grants that Grants returns at once.
const GrantsPage = app.GrantsPage

// A Party acts about grants: a member, and what signs with its key.
type Party struct {
	Member string
	Signer rules.Signer
}

// Grant returns what the chain holds of a grant; false if there is none.
func (c *Client) Grant(ctx context.Context, id rules.GrantID) (rules.Grant, bool, error) {
	v, err := c.Value(ctx, rules.GrantKey(id))
	if err != nil || v == nil {
		return rules.Grant{}, false, err
	}
	g, err := rules.ParseGrant(v)
	return g, err == nil, err
}

// Grants returns the grants that a member is party to, in the order in which
// they began: the next ones after a position, at most GrantsPage. Fewer are the
// last ones.
func (c *Client) Grants(ctx context.Context, member string, after rules.GrantPosition) ([]rules.Grant, error) {
	var data []byte
	if after != (rules.GrantPosition{}) {
		data = after.Bytes()
	}
	r, err := c.query(ctx, "ask for grants", app.PathGrants+member, data, rpcclient.ABCIQueryOptions{})
	if err != nil {
		return nil, err
	}
	return rules.ParseGrants(r.Value)
}

// Disclosure returns a grant's disclosure of a number; false if there is none.
func (c *Client) Disclosure(ctx context.Context, id rules.GrantID, number uint32) (rules.Disclosure, bool, error) {
	v, err := c.Value(ctx, rules.DisclosureKey(id, number))
	if err != nil || v == nil {
		return rules.Disclosure{}, false, err
	}
	d, err := rules.ParseDisclosure(v)
	return d, err == nil, err
}

// The methods below carry out one act each and return what the chain holds once
// that is final. A refusal is a rules.Refusal: compare with errors.Is. An act
// that the chain shows as this party's is a success and nothing is submitted.

// RequestGrant asks a custodian for a grant, under a fresh random id.
func (c *Client) RequestGrant(ctx context.Context, by Party, id rules.GrantID, a rules.Request) (rules.Grant, error) {
	return c.act(ctx, by, id, a, func(g rules.Grant) bool {
		return g.Recipient == by.Member && g.Custodian == a.Custodian && g.Glass == nil &&
			g.Purpose == a.Purpose && g.Subject == a.Subject && g.Scope == a.Scope
	})
}

// GiveGrant grants a request, on the custodian's terms.
func (c *Client) GiveGrant(ctx context.Context, by Party, id rules.GrantID, a rules.Terms) (rules.Grant, error) {
	return c.act(ctx, by, id, a, func(g rules.Grant) bool {
		return g.Custodian == by.Member && g.Glass == nil && g.Terms != nil && g.Terms.Same(a)
	})
}

// RejectGrant refuses a request.
func (c *Client) RejectGrant(ctx context.Context, by Party, id rules.GrantID) (rules.Grant, error) {
	return c.act(ctx, by, id, rules.Rejection{}, func(g rules.Grant) bool {
		return g.Custodian == by.Member && g.Ended != nil && !g.Ended.ByRecipient && g.Terms == nil
	})
}

// RevokeGrant ends a grant, or withdraws a request.
func (c *Client) RevokeGrant(ctx context.Context, by Party, id rules.GrantID) (rules.Grant, error) {
	return c.act(ctx, by, id, rules.Revocation{}, func(g rules.Grant) bool {
		if g.Ended == nil {
			return false
		}
		if g.Ended.ByRecipient {
			return g.Recipient == by.Member
		}
		return g.Custodian == by.Member && g.Terms != nil
	})
}

// BreakGlass takes a grant that nobody gave, under a fresh random id.
func (c *Client) BreakGlass(ctx context.Context, by Party, id rules.GrantID, a rules.BreakGlass) (rules.Grant, error) {
	return c.act(ctx, by, id, a, func(g rules.Grant) bool {
		return g.Recipient == by.Member && g.Custodian == a.Custodian && g.Subject == a.Subject && g.Scope == a.Scope &&
			g.Glass != nil && g.Glass.Reason == a.Reason && g.Glass.Clinician == a.Clinician && g.GlassHours() == a.Hours
	})
}

// Justify gives the reasons for a broken glass.
func (c *Client) Justify(ctx context.Context, by Party, id rules.GrantID, a rules.Justifying) (rules.Grant, error) {
	return c.act(ctx, by, id, a, func(g rules.Grant) bool {
		return g.Recipient == by.Member && g.Glass != nil && g.Glass.Justification != nil && g.Glass.Justification.Text == a.Text
	})
}

// Review says whether the custodian accepts that the glass was broken.
func (c *Client) Review(ctx context.Context, by Party, id rules.GrantID, a rules.Reviewing) (rules.Grant, error) {
	return c.act(ctx, by, id, a, func(g rules.Grant) bool {
		return g.Custodian == by.Member && g.Glass != nil && g.Glass.Review != nil && g.Glass.Review.Accepted == a.Accepted
	})
}

// Disclose puts a disclosure on the chain, before the key is sent.
func (c *Client) Disclose(ctx context.Context, by Party, id rules.GrantID, a rules.Disclosing) (rules.Disclosure, error) {
	return c.disclosure(ctx, by, id, a.Number, a, func(g rules.Grant, d rules.Disclosure) bool {
		return g.Custodian == by.Member && g.Terms != nil && g.Terms.Scope == a.Scope && d.Manifest == a.Manifest
	})
}

// Acknowledge says that the recipient has what was disclosed.
func (c *Client) Acknowledge(ctx context.Context, by Party, id rules.GrantID, a rules.Acknowledging) (rules.Disclosure, error) {
	return c.disclosure(ctx, by, id, a.Number, a, func(g rules.Grant, d rules.Disclosure) bool {
		return g.Recipient == by.Member && d.Acknowledged != nil && d.Manifest == a.Manifest
	})
}

// act submits an act until shown says that the grant shows it.
func (c *Client) act(ctx context.Context, by Party, id rules.GrantID, a rules.Act, shown func(rules.Grant) bool) (rules.Grant, error) {
	var g rules.Grant
	err := c.submitAct(ctx, by, id, a, func(bool) (found bool, err error) {
		g, found, err = c.Grant(ctx, id)
		return found && shown(g), err
	})
	if err != nil {
		return rules.Grant{}, err
	}
	return g, nil
}

// disclosure is act for what a disclosure's own record shows.
func (c *Client) disclosure(ctx context.Context, by Party, id rules.GrantID, number uint32, a rules.Act, shown func(rules.Grant, rules.Disclosure) bool) (rules.Disclosure, error) {
	var d rules.Disclosure
	err := c.submitAct(ctx, by, id, a, func(bool) (found bool, err error) {
		g, found, err := c.Grant(ctx, id)
		if err != nil || !found {
			return false, err
		}
		d, found, err = c.Disclosure(ctx, id, number)
		return found && shown(g, d), err
	})
	if err != nil {
		return rules.Disclosure{}, err
	}
	return d, nil
}

func (c *Client) submitAct(ctx context.Context, by Party, id rules.GrantID, a rules.Act, final func(bool) (bool, error)) error {
	chain, err := c.ChainID(ctx)
	if err != nil {
		return err
	}
	tx, err := rules.SharingTx{Chain: chain, Grant: id, Member: by.Member, Act: a}.Sign(by.Signer)
	if err != nil {
		return err
	}
	if err := c.submit(ctx, tx, final); err != nil {
		return fmt.Errorf("act about grant %s: %w", id, err)
	}
	return nil
}
