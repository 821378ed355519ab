package recordlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

// readerDiffers tells how what a Reader reads, in an order of no meaning and
// again from memory that it used before, differs from the model.
func (m *model) readerDiffers(l *Log) error {
	r := l.NewReader()
	for range 2 {
		if err := errors.Join(m.readEntriesDiffer(r), m.readHeadsDiffer(r)); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) readEntriesDiffer(r *Reader) error {
	indexes := make([]uint64, len(m.entries))
	for i, n := range rand.Perm(len(indexes)) {
		indexes[i] = uint64(n)
	}
	read, last := 0, uint64(0)
	err := r.Entries(indexes, func(i int, e *Entry) error {
		if e.Header.Index != indexes[i] || e.Header.Index < last {
			return fmt.Errorf("entry %d of place %d after entry %d", e.Header.Index, i, last)
		}
		last, read = e.Header.Index, read+1
		got := *e
		got.Header.EncodedColumns = nil
		if d := cmp.Diff(m.entries[last], got); d != "" {
			return fmt.Errorf("reader's entry %d (-want +got): %s", last, d)
		}
		return nil
	})
	if err == nil && read != len(indexes) {
		err = fmt.Errorf("%d entries read of %d", read, len(indexes))
	}
	leaves := make([]commit.Leaf, len(indexes))
	err = errors.Join(err, r.Leaves(indexes, leaves))
	for i, leaf := range leaves {
		if err == nil && leaf != m.entries[indexes[i]].Leaf {
			err = fmt.Errorf("leaf %d differs", indexes[i])
		}
	}
	return err
}

// readHeadsDiffer asks for each row of each table, and for as many rows that
// are not there.
func (m *model) readHeadsDiffer(r *Reader) error {
	for table, want := range m.heads {
		var keys [][]byte
		for key := range want {
			keys = append(keys, []byte(key), append([]byte(key), 0))
		}
		rand.Shuffle(len(keys), func(a, b int) { keys[a], keys[b] = keys[b], keys[a] })
		got := make([]Head, len(keys))
		if err := r.Heads(table, keys, got); err != nil {
			return err
		}
		for i, key := range keys {
			if got[i] != want[string(key)] {
				return fmt.Errorf("reader's head of row %x in %s is %v, want %v", key, table, got[i], want[string(key)])
			}
		}
	}
	return nil
}

// TestReaderFindsRowsFarApart looks up few of many rows, so that it must search
// between them, and a row that comes after all.
func TestReaderFindsRowsFarApart(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	m := newMaker(1)
	must(t, l.Update(func(b *Batch) error {
		for id := range int64(500) {
			if _, err := m.add(b, patient(1), "visits", intKey(id), commit.Insert); err != nil {
				return err
			}
		}
		return nil
	}))
	ids := []int64{499, 0, 250, 3, 700, 4, 100, -1}
	keys := make([][]byte, len(ids))
	for i, id := range ids {
		keys[i] = intKey(id)
	}
	heads := make([]Head, len(ids))
	must(t, l.NewReader().Heads("visits", keys, heads))
	for i, id := range ids {
		want, _, err := l.Head("visits", keys[i])
		must(t, err)
		if heads[i] != want {
			t.Errorf("row %d has the head %v, want %v", id, heads[i], want)
		}
	}
	must(t, l.NewReader().Heads("nope", keys, heads))
	for i := range heads {
		if heads[i] != (Head{}) {
			t.Errorf("a row of a table that is not there has the head %v", heads[i])
		}
	}
}

// TestReaderSeesWhatIsCommittedNow reads behind what it holds in memory.
func TestReaderSeesWhatIsCommittedNow(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	m, r := newMaker(3), l.NewReader()
	for id := range int64(50) {
		must(t, l.Update(func(b *Batch) error {
			_, err := m.add(b, patient(1), "visits", intKey(id), commit.Insert)
			return err
		}))
		heads := make([]Head, 1)
		must(t, r.Heads("visits", [][]byte{intKey(id)}, heads))
		if heads[0].Version != 1 {
			t.Fatalf("row %d has the head %v", id, heads[0])
		}
		must(t, r.Entries([]uint64{heads[0].Index}, func(_ int, e *Entry) error {
			if !bytes.Equal(e.Header.Key, intKey(id)) {
				t.Errorf("entry %d is of another row", heads[0].Index)
			}
			return nil
		}))
	}
	if err := r.Entries([]uint64{50}, func(int, *Entry) error { return nil }); !errors.Is(err, ErrNoLeaf) {
		t.Errorf("an entry that is not there: %v", err)
	}
}

// TestReaderNoticesDamage flips one byte in each of some records and blocks.
// What stands before it can be read, and it itself cannot.
func TestReaderNoticesDamage(t *testing.T) {
	for name, place := range map[string]func(*block) (file string, at int){
		"record": func(b *block) (string, int) { return "entries-000000", int(b.offset) + recordHead + 3 },
		"length": func(b *block) (string, int) { return "entries-000000", int(b.offset) },
		"block":  func(*block) (string, int) { return "tree-000000", int(blockPlace(30)) + 2 },
		"hash":   func(*block) (string, int) { return "tree-000000", int(blockPlace(30)) + blockHead },
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions(t)
			l, dir := newTestLog(t, o)
			m := newMaker(2)
			must(t, l.Update(func(b *Batch) error {
				for id := range int64(60) {
					if _, err := m.add(b, patient(1), "visits", intKey(id), commit.Insert); err != nil {
						return err
					}
				}
				return nil
			}))
			must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, anchorOf(t, l)); return nil }))
			b, err := l.readBlock(30)
			must(t, err)
			closeLog(t, l)
			file, at := place(&b)
			flip(t, filepath.Join(dir, segmentsDir, file), at)
			l = openTestLog(t, dir, o)
			r, read := l.NewReader(), 0
			indexes := []uint64{28, 29, 30, 31}
			err = r.Entries(indexes, func(int, *Entry) error { read++; return nil })
			if !errors.Is(err, ErrCorrupt) || read != 2 || !errors.Is(l.Err(), ErrCorrupt) {
				t.Errorf("%d entries read: %v; the log says %v", read, err, l.Err())
			}
			if err := r.Leaves(indexes, make([]commit.Leaf, 4)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("leaves: %v", err)
			}
		})
	}
}

// TestReaderOfAClosedLog gives up.
func TestReaderOfAClosedLog(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	must(t, l.Update(func(b *Batch) error { _, err := b.AppendEvent(commit.Start, nil); return err }))
	r := l.NewReader()
	closeLog(t, l)
	if err := r.Entries([]uint64{0}, func(int, *Entry) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("entries: %v", err)
	}
}
