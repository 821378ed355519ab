package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "test token of no use 123" // with blanks: not a valid one
const goodToken = "test-token-of-no-use-123"

type state struct {
	ready bool
	err   error
}

func (s *state) Status(context.Context) (*api.Status, error) {
	return &api.Status{Ready: s.ready, NotReady: []string{"sesame"}}, s.err
}

// serve opens the interface on a real port, as the sidecar does.
func serve(t *testing.T, s *state) string {
	t.Helper()
	token, err := httpapi.ParseToken([]byte(goodToken + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control.WriteJSON(w, http.StatusOK, map[string]string{"path": r.URL.Path})
	})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- control.Serve(ctx, listener, httpapi.New(s, token, inner), zerolog.Nop()) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

func ask(t *testing.T, method, address, authorization string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestOnlyTheTokenOpensTheInterface(t *testing.T) {
	base := serve(t, &state{ready: true})
	for authorization, status := range map[string]int{
		"":                          401,
		"Bearer":                    401,
		"Bearer ":                   401,
		"Bearer wrong":              401,
		"Bearer " + goodToken + "x": 401,
		"Basic " + goodToken:        401,
		goodToken:                   401,
		"Bearer " + goodToken:       200,
		"bearer  " + goodToken:      200,
	} {
		for _, address := range []string{"/v1/status", "/", "/health/../v1/status"} {
			response, body := ask(t, "GET", base+address, authorization)
			if response.StatusCode != status {
				t.Errorf("%q %s: %d %s", authorization, address, response.StatusCode, body)
			}
			if status == 401 && (response.Header.Get("WWW-Authenticate") == "" || !isProblem(response, body)) {
				t.Errorf("%q: %v %s", authorization, response.Header, body)
			}
		}
	}
}

func isProblem(response *http.Response, body string) bool {
	var p api.Problem
	return response.Header.Get("Content-Type") == "application/problem+json" &&
		json.Unmarshal([]byte(body), &p) == nil && p.Status == response.StatusCode && p.Detail != "" && p.Mend != ""
}

func TestHealthAndReadinessNeedNoTokenAndTellNothing(t *testing.T) {
	s := &state{ready: true}
	base := serve(t, s)
	for _, address := range []string{"/health", "/ready"} {
		if response, body := ask(t, "GET", base+address, ""); response.StatusCode != 200 {
			t.Errorf("%s: %d %s", address, response.StatusCode, body)
		}
		if response, body := ask(t, "POST", base+address, ""); response.StatusCode != 405 || !isProblem(response, body) {
			t.Errorf("POST %s: %d %s", address, response.StatusCode, body)
		}
	}
	for _, unready := range []state{{ready: false}, {ready: true, err: errors.New("sesame")}} {
		*s = unready
		response, body := ask(t, "GET", base+"/ready", "")
		if response.StatusCode != 503 || !isProblem(response, body) || strings.Contains(body, "sesame") {
			t.Errorf("%+v: %d %s", unready, response.StatusCode, body)
		}
	}
	if response, _ := ask(t, "GET", base+"/health", ""); response.StatusCode != 200 {
		t.Error("a sidecar that is not ready is not healthy")
	}
}

func TestWeakTokensAreRefused(t *testing.T) {
	for _, text := range []string{"", "short", testToken, strings.Repeat("ü", 30), goodToken + "\n" + goodToken} {
		if _, err := httpapi.ParseToken([]byte(text)); err == nil || !strings.Contains(err.Error(), "urandom") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
