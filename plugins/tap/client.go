package tap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"google.golang.org/grpc"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// Client is the Tap at the other end of a connection. Package host makes one;
// an author of a tap never needs it. It passes cancellation on, checks every
// event and row against the contract, and gives back the tap's errors so that
// errors.Is and errors.As work as if the tap were in this process.
type Client struct {
	rpc         tapv1.TapClient
	description Description
}

// NewClient asks the tap at the other end to describe itself. The error is
// ErrProtocol for a tap of another version, ErrConnection if none answers.
func NewClient(ctx context.Context, conn grpc.ClientConnInterface) (*Client, error) {
	c := &Client{rpc: tapv1.NewTapClient(conn)}
	d, err := c.rpc.Describe(ctx, &tapv1.DescribeRequest{})
	if err != nil {
		return nil, errorFromWire(ctx, err)
	}
	if d.Protocol != wire.Protocol {
		return nil, fmt.Errorf("%w: it speaks %d, this program %d", ErrProtocol, d.Protocol, wire.Protocol)
	}
	if d.Assurance < tapv1.Assurance(ScanOnly) || d.Assurance > tapv1.Assurance(EveryVersion) || d.Name == "" {
		return nil, broken("description", "it has no name or no known assurance")
	}
	c.description = Description{Name: d.Name, Version: d.Version, Assurance: Assurance(d.Assurance),
		Schema: json.RawMessage(d.Schema), Scan: d.Scan, Fetch: d.Fetch, BeforeImages: d.BeforeImages, Survey: d.Survey,
		ColumnsTold: d.ColumnsTold}
	return c, nil
}

// Describe implements Tap.
func (c *Client) Describe() Description { return c.description }

// Open implements Tap.
func (c *Client) Open(ctx context.Context, config Config) error {
	_, err := c.rpc.Open(ctx, &tapv1.OpenRequest{Settings: config.Settings, Tables: config.Tables})
	return c.fail(ctx, err)
}

// Tables implements Tap.
func (c *Client) Tables(ctx context.Context) ([]Table, error) {
	in, err := c.rpc.Tables(ctx, &tapv1.TablesRequest{})
	if err != nil {
		return nil, c.fail(ctx, err)
	}
	out := make([]Table, 0, len(in.Tables))
	for _, t := range in.Tables {
		table, err := tableFromWire(t)
		if err != nil {
			return nil, err
		}
		out = append(out, *table)
	}
	return out, nil
}

// Stream implements Tap.
func (c *Client) Stream(ctx context.Context, from Position, sink Sink) error {
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	batches, err := c.rpc.Stream(call, &tapv1.StreamRequest{From: from})
	if err != nil {
		return c.fail(ctx, err)
	}
	decoder := newDecoder(Checked(sink, c.description, from))
	for {
		batch, err := batches.Recv()
		if errors.Is(err, io.EOF) {
			return broken("stream", "it ended without an error although it was not cancelled")
		}
		if err != nil {
			return c.fail(ctx, err)
		}
		if err := decoder.batch(batch); err != nil {
			return err
		}
	}
}

// Scan implements Tap.
func (c *Client) Scan(ctx context.Context, table string, after []row.Value, limit int) (Chunk, error) {
	if limit <= 0 || limit > math.MaxInt32 {
		return Chunk{}, fmt.Errorf("scan table %s: limit %d is not above 0", table, limit)
	}
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &tapv1.ScanRequest{Table: table, Limit: uint32(limit)}
	if after != nil {
		request.After = row.AppendKey(nil, after)
	}
	parts, err := c.rpc.Scan(call, request)
	if err != nil {
		return Chunk{}, c.fail(ctx, err)
	}
	return c.chunk(ctx, chunkOf{"scan", table, limit}, parts)
}

// Fetch implements Tap.
func (c *Client) Fetch(ctx context.Context, table string, keys [][]row.Value) (Chunk, error) {
	call, cancel := context.WithCancel(ctx)
	defer cancel()
	request := &tapv1.FetchRequest{Table: table, Parts: true}
	for _, key := range keys {
		request.Keys = row.AppendKey(request.Keys, key)
	}
	parts, err := c.rpc.Fetch(call, request)
	if err != nil {
		return Chunk{}, c.fail(ctx, err)
	}
	chunk, err := c.chunk(ctx, chunkOf{"fetch", table, len(keys)}, parts)
	if err != nil {
		return Chunk{}, err
	}
	return chunk, checkUnread(table, keys, &chunk)
}

// Ack implements Tap.
func (c *Client) Ack(ctx context.Context, position Position) error {
	_, err := c.rpc.Ack(ctx, &tapv1.AckRequest{Position: position})
	return c.fail(ctx, err)
}

// closePatience bounds how long Close waits for a tap that does not answer;
// the host then kills it.
const closePatience = 5 * time.Second

// Close implements Tap. The tap's process ends with the connection.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_, err := c.rpc.Close(ctx, &tapv1.CloseRequest{})
	return c.fail(ctx, err)
}

func (c *Client) fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return errorFromWire(ctx, err)
}

// chunkOf is what a chunk was asked for: by which call, of which table, with
// how many rows at most.
type chunkOf struct {
	call, table string
	most        int
}

// chunk reads the parts of a chunk until the one that says it is done.
func (c *Client) chunk(ctx context.Context, of chunkOf, parts grpc.ServerStreamingClient[tapv1.ChunkPart]) (Chunk, error) {
	var chunk Chunk
	for {
		part, err := parts.Recv()
		if errors.Is(err, io.EOF) {
			return Chunk{}, broken(of.call, "the chunk ended before its last part")
		}
		if err != nil {
			return Chunk{}, c.fail(ctx, err)
		}
		if err := addPart(&chunk, of, part); err != nil {
			return Chunk{}, err
		}
		if part.Done {
			chunk.Last, chunk.Fence = part.Last, part.Fence
			if chunk.Unread, err = parseKeys(part.Unread); err != nil {
				return Chunk{}, broken(of.call+" of table "+of.table, err.Error())
			}
			return chunk, checkChunk(of.call, of.table, of.most, &chunk)
		}
	}
}

func addPart(chunk *Chunk, of chunkOf, part *tapv1.ChunkPart) error {
	if chunk.Table == nil {
		table, err := tableFromWire(part.Table)
		if err != nil {
			return err
		}
		chunk.Table = table
	}
	if int64(len(chunk.Rows))+int64(part.Rows) > int64(of.most) {
		return broken(of.call, fmt.Sprintf("more than the %d rows of table %s that were asked for", of.most, of.table))
	}
	columns := len(chunk.Table.Columns)
	cells := wire.NewCellReader(part.Cells, columns*int(part.Rows))
	for range part.Rows {
		values, err := cells.Next(columns)
		if err != nil {
			return broken(of.call+" of table "+of.table, err.Error())
		}
		chunk.Rows = append(chunk.Rows, Row{Cells: values})
	}
	if err := cells.Done(); err != nil {
		return broken(of.call+" of table "+of.table, err.Error())
	}
	return nil
}
