package rules_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/chain/rules"
)

var update = flag.Bool("update", false, "write testdata/vectors.json anew")

// A vector is one transaction and what it leaves in the state. Bytes are hex.
type vector struct {
	Height int64             `json:"height"`
	Time   int64             `json:"time"`
	Tx     string            `json:"tx"`
	Info   string            `json:"info"`
	Writes map[string]string `json:"writes"`
}

func TestVectors(t *testing.T) {
	const file = "testdata/vectors.json"
	got := makeVectors(t)
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want []vector
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("vectors (-file +made):\n%s", diff)
	}
	for i, v := range want {
		tx, err := hex.DecodeString(v.Tx)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := rules.Parse(tx)
		if err != nil || !bytes.Equal(parsed.Append(nil), tx) {
			t.Errorf("vector %d does not come back: %v", i, err)
		}
	}
}

func makeVectors(t *testing.T) []vector {
	s, l := newState(t), newTree(t, chainID, logA, 0, 7).grow(t, "a", "b", "c", "d", "e")
	txs := []rules.Transaction{
		l.register(t, "alder", memberKey(1)),
		l.anchor(t, 0, 3),
		l.beat(t, 0, 2),
		l.anchor(t, 3, 5),
		l.anchor(t, 3, 5),
		publish(t, contactOf(t, "alder", 1), memberKey(1)),
		act(t, "birch", grantID(1), request("alder")),
		act(t, "alder", grantID(1), terms(at(0).Time+hour, 2)),
		act(t, "alder", grantID(1), disclosing(1)),
		act(t, "birch", grantID(1), acknowledging(1)),
		act(t, "alder", grantID(1), rules.Revocation{}),
		act(t, "birch", grantID(2), request("alder")),
		act(t, "alder", grantID(2), rules.Rejection{}),
		act(t, "birch", grantID(3), glass("alder", 2)),
		act(t, "birch", grantID(3), rules.Justifying{Text: commitment(6)}),
		act(t, "alder", grantID(3), rules.Reviewing{Accepted: true}),
	}
	var out []vector
	for i, tx := range txs {
		b := at(int64(i + 1))
		w := &recorder{State: s, writes: map[string]string{}}
		r, err := rules.Apply(w, b, tx.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, vector{b.Height, b.Time, hex.EncodeToString(tx.Append(nil)), r.Info, w.writes})
	}
	return out
}

// recorder notes what is written.
type recorder struct {
	rules.State
	writes map[string]string
}

func (r *recorder) Set(key, value []byte) error {
	r.writes[hex.EncodeToString(key)] = hex.EncodeToString(value)
	return r.State.Set(key, value)
}
