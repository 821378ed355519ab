package adapter

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/patients"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

// index returns the index of patients, or says that there is none.
func (s *Sidecar) index() (*patients.Patients, error) {
	switch {
	case s.patients == nil && s.config.Patients.Any():
		return nil, api.NewProblem(http.StatusServiceUnavailable, "the record log took nothing when the sidecar started", "see emrbchain status")
	case s.patients == nil:
		return nil, api.NewProblem(http.StatusNotFound, "no patient is to be found here", "add a section patients to the configuration, and start the sidecar again")
	}
	return s.patients, nil
}

// PatientID returns an identifier's ids at this site, and whose it is.
func (s *Sidecar) PatientID(ctx context.Context, query api.PatientQuery) (*api.Patients, error) {
	p, err := s.index()
	if err != nil {
		return nil, err
	}
	id, err := p.Normalize(query.System, query.Value)
	if err != nil {
		return nil, api.NewProblem(http.StatusUnprocessableEntity, err.Error(), "compare it with the paper that it was read from")
	}
	locals, err := p.Locals(id)
	if err != nil {
		return nil, err
	}
	found, err := p.Find(ctx, p.Roots(id))
	if err != nil {
		return nil, err
	}
	return describeFound(&found, locals...)
}

// PatientShow returns whose an id is.
func (s *Sidecar) PatientShow(ctx context.Context, id string) (*api.Patients, error) {
	p, err := s.index()
	if err != nil {
		return nil, err
	}
	l, err := parseLocal(id)
	if err != nil {
		return nil, err
	}
	found, known, err := p.Show(ctx, l)
	if err != nil {
		return nil, err
	}
	if !known && !found.Incomplete {
		return nil, api.NewProblem(http.StatusNotFound, "nobody has this id here", "it may be another site's, or of an identifier that was changed, or of an epoch that is over")
	}
	return describeFound(&found, l)
}

func parseLocal(text string) (vid.Local, error) {
	l, err := vid.ParseLocal(text)
	if err != nil {
		return l, api.NewProblem(http.StatusBadRequest, err.Error(), "copy the id whole, or type it again")
	}
	return l, nil
}

func describeFound(found *patients.Found, locals ...vid.Local) (*api.Patients, error) {
	out := &api.Patients{IDs: []string{}, Patients: []api.PatientMatch{}, Ambiguous: found.Ambiguous(), Incomplete: found.Incomplete}
	for _, l := range locals {
		out.IDs = append(out.IDs, l.String())
	}
	for _, m := range found.Matches {
		key, err := rows.FormatPatient(m.Patient)
		if err != nil {
			return nil, err
		}
		out.Patients = append(out.Patients, api.PatientMatch{Key: key, Strong: m.Strong})
	}
	return out, nil
}

// PatientNew gives out an id for somebody who is not known yet.
func (s *Sidecar) PatientNew(context.Context) (*api.PatientEntry, error) {
	p, err := s.index()
	if err != nil {
		return nil, err
	}
	l, leaf, err := p.NewLocal()
	return &api.PatientEntry{Leaf: leaf, ID: l.String()}, err
}

// PatientLink enters whose such an id turned out to be.
func (s *Sidecar) PatientLink(_ context.Context, link api.PatientLink) (*api.PatientEntry, error) {
	p, err := s.index()
	if err != nil {
		return nil, err
	}
	l, err := parseLocal(link.ID)
	if err != nil {
		return nil, err
	}
	patient, err := parsePatient("patient", link.Patient)
	if err != nil {
		return nil, err
	}
	leaf, err := p.Link(l, patient)
	return entered(leaf, err)
}

// PatientMerge enters that two patients are one person.
func (s *Sidecar) PatientMerge(_ context.Context, merge api.PatientMerge) (*api.PatientEntry, error) {
	p, err := s.index()
	if err != nil {
		return nil, err
	}
	patient, err := parsePatient("patient", merge.Patient)
	if err != nil {
		return nil, err
	}
	into, err := parsePatient("into", merge.Into)
	if err != nil {
		return nil, err
	}
	leaf, err := p.Merge(patient, into)
	return entered(leaf, err)
}

// PatientUnmerge enters that a merge is undone.
func (s *Sidecar) PatientUnmerge(_ context.Context, merge api.PatientMerge) (*api.PatientEntry, error) {
	p, err := s.index()
	if err != nil {
		return nil, err
	}
	if merge.Into != "" {
		return nil, api.NewProblem(http.StatusBadRequest, "into is of no use here", "name the patient who was merged alone")
	}
	patient, err := parsePatient("patient", merge.Patient)
	if err != nil {
		return nil, err
	}
	leaf, from, err := p.Unmerge(patient)
	out, err := entered(leaf, err)
	if err == nil {
		out.From, err = rows.FormatPatient(from)
	}
	return out, err
}

func parsePatient(field, text string) ([]byte, error) {
	patient, ok := rows.ParsePatient(text)
	if !ok {
		return nil, api.NewProblem(http.StatusBadRequest, field+" is no patient's key", "write it as the EMR's own column has it")
	}
	return patient, nil
}

func entered(leaf uint64, err error) (*api.PatientEntry, error) {
	switch {
	case errors.Is(err, patients.ErrPatient):
		return nil, api.NewProblem(http.StatusNotFound, err.Error(), "write the key as the EMR's own column has it")
	case errors.Is(err, patients.ErrMerge) || errors.Is(err, patients.ErrLocal):
		return nil, api.NewProblem(http.StatusConflict, err.Error(), "")
	case err != nil:
		return nil, err
	}
	return &api.PatientEntry{Leaf: leaf}, nil
}

// PatientRefused lists up to most rows with refused identifiers.
func (s *Sidecar) PatientRefused(ctx context.Context, most int) (*api.RefusedRows, error) {
	p, err := s.index()
	if err != nil {
		return nil, err
	}
	refused, more, err := p.Refused(most)
	if err != nil {
		return nil, err
	}
	out := &api.RefusedRows{Rows: []api.RefusedRow{}, More: more}
	for _, r := range refused {
		key, err := s.writeKey(ctx, r.Table, r.Key)
		if err != nil {
			return nil, fmt.Errorf("write the key of a row of %s: %w", r.Table, err)
		}
		row := api.RefusedRow{Table: r.Table, Key: key}
		for _, c := range r.Refusals {
			row.Columns = append(row.Columns, api.RefusedContent(c))
		}
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

func (s *Sidecar) patientsStatus(_ context.Context, out *api.Status) error {
	if s.patients == nil {
		return nil
	}
	lacking, err := s.patients.Lacking()
	if err != nil {
		return err
	}
	refused, err := s.patients.RefusedCounts()
	out.Patients = &api.PatientsStatus{Epochs: s.patients.Epochs(), Lacking: append([]string{}, lacking...), Refused: refused}
	return err
}
