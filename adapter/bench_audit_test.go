package adapter_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/audit"
	verdicts "github.com/emrbchain/emrbchain/adapter/internal/findings"
)

// BenchmarkAudit audits a table whose rows are all as the log says, from the
// first chunk to the audit's own entry, and compares with a bare SELECT of the
// same table by the same driver in the same (binary) protocol.
func BenchmarkAudit(b *testing.B) {
	rows := benchRows(500)
	e, s := newVisitsSource(b), newVisitsLog(b)
	e.fill(rows, 500)
	t := e.open()
	detach := s.attach(t)
	s.settled()
	auditor := audit.New(s.log, s.ingest, unanchored{}, audit.Options{Logger: zerolog.Nop()})
	var work, peer spent
	for b.Loop() {
		peer.measure(b, func() { selectAll(b, e.server.Admin(), rows) })
		work.measure(b, func() {
			report, err := auditor.Run(context.Background(), audit.Request{})
			noError(b, err)
			if report.Counts[verdicts.NotYetAnchored] != uint64(rows) || !report.Clean() {
				b.Fatalf("the audit says %v of %d rows", report.Counts, rows)
			}
		})
	}
	compare(b, "row", b.N*rows, work, peer)
	detach()
	noError(b, t.Close())
	s.close()
}

// unanchored is a chain that holds no anchor of the log.
type unanchored struct{}

func (unanchored) Last() (size uint64, at verdicts.Moment, err error) { return 0, at, nil }

func (unanchored) Before(uint64) (uint64, error) { return 0, nil }

func (unanchored) Covering(uint64) (at verdicts.Moment, ok bool, err error) { return at, false, nil }

// selectAll reads every row through a prepared statement and drops it.
func selectAll(b *testing.B, db *sql.DB, want int) {
	statement, err := db.Prepare("SELECT * FROM emr.visits ORDER BY id")
	noError(b, err)
	defer func() { _ = statement.Close() }() // only read from
	result, err := statement.Query()
	noError(b, err)
	defer func() { _ = result.Close() }() // only read from
	cells := make([]sql.RawBytes, 20)
	targets := make([]any, len(cells))
	for i := range cells {
		targets[i] = &cells[i]
	}
	read := 0
	for ; result.Next(); read++ {
		noError(b, result.Scan(targets...))
	}
	noError(b, result.Err())
	if read != want {
		b.Fatalf("the bare SELECT read %d rows of %d", read, want)
	}
}
