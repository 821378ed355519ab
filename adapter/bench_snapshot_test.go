package adapter_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// memoryLimit is what tap and sidecar may hold resident together, in MiB, however
// large the table is that they take in.
const memoryLimit = 256

// BenchmarkSnapshot takes in a large table by a sidecar and a tap as processes,
// and audits it, and tells the most memory that each has ever held.
func BenchmarkSnapshot(b *testing.B) {
	rows := 5_000_000
	if testing.Short() {
		rows = 50_000
	}
	e := newVisitsSource(b)
	e.fill(rows, 5_000)
	chain := sidecartest.StartChain(b, 1)
	for b.Loop() {
		s := sidecartest.NewSidecar(b, chain, sidecartest.Source{Tap: "mysql", Settings: map[string]string{"host": "127.0.0.1",
			"port": strconv.Itoa(e.server.Port()), "user": "tap", "accept_not_durable": "true"},
			Tables: []sidecartest.Table{{Name: "emr.visits", Patient: "patient_id"}}})
		began := time.Now()
		s.Start()
		e.covered(s)
		b.ReportMetric(float64(rows)/time.Since(began).Seconds(), "rows/s")
		e.report(s, "snapshot", rows)
		began = time.Now()
		if report := s.Audit(); report.Verdict != "intact" {
			b.Fatalf("the audit says %s", report.Verdict)
		}
		b.ReportMetric(float64(rows)/time.Since(began).Seconds(), "audited-rows/s")
		e.report(s, "audit", rows)
		s.Stop()
	}
	b.ReportMetric(0, "ns/op")
}

// covered waits until the table is taken in.
func (e *visitsSource) covered(s *sidecartest.Sidecar) {
	control := s.Control()
	deadline := time.Now().Add(30 * time.Minute)
	for ; ; time.Sleep(100 * time.Millisecond) {
		status, err := control.Status(context.Background())
		if err == nil && len(status.Source.Tables) == 1 && status.Source.Tables[0].Covered {
			return
		}
		if time.Now().After(deadline) {
			e.b.Fatalf("the table is not taken in: %+v, %v", status, err)
		}
	}
}

// report tells the memory of the sidecar and its tap so far.
func (e *visitsSource) report(s *sidecartest.Sidecar, when string, rows int) {
	pid := s.Process().PID()
	sidecar, tap := peak(e.b, pid), 0
	for _, child := range sidecartest.Children(pid) {
		tap += peak(e.b, child)
	}
	e.b.ReportMetric(float64(sidecar), when+"-sidecar-MiB")
	e.b.ReportMetric(float64(tap), when+"-tap-MiB")
	if sidecar+tap > memoryLimit {
		e.b.Errorf("the %s of %d rows took %d MiB, at most %d", when, rows, sidecar+tap, memoryLimit)
	}
}

// peak is the most memory that a process has held resident, in MiB.
func peak(b *testing.B, pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	noError(b, err)
	for line := range strings.Lines(string(text)) {
		if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(size), " kB"))
			noError(b, err)
			return kibibytes >> 10
		}
	}
	b.Fatalf("process %d has no VmHWM", pid)
	return 0
}
