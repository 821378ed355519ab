package commit

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

var update = flag.Bool("update", false, "write testdata anew")

const vectorFile = "testdata/commitments.json"

// vector is one version from the owner's key to its opening; all but names and
// numbers in hex. Columns whose value is in Shown are open in Opening.
type vector struct {
	Name       string         `json:"name"`
	OwnerKey   string         `json:"owner_key"`
	Log        string         `json:"log"`
	Index      uint64         `json:"index"`
	Key        string         `json:"version_key"`
	KeyDigest  string         `json:"key_digest"`
	Header     string         `json:"header"`
	Cells      []string       `json:"cells"`
	Salts      []string       `json:"salts"` // one per column, then the header's
	Digests    []string       `json:"column_digests"`
	Commitment string         `json:"commitment"`
	Op         uint8          `json:"op"`
	Time       int64          `json:"time_ms"`
	Leaf       string         `json:"leaf"`
	Shown      map[int]string `json:"shown,omitempty"` // the columns that Opening opens, by place: their names
	Opening    string         `json:"opening"`
}

// vectorHeaders are the versions and events that the vectors are of.
func vectorHeaders(t *testing.T) map[string]committed {
	first := rowHeader()
	first.Index, first.Op, first.Version, first.Previous, first.Seen, first.EventID, first.EventTime = 12, Insert, 1, NoPrevious, Snapshot, "", 0
	gone := rowHeader()
	gone.Index, gone.Op, gone.Version, gone.Previous, gone.Columns = 43, Delete, 4, 41, nil
	return map[string]committed{
		"an update":           {header: rowHeader(), values: rowValues(t)},
		"a first version":     {header: first, values: rowValues(t)},
		"a delete":            {header: gone},
		"an event with body":  {header: eventHeaderOf(Gap), values: []row.Value{row.NewBytes([]byte("body"))}},
		"an event of padding": {header: eventHeaderOf(Pad), values: []row.Value{row.NewBytes(nil)}},
	}
}

func makeVector(t *testing.T, name string, v committed) vector {
	t.Helper()
	const ownerKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	v = commitTo(t, v.header, v.values)
	keyDigest := KeyDigest(v.key)
	leaf := Leaf{Op: v.header.Op, Time: 1_700_000_000_500, Commitment: v.digest}
	x := vector{Name: name, OwnerKey: ownerKey, Log: v.header.Log, Index: v.header.Index, Key: hex.EncodeToString(v.key[:]),
		KeyDigest: hex.EncodeToString(keyDigest[:]), Header: hex.EncodeToString(v.header.Append(nil)), Commitment: hex.EncodeToString(v.digest[:]),
		Op: uint8(leaf.Op), Time: leaf.Time, Leaf: hex.EncodeToString(leaf.Append(nil)),
		Cells: []string{}, Salts: []string{}, Digests: []string{}, Shown: map[int]string{}}
	for _, s := range Salts(v.key, len(v.values)) {
		x.Salts = append(x.Salts, hex.EncodeToString(s[:]))
	}
	for i, d := range v.digests {
		x.Digests = append(x.Digests, hex.EncodeToString(d[:]))
		x.Cells = append(x.Cells, hex.EncodeToString(row.AppendCell(nil, v.values[i])))
		if i%2 == 1 {
			x.Shown[i] = v.header.Columns[i].Name
		}
	}
	x.Opening = hex.EncodeToString(v.open(t, func(i int) bool { return i%2 == 1 }).Append(nil))
	return x
}

func TestVectors(t *testing.T) {
	made := make(map[string]vector)
	for name, v := range vectorHeaders(t) {
		made[name] = makeVector(t, name, v)
	}
	if *update {
		writeVectors(t, made)
	}
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	read := make(map[string]vector)
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	for name, v := range read {
		want := made[name]
		if len(want.Shown) == 0 {
			want.Shown = nil
		}
		if diff := cmp.Diff(v, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		checkVector(t, v)
	}
	if len(read) != len(made) {
		t.Errorf("%d vectors, want %d", len(read), len(made))
	}
}

// checkVector verifies a vector as a stranger would: from its bytes alone.
func checkVector(t *testing.T, v vector) {
	t.Helper()
	leaf, err := ParseLeaf(unhex(t, v.Leaf))
	if err != nil {
		t.Fatal(err)
	}
	r := dcbor.NewReader(unhex(t, v.Opening))
	o := ReadOpening(r)
	h, err := o.Verify(leaf.Commitment)
	if err != nil || r.Done() != nil || h.Index != v.Index || h.Log != v.Log || uint8(h.Op) != v.Op || leaf.Op != h.Op {
		t.Fatalf("%s: %v", v.Name, err)
	}
	for i, name := range v.Shown {
		cell := row.AppendCell(nil, o.Columns[i].Value)
		if h.Columns[i].Name != name || !bytes.Equal(cell, unhex(t, v.Cells[i])) {
			t.Errorf("%s: column %d", v.Name, i)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeVectors(t *testing.T, v map[string]vector) {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
