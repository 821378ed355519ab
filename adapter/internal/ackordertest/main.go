// Command ackordertest is what the test of the order of fsync and ack runs under
// strace: real ingest over a real record log, fed by a tap in the same process
// that writes a line to a file for each ack. It is used by tests alone.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// transactions is how many transactions the tap delivers, each once the one
// before is acknowledged.
const transactions = 25

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run works in a directory: the log is in "log", acks go to "acks".
func run(dir string) error {
	wrapping, err := keys.NewWrapping(rand.Reader)
	if err != nil {
		return err
	}
	o := recordlog.Options{Wrapping: wrapping, Logger: zerolog.Nop(), Reserve: 1}
	origin := merkle.Origin("test", "00112233445566778899aabbccddeeff", 0)
	if err := recordlog.Create(filepath.Join(dir, "log"), origin, o); err != nil {
		return err
	}
	log, err := recordlog.Open(filepath.Join(dir, "log"), o)
	if err != nil {
		return err
	}
	acks, err := os.Create(filepath.Join(dir, "acks"))
	if err != nil {
		return err
	}
	t := newTap(acks)
	i, err := ingest.New(log, ingest.Options{Mappings: []rows.Mapping{{Table: t.table.Name}}})
	if err != nil {
		return err
	}
	if err := i.Run(context.Background(), t); !errors.Is(err, errDone) {
		return err
	}
	return errors.Join(log.Close(), acks.Close())
}

// errDone ends the stream once everything is acknowledged.
var errDone = errors.New("everything is acknowledged")

// ackTap delivers one transaction after the other.
type ackTap struct {
	table *tap.Table
	acks  *os.File
	acked chan struct{}
}

var _ tap.Tap = (*ackTap)(nil)

func newTap(acks *os.File) *ackTap {
	return &ackTap{acks: acks, acked: make(chan struct{}, transactions+1), table: &tap.Table{Name: "t",
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "v", Type: row.Text}}, Key: []int{0}}}
}

// Describe implements tap.Tap.
func (t *ackTap) Describe() tap.Description {
	return tap.Description{Name: "ackorder", Assurance: tap.EveryVersion}
}

// Open implements tap.Tap.
func (t *ackTap) Open(context.Context, tap.Config) error { return nil }

// Tables implements tap.Tap.
func (t *ackTap) Tables(context.Context) ([]tap.Table, error) { return []tap.Table{*t.table}, nil }

// Stream implements tap.Tap.
func (t *ackTap) Stream(ctx context.Context, _ tap.Position, sink tap.Sink) error {
	for n := range transactions {
		for i := range n%3 + 1 {
			cells := []row.Value{row.NewInt(int64(n*10 + i)), row.NewText("utf8", []byte("v"))}
			c := tap.Change{Table: t.table, Op: tap.Insert, After: cells, EventID: fmt.Sprintf("%d/%d", n, i)}
			if err := sink.Change(c); err != nil {
				return err
			}
		}
		if err := sink.Commit(tap.Commit{Position: fmt.Appendf(nil, "%d", n)}); err != nil {
			return err
		}
		select {
		case <-t.acked:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errDone
}

// Ack implements tap.Tap: it writes the position down.
func (t *ackTap) Ack(_ context.Context, p tap.Position) error {
	if _, err := fmt.Fprintf(t.acks, "ack %s\n", p); err != nil {
		return err
	}
	t.acked <- struct{}{}
	return nil
}

// Scan implements tap.Tap.
func (t *ackTap) Scan(context.Context, string, []row.Value, int) (tap.Chunk, error) {
	return tap.Chunk{}, tap.ErrTable
}

// Fetch implements tap.Tap.
func (t *ackTap) Fetch(context.Context, string, [][]row.Value) (tap.Chunk, error) {
	return tap.Chunk{}, tap.ErrTable
}

// Close implements tap.Tap.
func (t *ackTap) Close() error { return nil }
