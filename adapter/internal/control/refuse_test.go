package control_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func TestEveryRefusalIsAProblem(t *testing.T) {
	handler := control.NewHandler(newAnswers(), zerolog.Nop())
	defer handler.Close()
	const asJSON = "application/json"
	for _, c := range []struct {
		method, address, body, contentType string
		status                             int
	}{
		{"GET", "/", "", "", 404},
		{"GET", "/v1/none", "", "", 404},
		{"GET", "/v1//status", "", "", 404},
		{"GET", "/v1/../v1/status", "", "", 404},
		{"GET", "/v1/rows/patients", "", "", 404},
		{"GET", "/v1/audits/none", "", "", 404},
		{"POST", "/v1/status", "", "", 405},
		{"DELETE", "/v1/audits", "", "", 405},
		{strings.Repeat("X", 300), "/v1/status", "", "", 405},
		{"GET", "/v1/evidence", "", "", 400},
		{"GET", "/v1/evidence?table=a&key=1&key=2", "", "", 400},
		{"GET", "/v1/evidence?table=a&key=1&other=2", "", "", 400},
		{"GET", "/v1/evidence?table=a&key=1&version=-1", "", "", 400},
		{"GET", "/v1/evidence?table=%zz", "", "", 400},
		{"GET", "/v1/audits/x?wait=soon", "", "", 400},
		{"GET", "/v1/audits/x?wait=2h", "", "", 400},
		{"POST", "/v1/audits", "{}", "text/plain", 415},
		{"POST", "/v1/audits", "{", asJSON, 400},
		{"POST", "/v1/audits", "{} {}", asJSON, 400},
		{"POST", "/v1/audits", `{"table": "x"}`, asJSON, 400},
		{"POST", "/v1/audits", `{"since": "yesterday"}`, asJSON, 400},
		{"GET", "/v1/pause", "", "", 405},
		{"POST", "/v1/pause", `{"for": "soon"}`, asJSON, 400},
		{"POST", "/v1/pause", `{"for": "-2h"}`, asJSON, 400},
		{"POST", "/v1/pause", `{"for": "0s"}`, asJSON, 400},
		{"POST", "/v1/pause", `{"for": 2}`, asJSON, 400},
		{"POST", "/v1/resume", `{"for": "2h"}`, asJSON, 400},
		{"GET", "/v1/patients/id?value=x", "", "", 405},
		{"POST", "/v1/patients/id", `{"name": "x"}`, asJSON, 400},
		{"POST", "/v1/patients/merge", `{"patient": 7}`, asJSON, 400},
		{"POST", "/v1/patients/search", `{"identifier": "x"}`, asJSON, 400},
		{"POST", "/v1/patients/new", `{"patient": "7"}`, asJSON, 400},
		{"GET", "/v1/patients/refused?most=0", "", "", 400},
		{"POST", "/v1/audits", strings.Repeat(" ", 70_000), asJSON, 413},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(c.method, c.address, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.contentType)
		handler.ServeHTTP(w, r)
		checkProblem(t, c.method+" "+c.address, w, c.status)
		if c.status == 405 && w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.address)
		}
	}
}

func checkProblem(t *testing.T, what string, w *httptest.ResponseRecorder, status int) {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Errorf("%.60s: %v in %q", what, err, w.Body)
		return
	}
	if w.Code != status || p.Status != status || p.Title != http.StatusText(status) || p.Detail == "" || p.Mend == "" {
		t.Errorf("%.60s: %d %+v, want %d", what, w.Code, p, status)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%.60s: content type %q", what, got)
	}
}

func TestHeadAnswersAsGetDoes(t *testing.T) {
	handler := control.NewHandler(newAnswers(), zerolog.Nop())
	defer handler.Close()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("HEAD", "/v1/status", nil))
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// slow answers a status when it is told to.
type slow struct {
	*answers
	entered, leave chan struct{}
}

func (s slow) Status(context.Context) (*api.Status, error) {
	s.entered <- struct{}{}
	<-s.leave
	return &api.Status{}, nil
}

func TestRequestsAtTheSameTimeAreBounded(t *testing.T) {
	s := slow{newAnswers(), make(chan struct{}), make(chan struct{})}
	handler := control.NewHandler(s, zerolog.Nop())
	defer handler.Close()
	done := make(chan struct{}, 64)
	for range 64 {
		go func() {
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/status", nil))
			done <- struct{}{}
		}()
		<-s.entered
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/v1/status", nil))
	checkProblem(t, "65th request", w, http.StatusServiceUnavailable)
	close(s.leave)
	for range 64 {
		<-done
	}
}

func TestNoKeyReachesTheLog(t *testing.T) {
	var log bytes.Buffer
	a := newAnswers()
	a.err = errors.New("disk: full")
	handler := control.NewHandler(a, zerolog.New(&log))
	defer handler.Close()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/v1/rows/patients/sesame", nil))
	if !strings.Contains(log.String(), "disk: full") || strings.Contains(log.String(), "sesame") {
		t.Errorf("log: %s", &log)
	}
}
