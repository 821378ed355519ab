package evidence_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/chain/receipt"
)

var update = flag.Bool("update", false, "write the vectors in testdata anew")

// vectors are the files in testdata: evidence of each kind under four
// validators, the trust file, and what the verifier must read in them.
func vectors(t *testing.T) map[string][]byte {
	t.Helper()
	trust, err := sampleTrust(t, 4).JSON()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{"trust.json": trust}
	for name, file := range samples(t, 4) {
		out[name+".evidence"] = file
		result, err := verify(file, sampleTrust(t, 4))
		if err != nil {
			t.Fatal(err)
		}
		if out[name+".json"], err = json.MarshalIndent(result, "", "  "); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// The format may not drift: today's code must write the very bytes of the
// vectors, and read in them what they say.
func TestVectors(t *testing.T) {
	for name, want := range vectors(t) {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what this program writes", name)
		}
	}
}

// Vectors in testdata/refused must be refused.
func TestRefusedVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/trust.json")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := receipt.ParseTrust(b)
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("testdata/refused/*.evidence")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		names = writeRefused(t)
	}
	if len(names) == 0 {
		t.Fatal("no vectors in testdata/refused")
	}
	for _, name := range names {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify(file, trust); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// writeRefused writes files that are well formed and prove nothing.
func writeRefused(t *testing.T) []string {
	t.Helper()
	s := newSample(t, evidence.Altered, 4, change{})
	files := map[string]func(e *evidence.Evidence){
		"before-holds-version":  func(e *evidence.Evidence) { e.Before = s.receipts[8] },
		"altered-as-deleted":    func(e *evidence.Evidence) { e.Claim = evidence.Deleted },
		"present-without-key":   func(e *evidence.Evidence) { e.Audit.Finding.Key = nil },
		"other-key":             func(e *evidence.Evidence) { e.Audit.Finding.Key[0] ^= 1 },
		"audit-under-old-entry": func(e *evidence.Evidence) { e.Audit.Entry = e.Version },
	}
	var names []string
	for name, spoil := range files {
		e := s.evidence(evidence.Altered)
		spoil(e)
		path := filepath.Join("testdata", "refused", name+".evidence")
		if err := os.WriteFile(path, e.Append(nil), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, path)
	}
	return names
}
