package client

import (
	"context"
	"fmt"

	rpcclient "github.com/cometbft/cometbft/rpc/client"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// PublishContact publishes a member's contact, whose sequence number and stamp
// are the chain's to give, and returns what the chain holds once that is final.
// A contact that the chain holds is a success and nothing is submitted. It is
// signed by the member's key and by the TLS key that it names.
func (c *Client) PublishContact(ctx context.Context, contact rules.Contact, member, tls rules.Signer) (rules.Contact, error) {
	var held rules.Contact
	err := until(ctx, func() (_ bool, err error) {
		held, _, err = c.Contact(ctx, contact.Member)
		return err == nil, err
	})
	if err != nil || held.Same(contact) {
		return held, err
	}
	chain, err := c.ChainID(ctx)
	if err != nil {
		return rules.Contact{}, err
	}
	contact.Sequence = held.Sequence + 1
	tx, err := rules.ContactTx{Chain: chain, Contact: contact}.Sign(member, tls)
	if err != nil {
		return rules.Contact{}, err
	}
	err = c.submit(ctx, tx, func(bool) (done bool, err error) {
		held, _, err = c.Contact(ctx, contact.Member)
		return held.Same(contact), err
	})
	if err != nil {
		return rules.Contact{}, fmt.Errorf("publish contact: %w", err)
	}
	return held, nil
}

// Contact returns a member's contact; false if it has published none.
func (c *Client) Contact(ctx context.Context, member string) (rules.Contact, bool, error) {
	v, err := c.Value(ctx, rules.ContactKey(member))
	if err != nil || v == nil {
		return rules.Contact{}, false, err
	}
	contact, err := rules.ParseContact(v)
	return contact, err == nil, err
}

// Contacts returns the contacts of all members that have published one, by
// member.
func (c *Client) Contacts(ctx context.Context) ([]rules.Contact, error) {
	r, err := c.query(ctx, "ask for contacts", app.PathContacts, nil, rpcclient.ABCIQueryOptions{})
	if err != nil {
		return nil, err
	}
	return rules.ParseContacts(r.Value)
}
