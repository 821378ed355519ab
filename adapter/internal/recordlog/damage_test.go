package recordlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// damagedLog makes a log whose index has tables, a journal and a manifest of
// several records, and whose streams have several segments.
func damagedLog(t *testing.T, o Options) (string, *history) {
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	var err error
	for n := range 12 {
		if h, err = h.update(l, n); err != nil {
			t.Fatal(err)
		}
		if n == 6 {
			closeLog(t, l)
			l = openTestLog(t, dir, o)
		}
	}
	closeLog(t, l)
	return dir, h
}

// A damage is one way to spoil a file.
type damage struct {
	name  string
	apply func(t *testing.T, path string, size int)
}

// damages lists ways to spoil a file of some size: bytes flipped and zeroed,
// the end cut off, the file gone.
func damages(size, step int) []damage {
	list := []damage{
		{"removed", func(t *testing.T, path string, _ int) { must(t, os.Remove(path)) }},
		{"emptied", func(t *testing.T, path string, _ int) { must(t, os.Truncate(path, 0)) }},
		{"garbage after the end", func(t *testing.T, path string, _ int) {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = f.Write(bytes.Repeat([]byte{0xa5}, 40))
			must(t, errors.Join(err, f.Close()))
		}},
	}
	for at := 0; at < size; at += step {
		list = append(list,
			damage{fmt.Sprintf("bit flipped at %d", at), func(t *testing.T, path string, _ int) { flip(t, path, at) }},
			damage{fmt.Sprintf("cut at %d", at), func(t *testing.T, path string, _ int) { must(t, os.Truncate(path, int64(at))) }},
			damage{fmt.Sprintf("zeroed from %d", at), func(t *testing.T, path string, size int) { zero(t, path, at, size) }})
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func flip(t *testing.T, path string, at int) {
	b, err := os.ReadFile(path)
	must(t, err)
	b[at] ^= 1 << (at % 8)
	must(t, os.WriteFile(path, b, 0o600))
}

func zero(t *testing.T, path string, from, size int) {
	b, err := os.ReadFile(path)
	must(t, err)
	clear(b[from:min(size, from+600)])
	must(t, os.WriteFile(path, b, 0o600))
}

// TestDamageIsNoticedOrHarmless spoils every file in every region. Then either
// Open says so, or reading everything or Check does, or everything read is what
// was written.
func TestDamageIsNoticedOrHarmless(t *testing.T) {
	o := testOptions(t)
	o.segment, o.buffer = 8<<10, 4<<10
	dir, h := damagedLog(t, o)
	noticed, harmless := map[string]int{}, map[string]int{}
	must(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		step := max(1, int(info.Size())/24)
		if testing.Short() {
			step = max(1, int(info.Size())/4)
		}
		name, _ := filepath.Rel(dir, path)
		for _, d := range damages(int(info.Size()), step) {
			if testDamage(t, dir, name, d, o, h) {
				noticed[kindOf(name)]++
			} else {
				harmless[kindOf(name)]++
			}
		}
		return nil
	}))
	t.Logf("noticed %v", noticed)
	t.Logf("harmless %v", harmless)
	for _, kind := range []string{"entries", "tree", ".ldb", ".log", "MANIFEST", "CURRENT", "FORMAT", "ACK"} {
		if noticed[kind] == 0 {
			t.Errorf("no damage of %s was noticed", kind)
		}
	}
}

// kindOf groups files by what they are.
func kindOf(name string) string {
	base := filepath.Base(name)
	if ext := filepath.Ext(base); ext != "" {
		return ext
	}
	kind, _, _ := strings.Cut(base, "-")
	return kind
}

// testDamage reports whether the damage was noticed.
func testDamage(t *testing.T, dir, name string, d damage, o Options, h *history) (noticed bool) {
	copied := copyDir(t, dir)
	defer os.RemoveAll(copied)
	path := filepath.Join(copied, name)
	info, err := os.Stat(path)
	must(t, err)
	d.apply(t, path, int(info.Size()))
	l, err := Open(copied, o)
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNoLog) {
			t.Errorf("%s %s: open says %v, which is not ErrCorrupt", name, d.name, err)
		}
		return true
	}
	defer l.Close()
	checked := l.Check(t.Context(), 0, l.Size())
	read := h.model.differs(l)
	if checked != nil || l.Err() != nil {
		if !errors.Is(checked, ErrCorrupt) && !errors.Is(l.Err(), ErrCorrupt) {
			t.Errorf("%s %s: check says %v, which is not ErrCorrupt", name, d.name, checked)
		}
		return true
	}
	if read != nil {
		t.Errorf("%s %s: used silently: %v", name, d.name, read)
	}
	return false
}

