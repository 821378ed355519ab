package recordlog

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

var update = flag.Bool("update", false, "write testdata/format.txt anew")

// TestFormatIsTheOneOfTheVectors writes a small log with fixed randomness and
// compares every byte of its streams and index with testdata/format.txt.
func TestFormatIsTheOneOfTheVectors(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	o := testOptions(t)
	var err error
	o.Wrapping, err = keys.NewWrapping(bytes.NewReader(bytes.Repeat([]byte{7}, keys.KeySize)))
	must(t, err)
	l, dir := newTestLog(t, o)
	m := newMaker(2)
	must(t, l.Update(func(b *Batch) error {
		if _, err := m.add(b, patient(4711), "visits", intKey(-300), commit.Insert); err != nil {
			return err
		}
		b.Set("position/tap", []byte("0-1-17"))
		_, err := b.AppendEvent(commit.Gap, []byte("purged"))
		return err
	}))
	must(t, l.Update(func(b *Batch) error {
		_, err := m.add(b, patient(4711), "visits", intKey(-300), commit.Delete)
		return err
	}))
	var out strings.Builder
	must(t, l.each([]byte{}, func(key, value []byte) error {
		fmt.Fprintf(&out, "index %x %x\n", key, value)
		return nil
	}))
	for _, name := range []string{"segments/entries-000000", "segments/tree-000000", ackName, formatName} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		fmt.Fprintf(&out, "%s %x\n", name, b)
	}
	golden := filepath.Join("testdata", "format.txt")
	if *update {
		must(t, os.WriteFile(golden, []byte(out.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if d := cmp.Diff(string(want), out.String()); d != "" {
		t.Errorf("format (-want +got): %s", d)
	}
}

// TestBacklogAndDiskUse follow what is appended and anchored.
func TestBacklogAndDiskUse(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	h := &history{maker: newMaker(2), model: newModel()}
	_, err := h.update(l, 0)
	must(t, err)
	root, err := l.Root(15)
	must(t, err)
	must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, AppendAnchor(nil, 15, root)); return nil }))
	if n, err := l.Backlog(); err != nil || n != 5 {
		t.Errorf("backlog %d: %v", n, err)
	}
	if used, free, err := l.DiskUse(); err != nil || used < 20*100 || free == 0 {
		t.Errorf("%d used, %d free: %v", used, free, err)
	}
}
