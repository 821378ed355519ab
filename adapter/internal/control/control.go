// Package control lets commands and machines ask the running sidecar.
//
// The sidecar alone opens its store; who wants to know or do something asks it,
// as JSON over HTTP. Two doors lead to the same Handler: the control socket of
// this package, a unix socket of mode 0660 whose file permissions are the access
// right, for the commands on the host; and the loopback port of package httpapi,
// with a bearer token, for machines beside it.
//
//	GET  /v1/status                  state of source, log, chain and audits
//	GET  /v1/rows/{table}/{key}      verdict on one row, read now
//	POST /v1/audits                  start an audit
//	GET  /v1/audits                  the audits since the start
//	GET  /v1/audits/{id}?wait=30s    one of them, once it is done or the time is over
//	GET  /v1/evidence?table=&key=    evidence file of a row
//	GET  /v1/trust                   trust file of the chain
//	POST /v1/pause                   read no row of the source, for a time or until resumed
//	POST /v1/resume                  read the source again
//	POST /v1/patients/id             an identifier's ids here, and whose it is
//	POST /v1/patients/show           whose an id is
//	POST /v1/patients/new            an id for somebody who is not known yet
//	POST /v1/patients/link           whose that turned out to be
//	POST /v1/patients/merge          two patients are one person
//	POST /v1/patients/unmerge        and are not
//	POST /v1/patients/search         do other members know a patient?
//	GET  /v1/patients/refused?most=  rows whose identifiers are none
//	GET  /v1/officers                the officers' keys on record
//	POST /v1/officers                put one on record
//	POST /v1/orders/prepare          an order for an officer to sign
//	POST /v1/orders                  carry a signed order out, or say what came of it
//
// Every refusal is an RFC 9457 problem with a detail (thing and reason) and a
// mend. Types are in package api, the writing of keys in package rowkey.
package control

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/rowkey"
)

// Sidecar is what the handlers ask of the running sidecar. An error that is an
// *api.Problem is answered as it is, one that wraps rowkey.ErrKey as a bad
// request; any other is the sidecar's own failure. Errors hold no row values.
type Sidecar interface {
	Status(ctx context.Context) (*api.Status, error)
	// RowVerdict reads one row and compares it with the log.
	RowVerdict(ctx context.Context, table, key string) (*api.RowVerdict, error)
	// Audit reads the source and compares it with the log. It may take hours.
	Audit(ctx context.Context, request api.AuditRequest) (*api.AuditReport, error)
	// Prove returns an evidence file.
	Prove(ctx context.Context, request api.ProveRequest) ([]byte, error)
	// TrustExport returns the chain's trust file.
	TrustExport(ctx context.Context) ([]byte, error)
	// Pause keeps rows of the source from being read, for a time or, where that is
	// 0, until Resume.
	Pause(ctx context.Context, lasts time.Duration) (*api.Pause, error)
	Resume(ctx context.Context) (*api.Resumed, error)
	Patients
	Orders
}

// Bounds of a request.
const (
	maxBody     = 64 << 10
	maxHeader   = 32 << 10
	maxRequests = 64 // at the same time
	maxWait     = time.Minute
	maxAnswer   = 90 * time.Second // to answer in; audits go on behind it
)

// Handler answers requests; both doors share one.
type Handler struct {
	sidecar  Sidecar
	auditor  *auditor
	logger   zerolog.Logger
	mux      *http.ServeMux
	requests chan struct{} // one element per request in work
}

// NewHandler returns a Handler; Close it before the servers that use it are
// shut down, so that those who wait for an audit do not hold them up.
func NewHandler(sidecar Sidecar, logger zerolog.Logger) *Handler {
	h := &Handler{sidecar: sidecar, auditor: newAuditor(sidecar.Audit, time.Now), logger: logger,
		mux: http.NewServeMux(), requests: make(chan struct{}, maxRequests)}
	h.handle("/v1/status", routes{http.MethodGet: h.status})
	h.handle("/v1/rows/{table}/{key}", routes{http.MethodGet: h.row})
	h.handle("/v1/audits", routes{http.MethodGet: h.audits, http.MethodPost: h.startAudit})
	h.handle("/v1/audits/{id}", routes{http.MethodGet: h.audit})
	h.handle("/v1/evidence", routes{http.MethodGet: h.evidence})
	h.handle("/v1/trust", routes{http.MethodGet: h.trust})
	h.handle("/v1/pause", routes{http.MethodPost: h.pause})
	h.handle("/v1/resume", routes{http.MethodPost: h.resume})
	h.handlePatients()
	h.handle("/v1/officers", routes{http.MethodGet: h.officers, http.MethodPost: h.registerOfficer})
	h.handle("/v1/orders/prepare", routes{http.MethodPost: h.prepareOrder})
	h.handle("/v1/orders", routes{http.MethodPost: h.carryOut})
	h.handle("/", routes{})
	return h
}

// Close stops a running audit and waits for its end.
func (h *Handler) Close() { h.auditor.close() }

// problem turns an error into what is answered.
func problem(err error) *api.Problem {
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, rowkey.ErrKey):
		return api.NewProblem(http.StatusBadRequest, "key: "+err.Error(), "")
	case errors.Is(err, context.DeadlineExceeded):
		return api.NewProblem(http.StatusGatewayTimeout, "the sidecar could not answer in time", "ask again; see /v1/status")
	case errors.Is(err, context.Canceled):
		return api.NewProblem(http.StatusServiceUnavailable, "the sidecar is stopping", "ask again once it runs")
	}
	return api.NewProblem(http.StatusInternalServerError, err.Error(), "see the sidecar's log")
}
