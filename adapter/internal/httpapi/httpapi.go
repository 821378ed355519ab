// Package httpapi is the sidecar's door for machines beside it: HTTP on
// loopback, with a bearer token.
//
// It serves what package control does, to callers who send the token, and two
// addresses to everybody, for supervisors that can send none. Those tell
// nothing but yes or no:
//
//	GET /health   200 while the process answers
//	GET /ready    200 while the sidecar does its work, else 503
//
// It has no TLS: the configuration refuses any address but loopback.
package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// minToken is the least length of a token, in characters.
const minToken = 20

// A Token is what callers must send. It is held as a hash, so that comparing it
// takes the same time whatever is sent.
type Token struct{ hash [sha256.Size]byte }

// ParseToken reads the content of a token file: at least 20 visible ASCII
// characters, and white space around them.
func ParseToken(text []byte) (Token, error) {
	text = bytes.TrimSpace(text)
	visible := bytes.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if len(text) < minToken || !visible {
		return Token{}, fmt.Errorf("read token: it must be at least %d visible ASCII characters; "+
			"write one with: head -c 24 /dev/urandom | base64", minToken)
	}
	return Token{sha256.Sum256(text)}, nil
}

func (t Token) matches(sent string) bool {
	hash := sha256.Sum256([]byte(sent))
	return subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1
}

// Sidecar is what the open addresses ask.
type Sidecar interface {
	Status(ctx context.Context) (*api.Status, error)
}

// New returns the handler of the whole interface: the open addresses, and inner
// (control's Handler) behind the token. Serve it with control.Serve.
func New(sidecar Sidecar, token Token, inner http.Handler) http.Handler {
	protected := protect(token, inner)
	open := map[string]http.Handler{
		"/health": readOnly(health),
		"/ready":  readOnly(func(w http.ResponseWriter, r *http.Request) { ready(w, r, sidecar) }),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, ok := open[r.URL.Path]; ok {
			handler.ServeHTTP(w, r)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

func protect(token Token, inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, sent, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || !token.matches(strings.TrimSpace(sent)) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="emrbchain"`)
			control.WriteProblem(w, api.NewProblem(http.StatusUnauthorized, "the request has no valid token",
				"send Authorization: Bearer TOKEN, with the token of the file http.token_file"))
			return
		}
		inner.ServeHTTP(w, r)
	})
}

func readOnly(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", http.MethodGet)
			control.WriteProblem(w, api.NewProblem(http.StatusMethodNotAllowed, "this address is only read", "use GET"))
			return
		}
		serve(w, r)
	})
}

func health(w http.ResponseWriter, _ *http.Request) {
	control.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func ready(w http.ResponseWriter, r *http.Request, sidecar Sidecar) {
	status, err := sidecar.Status(r.Context())
	if err != nil || !status.Ready {
		control.WriteProblem(w, api.NewProblem(http.StatusServiceUnavailable, "the sidecar is not ready", "see /v1/status for the reason"))
		return
	}
	control.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
