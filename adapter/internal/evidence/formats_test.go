package evidence_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

func TestFindingRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := evidence.Finding{Verdict: rapid.String().Draw(t, "verdict"), Table: rapid.String().Draw(t, "table"),
			Key: rapid.SliceOf(rapid.Byte()).Draw(t, "key"), Leaf: rapid.Uint64().Draw(t, "leaf"),
			Version: rapid.Uint64().Draw(t, "version"), Columns: rapid.SliceOfN(rapid.String(), 1, 4).Draw(t, "columns"),
			LastGood: evidence.Moment{Time: evidence.Millis(rapid.Int64().Draw(t, "good")), Height: rapid.Int64().Draw(t, "height")},
			FirstBad: evidence.Millis(rapid.Int64().Draw(t, "bad")), Detail: rapid.String().Draw(t, "detail")}
		copy(f.Salt[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "salt"))
		if rapid.Bool().Draw(t, "present") {
			f.Present = make([]commit.Digest, rapid.IntRange(0, 3).Draw(t, "digests"))
		}
		got, err := evidence.ParseFinding(f.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&f, got); diff != "" {
			t.Errorf("ParseFinding(Append) (-want +got):\n%s", diff)
		}
	})
}

func TestAuditBodyRoundTrip(t *testing.T) {
	a := &evidence.AuditBody{Started: 1, Ended: 2, ManifestCount: 3, FindingsCount: 4,
		Coverage: []evidence.Coverage{{Table: "a", Read: 5, Known: 6, Complete: true, Oldest: 7}, {Table: "b"}}}
	got, err := evidence.ParseAuditBody(a.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("ParseAuditBody(Append) (-want +got):\n%s", diff)
	}
	for _, bad := range [][]byte{nil, a.Append(nil)[1:], append(a.Append(nil), 0)} {
		if _, err := evidence.ParseAuditBody(bad); err == nil {
			t.Errorf("%x: accepted", bad)
		}
	}
}

// The manifest's streaming root must be that of the tree in memory, which is
// x/mod's.
func TestManifestRootIsTheTreesRoot(t *testing.T) {
	var m evidence.Manifest
	var tree evidence.Tree
	for i := range uint64(300) {
		want, err := tree.Root()
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Root(); got != want || m.Count() != i {
			t.Fatalf("%d rows: root %v, want %v; count %d", i, got, want, m.Count())
		}
		row := evidence.ManifestRow{Table: "t", Key: binary.BigEndian.AppendUint64(nil, i), Version: i}
		if err := m.Add(row); err != nil {
			t.Fatal(err)
		}
		if err := tree.Add(row.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTreeProofs(t *testing.T) {
	var tree evidence.Tree
	leaf := func(i uint64) []byte { return bytes.Repeat([]byte{byte(i)}, 3) }
	for size := uint64(1); size <= 20; size++ {
		if err := tree.Add(leaf(size - 1)); err != nil {
			t.Fatal(err)
		}
		root, err := tree.Root()
		if err != nil {
			t.Fatal(err)
		}
		for i := range size {
			proof, err := tree.Prove(i)
			if err != nil {
				t.Fatal(err)
			}
			if err := merkle.VerifyInclusion(proof, size, root, i, merkle.LeafHash(leaf(i))); err != nil {
				t.Errorf("leaf %d of %d: %v", i, size, err)
			}
		}
	}
	if _, err := tree.Prove(20); !errors.Is(err, merkle.ErrProof) {
		t.Errorf("proof of a leaf that is not there: %v", err)
	}
}

func TestManifestRefusesRowsOutOfOrder(t *testing.T) {
	for _, second := range []evidence.ManifestRow{
		{Table: "b", Key: []byte{1}}, {Table: "b", Key: []byte{0, 9}}, {Table: "a", Key: []byte{9}},
	} {
		var m evidence.Manifest
		if err := m.Add(evidence.ManifestRow{Table: "b", Key: []byte{1}}); err != nil {
			t.Fatal(err)
		}
		if err := m.Add(second); !errors.Is(err, evidence.ErrOrder) {
			t.Errorf("%v after b/1: %v", second, err)
		}
	}
}
