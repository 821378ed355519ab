package adapter

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/peers"
	"github.com/emrbchain/emrbchain/adapter/internal/search"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/seal"
)

// queryService is the name of the service that answers queries, and its limits are
// those of one member.
const (
	queryService   = "query"
	queryPerSecond = 1
	queryBurst     = 20
	queryAtOnce    = 2
)

// exchange is how this sidecar and those of other members speak to each other.
type exchange struct {
	peers   *peers.Peers
	search  *search.Search
	contact rules.Contact // of this member
	tls     memberSigner

	mu        sync.Mutex
	published error // why the contact is not published; nil once it is
}

// errPublishing is why a contact is not published at first.
var errPublishing = errors.New("it is being published")

// openPeers reads the keys that other members know this sidecar by. Without that
// section it speaks to nobody.
func (s *Sidecar) openPeers() error {
	c := &s.config.Peers
	if !c.Any() {
		return nil
	}
	tlsKey, err := readKey("peers.tls_key_file", c.TLSKeyFile, keys.ParseMember)
	if err != nil {
		return err
	}
	recipients := map[seal.KeyID]*seal.Recipient{}
	contact := rules.Contact{Member: s.config.Chain.Member, Endpoint: c.Endpoint, TLSKey: tlsKey.Public()}
	for i, file := range c.RecipientKeyFiles {
		key, err := readKey(fmt.Sprintf("peers.recipient_key_files[%d]", i), file, seal.ParseRecipient)
		if err != nil {
			return err
		}
		recipients[key.Public().ID()] = key
		contact.Recipients = append(contact.Recipients, key.Public().Bytes())
	}
	e := &exchange{contact: contact, tls: memberSigner{tlsKey}, published: errPublishing}
	e.peers, err = peers.New(peers.Options{Self: contact.Member, Key: tlsKey, Directory: directory{s.chain}, Logger: s.options.Logger,
		Services: map[string]peers.Service{queryService: {MaxBody: search.MaxMessage, PerSecond: queryPerSecond, Burst: queryBurst,
			AtOnce: queryAtOnce, Handle: func(ctx context.Context, from peers.Member, body []byte) ([]byte, error) {
				return e.search.Answer(ctx, searchPeer(from), body)
			}}}})
	if err != nil {
		return err
	}
	e.search = search.New(search.Options{Log: s.log, Chain: s.config.Chain.ID, Self: contact.Member, Signer: s.chain.signer.member,
		Keyring: func(id seal.KeyID) *seal.Recipient { return recipients[id] }, Index: s.searchIndex(),
		Peers: callers{e.peers}, Rules: searchRules(c.Answers), Now: s.options.Now})
	s.exchange = e
	return nil
}

func searchRules(answers []config.Answers) map[string]search.Rule {
	out := map[string]search.Rule{}
	for _, a := range answers {
		member := a.Member
		if member == config.AnyMember {
			member = search.AnyMember
		}
		out[member] = search.Rule{Purposes: a.Purposes, MaxPerDay: a.MaxPerDay}
	}
	return out
}

// directory is the chain's, as peers read it: the contacts of those who are members.
type directory struct{ chain *chain }

// Members returns the members that have published a contact.
func (d directory) Members(ctx context.Context) ([]peers.Member, error) {
	members, err := d.chain.client.Members(ctx)
	if err != nil {
		return nil, mended(err)
	}
	contacts, err := d.chain.client.Contacts(ctx)
	if err != nil {
		return nil, mended(err)
	}
	signing := make(map[string]ed25519.PublicKey, len(members))
	for _, m := range members {
		signing[m.ID] = m.Key
	}
	var out []peers.Member
	for _, c := range contacts {
		if key, is := signing[c.Member]; is {
			out = append(out, peers.Member{ID: c.Member, Key: key, Endpoint: c.Endpoint, TLS: c.TLSKey, Recipients: recipientsOf(c)})
		}
	}
	return out, nil
}

// recipientsOf returns a contact's keys of suites that this program knows.
func recipientsOf(c rules.Contact) (out []*seal.Public) {
	for _, encoded := range c.Recipients {
		if key, err := seal.ParsePublic(encoded); err == nil {
			out = append(out, key)
		}
	}
	return out
}

// callers is the peers as search asks them.
type callers struct{ peers *peers.Peers }

func searchPeer(m peers.Member) search.Peer {
	return search.Peer{ID: m.ID, Key: m.Key, Recipients: m.Recipients}
}

// Members returns the other members.
func (c callers) Members(ctx context.Context) (out []search.Peer, err error) {
	members, err := c.peers.Members(ctx)
	for _, m := range members {
		out = append(out, searchPeer(m))
	}
	return out, err
}

// Ask asks one of them.
func (c callers) Ask(ctx context.Context, member string, body func(search.Peer) ([]byte, error)) (search.Peer, []byte, error) {
	to, reply, err := c.peers.Call(ctx, member, queryService, func(to peers.Member) ([]byte, error) { return body(searchPeer(to)) })
	return searchPeer(to), reply, err
}

func (e *exchange) setPublished(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.published = err
}

func (s *Sidecar) peersStatus(_ context.Context, out *api.Status) error {
	e := s.exchange
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	out.Peers = &api.PeersStatus{Endpoint: e.contact.Endpoint, Published: e.published == nil}
	if e.published != nil {
		out.Peers.Problem = e.published.Error()
	}
	return nil
}

// publishAgain is how long after a failure the contact is published again.
const publishAgain = 5 * time.Second

// publishContact has the chain say how this sidecar is reached.
func (s *Sidecar) publishContact(ctx context.Context) error {
	told := ""
	for {
		attempt, cancel := context.WithTimeout(ctx, submitTime)
		_, err := s.chain.client.PublishContact(attempt, s.exchange.contact, s.chain.signer, s.exchange.tls)
		cancel()
		s.exchange.setPublished(mended(err))
		if err == nil {
			s.options.Logger.Info().Str("event", "contact published").Str("endpoint", s.exchange.contact.Endpoint).
				Msg("other members know how this sidecar is reached")
			return nil
		}
		if ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			s.options.Logger.Error().Str("event", "contact not published").Err(mended(err)).
				Msg("other members do not know how this sidecar is reached; it is tried again")
		}
		select {
		case <-time.After(publishAgain):
		case <-ctx.Done():
			return nil
		}
	}
}