// TestDamageBeforeTheAnchorIsNoticedAtUse spoils what Open does not look at.
func TestDamageBeforeTheAnchorIsNoticedAtUse(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	h, err := h.update(l, 0)
	must(t, err)
	must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, anchorOf(t, l)); return nil }))
	closeLog(t, l)
	flip(t, filepath.Join(dir, segmentsDir, "entries-000000"), 100)
	l = openTestLog(t, dir, o)
	if err := l.Err(); err != nil {
		t.Fatalf("open looked at anchored entries: %v", err)
	}
	if _, err := l.Entry(1); err != nil {
		t.Fatal(err)
	}
	var corrupt *CorruptError
	if _, err := l.Entry(0); !errors.As(err, &corrupt) || corrupt.Offset != 0 {
		t.Fatalf("spoilt entry: %v", err)
	}
	if _, err := h.update(l, 1); !errors.Is(err, ErrReadOnly) || !errors.Is(err, ErrCorrupt) {
		t.Fatalf("update after damage was seen: %v", err)
	}
}

// TestDamagedTreeHashIsNoticedAtUse spoils a hash that no leaf check reads.
func TestDamagedTreeHashIsNoticedAtUse(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	_, err := h.update(l, 0)
	must(t, err)
	must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, anchorOf(t, l)); return nil }))
	closeLog(t, l)
	// Leaf 3 completes the subtrees of two and of four leaves; the root of all
	// 20 needs neither the first nor this leaf's own hash.
	flip(t, filepath.Join(dir, segmentsDir, "tree-000000"), int(blockPlace(3))+blockHead+40)
	l = openTestLog(t, dir, o)
	if _, err := l.Root(20); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Root(4); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("root over a spoilt block: %v", err)
	}
	if !errors.Is(l.Err(), ErrCorrupt) {
		t.Fatalf("log stays writable: %v", l.Err())
	}
}

// TestEntryWithAnotherLeafIsNoticedAtUse replaces an entry by one whose
// checksum is right, as whoever knows the format can.
func TestEntryWithAnotherLeafIsNoticedAtUse(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	_, err := h.update(l, 0)
	must(t, err)
	must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, anchorOf(t, l)); return nil }))
	closeLog(t, l)
	path := filepath.Join(dir, segmentsDir, "entries-000000")
	b, err := os.ReadFile(path)
	must(t, err)
	length := int(binary.BigEndian.Uint32(b))
	payload := bytes.Clone(b[recordHead : recordHead+length])
	payload[40] ^= 1 // in the leaf's commitment
	copy(b, appendRecord(nil, l.seed, 0, payload))
	must(t, os.WriteFile(path, b, 0o600))
	l = openTestLog(t, dir, o)
	if _, err := l.Entry(0); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "leaf") {
		t.Fatalf("entry with another leaf: %v", err)
	}
	r := l.NewReader()
	if err := r.Entries([]uint64{0}, func(int, *Entry) error { return nil }); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "leaf") {
		t.Fatalf("reader of an entry with another leaf: %v", err)
	}
	if err := r.Leaves([]uint64{0}, make([]commit.Leaf, 1)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "leaf") {
		t.Fatalf("reader of another leaf: %v", err)
	}
}

// TestTreeThatDoesNotFollowIsNoticed replaces an inner hash with its block's
// checksum put right.
func TestTreeThatDoesNotFollowIsNoticed(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	_, err := h.update(l, 0)
	must(t, err)
	must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, anchorOf(t, l)); return nil }))
	k, err := l.readBlock(3)
	must(t, err)
	closeLog(t, l)
	hashes := []merkle.Hash{k.hash(0), k.hash(1), k.hash(2)}
	hashes[1][0] ^= 1
	path := filepath.Join(dir, segmentsDir, "tree-000000")
	b, err := os.ReadFile(path)
	must(t, err)
	copy(b[blockPlace(3):], appendBlock(nil, l.seed, 3, k.offset, int(k.length), hashes))
	must(t, os.WriteFile(path, b, 0o600))
	l = openTestLog(t, dir, o)
	if err := l.Check(t.Context(), 0, 20); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "follow") {
		t.Fatalf("check: %v", err)
	}
}

// TestMissingJournalIsNoticed removes the journal that the manifest goes on
// from, with ACK lagging as after a power cut: goleveldb would take it as empty.
func TestMissingJournalIsNoticed(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	ack, err := os.ReadFile(ackPath(dir))
	must(t, err)
	h := &history{maker: newMaker(2), model: newModel()}
	_, err = h.update(l, 0)
	must(t, err)
	copied := copyDir(t, dir)
	must(t, os.WriteFile(ackPath(copied), ack, 0o600))
	names, err := journals(indexPath(copied))
	must(t, err)
	path := filepath.Join(indexPath(copied), names[len(names)-1])
	must(t, os.Remove(path))
	if _, err := Open(copied, o); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Fatalf("open without the journal: %v", err)
	}
}

