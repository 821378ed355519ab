package node_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/rules"
)

func grantID() (id rules.GrantID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// parties are the custodian and the recipient of these tests.
func parties() (alder, birch client.Party) {
	return client.Party{Member: member, Signer: rules.MemberSigner(memberKey())},
		client.Party{Member: "birch", Signer: rules.MemberSigner(birchKey())}
}

// twice does the same act twice: the repeat is a success that changes nothing.
func twice[T any](t *testing.T, what string, do func(context.Context) (T, error)) T {
	t.Helper()
	first, err := do(within(t, 10*time.Second))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	again, err := do(within(t, 10*time.Second))
	if diff := cmp.Diff(first, again); err != nil || diff != "" {
		t.Fatalf("%s again (-first +again), %v:\n%s", what, err, diff)
	}
	return first
}

func TestGrantFromRequestToAcknowledgement(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	alder, birch := parties()
	id := grantID()
	ask := rules.Request{Custodian: member, Purpose: rules.PurposeTreatment, Subject: rules.Commitment{1}, Scope: rules.Commitment{2}}
	give := rules.Terms{Scope: rules.Commitment{3}, NotAfter: time.Now().Add(time.Hour).UnixMilli(), MaxUses: 1, Consent: &rules.Commitment{4}}
	use := rules.Disclosing{Number: 1, Scope: give.Scope, Manifest: rules.Commitment{5}}
	ack := rules.Acknowledging{Number: 1, Manifest: use.Manifest}
	twice(t, "request", func(ctx context.Context) (rules.Grant, error) { return c.RequestGrant(ctx, birch, id, ask) })
	twice(t, "grant", func(ctx context.Context) (rules.Grant, error) { return c.GiveGrant(ctx, alder, id, give) })
	twice(t, "disclose", func(ctx context.Context) (rules.Disclosure, error) { return c.Disclose(ctx, alder, id, use) })
	twice(t, "acknowledge", func(ctx context.Context) (rules.Disclosure, error) { return c.Acknowledge(ctx, birch, id, ack) })

	// A repeat of a request that was granted since is a success still.
	g, err := c.RequestGrant(within(t, 5*time.Second), birch, id, ask)
	if err != nil || g.Status(time.Now().UnixMilli()) != rules.StatusExhausted {
		t.Errorf("grant %+v, %v", g, err)
	}
	for what, got := range map[string]func(context.Context) error{
		"another use": func(ctx context.Context) error { use.Number = 2; _, err := c.Disclose(ctx, alder, id, use); return err },
		"revoke":      func(ctx context.Context) error { _, err := c.RevokeGrant(ctx, alder, id); return err },
		"another request": func(ctx context.Context) error {
			ask.Scope[0] = 9
			_, err := c.RequestGrant(ctx, birch, id, ask)
			return err
		},
		"other terms": func(ctx context.Context) error {
			give.MaxUses = 2
			_, err := c.GiveGrant(ctx, alder, id, give)
			return err
		},
		"another manifest": func(ctx context.Context) error {
			ack.Manifest[0] = 9
			_, err := c.Acknowledge(ctx, birch, id, ack)
			return err
		},
		"unknown": func(ctx context.Context) error { _, err := c.RejectGrant(ctx, alder, grantID()); return err },
	} {
		want := map[string]error{"another use": rules.ErrExhausted, "revoke": rules.ErrExhausted, "another request": rules.ErrGrantExists,
			"other terms": rules.ErrGranted, "another manifest": rules.ErrAcknowledged, "unknown": rules.ErrUnknownGrant}[what]
		if err := got(within(t, 5*time.Second)); !errors.Is(err, want) || client.Retry(err) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	for _, party := range []string{member, "birch"} {
		all, err := c.Grants(within(t, 5*time.Second), party, rules.GrantPosition{})
		if err != nil || len(all) != 1 || all[0].ID != id {
			t.Errorf("grants of %s: %+v, %v", party, all, err)
			continue
		}
		if rest, err := c.Grants(within(t, 5*time.Second), party, all[0].Position()); err != nil || len(rest) != 0 {
			t.Errorf("grants of %s after the last: %+v, %v", party, rest, err)
		}
	}
	sharingReceipts(t, c, id)
}

// sharingReceipts proves a grant, its one disclosure, and that there is no
// other, from what a node gave and nothing else.
func sharingReceipts(t *testing.T, c *client.Client, id rules.GrantID) {
	t.Helper()
	block, err := c.LightBlock(within(t, 5*time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := receipt.NewTrust(block)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		key     []byte
		present bool
	}{{rules.GrantKey(id), true}, {rules.DisclosureKey(id, 1), true}, {rules.DisclosureKey(id, 2), false}} {
		p, err := c.ReceiptParts(within(t, 10*time.Second), k.key)
		if err != nil {
			t.Fatalf("%q: %v", k.key, err)
		}
		r, err := receipt.New(p.LightBlock, p.Key, p.Value, p.Proof, nil)
		if err != nil {
			t.Fatalf("%q: %v", k.key, err)
		}
		if got, err := r.Verify(trust); err != nil || got.Present != k.present {
			t.Errorf("%q: %+v, %v", k.key, got, err)
		}
	}
}

func TestGrantThatIsRefusedRevokedOrTaken(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	alder, birch := parties()
	tls := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	if _, err := c.PublishContact(within(t, 10*time.Second), contact(t, tls), alder.Signer, rules.MemberSigner(tls)); err != nil {
		t.Fatal(err)
	}
	refused, withdrawn, revoked, returned, taken := grantID(), grantID(), grantID(), grantID(), grantID()
	ask := rules.Request{Custodian: member, Purpose: rules.PurposePatient}
	give := rules.Terms{NotAfter: time.Now().Add(time.Hour).UnixMilli(), MaxUses: 1}
	for _, id := range []rules.GrantID{refused, withdrawn, revoked, returned} {
		if _, err := c.RequestGrant(within(t, 10*time.Second), birch, id, ask); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []rules.GrantID{revoked, returned} {
		if _, err := c.GiveGrant(within(t, 10*time.Second), alder, id, give); err != nil {
			t.Fatal(err)
		}
	}
	twice(t, "reject", func(ctx context.Context) (rules.Grant, error) { return c.RejectGrant(ctx, alder, refused) })
	twice(t, "withdraw", func(ctx context.Context) (rules.Grant, error) { return c.RevokeGrant(ctx, birch, withdrawn) })
	twice(t, "revoke", func(ctx context.Context) (rules.Grant, error) { return c.RevokeGrant(ctx, alder, revoked) })
	twice(t, "give back", func(ctx context.Context) (rules.Grant, error) { return c.RevokeGrant(ctx, birch, returned) })
	take := rules.BreakGlass{Custodian: member, Reason: rules.ReasonEmergency, Hours: 2, Clinician: rules.Commitment{6}}
	g := twice(t, "break glass", func(ctx context.Context) (rules.Grant, error) { return c.BreakGlass(ctx, birch, taken, take) })
	if g.Status(time.Now().UnixMilli()) != rules.StatusActive {
		t.Errorf("broken glass: %+v", g)
	}
	text := rules.Justifying{Text: rules.Commitment{7}}
	twice(t, "justify", func(ctx context.Context) (rules.Grant, error) { return c.Justify(ctx, birch, taken, text) })
	twice(t, "review", func(ctx context.Context) (rules.Grant, error) { return c.Review(ctx, alder, taken, rules.Reviewing{}) })

	take.Hours = 9
	_, tooLong := c.BreakGlass(within(t, 5*time.Second), birch, grantID(), take)
	_, afterReject := c.GiveGrant(within(t, 5*time.Second), alder, refused, give)
	_, afterRevoke := c.Disclose(within(t, 5*time.Second), alder, revoked, rules.Disclosing{Number: 1})
	_, other := c.RevokeGrant(within(t, 5*time.Second), alder, returned)
	_, forged := c.RevokeGrant(within(t, 5*time.Second), client.Party{Member: member, Signer: birch.Signer}, taken)
	for want, got := range map[error]error{rules.ErrGlassTooLong: tooLong, rules.ErrRejected: afterReject,
		rules.ErrRevoked: errors.Join(afterRevoke), rules.ErrBadSignature: forged} {
		if !errors.Is(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if !errors.Is(other, rules.ErrRevoked) {
		t.Errorf("revoking what the other gave back: %v", other)
	}
}

// TestFloodThroughANode: a node takes no more of a member into a block than its
// quota, and carries out another member's meanwhile. That pool and blocks hold no
// more, however fast the flood, is shown in package app.
func TestFloodThroughANode(t *testing.T) {
	t.Parallel()
	w := newNetwork(t, 1)
	c := w.client(0)
	rpc, err := rpchttp.New("http://"+w.homesRPC(0), "/websocket")
	if err != nil {
		t.Fatal(err)
	}
	alder, birch := parties()
	l := newLog(t)
	if _, err := c.RegisterLog(within(t, 10*time.Second), birch.Member, birch.Signer, l.id, l.vkey); err != nil {
		t.Fatal(err)
	}
	flood := make([][]byte, 4*rules.MaxLogTxs) // signed before, so that it comes fast
	for i := range flood {
		stranger := newLog(t)
		tx, err := rules.RegisterTx{Chain: chainID, Log: stranger.id, Key: stranger.vkey, Member: alder.Member}.Sign(alder.Signer)
		if err != nil {
			t.Fatal(err)
		}
		flood[i] = tx.Append(nil)
	}
	for _, tx := range flood {
		r, err := rpc.BroadcastTxSync(t.Context(), tx)
		if err != nil {
			t.Fatal(err)
		}
		if r.Code != uint32(rules.CodeOK) && r.Code != uint32(rules.CodeQuota) {
			t.Fatalf("flood: %+v", r)
		}
	}
	l.anchor(t, c)
	if _, err := c.RequestGrant(within(t, 10*time.Second), birch, grantID(), rules.Request{Custodian: member, Purpose: rules.PurposeTreatment}); err != nil {
		t.Error(err)
	}
	status, err := rpc.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := 0
	for height := int64(1); height <= status.SyncInfo.LatestBlockHeight; height++ {
		block, err := rpc.Block(t.Context(), &height)
		if err != nil {
			t.Fatal(err)
		}
		of := 0
		for _, tx := range block.Block.Txs {
			if slices.ContainsFunc(flood, func(one []byte) bool { return bytes.Equal(one, tx) }) {
				of++
			}
		}
		if in += of; of > rules.MaxLogTxs {
			t.Errorf("block %d has %d transactions of one member, at most %d may be", height, of, rules.MaxLogTxs)
		}
	}
	if in == 0 {
		t.Error("nothing of the flood went in")
	}
}
