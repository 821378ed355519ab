package adapter_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkUpdateToRecordLog reads updates of random rows of a large table
// through the tap into a record log, and compares with a bare read of the same
// binary log. Each row's head lies elsewhere in the log's index, and each row as
// it was before is compared with its last version.
func BenchmarkUpdateToRecordLog(b *testing.B) {
	rows, changes := 1_000_000, 100_000
	if testing.Short() {
		rows, changes = 20_000, 5_000
	}
	e, s := newVisitsSource(b), newVisitsLog(b)
	e.fill(rows, 5_000)
	t := e.open()
	detach := s.attach(t)
	s.settled()
	detach()
	noError(b, t.Close())
	r := rand.New(rand.NewPCG(7, 11))
	var work, peer spent
	for b.Loop() {
		from := e.position()
		e.update(r, rows, changes)
		to := e.position()
		peer.measure(b, func() { e.bareRead(from, to, 2*changes) })
		t := e.open()
		before := s.log.Size()
		work.measure(b, func() {
			detach = s.attach(t)
			s.logged(before + uint64(changes))
		})
		detach()
		noError(b, t.Close())
	}
	compare(b, "row", b.N*changes, work, peer)
	s.close()
}

// update changes random rows in transactions of 500.
func (e *visitsSource) update(r *rand.Rand, rows, changes int) {
	const size = 500
	for range changes / size {
		ids := make(map[int]bool, size)
		for len(ids) < size {
			ids[1+r.IntN(rows)] = true
		}
		var list strings.Builder
		for id := range ids {
			fmt.Fprintf(&list, ",%d", id)
		}
		e.server.Exec("UPDATE emr.visits SET pulse = pulse + 1 WHERE id IN (" + list.String()[1:] + ")")
	}
}
