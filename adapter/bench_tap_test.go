package adapter_test

import (
	"fmt"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// BenchmarkTapToRecordLog reads rows from MariaDB's binary log through the tap
// into a record log, every batch synced, and compares with a bare read of the
// same binary log by BinlogSyncer, the library under the tap. In "over-grpc" the
// tap is a process of its own behind gRPC, as it is in the product.
func BenchmarkTapToRecordLog(b *testing.B) {
	for _, transaction := range []int{500, 1} {
		rows := benchRows(transaction)
		b.Run(fmt.Sprintf("rows-per-transaction=%d", transaction), func(b *testing.B) {
			f := newFilled(b, rows, transaction)
			b.Run("in-process", func(b *testing.B) { f.benchmark(b, f.emr.open) })
			b.Run("over-grpc", func(b *testing.B) { f.benchmark(b, func() tap.Tap { return f.emr.launch(b) }) })
		})
	}
}

// benchRows is how many rows one measurement reads.
func benchRows(transaction int) int {
	switch {
	case testing.Short():
		return 5_000
	case transaction == 1:
		return 30_000
	}
	return 100_000
}

// filled is a database whose table was filled after a log had taken it in
// empty, and a copy of that log.
type filled struct {
	emr      *visitsSource
	empty    *visitsLog
	rows     int
	from, to gomysql.Position
}

func newFilled(b *testing.B, rows, transaction int) *filled {
	f := &filled{emr: newVisitsSource(b), empty: newVisitsLog(b), rows: rows}
	t := f.emr.open()
	detach := f.empty.attach(t)
	f.empty.settled()
	detach()
	noError(b, t.Close())
	f.empty.close()
	f.from = f.emr.position()
	f.emr.fill(rows, transaction)
	f.to = f.emr.position()
	return f
}

func (f *filled) benchmark(b *testing.B, open func() tap.Tap) {
	var work, peer spent
	for b.Loop() {
		peer.measure(b, func() { f.emr.bareRead(f.from, f.to, f.rows) })
		t, s := open(), f.empty.copied()
		before := s.log.Size()
		var detach func()
		work.measure(b, func() {
			detach = s.attach(t)
			s.logged(before + uint64(f.rows))
		})
		detach()
		noError(b, t.Close())
		s.close()
	}
	compare(b, "row", b.N*f.rows, work, peer)
}
