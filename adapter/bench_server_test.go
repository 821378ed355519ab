package adapter_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
	"golang.org/x/sys/unix"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// BenchmarkServerUnderTap measures what a tap costs the database: mariadbd's CPU
// time for each transaction with the tap and its record log attached, against
// that with a bare reader of the same binary log.
//
// Whatever else runs on a machine makes a server's instructions take longer, the
// sidecar too where it shares the server's cores, and would be taken for work that
// the tap makes. So two servers get the same transactions in the same while, in an
// order drawn by lot, one under the tap and one under the bare reader: both bear
// the same load. Then the two change places, and a pair's ratio is the geometric
// mean of the two, in which whatever tells the servers apart cancels out.
func BenchmarkServerUnderTap(b *testing.B) {
	transactions := 10_000
	if testing.Short() {
		transactions = 500
	}
	one, other := newTwin(b), newTwin(b)
	var ratios, taps, bares []float64
	for b.Loop() {
		with1, without1 := serverTimes(one, other, transactions)
		with2, without2 := serverTimes(other, one, transactions)
		taps, bares = append(taps, with1, with2), append(bares, without1, without2)
		ratios = append(ratios, math.Sqrt(with1/without1*with2/without2))
	}
	one.close()
	other.close()
	low, high := intervalOfMedian(ratios)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(quantile(bares, 0.5), "bare-mariadbd-cpu-us/transaction")
	b.ReportMetric(quantile(taps, 0.5), "mariadbd-cpu-us/transaction")
	b.ReportMetric(quantile(ratios, 0.5), "median-ratio")
	b.ReportMetric(low, "median-from")
	b.ReportMetric(high, "median-to")
}

// A twin is one of two like servers, with a tap and a record log of its own.
type twin struct {
	*visitsSource
	log    *visitsLog
	tap    tap.Tap
	leaves uint64 // that the log has once it has all
}

func newTwin(b *testing.B) *twin {
	w := &twin{visitsSource: newVisitsSource(b), log: newVisitsLog(b)}
	w.fill(1000, 500)
	w.tap = w.open()
	detach := w.log.attach(w.tap)
	w.log.settled()
	detach()
	w.leaves = w.log.log.Size()
	return w
}

func (w *twin) close() {
	noError(w.b, w.tap.Close())
	w.log.close()
}

// touch updates a row in a transaction of its own.
func (w *twin) touch() {
	w.leaves++
	w.server.Exec(fmt.Sprintf("UPDATE emr.visits SET pulse = pulse %% 1000 + 1 WHERE id = %d", 1+w.leaves%1000))
}

// serverTimes returns the CPU time in microseconds that each of two servers takes
// for one of so many transactions while it is read, until all are read.
func serverTimes(tapped, bare *twin, transactions int) (with, without float64) {
	attached, watched := tapped.follow(), bare.watch(transactions)
	order := make([]*twin, 0, 2*transactions)
	for range transactions {
		order = append(order, tapped, bare)
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	startWith, startWithout := tapped.clock(), bare.clock()
	for _, w := range order {
		w.touch()
	}
	watched.wait()
	attached.wait()
	with, without = micros(tapped.clock()-startWith), micros(bare.clock()-startWithout)
	watched.end()
	attached.end()
	return with / float64(transactions), without / float64(transactions)
}

// clock returns the CPU time that the server has used, of all its threads, also
// those that ended.
func (w *twin) clock() time.Duration {
	const schedulerClock = 2 // of the whole process, in ns; see clock_getcpuclockid(3)
	var t unix.Timespec
	noError(w.b, unix.ClockGettime(int32(^w.server.PID()<<3|schedulerClock), &t))
	return time.Duration(t.Nano())
}

// A reading of the binary log: wait returns once all of it is read.
type reading struct{ wait, end func() }

// follow lets the log ingest what the tap delivers. It returns once the log has
// all that was written before.
func (w *twin) follow() reading {
	detach := w.log.attach(w.tap)
	wait := func() { w.log.logged(w.leaves) }
	w.touch()
	wait()
	return reading{wait, detach}
}

// watch reads the binary log from its end on by a bare reader, until it has the
// row images of so many updates. It returns once the reader gets what is written.
func (w *twin) watch(updates int) reading {
	streamer, end := w.replica(w.position())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	began, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for images := 0; images < 2*(1+updates); {
			event, err := streamer.GetEvent(ctx)
			if err != nil {
				done <- err
				return
			}
			if rows, ok := event.Event.(*replication.RowsEvent); ok {
				if images == 0 {
					close(began)
				}
				images += len(rows.Rows)
			}
		}
		done <- nil
	}()
	w.touch()
	select {
	case <-began:
	case err := <-done:
		w.b.Fatalf("the bare reader ended: %v", err)
	}
	wait := func() { noError(w.b, <-done) }
	return reading{wait, func() { cancel(); end() }}
}

// intervalOfMedian returns the narrowest interval between two of some values that
// holds the median of what they are drawn from with a probability of 95 % or more,
// by the binomial distribution; all that there are if they are fewer than six.
func intervalOfMedian(values []float64) (low, high float64) {
	sorted := slices.Sorted(slices.Values(values))
	n, outside := len(sorted), 0
	below := math.Exp2(-float64(n)) // that at most so many values stand below the median
	for term := below; 2*below <= 0.05; below += term {
		outside++
		term *= float64(n-outside+1) / float64(outside)
	}
	outside = max(outside-1, 0)
	return sorted[outside], sorted[n-1-outside]
}

// quantile returns the value below which a share of some values lies.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := share * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
