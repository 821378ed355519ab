package search

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// A Question is what members are asked.
type Question struct {
	Roots   []Root   // of strong identifiers alone
	Locals  []string // this site's ids of them, for the entry
	Purpose string
	Members []string // empty: all that have a contact
	By      string   // who asks, as the entry is to say
}

// An Answer is what one member says.
type Answer struct {
	Member  string
	Outcome Outcome // of an Err: 0
	Reason  Reason
	Err     error // why there is no answer; names the member, the reason and the mend
}

// Answers are those to one query.
type Answers struct {
	Query   ID
	Answers []Answer // by member
}

// String returns 32 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

const (
	atOnce = 8  // members that are asked at the same time
	maxBy  = 64 // bytes
)

// Ask asks members whether they know a patient, and waits for their answers. That
// is entered in the log before and after.
func (s *Search) Ask(ctx context.Context, q Question) (*Answers, error) {
	if err := q.check(s.options.Self); err != nil {
		return nil, err
	}
	members, err := s.members(ctx, q.Members)
	if err != nil {
		return nil, err
	}
	out := &Answers{Answers: make([]Answer, len(members))}
	_, _ = rand.Read(out.Query[:]) // never fails
	if err := s.enter(commit.Query, askedBody(out.Query, &q, members)); err != nil {
		return nil, err
	}
	var group sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, m := range members {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			out.Answers[i] = s.askMember(ctx, out.Query, m, &q)
		})
	}
	group.Wait()
	return out, s.enter(commit.Answers, answersBody(out))
}

func (s *Search) enter(op commit.Op, body []byte) error {
	err := s.options.Log.Update(func(b *recordlog.Batch) error {
		_, err := b.AppendEvent(op, body)
		return err
	})
	if err != nil {
		return fmt.Errorf("enter the query in the log: %w", err)
	}
	return nil
}

func (q *Question) check(self string) error {
	wrong := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrQuestion}, a...)...)
	}
	if _, err := rules.ParsePurpose(q.Purpose); err != nil {
		return wrong("%w", err)
	}
	switch {
	case len(q.Roots) == 0:
		return wrong("it names no identifier that tells one patient from all others")
	case len(q.Roots) > MaxRoots:
		return wrong("it has %d roots; name at most 4 identifiers", len(q.Roots))
	case len(q.Members) > MaxMembers:
		return wrong("it names more than %d members", MaxMembers)
	case slices.Contains(q.Members, self):
		return wrong("it names this member itself; look there with emrbchain patient")
	case len(q.By) > maxBy || !utf8.ValidString(q.By):
		return wrong("who asks has a name of more than %d bytes, or one that is no UTF-8", maxBy)
	}
	return nil
}

// members returns whom to ask, each once.
func (s *Search) members(ctx context.Context, named []string) ([]string, error) {
	if len(named) > 0 {
		named = slices.Sorted(slices.Values(named))
		return slices.Compact(named), nil
	}
	all, err := s.options.Peers.Members(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: no other member has told the chain how it is reached", ErrQuestion)
	}
	for _, p := range all[:min(len(all), MaxMembers)] {
		named = append(named, p.ID)
	}
	return named, nil
}

func (s *Search) askMember(ctx context.Context, id ID, member string, q *Question) Answer {
	out := Answer{Member: member}
	from, reply, err := s.options.Peers.Ask(ctx, member, func(to Peer) ([]byte, error) {
		asked := query{purpose: q.Purpose, created: s.options.Now().UnixMilli(), roots: q.Roots}
		e := envelope{use: useQuery, chain: s.options.Chain, id: id, from: s.options.Self, to: member}
		return s.seal(to, e, asked.append(nil))
	})
	if err != nil {
		out.Err = explained(err)
		return out
	}
	a, err := s.read(from, id, reply)
	if err != nil {
		out.Err = fmt.Errorf("ask member %s: %w", member, errors.Join(ErrAnswer, err))
		return out
	}
	out.Outcome, out.Reason = a.outcome, a.reason
	return out
}

// read opens an answer, which must be to the query and of the member asked.
func (s *Search) read(from Peer, id ID, message []byte) (answer, error) {
	e, plain, err := s.open(from.Key, message)
	if err != nil {
		return answer{}, err
	}
	if want := (envelope{useAnswer, s.options.Chain, id, from.ID, s.options.Self}); e != want {
		return answer{}, ErrContext
	}
	return parseAnswer(plain)
}

// askedBody is [1, query id, purpose, by, [local id …], [member …]].
func askedBody(id ID, q *Question, members []string) []byte {
	b := dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 6), format), id[:])
	b = dcbor.AppendText(dcbor.AppendText(b, q.Purpose), q.By)
	return appendTexts(appendTexts(b, q.Locals), members)
}

// answersBody is [1, query id, [[member, outcome, reason] …]]; outcome 0 is no
// answer.
func answersBody(a *Answers) []byte {
	b := dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 3), format), a.Query[:])
	b = dcbor.AppendArray(b, len(a.Answers))
	for _, one := range a.Answers {
		b = dcbor.AppendText(dcbor.AppendArray(b, 3), one.Member)
		b = dcbor.AppendUint(dcbor.AppendUint(b, uint64(one.Outcome)), uint64(one.Reason))
	}
	return b
}

func appendTexts(b []byte, texts []string) []byte {
	b = dcbor.AppendArray(b, len(texts))
	for _, t := range texts {
		b = dcbor.AppendText(b, t)
	}
	return b
}
