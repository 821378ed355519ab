package control_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/rowkey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers is a Sidecar of fixed answers; the real one is tested end to end.
type answers struct {
	err   error
	asked chan any      // what was asked last
	hold  chan struct{} // an audit ends when it is closed
}

func newAnswers() *answers {
	return &answers{asked: make(chan any, 10), hold: make(chan struct{})}
}

func (a *answers) Status(context.Context) (*api.Status, error) {
	return &api.Status{Version: "test", Ready: true}, a.err
}

func (a *answers) RowVerdict(_ context.Context, table, key string) (*api.RowVerdict, error) {
	a.asked <- [2]string{table, key}
	return &api.RowVerdict{Verdict: "intact", Table: table, Key: key}, a.err
}

func (a *answers) Audit(ctx context.Context, request api.AuditRequest) (*api.AuditReport, error) {
	a.asked <- request
	select {
	case <-a.hold:
		return &api.AuditReport{Verdict: "intact", Counts: map[string]uint64{"intact": 3}}, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *answers) Prove(_ context.Context, request api.ProveRequest) ([]byte, error) {
	a.asked <- request
	return []byte("evidence"), a.err
}

func (a *answers) Pause(_ context.Context, lasts time.Duration) (*api.Pause, error) {
	a.asked <- lasts
	return &api.Pause{Since: time.Unix(1, 0).UTC()}, a.err
}

func (a *answers) Resume(context.Context) (*api.Resumed, error) {
	return &api.Resumed{Ended: &api.Pause{Since: time.Unix(1, 0).UTC()}}, a.err
}

func (a *answers) PatientID(_ context.Context, query api.PatientQuery) (*api.Patients, error) {
	a.asked <- query
	return &api.Patients{IDs: []string{"lid1"}, Patients: []api.PatientMatch{{Key: "7", Strong: true}}}, a.err
}

func (a *answers) PatientShow(_ context.Context, id string) (*api.Patients, error) {
	a.asked <- id
	return &api.Patients{}, a.err
}

func (a *answers) PatientNew(context.Context) (*api.PatientEntry, error) {
	return &api.PatientEntry{Leaf: 1, ID: "lid1"}, a.err
}

func (a *answers) PatientLink(_ context.Context, link api.PatientLink) (*api.PatientEntry, error) {
	a.asked <- link
	return &api.PatientEntry{Leaf: 2}, a.err
}

func (a *answers) PatientMerge(_ context.Context, merge api.PatientMerge) (*api.PatientEntry, error) {
	a.asked <- merge
	return &api.PatientEntry{Leaf: 3}, a.err
}

func (a *answers) PatientUnmerge(_ context.Context, merge api.PatientMerge) (*api.PatientEntry, error) {
	a.asked <- merge
	return &api.PatientEntry{Leaf: 4, From: "8"}, a.err
}

func (a *answers) PatientSearch(_ context.Context, search api.PatientSearch) (*api.SearchResult, error) {
	a.asked <- search
	return &api.SearchResult{Query: "q", Answers: []api.SearchAnswer{{Member: "south", Answer: "yes"}}}, a.err
}

func (a *answers) PatientRefused(_ context.Context, most int) (*api.RefusedRows, error) {
	a.asked <- most
	return &api.RefusedRows{}, a.err
}

func (a *answers) PrepareOrder(context.Context, api.OrderRequest) ([]byte, error) {
	return []byte{0x80}, a.err
}

func (a *answers) CarryOut(context.Context, []byte) (*api.Certificate, error) {
	return &api.Certificate{Kind: "erase"}, a.err
}

func (a *answers) RegisterOfficer(context.Context, api.OfficerRequest) (*api.Officers, error) {
	return &api.Officers{}, a.err
}

func (a *answers) Officers(context.Context) (*api.Officers, error) { return &api.Officers{}, a.err }

func (a *answers) TrustExport(context.Context) ([]byte, error) { return []byte("{}"), a.err }

// open serves the answers on a socket, as the sidecar does.
func open(t *testing.T, a *answers) (*control.Client, *control.Handler) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "control.sock")
	listener, err := control.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	handler := control.NewHandler(a, zerolog.Nop())
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- control.Serve(ctx, listener, handler, zerolog.Nop()) }()
	client := control.NewClient(socket)
	t.Cleanup(func() {
		client.Close()
		handler.Close()
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	return client, handler
}

func TestSocketIsForOwnerAndGroupAlone(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control.sock")
	listener, err := control.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	info, err := os.Stat(socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := control.Listen(socket); !errors.Is(err, control.ErrInUse) {
		t.Errorf("a second sidecar took the socket: %v", err)
	}
}

func TestSocketOfADeadProcessIsReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "control.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	listener, err := control.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
}

func TestFileInThePlaceOfTheSocketIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "control.sock")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Listen(file); err == nil || !strings.Contains(err.Error(), "control.socket") {
		t.Errorf("no mend: %v", err)
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Error("the file is gone")
	}
}

