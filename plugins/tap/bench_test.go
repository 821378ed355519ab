package tap_test

import (
	"context"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// counting is a Sink that only counts.
type counting struct{ changes int }

func (c *counting) Change(tap.Change) error       { c.changes++; return nil }
func (c *counting) Commit(tap.Commit) error       { return nil }
func (c *counting) Fence(tap.Fence) error         { return nil }
func (c *counting) Gap(tap.Gap) error             { return nil }
func (c *counting) Schema(tap.SchemaChange) error { return nil }

// BenchmarkStreamOverTheWire measures one change of a small row with its
// Commit, from a tap to the host's Sink over a real socket.
func BenchmarkStreamOverTheWire(b *testing.B) {
	v := opened(b, &scripted{stream: func(_ context.Context, _ tap.Position, sink tap.Sink) error {
		return deliver(sink, b.N)
	}})
	b.ReportAllocs()
	b.ResetTimer()
	sink := &counting{}
	if err := v.client.Stream(context.Background(), nil, sink); err == nil || sink.changes != b.N {
		b.Fatal(err)
	}
}

// deliver delivers so many transactions of one insert.
func deliver(sink tap.Sink, transactions int) error {
	table, scan := patients(), make([]byte, 100)
	commit := tap.Commit{Position: tap.Position("a position of forty bytes, as GTIDs have")}
	if err := sink.Commit(commit); err != nil {
		return err
	}
	for i := range transactions {
		if err := sink.Change(insertion(table, int64(i), scan)); err != nil {
			return err
		}
		if err := sink.Commit(commit); err != nil {
			return err
		}
	}
	return errEnough
}
