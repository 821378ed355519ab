package patients_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/patients"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

// BenchmarkIndex records rows of a patient's table three ways in turn, batch by
// batch: into a log alone, into one with the index of rows by owner, and into one
// with that and the index of patients, of two identifiers a row. It tells what each
// index adds to a row, in time of the processor and on disk.
func BenchmarkIndex(b *testing.B) {
	const size = 500
	plain, owners, whole := newWorld(b), newWorld(b), newWorld(b)
	plain.options.OwnerRows = false
	plain.set.Tables, owners.set.Tables = []patients.Table{{Name: "none"}}, []patients.Table{{Name: "none"}}
	for _, w := range []*world{plain, owners, whole} {
		w.open()
	}
	for _, kind := range []string{"insert", "update"} {
		b.Run(kind, func(b *testing.B) {
			var spent [3]time.Duration
			rows := 0
			first := int64(0)
			for b.Loop() {
				var batch [][]row.Value
				for n := range int64(size) {
					p := person{id: first + n, patient: first + n, nhs: text(nhsNumber(first + n)), number: text(fmt.Sprint("A", first+n)), kind: 1, first: kind}
					batch = append(batch, p.cells(b))
				}
				first, rows = first+size, rows+size
				for i, w := range []*world{plain, owners, whole} {
					began := processor(b)
					w.put(people, batch...)
					spent[i] += processor(b) - began
				}
			}
			perRow := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(rows) }
			b.ReportMetric(perRow(spent[0]), "log-µs/row")
			b.ReportMetric(perRow(spent[1]-spent[0]), "owners-µs/row")
			b.ReportMetric(perRow(spent[2]-spent[1]), "patients-µs/row")
			if kind == "insert" {
				before := [3]int64{bytesOf(b, plain.dir), bytesOf(b, owners.dir), bytesOf(b, whole.dir)}
				b.ReportMetric(float64(before[0])/float64(rows), "log-B/row")
				b.ReportMetric(float64(before[1]-before[0])/float64(rows), "owners-B/row")
				b.ReportMetric(float64(before[2]-before[1])/float64(rows), "patients-B/row")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processor is the time that this process has used of it.
func processor(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkFind looks for patients by a root, and derives that.
func BenchmarkFind(b *testing.B) {
	w := newWorld(b)
	const all = 20_000
	for first := int64(0); first < all; first += 500 {
		var batch [][]row.Value
		for n := range int64(500) {
			batch = append(batch, person{id: first + n, patient: first + n + 1, nhs: text(nhsNumber(first + n))}.cells(b))
		}
		w.put(people, batch...)
	}
	for n := int64(0); b.Loop(); n = (n + 7919) % all {
		if w.find(vid.EnglandNHS, nhsNumber(n)) != fmt.Sprint(n+1) {
			b.Fatal("not found")
		}
	}
}

// nhsNumber is the n-th of some valid NHS numbers.
func nhsNumber(n int64) string {
	for at := 100_000_000 + n*10; ; at++ {
		sum := int64(0)
		for i, d := int64(2), at; d > 0; i, d = i+1, d/10 {
			sum += i * (d % 10)
		}
		if check := 11 - sum%11; check != 10 {
			return fmt.Sprintf("%d%d", at, check%11)
		}
	}
}

func bytesOf(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		n += info.Size()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}
