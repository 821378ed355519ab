package control

import (
	"context"
	"net/http"
	"strconv"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// Patients is what the handlers ask about patients. Keys are the source's own.
type Patients interface {
	// PatientID returns an identifier's ids at this site, and whose it is.
	PatientID(ctx context.Context, query api.PatientQuery) (*api.Patients, error)
	// PatientShow returns whose an id is.
	PatientShow(ctx context.Context, id string) (*api.Patients, error)
	// PatientNew gives out an id for somebody who is not known yet.
	PatientNew(ctx context.Context) (*api.PatientEntry, error)
	PatientLink(ctx context.Context, link api.PatientLink) (*api.PatientEntry, error)
	PatientMerge(ctx context.Context, merge api.PatientMerge) (*api.PatientEntry, error)
	PatientUnmerge(ctx context.Context, merge api.PatientMerge) (*api.PatientEntry, error)
	// PatientSearch asks other members whether they know a patient.
	PatientSearch(ctx context.Context, search api.PatientSearch) (*api.SearchResult, error)
	// PatientRefused lists up to most rows with refused identifiers.
	PatientRefused(ctx context.Context, most int) (*api.RefusedRows, error)
}

// handlePatients registers the addresses of patients. What names a person is sent
// in the body, never in an address.
func (h *Handler) handlePatients() {
	h.handle("/v1/patients/id", routes{http.MethodPost: posted(h.sidecar.PatientID, `{"system": "URI", "value": "as typed"}`)})
	h.handle("/v1/patients/show", routes{http.MethodPost: posted(func(ctx context.Context, l api.LocalID) (*api.Patients, error) {
		return h.sidecar.PatientShow(ctx, l.ID)
	}, `{"id": "lid1…"}`)})
	h.handle("/v1/patients/new", routes{http.MethodPost: posted(func(ctx context.Context, _ struct{}) (*api.PatientEntry, error) {
		return h.sidecar.PatientNew(ctx)
	}, "nothing, or {}")})
	h.handle("/v1/patients/link", routes{http.MethodPost: posted(h.sidecar.PatientLink, `{"id": "lid1…", "patient": "KEY"}`)})
	h.handle("/v1/patients/merge", routes{http.MethodPost: posted(h.sidecar.PatientMerge, `{"patient": "KEY", "into": "KEY"}`)})
	h.handle("/v1/patients/unmerge", routes{http.MethodPost: posted(h.sidecar.PatientUnmerge, `{"patient": "KEY"}`)})
	h.handle("/v1/patients/search", routes{http.MethodPost: posted(h.sidecar.PatientSearch,
		`{"identifiers": [{"system": "URI", "value": "as typed"}], "purpose": "TREAT", "members": ["NAME"]}`)})
	h.handle("/v1/patients/refused", routes{http.MethodGet: h.patientRefused})
}

// posted answers what a function says of the body.
func posted[In, Out any](ask func(context.Context, In) (*Out, error), example string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in In
		if err := readBody(r, &in, example); err != nil {
			return err
		}
		out, err := ask(r.Context(), in)
		if err != nil {
			return err
		}
		WriteJSON(w, http.StatusOK, out)
		return nil
	}
}

// maxRefused bounds how many rows are listed at once.
const maxRefused = 10_000

func (h *Handler) patientRefused(w http.ResponseWriter, r *http.Request) error {
	most := 100
	if text := r.URL.Query().Get("most"); text != "" {
		var err error
		if most, err = strconv.Atoi(text); err != nil || most < 1 || most > maxRefused {
			return badRequest("most is no number of rows", "write 1 to "+strconv.Itoa(maxRefused))
		}
	}
	out, err := h.sidecar.PatientRefused(r.Context(), most)
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, out)
	return nil
}

// PatientID asks for an identifier's ids at this site, and whose it is.
func (c *Client) PatientID(ctx context.Context, query api.PatientQuery) (*api.Patients, error) {
	return post[api.Patients](ctx, c, "/v1/patients/id", query)
}

// PatientShow asks whose an id is.
func (c *Client) PatientShow(ctx context.Context, id string) (*api.Patients, error) {
	return post[api.Patients](ctx, c, "/v1/patients/show", api.LocalID{ID: id})
}

// PatientNew asks for an id for somebody who is not known yet.
func (c *Client) PatientNew(ctx context.Context) (*api.PatientEntry, error) {
	return post[api.PatientEntry](ctx, c, "/v1/patients/new", struct{}{})
}

// PatientLink says whose such an id turned out to be.
func (c *Client) PatientLink(ctx context.Context, link api.PatientLink) (*api.PatientEntry, error) {
	return post[api.PatientEntry](ctx, c, "/v1/patients/link", link)
}

// PatientMerge says that two patients are one person.
func (c *Client) PatientMerge(ctx context.Context, merge api.PatientMerge) (*api.PatientEntry, error) {
	return post[api.PatientEntry](ctx, c, "/v1/patients/merge", merge)
}

// PatientUnmerge says that a patient who was merged is one of their own.
func (c *Client) PatientUnmerge(ctx context.Context, merge api.PatientMerge) (*api.PatientEntry, error) {
	return post[api.PatientEntry](ctx, c, "/v1/patients/unmerge", merge)
}

// PatientSearch asks other members whether they know a patient.
func (c *Client) PatientSearch(ctx context.Context, search api.PatientSearch) (*api.SearchResult, error) {
	return post[api.SearchResult](ctx, c, "/v1/patients/search", search)
}

// PatientRefused lists up to most rows with refused identifiers.
func (c *Client) PatientRefused(ctx context.Context, most int) (*api.RefusedRows, error) {
	return get[api.RefusedRows](ctx, c, "/v1/patients/refused?most="+strconv.Itoa(most))
}
