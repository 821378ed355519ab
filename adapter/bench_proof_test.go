package adapter_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/chain/receipt"
)

// BenchmarkProof makes and checks the evidence of one row after the other: a
// running sidecar with four validators makes it and hands it out at its control
// socket, and it is checked here against the trust file, as the verifier does.
// The peer of making is a bare SELECT of the same row by its key, which each
// proof contains; that of checking is one Ed25519 signature, of which an
// evidence file holds one per validator and anchor, and the log's own.
func BenchmarkProof(b *testing.B) {
	e := newVisitsSource(b)
	e.fill(5_000, 500)
	s := sidecartest.NewSidecar(b, sidecartest.StartChain(b, 4), sidecartest.Source{Tap: "mysql",
		Settings: map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(e.server.Port()), "user": "tap", "accept_not_durable": "true"},
		Tables:   []sidecartest.Table{{Name: "emr.visits", Patient: "patient_id"}}})
	s.Start()
	s.Covered()
	s.Anchored()
	p := &proofs{b: b, sidecar: s, db: e.server.Admin()}
	text, err := s.Control().TrustExport(context.Background())
	noError(b, err)
	trust, err := receipt.ParseTrust(text)
	noError(b, err)
	b.ResetTimer()
	p.checkAll(p.makeAll(), trust)
	p.report()
}

// proofs measures proofs, one at a time.
type proofs struct {
	b       *testing.B
	sidecar *sidecartest.Sidecar
	db      *sql.DB
	size    int // bytes of the last evidence

	made, checked, read, verified []time.Duration
	making, checking              time.Duration // CPU time: of sidecar and tap; of this process
}

// makeAll makes the evidence of b.N rows, and reads each row beside it.
func (p *proofs) makeAll() (files [][]byte) {
	client, start := p.sidecar.Control(), p.sidecarTime()
	for n := range p.b.N {
		key := strconv.Itoa(n*7919%5_000 + 1)
		p.made = timed(p.made, func() {
			file, err := client.Prove(context.Background(), api.ProveRequest{Table: "emr.visits", Key: key})
			noError(p.b, err)
			files = append(files, file)
		})
		p.read = timed(p.read, func() { selectOne(p.b, p.db, key) })
	}
	p.making = p.sidecarTime() - start
	p.size = len(files[len(files)-1])
	return files
}

// sidecarTime is the CPU time so far of the sidecar's process and its tap's.
func (p *proofs) sidecarTime() (total time.Duration) {
	pid := p.sidecar.Process().PID()
	for _, pid := range append(descendants(pid), pid) {
		_, cpu, err := processTime(pid)
		noError(p.b, err)
		total += cpu
	}
	return total
}

func (p *proofs) checkAll(files [][]byte, trust receipt.Trust) {
	var checking spent
	checking.measure(p.b, func() {
		for _, file := range files {
			p.checked = timed(p.checked, func() {
				parsed, err := evidence.Parse(file)
				noError(p.b, err)
				_, err = parsed.Verify(trust)
				noError(p.b, err)
			})
		}
	})
	p.checking = checking.self
	verify := verifyOne(p.b)
	for range files {
		p.verified = timed(p.verified, verify)
	}
}

func timed(took []time.Duration, work func()) []time.Duration {
	start := time.Now()
	work()
	return append(took, time.Since(start))
}

func selectOne(b *testing.B, db *sql.DB, key string) {
	cells := make([]any, 20)
	for i := range cells {
		cells[i] = new(any)
	}
	noError(b, db.QueryRow("SELECT * FROM emr.visits WHERE id = ?", key).Scan(cells...))
}

func verifyOne(b *testing.B) func() {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	noError(b, err)
	message := make([]byte, 120)
	signature := ed25519.Sign(private, message)
	return func() {
		if !ed25519.Verify(public, message, signature) {
			b.Error("a signature does not verify")
		}
	}
}

func (p *proofs) report() {
	n := float64(p.b.N)
	p.b.ReportMetric(0, "ns/op")
	for name, took := range map[string][]time.Duration{"make": p.made, "check": p.checked, "select": p.read, "signature": p.verified} {
		p.b.ReportMetric(micros(percentile(took, 50))/1000, name+"-p50-ms")
		p.b.ReportMetric(micros(percentile(took, 95))/1000, name+"-p95-ms")
	}
	p.b.ReportMetric(micros(p.checking)/n/1000, "check-cpu-ms")
	p.b.ReportMetric(micros(p.making)/n/1000, "make-cpu-ms")
	p.b.ReportMetric(float64(p.size), "bytes")
	p.b.ReportMetric(float64(percentile(p.made, 50))/float64(percentile(p.read, 50)), "selects")
	p.b.ReportMetric(float64(percentile(p.checked, 50))/float64(percentile(p.verified, 50)), "signatures")
}

// percentile returns the time that so many of a hundred did not exceed.
func percentile(took []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[(len(sorted)-1)*percent/100]
}
