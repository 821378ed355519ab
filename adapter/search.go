package adapter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/patients"
	"github.com/emrbchain/emrbchain/adapter/internal/search"
)

// searchTime bounds how long members are waited for.
const searchTime = time.Minute

// maxIdentifiers is the most identifiers of a search.
const maxIdentifiers = 4

// foundHere is the index of patients as search asks it.
type foundHere struct{ patients *patients.Patients }

func (s *Sidecar) searchIndex() search.Index {
	if s.patients == nil {
		return nil
	}
	return foundHere{s.patients}
}

// Find returns the patients to whom roots lead, by a strong identifier alone.
func (f foundHere) Find(ctx context.Context, roots []search.Root) (search.Found, error) {
	asked := make([]patients.Root, len(roots))
	for i, r := range roots {
		asked[i] = patients.Root(r)
	}
	found, err := f.patients.Find(ctx, asked)
	out := search.Found{Incomplete: found.Incomplete}
	for _, m := range found.Matches {
		if m.Strong {
			out.Patients = append(out.Patients, m.Patient)
		}
	}
	return out, err
}

// PatientSearch asks other members whether they know a patient.
func (s *Sidecar) PatientSearch(ctx context.Context, q api.PatientSearch) (*api.SearchResult, error) {
	index, err := s.index()
	if err != nil {
		return nil, err
	}
	if s.exchange == nil {
		return nil, api.NewProblem(http.StatusNotFound, "this sidecar speaks to no other", "add a section peers to the configuration, and start the sidecar again")
	}
	question := search.Question{Purpose: q.Purpose, Members: q.Members, By: q.By}
	if n := len(q.Identifiers); n < 1 || n > maxIdentifiers {
		return nil, api.NewProblem(http.StatusBadRequest, fmt.Sprintf("%d identifiers are given", n), fmt.Sprintf("give 1 to %d", maxIdentifiers))
	}
	for _, one := range q.Identifiers {
		if err := addIdentifier(&question, index, one); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	answers, err := s.exchange.search.Ask(ctx, question)
	switch {
	case errors.Is(err, search.ErrQuestion):
		return nil, api.NewProblem(http.StatusUnprocessableEntity, err.Error(), "")
	case err != nil:
		return nil, problem(err)
	}
	return describeAnswers(answers), nil
}

func addIdentifier(q *search.Question, index *patients.Patients, one api.PatientQuery) error {
	id, err := index.Normalize(one.System, one.Value)
	if err != nil {
		return api.NewProblem(http.StatusUnprocessableEntity, err.Error(), "compare it with the paper that it was read from")
	}
	locals, err := index.Locals(id)
	if err != nil {
		return err
	}
	for _, l := range locals {
		q.Locals = append(q.Locals, l.String())
	}
	for _, r := range index.Roots(id) {
		q.Roots = append(q.Roots, search.Root(r))
	}
	return nil
}

func describeAnswers(a *search.Answers) *api.SearchResult {
	out := &api.SearchResult{Query: a.Query.String(), Answers: []api.SearchAnswer{}}
	for _, one := range a.Answers {
		answer := api.SearchAnswer{Member: one.Member, Answer: api.SearchNoAnswer, Reason: one.Reason.String()}
		if one.Err != nil {
			answer.Reason = one.Err.Error()
		} else {
			answer.Answer = one.Outcome.String()
		}
		out.Answers = append(out.Answers, answer)
	}
	return out
}
