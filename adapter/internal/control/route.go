package control

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// routes are the methods of one address. An answer is written by the function
// itself, a returned error by the Handler.
type routes map[string]func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP answers one request, within bounds of number and time.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case h.requests <- struct{}{}:
		defer func() { <-h.requests }()
	default:
		w.Header().Set("Retry-After", "1")
		WriteProblem(w, api.NewProblem(http.StatusServiceUnavailable, "too many requests at the same time", "ask again in a second"))
		return
	}
	if clean := path.Clean(r.URL.EscapedPath()); clean != r.URL.EscapedPath() {
		WriteProblem(w, notFound())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxAnswer)
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	h.mux.ServeHTTP(w, r.WithContext(ctx))
}

// handle registers an address. The pattern names no method, so that a wrong one
// is answered as a problem too.
func (h *Handler) handle(pattern string, methods routes) {
	allowed := slices.Sorted(maps.Keys(methods))
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		serve, ok := methods[r.Method]
		if r.Method == http.MethodHead {
			serve, ok = methods[http.MethodGet]
		}
		switch {
		case len(methods) == 0:
			WriteProblem(w, notFound())
		case !ok:
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			WriteProblem(w, api.NewProblem(http.StatusMethodNotAllowed, "this address does not serve "+clip(r.Method), "use "+strings.Join(allowed, " or ")))
		default:
			if err := serve(w, r); err != nil {
				h.fail(w, pattern, err)
			}
		}
	})
}

// fail answers an error. The log gets the pattern and never the address, which
// may hold a key.
func (h *Handler) fail(w http.ResponseWriter, pattern string, err error) {
	p := problem(err)
	if p.Status == http.StatusInternalServerError {
		h.logger.Error().Err(err).Str("address", pattern).Msg("request failed")
	}
	WriteProblem(w, p)
}

func notFound() *api.Problem {
	return api.NewProblem(http.StatusNotFound, "there is nothing at this address", "see the addresses under /v1 in the manual")
}

// WriteProblem answers a problem.
func WriteProblem(w http.ResponseWriter, p *api.Problem) {
	write(w, p.Status, "application/problem+json", p)
}

// WriteJSON answers a value.
func WriteJSON(w http.ResponseWriter, status int, value any) {
	write(w, status, "application/json", value)
}

func write(w http.ResponseWriter, status int, contentType string, value any) {
	text, err := json.Marshal(value)
	if err != nil { // no type of package api fails to marshal
		status, text = http.StatusInternalServerError, []byte(`{"status":500}`)
	}
	writeBytes(w, status, contentType, append(text, '\n'))
}

func writeBytes(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a caller who hung up cannot be told
}

func clip(s string) string { return s[:min(len(s), 20)] }
