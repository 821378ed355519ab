package adapter_test

import (
	"context"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// BenchmarkScan reads a table as audits and snapshots do, chunk by chunk into
// canonical cells and each under its fence, and compares with a bare SELECT of
// the same table by the same driver in the same (binary) protocol.
func BenchmarkScan(b *testing.B) {
	rows := benchRows(500)
	e, s := newVisitsSource(b), newVisitsLog(b)
	e.fill(rows, 500)
	b.Run("in-process", func(b *testing.B) { benchmarkScan(b, e, s, e.open(), rows) })
	b.Run("over-grpc", func(b *testing.B) { benchmarkScan(b, e, s, e.launch(b), rows) })
	s.close()
}

func benchmarkScan(b *testing.B, e *visitsSource, s *visitsLog, t tap.Tap, rows int) {
	detach := s.attach(t)
	s.settled()
	limit := config.Default().Audit.ChunkRows
	var work, peer spent
	for b.Loop() {
		peer.measure(b, func() { selectAll(b, e.server.Admin(), rows) })
		work.measure(b, func() {
			read := 0
			for after, last := []row.Value(nil), false; !last; {
				chunk, _, err := s.ingest.Scan(context.Background(), "emr.visits", after, limit)
				noError(b, err)
				if read, last = read+len(chunk.Rows), chunk.Last; !last {
					after = chunk.Table.KeyOf(chunk.Rows[len(chunk.Rows)-1].Cells)
				}
			}
			if read != rows {
				b.Fatalf("the scan read %d rows of %d", read, rows)
			}
		})
	}
	compare(b, "row", b.N*rows, work, peer)
	detach()
	noError(b, t.Close())
}
