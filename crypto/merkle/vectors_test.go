package merkle

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
)

var update = flag.Bool("update", false, "write testdata anew")

const vectorFile = "testdata/tree.json"

// vectors are of the tree whose leaf number i is the text "leaf i". Hashes are
// in base64.
type vectors struct {
	Roots       []Hash              `json:"roots"` // of the trees of 0, 1, 2 … leaves
	Inclusion   []inclusionVector   `json:"inclusion"`
	Consistency []consistencyVector `json:"consistency"`
	Checkpoint  checkpointVector    `json:"checkpoint"`
}

type inclusionVector struct {
	Size  uint64 `json:"size"`
	Index uint64 `json:"index"`
	Leaf  Hash   `json:"leaf_hash"`
	Proof []Hash `json:"proof"`
}

type consistencyVector struct {
	New   uint64 `json:"new_size"`
	Old   uint64 `json:"old_size"`
	Proof []Hash `json:"proof"`
}

// checkpointVector is a signed checkpoint and those that must be refused.
type checkpointVector struct {
	Verifier string            `json:"verifier_key"`
	Signed   string            `json:"signed"`
	Refused  map[string]string `json:"refused"`
}

const vectorSize = 9

func makeVectors(t *testing.T) vectors {
	x := newTree(t, vectorSize)
	var v vectors
	for n := range vectorSize + 1 {
		v.Roots = append(v.Roots, x.root(t, n))
	}
	for _, c := range [][2]uint64{{1, 0}, {2, 1}, {3, 2}, {7, 3}, {8, 0}, {9, 4}, {9, 8}} {
		proof, err := ProveInclusion(c[0], c[1], x)
		if err != nil {
			t.Fatal(err)
		}
		v.Inclusion = append(v.Inclusion, inclusionVector{c[0], c[1], LeafHash(x.leaves[c[1]]), append([]Hash{}, proof...)})
	}
	for _, c := range [][2]uint64{{1, 1}, {5, 0}, {2, 1}, {3, 2}, {7, 3}, {8, 4}, {9, 6}, {9, 8}} {
		proof, err := ProveConsistency(c[0], c[1], x)
		if err != nil {
			t.Fatal(err)
		}
		v.Consistency = append(v.Consistency, consistencyVector{c[0], c[1], append([]Hash{}, proof...)})
	}
	v.Checkpoint = makeCheckpoint(t, x)
	return v
}

func makeCheckpoint(t *testing.T, x *tree) checkpointVector {
	t.Helper()
	signer, _ := testKeys(t, testOrigin, 7)
	b, err := Checkpoint{Origin: testOrigin, Size: vectorSize, Root: x.root(t, vectorSize)}.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]string{"signature twice": string(b) + string(b[len(b)-len(signatureLine(t, b)):])}
	for name, text := range map[string]string{"leading zero": "09", "size beyond 2^62": "4611686018427387905"} {
		c := Checkpoint{Origin: testOrigin, Size: vectorSize, Root: x.root(t, vectorSize)}.Text()
		bad, err := note.Sign(&note.Note{Text: c[:len(testOrigin)+1] + text + c[len(testOrigin)+2:]}, signer)
		if err != nil {
			t.Fatal(err)
		}
		refused[name] = string(bad)
	}
	return checkpointVector{Verifier: verifierKey(t), Signed: string(b), Refused: refused}
}

func TestVectors(t *testing.T) {
	made := makeVectors(t)
	if *update {
		b, err := json.MarshalIndent(made, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, v); diff != "" {
		t.Error(diff)
	}
	checkVectors(t, v)
}

// checkVectors verifies as a stranger would, from the vectors alone.
func checkVectors(t *testing.T, v vectors) {
	t.Helper()
	for _, c := range v.Inclusion {
		if err := VerifyInclusion(c.Proof, c.Size, v.Roots[c.Size], c.Index, c.Leaf); err != nil {
			t.Errorf("%d in %d: %v", c.Index, c.Size, err)
		}
	}
	for _, c := range v.Consistency {
		if err := VerifyConsistency(c.Proof, c.New, v.Roots[c.New], c.Old, v.Roots[c.Old]); err != nil {
			t.Errorf("%d to %d: %v", c.Old, c.New, err)
		}
	}
	verifier, err := note.NewVerifier(v.Checkpoint.Verifier)
	if err != nil {
		t.Fatal(err)
	}
	c, err := OpenCheckpoint([]byte(v.Checkpoint.Signed), verifier)
	if err != nil || c.Root != v.Roots[c.Size] {
		t.Errorf("%+v %v", c, err)
	}
	for name, text := range v.Checkpoint.Refused {
		if _, err := OpenCheckpoint([]byte(text), verifier); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
