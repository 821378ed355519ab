package commit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"syscall"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// benchRow is a row of 20 columns and about 500 bytes, as an EMR has them.
func benchRow() (*Header, []row.Value) {
	h := rowHeader()
	h.Columns = nil
	var values []row.Value
	add := func(v row.Value) {
		h.Columns = append(h.Columns, row.Column{Name: fmt.Sprintf("column_%02d", len(values)), Type: v.Type()})
		values = append(values, v)
	}
	date, _ := row.NewDate([]byte("1980-02-29"))
	moment, _ := row.NewDateTime([]byte("2024-05-06 10:11:12"))
	dose, _ := row.NewDecimal([]byte("12.50"))
	for i := range 4 {
		add(row.NewInt(int64(i) * 1_000_003))
		add(row.NewText("utf8", bytes.Repeat([]byte("text "), 5)))
		add(date)
		add(moment)
		add(dose)
	}
	values[1] = row.NewText("utf8", bytes.Repeat([]byte("a longer note "), 14))
	h.EncodedColumns = AppendColumns(nil, h.Columns)
	return h, values
}

// BenchmarkCommit compares a commitment with plain SHA-256 over the same cells
// in the same run, as ratio of CPU time.
func BenchmarkCommit(b *testing.B) {
	h, values := benchRow()
	cells := row.AppendCells(nil, values)
	var c Committer
	owner := NewOwner(&[KeySize]byte{1})
	b.ReportAllocs()
	b.SetBytes(int64(len(cells)))
	n, before := uint64(0), cpuTime(b)
	for b.Loop() {
		n++
		h.Index = n + 100
		if _, _, err := c.Commit(owner.VersionKey(h.Log, h.Index), h, values); err != nil {
			b.Fatal(err)
		}
	}
	commitments, between := b.Elapsed(), cpuTime(b)
	for range b.N {
		sink = sha256.Sum256(cells)
	}
	work, peer := between-before, cpuTime(b)-between
	b.ReportMetric(float64(b.N)/commitments.Seconds(), "commitments/s")
	b.ReportMetric(float64(work)/float64(b.N), "cpu-ns/commitment")
	b.ReportMetric(float64(peer)/float64(b.N), "cpu-ns/plain-SHA-256")
	b.ReportMetric(float64(work)/float64(peer), "times-plain-SHA-256")
}

// cpuTime is the process's CPU time so far, in ns: other load moves it less
// than it moves the wall clock.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// sink keeps the compiler from dropping what is timed.
var sink [sha256.Size]byte

// BenchmarkVerify verifies an opening of all columns.
func BenchmarkVerify(b *testing.B) {
	h, values := benchRow()
	var c Committer
	k := NewOwner(&[KeySize]byte{1}).VersionKey(h.Log, h.Index)
	want, digests, err := c.Commit(k, h, values)
	if err != nil {
		b.Fatal(err)
	}
	o, err := c.Open(k, h, values, digests, func(int) bool { return true })
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Verify(want); err != nil {
			b.Fatal(err)
		}
	}
}