func TestCommandsGetTheAnswers(t *testing.T) {
	a := newAnswers()
	client, _ := open(t, a)
	status, err := client.Status(t.Context())
	if err != nil || status.Version != "test" {
		t.Errorf("status %+v, %v", status, err)
	}
	request := api.ProveRequest{Table: "a&b", Key: `["x/y","ü"]`, Version: 3}
	file, err := client.Prove(t.Context(), request)
	if err != nil || string(file) != "evidence" {
		t.Errorf("prove %q, %v", file, err)
	}
	if got := <-a.asked; got != request {
		t.Errorf("asked %+v", got)
	}
	for _, lasts := range []time.Duration{0, 90 * time.Minute} {
		paused, err := client.Pause(t.Context(), lasts)
		if got := <-a.asked; err != nil || paused.Since.Unix() != 1 || got != lasts {
			t.Errorf("pause %+v, %v; asked %v", paused, err, got)
		}
	}
	resumed, err := client.Resume(t.Context())
	if err != nil || resumed.Ended == nil || resumed.Ended.Since.Unix() != 1 {
		t.Errorf("resume %+v, %v", resumed, err)
	}
	trust, err := client.TrustExport(t.Context())
	if err != nil || string(trust) != "{}" {
		t.Errorf("trust %q, %v", trust, err)
	}
}

func TestAnyKeyPassesThroughTheAddress(t *testing.T) {
	a := newAnswers()
	client, _ := open(t, a)
	for _, key := range []string{"42", "a/b", "..", ".", "a//b", `["a b",1]`, "%2F", "ü?x#y", "\x01"} {
		verdict, err := client.RowVerdict(t.Context(), "pat/ients", key)
		if err != nil || verdict.Key != key {
			t.Errorf("%q: %+v, %v", key, verdict, err)
			continue
		}
		if got := <-a.asked; got != [2]string{"pat/ients", key} {
			t.Errorf("%q arrived as %q", key, got)
		}
	}
}

func TestRefusalsKeepStatusReasonAndMend(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{api.NewProblem(http.StatusNotFound, "table x: not covered", "add it"), http.StatusNotFound},
		{rowkey.ErrKey, http.StatusBadRequest},
		{context.DeadlineExceeded, http.StatusGatewayTimeout},
		{context.Canceled, http.StatusServiceUnavailable},
		{errors.New("disk: full"), http.StatusInternalServerError},
	} {
		a := newAnswers()
		a.err = c.err
		client, _ := open(t, a)
		_, err := client.Prove(t.Context(), api.ProveRequest{Table: "x", Key: "1"})
		var p *api.Problem
		if !errors.As(err, &p) || p.Status != c.status || p.Detail == "" || p.Title == "" {
			t.Errorf("%v: %+v", c.err, err)
		}
	}
}

func TestAuditIsAwaitedByTheCommand(t *testing.T) {
	a := newAnswers()
	client, _ := open(t, a)
	since := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	want := api.AuditRequest{Tables: []string{"patients"}, Since: &since}
	go func() {
		if diff := cmp.Diff(any(want), <-a.asked); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		close(a.hold)
	}()
	report, err := client.Audit(t.Context(), want)
	if err != nil || report.Counts["intact"] != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	audits, err := client.Audits(t.Context())
	if err != nil || len(audits.Audits) != 1 || audits.Audits[0].State != api.AuditDone {
		t.Errorf("%+v, %v", audits, err)
	}
}

func TestFailedAuditSaysWhy(t *testing.T) {
	a := newAnswers()
	a.err = api.NewProblem(http.StatusNotFound, "table x: not configured", "add it")
	close(a.hold)
	client, _ := open(t, a)
	_, err := client.Audit(t.Context(), api.AuditRequest{})
	var p *api.Problem
	if !errors.As(err, &p) || p.Mend != "add it" {
		t.Error(err)
	}
}

func TestOneAuditAtATime(t *testing.T) {
	a := newAnswers()
	client, handler := open(t, a)
	first := make(chan error, 1)
	go func() { _, err := client.Audit(t.Context(), api.AuditRequest{}); first <- err }()
	<-a.asked
	_, err := client.Audit(t.Context(), api.AuditRequest{})
	var p *api.Problem
	if !errors.As(err, &p) || p.Status != http.StatusConflict || !strings.Contains(p.Mend, "/v1/audits/") {
		t.Errorf("second audit: %v", err)
	}
	handler.Close() // as the sidecar does when it stops
	if err := <-first; err == nil {
		t.Error("a stopped audit has a report")
	}
	if _, err := client.Audit(t.Context(), api.AuditRequest{}); err == nil {
		t.Error("an audit started after the end")
	}
}

func TestMissingSidecarIsToldWithoutTheKey(t *testing.T) {
	client := control.NewClient(filepath.Join(t.TempDir(), "none.sock"))
	_, err := client.RowVerdict(t.Context(), "patients", "sesame")
	if !errors.Is(err, control.ErrNotRunning) || !strings.Contains(err.Error(), "systemctl start emrbchain") {
		t.Error(err)
	}
	if strings.Contains(err.Error(), "sesame") {
		t.Errorf("the error repeats the key: %v", err)
	}
}
