package receipt_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
)

var update = flag.Bool("update", false, "write the vectors in testdata anew")

// A vector says what a receipt in testdata proves under testdata/trust.json,
// or with which word in its reason it is refused.
type vector struct {
	File    string          `json:"file"`
	Key     string          `json:"key"`
	Result  *receipt.Result `json:"result,omitempty"`
	Refused string          `json:"refused,omitempty"`
}

// makeVectors returns the vectors' files.
func makeVectors(t *testing.T) (files map[string][]byte, trust receipt.Trust) {
	c := sampleChain(t, receipttest.Equal(4)...)
	trust = c.Trust(1)
	files = map[string][]byte{}
	c.Nil = 1
	present, absent := c.Receipt([]byte("a/3")), c.Receipt([]byte("a/5"))
	files["present.receipt"], files["absent.receipt"] = present.Append(nil), absent.Append(nil)
	c.Nil = 2
	files["refused-two-of-four.receipt"] = c.Receipt([]byte("a/3")).Append(nil)
	c.Nil = 0
	c.SetValidators(receipttest.Equal(5)...)
	linked := c.Receipt([]byte("a/3"))
	files["linked.receipt"] = linked.Append(nil)
	linked.Links = nil
	files["refused-without-link.receipt"] = linked.Append(nil)
	raw := *present
	raw.Block = c.LightBlock(3) // as the node sends it: with proposer priorities
	files["refused-not-normalized.receipt"] = raw.Append(nil)
	value := *present
	value.Value = []byte("value of a/4")
	files["refused-other-value.receipt"] = value.Append(nil)
	return files, trust
}

func TestVectors(t *testing.T) {
	files, trust := makeVectors(t)
	if *update {
		writeVectors(t, files, trust)
	}
	var vectors []vector
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	if b, err = os.ReadFile("testdata/trust.json"); err != nil {
		t.Fatal(err)
	}
	held, err := receipt.ParseTrust(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(vectors) != len(files) || held != trust {
		t.Errorf("%d vectors for %d files; trust %+v", len(vectors), len(files), held)
	}
	for _, v := range vectors {
		checkVector(t, v, files[v.File], held)
	}
}

func checkVector(t *testing.T, v vector, written []byte, trust receipt.Trust) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", v.File))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, written) {
		t.Errorf("%s is not what this program writes", v.File)
	}
	r, err := receipt.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", v.File, err)
	}
	got, err := r.Verify(trust)
	switch {
	case string(r.Key) != v.Key:
		t.Errorf("%s: key %q", v.File, r.Key)
	case v.Refused != "" && (err == nil || !strings.Contains(err.Error(), v.Refused)):
		t.Errorf("%s: %v, want it refused for %q", v.File, err, v.Refused)
	case v.Refused == "" && (err != nil || got != *v.Result):
		t.Errorf("%s: %+v, %v; want %+v", v.File, got, err, *v.Result)
	}
}

func writeVectors(t *testing.T, files map[string][]byte, trust receipt.Trust) {
	t.Helper()
	reasons := map[string]string{"refused-two-of-four.receipt": "2/3", "refused-without-link.receipt": "other validators",
		"refused-not-normalized.receipt": "canonical form", "refused-other-value.receipt": "value"}
	var vectors []vector
	for _, name := range []string{"present.receipt", "absent.receipt", "linked.receipt", "refused-two-of-four.receipt",
		"refused-without-link.receipt", "refused-not-normalized.receipt", "refused-other-value.receipt"} {
		r, err := receipt.Parse(files[name])
		if err != nil {
			t.Fatal(err)
		}
		v := vector{File: name, Key: string(r.Key), Refused: reasons[name]}
		if v.Refused == "" {
			result, err := r.Verify(trust)
			if err != nil {
				t.Fatal(err)
			}
			v.Result = &result
		}
		vectors = append(vectors, v)
		write(t, name, files[name])
	}
	b, err := json.MarshalIndent(vectors, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "vectors.json", append(b, '\n'))
	if b, err = trust.JSON(); err != nil {
		t.Fatal(err)
	}
	write(t, "trust.json", b)
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("testdata", name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}
