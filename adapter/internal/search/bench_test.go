package search

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/seal"
)

// BenchmarkSearch asks 50 members in this process, each with a log of its own, and
// beside it does only the cryptography of that: 50 queries and answers sealed and
// opened.
func BenchmarkSearch(b *testing.B) {
	const members = 50
	for suite, name := range map[seal.Suite]string{seal.MLKEM768X25519: "x-wing", seal.P256: "p-256"} {
		b.Run(name, func(b *testing.B) {
			w := newWorld()
			south := w.add(b, "south", suite, nil)
			for i := range members {
				w.add(b, fmt.Sprintf("m%02d", i), suite, map[string]Rule{AnyMember: {Purposes: []string{"TREAT"}, MaxPerDay: 1 << 40}})
			}
			var took, bare []time.Duration
			for b.Loop() {
				w.now = w.now.Add(time.Second) // what is remembered of queries stays short
				began := time.Now()
				answers, err := south.Search.Ask(b.Context(), Question{Roots: []Root{root(1)}, Purpose: "TREAT"})
				if err != nil || answers.Answers[members-1].Outcome != No {
					b.Fatalf("%+v, %v", answers, err)
				}
				took = append(took, time.Since(began))
				began = time.Now()
				for range 2 * members {
					sealAndOpen(b, south)
				}
				bare = append(bare, time.Since(began))
			}
			b.ReportMetric(milliseconds(p95(took)), "p95-ms")
			b.ReportMetric(milliseconds(p95(bare)), "sealing-p95-ms")
			b.ReportMetric(float64(p95(took))/float64(p95(bare)), "of-sealing")
		})
	}
}

func sealAndOpen(b *testing.B, s *site) {
	var out bytes.Buffer
	w, err := seal.NewWriter(&out, s.recipient.Public(), s.options.Signer, seal.Short, nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	r, err := seal.NewReader(&out, func(seal.KeyID) *seal.Recipient { return s.recipient })
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		b.Fatal(err)
	}
}

func p95(took []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(took))[len(took)*95/100]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
