package peers

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// An Error says why a member gave no answer, and what to do.
type Error struct {
	Member string
	Err    error
	code   string
}

// Code returns what the member refused with; empty if it was not reached.
func (e *Error) Code() string { return e.code }

// Error names the member, the reason and the mend.
func (e *Error) Error() string { return "ask member " + e.Member + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Reasons of an Error.
var (
	// ErrUnreachable: nobody answers at the member's endpoint.
	ErrUnreachable = errors.New("its sidecar does not answer; ask again, or tell its operator")
	// ErrImpostor: somebody answers there who does not hold the member's key.
	ErrImpostor = errors.New("who answers at its endpoint does not hold the key that the chain's directory has; tell its operator")
	// ErrStranger: the member does not know this sidecar, as far as can be told
	// from a connection that it breaks off.
	ErrStranger = errors.New("it hung up, as it does on a sidecar that it does not know; " +
		"see that the contact of this member is on the chain, and ask again in a minute")
	// ErrBusy: this member has asked it as much as it lets.
	ErrBusy = errors.New("it is asked too often or too much at the same time by this member; ask again later")
	// ErrRefused: the member refused the request itself.
	ErrRefused = errors.New("it refuses the request")
	// ErrAnswer: what came is no answer.
	ErrAnswer = errors.New("its answer is malformed or too long; tell its operator")
)

// A line is how one member is called.
type line struct {
	endpoint string
	key      ed25519.PublicKey
	client   *http.Client
}

// Call asks a service of a member, whom it returns as the directory has it now. Its
// error is an *Error.
func (p *Peers) Call(ctx context.Context, id, service string, body func(to Member) ([]byte, error)) (Member, []byte, error) {
	to, err := p.roster.member(ctx, id)
	if err != nil {
		return to, nil, &Error{Member: id, Err: err}
	}
	request, err := body(to)
	if err != nil {
		return to, nil, &Error{Member: id, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	reply, err := p.ask(ctx, to, service, request)
	return to, reply, err
}

func (p *Peers) ask(ctx context.Context, to Member, service string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://member"+prefix+service, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Member: to.ID, Err: err}
	}
	request.Header.Set("Content-Type", media)
	response, err := p.line(to).client.Do(request)
	if err != nil {
		return nil, &Error{Member: to.ID, Err: unreached(ctx, err)}
	}
	defer func() { _ = response.Body.Close() }() // it was read
	if response.StatusCode != http.StatusOK {
		return nil, refusal(to.ID, response.Header.Get(refusalHeader))
	}
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil || len(reply) > maxAnswer {
		return nil, &Error{Member: to.ID, Err: ErrAnswer}
	}
	return reply, nil
}

func refusal(member, said string) error {
	if !code.MatchString(said) {
		return &Error{Member: member, Err: ErrAnswer}
	}
	reason := fmt.Errorf("%w: %s", ErrRefused, said)
	switch said {
	case codeUnknown:
		reason = ErrStranger
	case codeBusy:
		reason = ErrBusy
	}
	return &Error{Member: member, Err: reason, code: said}
}

// unreached tells the reasons apart for which no answer came.
func unreached(ctx context.Context, err error) error {
	var dial *net.OpError
	var slow net.Error
	switch {
	case errors.Is(err, ErrImpostor):
		return ErrImpostor
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: %w", ErrUnreachable, dial.Err)
	case errors.As(err, &slow) && slow.Timeout():
		return ErrUnreachable
	}
	return ErrStranger // by its alert, or by the end of the connection that overtook it
}

// line returns the way to a member. A member that has changed its endpoint or key
// is called anew.
func (p *Peers) line(to Member) *line {
	p.mu.Lock()
	defer p.mu.Unlock()
	if held := p.lines[to.ID]; held != nil {
		if held.endpoint == to.Endpoint && held.key.Equal(to.TLS) {
			return held
		}
		held.client.CloseIdleConnections()
	}
	l := &line{endpoint: to.Endpoint, key: to.TLS, client: p.newClient(to)}
	p.lines[to.ID] = l
	return l
}

func (p *Peers) newClient(to Member) *http.Client {
	config := p.tlsConfig()
	config.ServerName = "member"
	config.InsecureSkipVerify = true // the key is compared, below: there is no authority to ask
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if key, err := keyOf(s); err != nil || !key.Equal(to.TLS) {
			return ErrImpostor
		}
		return nil
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, Protocols: new(http.Protocols),
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.Endpoint)
		},
		MaxConnsPerHost: 1, TLSHandshakeTimeout: handshakeTime, IdleConnTimeout: idleTime / 2, DisableCompression: true,
		MaxResponseHeaderBytes: maxHeader}
	transport.Protocols.SetHTTP2(true)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// hangUp closes the connections to all members.
func (p *Peers) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lines {
		l.client.CloseIdleConnections()
	}
}
