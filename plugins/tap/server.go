package tap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/wire"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// A server puts a Tap on the wire.
type server struct {
	tapv1.UnimplementedTapServer
	tap     Tap
	session *session
}

func (s *server) register(r *grpc.Server) { tapv1.RegisterTapServer(r, s) }

// fail is the gRPC error for what a call returned: the context's own, or the
// tap's.
func fail(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return status.FromContextError(ctx.Err()).Err()
	}
	return errorToWire(err)
}

func (s *server) Describe(context.Context, *tapv1.DescribeRequest) (*tapv1.DescribeResponse, error) {
	d := s.tap.Describe()
	return &tapv1.DescribeResponse{Protocol: wire.Protocol, Name: wire.Text(d.Name), Version: wire.Text(d.Version),
		Assurance: tapv1.Assurance(d.Assurance), Schema: d.Schema, Scan: d.Scan, Fetch: d.Fetch,
		BeforeImages: d.BeforeImages, Survey: d.Survey, ColumnsTold: d.ColumnsTold}, nil
}

func (s *server) Open(ctx context.Context, in *tapv1.OpenRequest) (*tapv1.OpenResponse, error) {
	if err := s.session.claim(ctx); err != nil {
		return nil, fail(ctx, err)
	}
	err := s.tap.Open(ctx, Config{Settings: json.RawMessage(in.Settings), Tables: in.Tables})
	return &tapv1.OpenResponse{}, fail(ctx, err)
}

func (s *server) Tables(ctx context.Context, _ *tapv1.TablesRequest) (*tapv1.TablesResponse, error) {
	if err := s.session.check(ctx); err != nil {
		return nil, fail(ctx, err)
	}
	tables, err := s.tap.Tables(ctx)
	if err != nil {
		return nil, fail(ctx, err)
	}
	out := &tapv1.TablesResponse{}
	for i := range tables {
		table, err := tableToWire(&tables[i])
		if err != nil {
			return nil, fail(ctx, err)
		}
		out.Tables = append(out.Tables, table)
	}
	return out, nil
}

func (s *server) Stream(in *tapv1.StreamRequest, out grpc.ServerStreamingServer[tapv1.Batch]) error {
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	if err := s.session.check(ctx); err != nil {
		return fail(ctx, err)
	}
	release, err := s.session.stream(ctx)
	if err != nil {
		return fail(ctx, err)
	}
	defer release()
	batcher := wire.NewBatcher()
	sent := make(chan error, 1)
	go func() { sent <- batcher.Send(ctx, out.Send) }()
	defer batcher.Close()
	err = s.tap.Stream(ctx, streamFrom(in), newEncoder(ctx, batcher))
	batcher.Close()
	if sendErr := <-sent; sendErr != nil && err == nil {
		err = sendErr
	}
	return fail(out.Context(), err)
}

// streamFrom keeps absent and empty apart: absent means from now on, and an
// empty position is none that a tap ever made.
func streamFrom(in *tapv1.StreamRequest) Position {
	if in.From == nil {
		return nil
	}
	return append(Position{}, in.From...)
}

func (s *server) Scan(in *tapv1.ScanRequest, out grpc.ServerStreamingServer[tapv1.ChunkPart]) error {
	ctx := out.Context()
	if err := s.session.check(ctx); err != nil {
		return fail(ctx, err)
	}
	var after []row.Value
	if len(in.After) > 0 {
		var err error
		if after, err = row.ParseKey(in.After); err != nil {
			return fail(ctx, err)
		}
	}
	chunk, err := s.tap.Scan(ctx, in.Table, after, int(in.Limit))
	if err != nil {
		return fail(ctx, err)
	}
	return fail(ctx, sendChunk(&chunk, out.Send))
}

func (s *server) Fetch(in *tapv1.FetchRequest, out grpc.ServerStreamingServer[tapv1.ChunkPart]) error {
	ctx := out.Context()
	if err := s.session.check(ctx); err != nil {
		return fail(ctx, err)
	}
	keys, err := parseKeys(in.Keys)
	if err != nil {
		return fail(ctx, err)
	}
	chunk, err := s.tap.Fetch(ctx, in.Table, keys)
	if err != nil {
		return fail(ctx, err)
	}
	if len(chunk.Unread) > 0 && !in.Parts {
		return fail(ctx, fmt.Errorf("fetch from table %s: the rows are too large for one answer, and the host knows no other: update the host", in.Table))
	}
	return fail(ctx, sendChunk(&chunk, out.Send))
}

func (s *server) Ack(ctx context.Context, in *tapv1.AckRequest) (*tapv1.AckResponse, error) {
	if err := s.session.check(ctx); err != nil {
		return nil, fail(ctx, err)
	}
	return &tapv1.AckResponse{}, fail(ctx, s.tap.Ack(ctx, in.Position))
}

// Close closes the tap; a repeated call does nothing. The process ends when
// the host then lets go of the connection.
func (s *server) Close(ctx context.Context, _ *tapv1.CloseRequest) (*tapv1.CloseResponse, error) {
	if !s.session.close() {
		return &tapv1.CloseResponse{}, nil
	}
	return &tapv1.CloseResponse{}, fail(ctx, s.tap.Close())
}

// shutPatience bounds how long a tap may take to end its stream and to close
// once its session is over.
const shutPatience = 10 * time.Second

// shut closes the tap unless the host has done so. A tap that hangs is left
// behind, for its process ends now.
func (s *server) shut() error {
	if !s.session.close() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutPatience)
	defer cancel()
	if release, err := s.session.stream(ctx); err == nil {
		defer release()
	}
	closed := make(chan error, 1)
	go func() { closed <- s.tap.Close() }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return fmt.Errorf("tap did not close within %s", shutPatience)
	}
}

// parseKeys parses keys that stand one after the other.
func parseKeys(encoded []byte) (keys [][]row.Value, err error) {
	for cells := wire.NewCellReader(encoded, len(encoded)/8); cells.More(); {
		key, err := cells.NextAny()
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// sendChunk sends a chunk in parts of about the size of a batch.
func sendChunk(chunk *Chunk, send func(*tapv1.ChunkPart) error) error {
	table, err := tableToWire(chunk.Table)
	if err != nil {
		return err
	}
	part := &tapv1.ChunkPart{Table: table}
	for _, r := range chunk.Rows {
		start := len(part.Cells)
		part.Cells = row.AppendCells(part.Cells, r.Cells)
		part.Rows++
		if len(part.Cells)-start > wire.MaxEvent {
			return tooLarge(chunk.Table.Name)
		}
		if len(part.Cells) < wire.BatchBytes {
			continue
		}
		if err := send(part); err != nil {
			return err
		}
		part = &tapv1.ChunkPart{}
	}
	part.Done, part.Last, part.Fence = true, chunk.Last, chunk.Fence
	for _, key := range chunk.Unread {
		part.Unread = row.AppendKey(part.Unread, key)
	}
	return send(part)
}
