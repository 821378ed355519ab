// Package search asks other members whether they know a patient, and answers them.
// SPEC.md beside this file is the format of what is sent.
//
//	Ask: entry → query, sealed to each member → answer → entry
//	Answer: open → whose, to whom, how old, seen before? → policy → index → entry → sealed answer
//
// Nothing of it is on the chain but the digests of the entries. A query holds the
// patient's roots, which are secrets: so it is sealed to one member, and the answer,
// which is yes, no or refused, back. All queries, and all answers, are of one length.
//
// Who may ask for what, and how often, the answering site decides. What it has seen
// stands in its record log, in one batch with the entry, so a restart forgets
// nothing.
package search

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/seal"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

// Limits of a query.
const (
	// MaxRoots is the most roots of a query: of 4 identifiers in 2 epochs.
	MaxRoots = 8
	// Window is how far the asker's clock may be from the answering one's.
	Window = 5 * time.Minute
	// MaxMessage bounds a sealed query or answer, in bytes.
	MaxMessage = 8 << 10
	// MaxMembers is the most members that one query is sent to.
	MaxMembers = 256
)

// A Root is what a patient is looked for by: the root of an identifier in an epoch.
type Root struct {
	Epoch uint16
	Root  vid.Root
}

// Found is what the site's index says.
type Found struct {
	Patients [][]byte // the source's keys of those found by a strong identifier
	// Incomplete says that rows are not in the index yet.
	Incomplete bool
}

// An Index finds this site's patients.
type Index interface {
	Find(ctx context.Context, roots []Root) (Found, error)
}

// A Peer is another member.
type Peer struct {
	ID         string
	Key        ed25519.PublicKey // signs as the member
	Recipients []*seal.Public    // the preferred one first
}

// Peers are the other members.
type Peers interface {
	Members(ctx context.Context) ([]Peer, error)
	// Ask sends a member what body makes for it, and returns who was asked and what
	// came back.
	Ask(ctx context.Context, member string, body func(to Peer) ([]byte, error)) (Peer, []byte, error)
}

// Rule is what a member may ask.
type Rule struct {
	Purposes  []string
	MaxPerDay uint64 // a day of UTC
}

// AnyMember is the member of a rule for all that have none of their own.
const AnyMember = "*"

// Options are what a Search is made from.
type Options struct {
	Log    *recordlog.Log
	Chain  string // id
	Self   string // this member's id
	Signer *keys.Member
	// Keyring returns this site's recipient key of an id, nil if there is none.
	Keyring func(seal.KeyID) *seal.Recipient
	Index   Index // nil: this site's patients are not indexed, nobody is found
	Peers   Peers
	Rules   map[string]Rule // by member, or AnyMember
	Now     func() time.Time
}

// Search asks and answers. It is safe for concurrent use.
type Search struct {
	options Options

	mu    sync.Mutex
	turns map[string]*sync.Mutex // by member: its queries are judged one after the other
}

// New returns a Search.
func New(o Options) *Search { return &Search{options: o, turns: map[string]*sync.Mutex{}} }

// turn waits for a member's turn and returns its end.
func (s *Search) turn(member string) (end func()) {
	s.mu.Lock()
	t := s.turns[member]
	if t == nil {
		t = new(sync.Mutex)
		s.turns[member] = t
	}
	s.mu.Unlock()
	t.Lock()
	return t.Unlock
}

func (s *Search) rule(member string) Rule {
	if r, ok := s.options.Rules[member]; ok {
		return r
	}
	return s.options.Rules[AnyMember]
}

// A Refusal is why a query is not even answered. The peer is told its code.
type Refusal struct{ code, reason, mend string }

// Error says the reason.
func (r *Refusal) Error() string { return "query refused: " + r.reason }

// Code returns what the peer is told.
func (r *Refusal) Code() string { return r.code }

// The refusals.
var (
	ErrMalformed = &Refusal{"malformed", "it is no sealed query, or was altered or cut on its way",
		"it cannot read the query: see that both sidecars are of one version"}
	ErrRecipient = &Refusal{"other-recipient", "it is sealed to a key that this site does not have",
		"its recipient key is another than the chain says: ask again in a minute, or tell its operator"}
	ErrForged = &Refusal{"forged", "it is not signed by the member that sent it",
		"this sidecar signs with another key than the chain has of this member: name the right chain.member_key_file"}
	ErrContext = &Refusal{"other-context", "it was made for another chain, another member or another use",
		"it takes the query for one of another chain or to another member: compare chain.id and chain.member on both sides"}
	ErrStale = &Refusal{"stale", "it was made more than 5 minutes ago or ahead by this site's clock",
		"the clocks of both hosts are more than 5 minutes apart: set them by NTP"}
	ErrReplayed = &Refusal{"replayed", "it was answered before", "it has answered this very query before: ask anew"}
	ErrTooMany  = &Refusal{"too-many", "the member has asked too often within minutes",
		"this member has asked it too often: ask again in ten minutes"}
)

func refusals() []*Refusal {
	return []*Refusal{ErrMalformed, ErrRecipient, ErrForged, ErrContext, ErrStale, ErrReplayed, ErrTooMany}
}

// explained adds to a peer's refusal of a query what to do about it.
func explained(err error) error {
	var coded interface{ Code() string }
	if !errors.As(err, &coded) {
		return err
	}
	for _, r := range refusals() {
		if r.code == coded.Code() {
			return fmt.Errorf("%w; %s", err, r.mend)
		}
	}
	return err
}

// Errors of Ask.
var (
	// ErrQuestion: the question itself is wrong; the wrapping error says how.
	ErrQuestion = errors.New("not a question that can be asked")
	// ErrAnswer: what came back is no answer to what was asked.
	ErrAnswer = errors.New("its answer is not one to this query, or was altered on its way; tell its operator")
)
