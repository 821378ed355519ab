package adapter_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// spent is the time that work took, and the CPU time of those who did it: this
// process, and its children by the name of their program. Other load on the
// machine moves CPU time less than it moves the wall clock.
type spent struct {
	wall, self time.Duration
	children   map[string]time.Duration
}

// readClocks reads the clocks.
func readClocks(b *testing.B) spent {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	s := spent{wall: time.Duration(time.Now().UnixNano()), self: time.Duration(u.Utime.Nano() + u.Stime.Nano()),
		children: make(map[string]time.Duration)}
	for _, pid := range descendants(os.Getpid()) {
		name, cpu, err := processTime(pid)
		if err == nil { // else it ended meanwhile
			s.children[name] += cpu
		}
	}
	return s
}

func descendants(pid int) []int {
	children := sidecartest.Children(pid)
	for _, child := range slices.Clone(children) {
		children = append(children, descendants(child)...)
	}
	return children
}

// processTime reads a process's name and CPU time, in ticks of 10 ms.
func processTime(pid int) (name string, cpu time.Duration, err error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, err
	}
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	fields := strings.Fields(string(b[end+1:]))
	for _, field := range fields[11:13] { // user and system time
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return "", 0, fmt.Errorf("read CPU time: %w", err)
		}
		cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	return string(b[open+1 : end]), cpu, nil
}

// measure runs work and adds what it took.
func (s *spent) measure(b *testing.B, work func()) {
	b.Helper()
	start := readClocks(b)
	work()
	end := readClocks(b)
	s.wall += end.wall - start.wall
	s.self += end.self - start.self
	if s.children == nil {
		s.children = make(map[string]time.Duration)
	}
	for name, cpu := range end.children {
		s.children[name] += cpu - start.children[name]
	}
}

// database is the name of the source's own process, whose CPU time is told apart.
const database = "mariadbd"

// compare reports units per second of the work and of its peer, CPU per unit,
// and the ratios: of-peer is the share of the peer's rate that the work reaches,
// cpu-x-peer how many times the peer's CPU time it takes, the tap's process
// included and the database left out.
func compare(b *testing.B, unit string, units int, work, peer spent) {
	n := float64(units)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(n/work.wall.Seconds(), unit+"s/s")
	b.ReportMetric(n/peer.wall.Seconds(), "peer-"+unit+"s/s")
	b.ReportMetric(peer.wall.Seconds()/work.wall.Seconds(), "of-peer")
	b.ReportMetric(micros(work.self)/n, "cpu-us/"+unit)
	b.ReportMetric(micros(peer.self)/n, "peer-cpu-us/"+unit)
	total := work.self
	for name, cpu := range work.children {
		if name != database {
			total += cpu
		}
		if cpu > 0 {
			b.ReportMetric(micros(cpu)/n, name+"-cpu-us/"+unit)
		}
	}
	b.ReportMetric(micros(peer.children[database])/n, "peer-"+database+"-cpu-us/"+unit)
	b.ReportMetric(float64(total)/float64(peer.self), "cpu-x-peer")
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// noError ends a benchmark at an error.
func noError(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
