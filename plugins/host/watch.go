package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// patience is how many pings in a row may go unanswered.
const patience = 3

// watch ends the host when the tap's process ends or stops answering.
func (h *Host) watch(ctx context.Context) {
	for missed := 0; missed < patience; {
		select {
		case <-ctx.Done():
			return
		case <-h.link.ended():
			h.end(h.exited())
			return
		case <-h.options.Clock.After(h.options.PingEvery):
		}
		err := h.pingOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			missed = 0
		case status.Code(err) == codes.Unavailable:
			h.disconnected(ctx)
			return
		default:
			missed++
		}
	}
	h.end(h.options.fail(ErrHung, fmt.Sprintf("it did not answer %d times in a row and was stopped", patience),
		"see its output in the log; it is started again"))
	h.link.kill()
}

// lastWords is how long a tap whose connection broke may take to end by
// itself, which tells its own exit status. Without a connection it is of no
// use, so that it is then killed.
const lastWords = time.Second

// disconnected ends the host of a tap whose connection broke, once it is known
// how the process ended.
func (h *Host) disconnected(ctx context.Context) {
	if h.link.ended() == nil {
		h.end(h.lost())
		return
	}
	select {
	case <-h.link.ended():
	case <-h.options.Clock.After(lastWords):
		h.link.kill()
	case <-ctx.Done():
		return
	}
	select {
	case <-h.link.ended():
		h.end(h.exited())
	case <-ctx.Done():
	}
}

func (h *Host) pingOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.options.PingTimeout)
	defer cancel()
	return h.link.ping(ctx)
}

func (h *Host) exited() error {
	return h.options.fail(ErrExited, "its process ended ("+h.link.ending()+")", "see its output in the log; it is started again")
}

func (h *Host) lost() error {
	return h.options.fail(ErrExited, "its connection broke", "see the log of the tap's unit; it is attached to again")
}

// explain turns a broken connection into the reason for it, and names the tap
// that broke its contract.
func (h *Host) explain(ctx context.Context, err error) error {
	var contract *tap.ContractError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &contract):
		return fmt.Errorf("tap %s: %w", h.options.Name, err)
	case !errors.Is(err, tap.ErrConnection):
		return err
	}
	h.disconnected(ctx)
	if cause := h.Err(); cause != nil {
		return cause
	}
	return ctx.Err()
}

// guarded is the tap of a Host: a call that fails because the tap is gone says
// why it is gone.
type guarded struct{ host *Host }

func (g guarded) Describe() tap.Description { return g.host.client.Describe() }

func (g guarded) Open(ctx context.Context, config tap.Config) error {
	return g.host.explain(ctx, g.host.client.Open(ctx, config))
}

func (g guarded) Tables(ctx context.Context) ([]tap.Table, error) {
	tables, err := g.host.client.Tables(ctx)
	return tables, g.host.explain(ctx, err)
}

func (g guarded) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	return g.host.explain(ctx, g.host.client.Stream(ctx, from, sink))
}

func (g guarded) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	chunk, err := g.host.client.Scan(ctx, table, after, limit)
	return chunk, g.host.explain(ctx, err)
}

func (g guarded) Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
	chunk, err := g.host.client.Fetch(ctx, table, keys)
	return chunk, g.host.explain(ctx, err)
}

func (g guarded) Ack(ctx context.Context, position tap.Position) error {
	return g.host.explain(ctx, g.host.client.Ack(ctx, position))
}

// Survey implements tap.Surveyor.
func (g guarded) Survey(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
	found, err := g.host.client.Survey(ctx, q)
	return found, g.host.explain(ctx, err)
}

// Close closes the tap and ends its process.
func (g guarded) Close() error { return g.host.Close() }
