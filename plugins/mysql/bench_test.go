package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	library "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

const (
	benchRows        = 100_000
	benchTransaction = 500
)

// discard counts changes and keeps nothing; it ends the stream after the last.
type discard struct{ changes, want int }

func (d *discard) Change(tap.Change) error { d.changes++; return nil }
func (d *discard) Commit(tap.Commit) error {
	if d.changes >= d.want {
		return errStop
	}
	return nil
}
func (d *discard) Fence(tap.Fence) error         { return nil }
func (d *discard) Gap(tap.Gap) error             { return nil }
func (d *discard) Schema(tap.SchemaChange) error { return nil }

// processor returns the CPU time that the process has used.
func processor() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// load writes a log of rows of twelve columns in transactions of 500 and, of
// each second row, an update.
func load(b *testing.B, s *mariadbtest.Server) (images int) {
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, pid BIGINT UNSIGNED, name VARCHAR(60), code CHAR(8), " +
		"at DATETIME, seen TIMESTAMP NULL, dose DECIMAL(10,3), value DOUBLE, kind ENUM('a','b','c'), flags INT, note TEXT, raw VARBINARY(32))")
	for first := 0; first < benchRows; first += benchTransaction {
		rows := make([]string, benchTransaction)
		for i := range rows {
			n := first + i
			rows[i] = fmt.Sprintf("(%d,%d,'Name %d','C%d','2024-01-02 03:04:05','2024-01-02 03:04:05',%d.125,%d.5,'b',%d,'%s',x'0011223344')",
				n, n*7, n, n%1000, n%1000, n, n, strings.Repeat("text ", 8))
		}
		s.Exec("INSERT INTO emr.t VALUES " + strings.Join(rows, ","))
		s.Exec(fmt.Sprintf("UPDATE emr.t SET flags = flags + 1 WHERE id >= %d AND id < %d AND id %% 2 = 0", first, first+benchTransaction))
	}
	return benchRows + benchRows // an insert each, and two images of each second row
}

// BenchmarkStream reads one log by the tap and, in turn, by the library alone,
// which leaves every event undecoded.
func BenchmarkStream(b *testing.B) {
	s := start(b)
	m := open(b, s, "emr.t")
	r := stream(b, m, nil)
	from := position(r.all())
	r.end(b)
	images := load(b, s)
	changes := benchRows + benchRows/2
	var ours, bare, oursWall, bareWall time.Duration
	for b.Loop() {
		runtime.GC() // neither pays for what the other left
		began, used := time.Now(), processor()
		if err := m.Stream(b.Context(), from, &discard{want: changes}); !errors.Is(err, errStop) {
			b.Fatal(err)
		}
		oursWall, ours = oursWall+time.Since(began), ours+processor()-used
		runtime.GC()
		began, used = time.Now(), processor()
		readBare(b, s)
		bareWall, bare = bareWall+time.Since(began), bare+processor()-used
	}
	n := float64(images * b.N)
	b.ReportMetric(n/oursWall.Seconds(), "images/s")
	b.ReportMetric(n/ours.Seconds(), "images/cpu-s")
	b.ReportMetric(ours.Seconds()/bare.Seconds(), "x-bare-cpu")
	b.ReportMetric(oursWall.Seconds()/bareWall.Seconds(), "x-bare-wall")
}

// readBare reads the log to its end without decoding.
func readBare(b *testing.B, s *mariadbtest.Server) {
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: 4242, Flavor: "mariadb", Host: "127.0.0.1",
		Port: uint16(s.Port()), User: "tap", Password: "test password", RawModeEnabled: true, HeartbeatPeriod: 200 * time.Millisecond,
		DisableRetrySync: true, Logger: slog.New(slog.DiscardHandler)})
	defer syncer.Close()
	streamer, err := syncer.StartSync(library.Position{Name: "binlog.000001", Pos: 4})
	if err != nil {
		b.Fatal(err)
	}
	rows := 0
	for rows < benchRows/benchTransaction*2 {
		event, err := streamer.GetEvent(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if event.Header.EventType == replication.XID_EVENT {
			rows++
		}
	}
}
