package recordlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

// BenchmarkUpdate appends versions of 20-column rows in batches, as ingest does.
// "commit" computes each commitment; "log" takes one made before, which is the
// record log alone.
func BenchmarkUpdate(b *testing.B) {
	for _, work := range []string{"commit", "log"} {
		for _, keys := range []string{"clustered", "random", "updates"} {
			for _, size := range []int{1, 500, 1000, 5000} {
				b.Run(fmt.Sprintf("%s/%s/%d", work, keys, size), func(b *testing.B) {
					benchmarkUpdate(b, work == "commit", keys, size)
				})
			}
		}
	}
}

func benchmarkUpdate(b *testing.B, compute bool, keys string, size int) {
	o := testOptions(b)
	dir := b.TempDir()
	must(b, Create(dir, testOrigin, o))
	l := openTestLog(b, dir, o)
	m := newMaker(20)
	r := rand.New(rand.NewPCG(1, 2))
	next := int64(0)
	key := func() int64 {
		switch next++; keys {
		case "random":
			return r.Int64()
		case "updates":
			return next % 20000
		}
		return next
	}
	step := func() error {
		return l.Update(func(t *Batch) error {
			for range size {
				n := key()
				if err := m.bench(t, patient(n/10), intKey(n), compute); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := step(); err != nil {
		b.Fatal(err)
	}
	before, cpu := l.Size(), cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	versions := float64(l.Size() - before)
	perVersion := float64(dirSize(b, dir)) / float64(l.Size())
	b.ReportMetric(versions/b.Elapsed().Seconds(), "versions/s")
	b.ReportMetric(perVersion, "B/version")
	b.ReportMetric(float64(cpuTime(b)-cpu)/versions, "cpu-ns/version")
	raw := rawWrites(b, min(b.N, 200), int(perVersion*float64(size)))
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/raw.Seconds(), "x-raw")
}

// rawWrites is the peer: as many bytes a batch appended to one file with one
// sync, and nothing else. It returns the time of one.
func rawWrites(b *testing.B, batches, size int) time.Duration {
	b.Helper()
	f, err := osDisk{}.open(filepath.Join(b.TempDir(), "raw"), os.O_RDWR|os.O_CREATE)
	must(b, err)
	defer f.Close()
	block := make([]byte, size)
	start := time.Now()
	for i := range batches {
		_, err := f.WriteAt(block, int64(i*size))
		must(b, errors.Join(err, f.Sync()))
	}
	return time.Since(start) / time.Duration(batches)
}

// cpuTime is the process's CPU time so far, in ns: other load moves it less
// than it moves the wall clock.
func cpuTime(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}

// bench appends a version, with the digests of the first where none are to be computed.
func (m *maker) bench(b *Batch, owner OwnerName, key []byte, compute bool) error {
	if compute || m.made == nil {
		e, err := m.add(b, owner, "visits", key, commit.Insert)
		if err == nil {
			made := *e
			made.Digests = append([]commit.Digest(nil), e.Digests...)
			m.made = &made
		}
		return err
	}
	head, found, err := b.Head("visits", key)
	if err != nil {
		return err
	}
	if m.made.Owner, _, err = b.Owner(owner); err != nil {
		return err
	}
	h := &m.made.Header
	h.Index, h.Key, h.Version, h.Previous = b.Next(), key, head.Version+1, commit.NoPrevious
	if found {
		h.Previous = head.Index
	}
	return appendMade(b, m.made)
}

func dirSize(tb testing.TB, dir string) (size int64) {
	tb.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return size
}
