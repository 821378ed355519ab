package adapter_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// BenchmarkServerUnderTap measures what a tap costs the database: mariadbd's CPU
// time for each transaction with the tap and its record log attached, against
// that with a bare reader of the same binary log. The two take turns; told are
// the median and the quartiles of the pairs' ratios.
func BenchmarkServerUnderTap(b *testing.B) {
	transactions := 10_000
	if testing.Short() {
		transactions = 500
	}
	e, s := newVisitsSource(b), newVisitsLog(b)
	e.fill(1000, 500)
	t := e.open()
	detach := s.attach(t)
	s.settled()
	detach()
	var ratios, taps, bares []float64
	bare := func() float64 {
		return e.serverTime(transactions, func() (stop func()) { return e.watch(transactions) })
	}
	tapped := func() float64 {
		return e.serverTime(transactions, func() (stop func()) { return e.tap(s, t, transactions) })
	}
	for n := 0; b.Loop(); n++ {
		var without, with float64
		if n%2 == 0 { // the database is a little slower for who comes second
			without, with = bare(), tapped()
		} else {
			with, without = tapped(), bare()
		}
		bares, taps, ratios = append(bares, without), append(taps, with), append(ratios, with/without)
	}
	noError(b, t.Close())
	s.close()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(quantile(bares, 0.5), "bare-mariadbd-cpu-us/transaction")
	b.ReportMetric(quantile(taps, 0.5), "mariadbd-cpu-us/transaction")
	for name, at := range map[string]float64{"lower-quartile": 0.25, "median-ratio": 0.5, "upper-quartile": 0.75} {
		b.ReportMetric(quantile(ratios, at), name)
	}
}

// touch updates a row in a transaction of its own.
func (e *visitsSource) touch(id int) {
	e.server.Exec(fmt.Sprintf("UPDATE emr.visits SET pulse = pulse + 1 WHERE id = %d", id))
}

// serverTime returns the CPU time in microseconds that the database takes for
// one of some transactions while a reader follows, until it has read all.
func (e *visitsSource) serverTime(transactions int, follow func() (stop func())) float64 {
	stop := follow()
	start := readClocks(e.b)
	for n := range transactions {
		e.touch(1 + n%1000)
	}
	stop()
	return micros(readClocks(e.b).children[database]-start.children[database]) / float64(transactions)
}

// tap logs what the tap delivers of so many updates; stop waits for that.
func (e *visitsSource) tap(s *visitsLog, t tap.Tap, updates int) (stop func()) {
	before := s.log.Size() + 1
	detach := s.attach(t)
	e.touch(1)
	s.logged(before) // it follows
	return func() {
		s.logged(before + uint64(updates))
		detach()
	}
}

// watch reads the binary log from its end on by a bare reader, until it has the
// row images of so many updates; stop waits for that.
func (e *visitsSource) watch(updates int) (stop func()) {
	streamer, end := e.replica(e.position())
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	done := make(chan error, 1)
	go func() {
		for images := 0; images < 2*updates; {
			event, err := streamer.GetEvent(ctx)
			if err != nil {
				done <- err
				return
			}
			if rows, ok := event.Event.(*replication.RowsEvent); ok {
				images += len(rows.Rows)
			}
		}
		done <- nil
	}()
	return func() {
		noError(e.b, <-done)
		cancel()
		end()
	}
}

// quantile returns the value below which a share of some values lies.
func quantile(values []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := share * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
