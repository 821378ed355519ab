package ingest_test

import (
	"errors"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A snapshot that goes on after a restart is measured from the table's start; a
// verification afterwards by what the snapshot read.
func TestProgressCountsFromTheTablesStart(t *testing.T) {
	b := newBench(t, 2)
	x := newScripted(newSource(), tap.EveryVersion)
	x.table.EstimatedRows = 12
	for id := range int64(6) {
		x.set(id, "v")
	}
	x.scanned = func(n int) {
		if n == 3 {
			x.fail(errCrash)
		}
	}
	b.run(x)
	if err := b.end(); !errors.Is(err, errCrash) || b.ingest.Reading() != nil {
		t.Fatal(err, b.ingest.Reading())
	}
	again := newScripted(x.source, tap.EveryVersion)
	reading, goOn := make(chan struct{}), make(chan struct{})
	again.scanned = func(n int) {
		if n <= 4 {
			reading <- struct{}{}
			<-goOn
		}
	}
	measured := func(rows, about uint64) {
		t.Helper()
		<-reading
		b.until(func() bool {
			p := b.ingest.Reading()
			return p != nil && p.Table == "t" && p.Rows == rows && p.About == about
		})
		goOn <- struct{}{}
	}
	b.run(again)
	measured(4, 12)
	b.settle()
	again.gap("p1", "a test's")
	measured(0, 6)
	measured(2, 6) // a sweep reads the next chunk while it compares one
	measured(4, 6)
	b.settle()
	b.stop()
}
