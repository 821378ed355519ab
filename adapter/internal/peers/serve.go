package peers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	prefix = "/v1/"
	// refusalHeader holds why a request was refused, as a code.
	refusalHeader = "Emrbchain-Refusal"
	media         = "application/cbor"
)

// Codes that this package refuses with.
const (
	codeUnknown = "unknown"   // the member is not in the directory any more
	codeBusy    = "busy"      // the member is at its limits
	codeLarge   = "too-large" // the body is
	codeService = "no-such-service"
	codeFailed  = "failed" // the reason stays here
)

// code is the form of a code: what a peer says is not shown otherwise.
var code = regexp.MustCompile(`^[a-z]+(-[a-z]+){0,5}$`)

// coded is an error whose code a peer may be told.
type coded interface {
	error
	Code() string
}

// Serve answers members until ctx ends.
func (p *Peers) Serve(ctx context.Context, l net.Listener) error {
	bounded := newListener(l, p.gauges)
	config := p.tlsConfig()
	config.ClientAuth = tls.RequireAnyClientCert
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return p.greet(hello), nil }
	server := &http.Server{Handler: http.HandlerFunc(p.answer), TLSConfig: config,
		ReadHeaderTimeout: handshakeTime, ReadTimeout: requestTime, WriteTimeout: 2 * requestTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: stdlog.New(io.Discard, "", 0), // a stranger's noise
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: maxStreams, MaxReadFrameSize: 16 << 10, SendPingTimeout: idleTime},
		Protocols:   new(http.Protocols),
		BaseContext: func(net.Listener) context.Context { return ctx }}
	server.Protocols.SetHTTP2(true)
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(bounded, "", "") }()
	select {
	case err := <-served:
		return fmt.Errorf("serve peers: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), handshakeTime)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close() // who does not end in time is cut off
	}
	<-served
	return nil
}

// greet returns how one connection is checked: its key must be a member's, who has
// not too many connections.
func (p *Peers) greet(hello *tls.ClientHelloInfo) *tls.Config {
	config := p.tlsConfig()
	config.ClientAuth = tls.RequireAnyClientCert
	config.VerifyConnection = func(s tls.ConnectionState) error {
		key, err := keyOf(s)
		if err != nil {
			return err
		}
		m, err := p.roster.of(key)
		if err != nil {
			return err
		}
		c, ok := hello.Conn.(*connection)
		if !ok {
			return errUnknown
		}
		return c.admit(m.ID)
	}
	return config
}

// answer answers one request. Whose it is is looked up anew, since connections
// live long.
func (p *Peers) answer(w http.ResponseWriter, r *http.Request) {
	key, err := keyOf(*r.TLS)
	if err != nil {
		refuse(w, http.StatusForbidden, codeUnknown)
		return
	}
	from, err := p.roster.of(key)
	if err != nil {
		refuse(w, http.StatusForbidden, codeUnknown)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, prefix)
	service, known := p.options.Services[name]
	if !ok || !known || r.Method != http.MethodPost {
		p.pause(r.Context())
		refuse(w, http.StatusNotFound, codeService)
		return
	}
	if !p.gauges.enter(from.ID, name, &service) {
		p.pause(r.Context())
		refuse(w, http.StatusTooManyRequests, codeBusy)
		return
	}
	defer p.gauges.leave(from.ID, name)
	p.serve(w, r, from, name, &service)
}

// refusalPause is how long a refusal takes, so that who goes on asking is held up
// by the bound of his own streams.
const refusalPause = 250 * time.Millisecond

func (p *Peers) pause(ctx context.Context) {
	timer := time.NewTimer(refusalPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (p *Peers) serve(w http.ResponseWriter, r *http.Request, from Member, name string, s *Service) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.MaxBody)))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		refuse(w, http.StatusRequestEntityTooLarge, codeLarge)
		return
	}
	if err != nil {
		return // the peer hung up
	}
	reply, err := s.Handle(ctx, from, body)
	if err != nil {
		p.fail(w, from.ID, name, err)
		return
	}
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(reply) // a peer who hung up cannot be told
}

func (p *Peers) fail(w http.ResponseWriter, member, name string, err error) {
	p.options.Logger.Warn().Str("event", "peer refused").Str("member", member).Str("service", name).Err(err).
		Msg("a request of another member was not answered")
	var told coded
	if errors.As(err, &told) && code.MatchString(told.Code()) {
		refuse(w, http.StatusUnprocessableEntity, told.Code())
		return
	}
	refuse(w, http.StatusInternalServerError, codeFailed)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set(refusalHeader, code)
	w.WriteHeader(status)
}
