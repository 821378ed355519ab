package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func (h *Handler) status(w http.ResponseWriter, r *http.Request) error {
	status, err := h.sidecar.Status(r.Context())
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, status)
	return nil
}

func (h *Handler) row(w http.ResponseWriter, r *http.Request) error {
	verdict, err := h.sidecar.RowVerdict(r.Context(), r.PathValue("table"), r.PathValue("key"))
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, verdict)
	return nil
}

func (h *Handler) audits(w http.ResponseWriter, _ *http.Request) error {
	WriteJSON(w, http.StatusOK, api.Audits{Audits: h.auditor.list()})
	return nil
}

func (h *Handler) startAudit(w http.ResponseWriter, r *http.Request) error {
	var request api.AuditRequest
	if err := readBody(r, &request, `{"tables": ["NAME"], "since": "2026-01-31T00:00:00Z"}, both optional`); err != nil {
		return err
	}
	audit, err := h.auditor.start(request)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/audits/"+audit.ID)
	WriteJSON(w, http.StatusAccepted, audit)
	return nil
}

func (h *Handler) audit(w http.ResponseWriter, r *http.Request) error {
	query, err := readQuery(r, "wait")
	if err != nil {
		return err
	}
	var wait time.Duration
	if text := query.Get("wait"); text != "" {
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > maxWait {
			return badRequest("wait is not a duration up to "+maxWait.String(), "write wait=30s")
		}
	}
	audit, err := h.auditor.wait(r.Context(), r.PathValue("id"), wait)
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, audit)
	return nil
}

func (h *Handler) evidence(w http.ResponseWriter, r *http.Request) error {
	query, err := readQuery(r, "table", "key", "version")
	if err != nil {
		return err
	}
	request := api.ProveRequest{Table: query.Get("table"), Key: query.Get("key")}
	if !query.Has("table") || !query.Has("key") {
		return badRequest("table or key is missing", "write ?table=TABLE&key=KEY")
	}
	if text := query.Get("version"); text != "" {
		if request.Version, err = strconv.ParseUint(text, 10, 64); err != nil {
			return badRequest("version is not a number", "write version=1, or leave it out for the latest")
		}
	}
	file, err := h.sidecar.Prove(r.Context(), request)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="evidence.cbor"`)
	writeBytes(w, http.StatusOK, "application/cbor", file)
	return nil
}

func (h *Handler) trust(w http.ResponseWriter, r *http.Request) error {
	file, err := h.sidecar.TrustExport(r.Context())
	if err != nil {
		return err
	}
	writeBytes(w, http.StatusOK, "application/json", file)
	return nil
}

func badRequest(detail, mend string) *api.Problem {
	return api.NewProblem(http.StatusBadRequest, detail, mend)
}

// readBody reads a JSON object; no body at all is an empty one. The example is for
// who sent another.
func readBody(r *http.Request, into any, example string) error {
	text, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return api.NewProblem(http.StatusRequestEntityTooLarge, "the body is too large", "send at most "+strconv.Itoa(maxBody)+" bytes")
	case err != nil:
		return badRequest("the body broke off", "send it again")
	case len(text) == 0:
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return api.NewProblem(http.StatusUnsupportedMediaType, "the body is not declared as JSON", "send Content-Type: application/json")
	}
	return decodeStrict(text, into, example)
}

func decodeStrict(text []byte, into any, example string) error {
	if !json.Valid(text) {
		return badRequest("the body is not one JSON value", "send an object, such as {}")
	}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if strict.Decode(into) != nil {
		return badRequest("the body has an unknown field or a value of a wrong type", "send "+example)
	}
	return nil
}

// readQuery refuses parameters that it does not know, and any that comes twice.
func readQuery(r *http.Request, known ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query is malformed", "escape its values (%26 for &)")
	}
	for name, values := range query {
		if !slices.Contains(known, name) || len(values) > 1 {
			return nil, badRequest("the query has an unknown or repeated parameter", "use each of these at most once: "+strings.Join(known, ", "))
		}
	}
	return query, nil
}
