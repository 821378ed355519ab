package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// ErrNotRunning says that no sidecar answers on the socket: what can be done
// without it may open the store.
var ErrNotRunning = errors.New("the sidecar does not answer")

// maxReply bounds what a client reads, in bytes.
const maxReply = 512 << 20

// Client asks a running sidecar over its control socket. A refusal is returned
// as an *api.Problem.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client of the sidecar with this control socket.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close drops the connections that are kept open.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Status asks for the sidecar's state.
func (c *Client) Status(ctx context.Context) (*api.Status, error) {
	return get[api.Status](ctx, c, "/v1/status")
}

// RowVerdict asks for the verdict on one row.
func (c *Client) RowVerdict(ctx context.Context, table, key string) (*api.RowVerdict, error) {
	return get[api.RowVerdict](ctx, c, "/v1/rows/"+segment(table)+"/"+segment(key))
}

// segment escapes a part of an address so that even "." and ".." are names.
func segment(text string) string {
	return strings.ReplaceAll(url.PathEscape(text), ".", "%2E")
}

// Audits lists the audits since the sidecar started, without their reports.
func (c *Client) Audits(ctx context.Context) (*api.Audits, error) {
	return get[api.Audits](ctx, c, "/v1/audits")
}

// Audit starts an audit and waits for its report. The audit goes on if ctx ends.
func (c *Client) Audit(ctx context.Context, request api.AuditRequest) (*api.AuditReport, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	audit, err := decode[api.Audit](c.ask(ctx, http.MethodPost, "/v1/audits", body))
	for err == nil && audit.State == api.AuditRunning {
		audit, err = get[api.Audit](ctx, c, "/v1/audits/"+audit.ID+"?wait=30s")
	}
	switch {
	case err != nil:
		return nil, err
	case audit.State == api.AuditDone && audit.Report != nil:
		return audit.Report, nil
	case audit.Problem != nil:
		return nil, fmt.Errorf("run audit: %w", audit.Problem)
	}
	return nil, errors.New("run audit: the sidecar told neither a report nor why there is none; is it of another version?")
}

// Prove asks for an evidence file.
func (c *Client) Prove(ctx context.Context, request api.ProveRequest) ([]byte, error) {
	query := url.Values{"table": {request.Table}, "key": {request.Key}}
	if request.Version > 0 {
		query.Set("version", strconv.FormatUint(request.Version, 10))
	}
	return c.ask(ctx, http.MethodGet, "/v1/evidence?"+query.Encode(), nil)
}

// TrustExport asks for the chain's trust file.
func (c *Client) TrustExport(ctx context.Context) ([]byte, error) {
	return c.ask(ctx, http.MethodGet, "/v1/trust", nil)
}

// Pause keeps rows of the source from being read, for a time or, where that is 0,
// until Resume.
func (c *Client) Pause(ctx context.Context, lasts time.Duration) (*api.Pause, error) {
	var request api.PauseRequest
	if lasts > 0 {
		request.For = lasts.String()
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return decode[api.Pause](c.ask(ctx, http.MethodPost, "/v1/pause", body))
}

// Resume has the source read again.
func (c *Client) Resume(ctx context.Context) (*api.Resumed, error) {
	return decode[api.Resumed](c.ask(ctx, http.MethodPost, "/v1/resume", nil))
}

func get[T any](ctx context.Context, c *Client, address string) (*T, error) {
	return decode[T](c.ask(ctx, http.MethodGet, address, nil))
}

func post[T any](ctx context.Context, c *Client, address string, body any) (*T, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return decode[T](c.ask(ctx, http.MethodPost, address, text))
}

func decode[T any](body []byte, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	value := new(T)
	if err := json.Unmarshal(body, value); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return value, nil
}

func (c *Client) ask(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://sidecar"+address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer response.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, refusal(response.StatusCode, reply)
	}
	return reply, nil
}

// unreachable says what a failed request means. It drops the address, which may
// hold a key, from the error.
func (c *Client) unreachable(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fmt.Errorf("%w on %s: %w; start it (systemctl start emrbchain), or name its socket in the configuration (control.socket)",
			ErrNotRunning, c.socket, dial.Err)
	}
	return fmt.Errorf("ask sidecar: %w", err)
}

func refusal(status int, reply []byte) *api.Problem {
	p := new(api.Problem)
	if json.Unmarshal(reply, p) != nil || p.Status != status {
		return api.NewProblem(status, "the sidecar refused without a reason", "see the sidecar's log")
	}
	return p
}
