package search

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Answer answers a member's query. A *Refusal says that it is none that can be
// answered; that this site does not want to is an answer.
func (s *Search) Answer(ctx context.Context, from Peer, message []byte) ([]byte, error) {
	e, plain, err := s.open(from.Key, message)
	if err != nil {
		return nil, err
	}
	if e.use != useQuery || e.chain != s.options.Chain || e.from != from.ID || e.to != s.options.Self {
		return nil, ErrContext
	}
	q, err := parseQuery(plain)
	if err != nil {
		return nil, ErrMalformed
	}
	defer s.turn(from.ID)()
	a, err := s.judge(ctx, from.ID, e.id, &q)
	if err != nil {
		return nil, err
	}
	back := envelope{use: useAnswer, chain: e.chain, id: e.id, from: e.to, to: e.from}
	return s.seal(from, back, a.append(nil))
}

// judge decides on a query and enters it in the log, before anything is said.
func (s *Search) judge(ctx context.Context, member string, id ID, q *query) (a answer, err error) {
	now := s.options.Now()
	if age := now.Sub(time.UnixMilli(q.created)); age > Window || age < -Window {
		return a, ErrStale
	}
	m, err := s.remember(member, now)
	if err != nil {
		return a, err
	}
	if m.has(id) {
		return a, ErrReplayed
	}
	if len(m.seen) >= maxSeen {
		return a, ErrTooMany
	}
	rule := s.rule(member)
	silent := m.count > rule.MaxPerDay // that it asks too much today stands in the log already
	if !silent {
		m.count++
	}
	var patients [][]byte
	if a, patients, err = s.decide(ctx, rule, m.count, q); err != nil || silent {
		return a, err
	}
	m.seen = append(m.seen, seen{id, q.created})
	err = s.options.Log.Update(func(b *recordlog.Batch) error {
		b.Set(memoryName(member), m.append(nil))
		_, err := b.AppendEvent(commit.Queried, queriedBody(member, id, q, m.count, a, patients))
		return err
	})
	if err != nil {
		return a, fmt.Errorf("enter the query in the log: %w", err)
	}
	return a, nil
}

// decide answers the day's query of a number.
func (s *Search) decide(ctx context.Context, rule Rule, number uint64, q *query) (a answer, patients [][]byte, err error) {
	a.outcome = Refused
	switch {
	case rule.MaxPerDay == 0:
		a.reason = NotAllowed
	case number > rule.MaxPerDay:
		a.reason = Quota
	case !slices.Contains(rule.Purposes, q.purpose):
		a.reason = Purpose
	default:
		return s.find(ctx, q)
	}
	return a, nil, nil
}

func (s *Search) find(ctx context.Context, q *query) (a answer, patients [][]byte, err error) {
	found := Found{Incomplete: true}
	if s.options.Index != nil {
		if found, err = s.options.Index.Find(ctx, q.roots); err != nil {
			return a, nil, fmt.Errorf("look a patient up: %w", err)
		}
	}
	switch {
	case len(found.Patients) > 0:
		a.outcome = Yes
	case found.Incomplete:
		a.outcome, a.reason = No, Incomplete
	default:
		a.outcome = No
	}
	return a, found.Patients, nil
}

// queriedBody is [1, member, query id, purpose, created, number of the day, outcome,
// reason, [patient …]], patients by the source's own keys.
func queriedBody(member string, id ID, q *query, number uint64, a answer, patients [][]byte) []byte {
	b := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 9), format), member)
	b = dcbor.AppendText(dcbor.AppendBytes(b, id[:]), q.purpose)
	b = dcbor.AppendUint(dcbor.AppendInt(b, q.created), number)
	b = dcbor.AppendUint(dcbor.AppendUint(b, uint64(a.outcome)), uint64(a.reason))
	b = dcbor.AppendArray(b, len(patients))
	for _, p := range patients {
		b = dcbor.AppendBytes(b, p)
	}
	return b
}