// TestUncommittedBytesAreCutOffAtOpen leaves what a crash before the index
// batch leaves: longer segments, and one more.
func TestUncommittedBytesAreCutOffAtOpen(t *testing.T) {
	o := testOptions(t)
	o.segment = 4000
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	h, err := h.update(l, 0)
	must(t, err)
	s := l.committed.Load()
	closeLog(t, l)
	last := filepath.Join(dir, segmentsDir, fmt.Sprintf("entries-%06d", s.entries/o.segment))
	extra := filepath.Join(dir, segmentsDir, fmt.Sprintf("entries-%06d", s.entries/o.segment+1))
	for _, path := range []string{last, extra} {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		must(t, err)
		_, err = f.Write(make([]byte, 50))
		must(t, errors.Join(err, f.Close()))
	}
	l = openTestLog(t, dir, o)
	if info, err := os.Stat(last); err != nil || info.Size() != s.entries%o.segment {
		t.Errorf("last segment not cut back: %v", err)
	}
	if _, err := os.Stat(extra); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("uncommitted segment is still there: %v", err)
	}
	must(t, h.model.differs(l))
}

func anchorOf(t *testing.T, l *Log) []byte {
	root, err := l.Root(l.Size())
	must(t, err)
	return AppendAnchor(nil, l.Size(), root)
}

// TestRootOfTheLastAnchorIsComparedAtOpen has an anchor that the log is not of.
func TestRootOfTheLastAnchorIsComparedAtOpen(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	_, err := h.update(l, 0)
	must(t, err)
	for name, state := range map[string][]byte{
		"other root":   AppendAnchor(nil, 3, [32]byte{1}),
		"beyond":       AppendAnchor(nil, 3000, [32]byte{1}),
		"malformed":    []byte("x"),
		"size 0, root": AppendAnchor(nil, 0, [32]byte{1}),
	} {
		must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, state); return nil }))
		closeLog(t, l)
		if _, err := Open(dir, o); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		readOnly := o
		readOnly.ReadOnly = true
		r := openTestLog(t, dir, readOnly)
		if !errors.Is(r.Err(), ErrCorrupt) || !errors.Is(r.Err(), ErrReadOnly) {
			t.Errorf("%s: read-only log says %v", name, r.Err())
		}
		if _, err := r.Entry(0); err != nil {
			t.Errorf("%s: reading goes on: %v", name, err)
		}
		if err := r.Update(func(*Batch) error { return nil }); !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: update says %v", name, err)
		}
		closeLog(t, r)
		l = forceState(t, dir, o, nil)
	}
}

// forceState opens a log whose anchor state does not fit, as a test alone may.
func forceState(t *testing.T, dir string, o Options, anchor []byte) *Log {
	x, err := openIndex(dir, indexOptions(false, 0))
	must(t, err)
	if anchor == nil {
		must(t, x.db.DeleteSync(namedKey(AnchorState)))
	} else {
		must(t, x.db.SetSync(namedKey(AnchorState), anchor))
	}
	must(t, x.close())
	return openTestLog(t, dir, o)
}

// TestCheckComparesHeadsAndPrivateParts spoils the index and entries in ways
// that every checksum passes.
func TestCheckComparesHeadsAndPrivateParts(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	for n := range 2 {
		var err error
		h, err = h.update(l, n)
		must(t, err)
	}
	key, err := appendHeadKey(nil, 1, intKey(7))
	must(t, err)
	good := h.model.heads["visits"][string(intKey(7))]
	closeLog(t, l)
	for name, bad := range map[string]Head{
		"older version":  {Index: good.First, Version: 1, First: good.First},
		"later version":  {Index: good.Index, Version: 3, First: good.First},
		"deleted":        {Index: good.Index, Version: 2, First: good.First, Deleted: true},
		"another's leaf": {Index: good.Index + 1, Version: 2, First: good.First},
		"another first":  {Index: good.Index, Version: 2, First: good.First + 1},
		"gone":           {},
	} {
		copied := copyDir(t, dir)
		x, err := openIndex(copied, indexOptions(false, 0))
		must(t, err)
		if bad == (Head{}) {
			must(t, x.db.DeleteSync(key))
		} else {
			must(t, x.db.SetSync(key, bad.append(nil)))
		}
		must(t, x.close())
		l := openTestLog(t, copied, o)
		if err := l.Check(t.Context(), 0, l.Size()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("head %s: check says %v", name, err)
		}
		closeLog(t, l)
	}
}

// TestCheckRecomputesCommitments appends an entry whose private part is not
// what its leaf commits to.
func TestCheckRecomputesCommitments(t *testing.T) {
	for name, spoil := range map[string]func(e *Entry){
		"event id": func(e *Entry) { e.Header.EventID = "0-1-4711:2" },
		"digest":   func(e *Entry) { e.Digests[1][0] ^= 1 },
		"seen":     func(e *Entry) { e.Header.Seen = commit.Scan },
	} {
		l, _ := newTestLog(t, testOptions(t))
		m := newMaker(3)
		must(t, l.Update(func(b *Batch) error {
			e, err := m.add(b, patient(1), "visits", intKey(1), commit.Insert)
			if err != nil {
				return err
			}
			must(t, b.settle())
			e.Header.Index, e.Header.Version, e.Header.Previous = 1, 2, 0
			spoil(e)
			return appendMade(b, e)
		}))
		must(t, l.Check(t.Context(), 0, 1))
		if err := l.Check(t.Context(), 1, 2); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: check says %v", name, err)
		}
	}
}
