package recordlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

func TestCreateRefusesADirectoryWithALog(t *testing.T) {
	o := testOptions(t)
	dir := quickDir(t)
	must(t, Create(dir, testOrigin, o))
	if err := Create(dir, testOrigin, o); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), dir) {
		t.Fatalf("second create: %v", err)
	}
	if _, err := Open(quickDir(t), o); !errors.Is(err, ErrNoLog) {
		t.Fatalf("open of an empty directory: %v", err)
	}
}

// TestEmptyLog has the root of no leaves and nothing else.
func TestEmptyLog(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	if l.Origin() != testOrigin {
		t.Errorf("origin %q", l.Origin())
	}
	must(t, newModel().differs(l))
	must(t, l.Check(t.Context(), 0, 0))
	if _, err := l.Entry(0); !errors.Is(err, ErrNoLeaf) {
		t.Errorf("entry of an empty log: %v", err)
	}
	if _, err := l.Root(1); !errors.Is(err, ErrNoLeaf) {
		t.Errorf("root beyond the end: %v", err)
	}
	closeLog(t, l)
	must(t, newModel().differs(openTestLog(t, dir, o)))
}

// TestSecondOpenNamesTheHolder opens a log twice, here and from a child process.
func TestSecondOpenNamesTheHolder(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	readOnly := o
	readOnly.ReadOnly = true
	for _, o := range []Options{o, readOnly} {
		if _, err := Open(dir, o); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
			t.Errorf("second open: %v", err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "test-wrapping-key"), testWrapping(t).Format(), 0o600))
	must(t, os.Symlink(dir, filepath.Join(dir, "log")))
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	if out, err := child.CombinedOutput(); err == nil || !strings.Contains(string(out), "is held by process") {
		t.Errorf("open by another process: %v: %s", err, out)
	}
	closeLog(t, l)
	a, b := openTestLog(t, dir, readOnly), openTestLog(t, dir, readOnly)
	must(t, errors.Join(newModel().differs(a), newModel().differs(b)))
}

// TestReadersSeeCommittedLeavesAlone reads while batches are committed: what a
// reader is shown of any kind leads to entries that are there.
func TestReadersSeeCommittedLeavesAlone(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for !closed(done) {
				if err := readAll(t.Context(), l); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	h := &history{maker: newMaker(2), model: newModel()}
	for n := range 60 {
		var err error
		if h, err = h.update(l, n); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	group.Wait()
	must(t, h.model.differs(l))
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// readAll reads in each way that the log offers, and follows what it is told.
func readAll(ctx context.Context, l *Log) error {
	size := l.Size()
	if _, err := l.Root(size / 2); err != nil {
		return err
	}
	if err := l.Check(ctx, size-min(size, 10), size); err != nil {
		return err
	}
	if h, found, err := l.Head("visits", intKey(3)); err != nil || found && h.Index >= l.Size() {
		return fmt.Errorf("head %+v of a log of %d: %w", h, l.Size(), errors.Join(err))
	}
	first, rows := Head{}, 0
	err := l.Heads(ctx, "visits", func(key []byte, h Head) error {
		if rows++; rows == 1 {
			first = h
		}
		// All rows change in every batch, so one snapshot has one version of all.
		if h.Version != first.Version {
			return fmt.Errorf("versions %d and %d in one iteration", first.Version, h.Version)
		}
		e, err := l.Entry(h.Index)
		if err == nil && (!bytes.Equal(e.Header.Key, key) || e.Header.Version != h.Version) {
			return fmt.Errorf("head leads to another row's entry")
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = l.Get("position")
	return err
}

// TestCloseWaitsForIterations closes a log under a running iteration.
func TestCloseWaitsForIterations(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	h := &history{maker: newMaker(2), model: newModel()}
	_, err := h.update(l, 0)
	must(t, err)
	closing := make(chan error)
	err = l.Heads(t.Context(), "visits", func([]byte, Head) error {
		go func() { closing <- l.Close() }()
		for !l.readers.closing() {
		}
		return nil
	})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("iteration under close: %v", err)
	}
	must(t, <-closing)
	must(t, l.Close())
	_, entry := l.Entry(0)
	_, _, head := l.Head("visits", intKey(1))
	_, get := l.Get("position")
	update := l.Update(func(*Batch) error { return nil })
	each := l.Each("", func(string, []byte) error { return nil })
	for name, err := range map[string]error{"entry": entry, "head": head, "get": get, "update": update, "each": each} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after close: %v", name, err)
		}
	}
}

// TestEntriesThatDoNotFollowAreRefused appends entries with one thing wrong.
func TestEntriesThatDoNotFollowAreRefused(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	m := newMaker(2)
	must(t, l.Update(func(b *Batch) error { _, err := m.add(b, patient(1), "visits", intKey(1), commit.Insert); return err }))
	spoils := map[string]func(e *Entry){
		"other log":       func(e *Entry) { e.Header.Log += "x" },
		"index":           func(e *Entry) { e.Header.Index++ },
		"op":              func(e *Entry) { e.Header.Op = commit.Insert },
		"event":           func(e *Entry) { e.Header.Op, e.Leaf.Op = commit.Gap, commit.Gap },
		"version skipped": func(e *Entry) { e.Header.Version++ },
		"version again":   func(e *Entry) { e.Header.Version-- },
		"previous":        func(e *Entry) { e.Header.Previous = commit.NoPrevious },
		"key":             func(e *Entry) { e.Header.Key = []byte{0x81, 0x82, 0x01, 0x18, 0x01} },
		"key cut":         func(e *Entry) { e.Header.Key = e.Header.Key[:2] },
		"owner unknown":   func(e *Entry) { e.Owner = 99 },
		"no owner":        func(e *Entry) { e.Owner = 0 },
		"cells":           func(e *Entry) { e.Header.Columns = e.Header.Columns[:1] },
		"body":            func(e *Entry) { e.Body = []byte{} },
		"no table":        func(e *Entry) { e.Header.Table = "" },
		"event id":        func(e *Entry) { e.Header.EventID = "\xff" },
		"columns": func(e *Entry) {
			e.Header.EncodedColumns = nil
			e.Header.Columns = []row.Column{{Name: "a", Type: row.Int}, {Name: "a", Type: row.Int}}
		},
	}
	for name, spoil := range spoils {
		must(t, l.Update(func(b *Batch) error {
			e, err := m.add(b, patient(1), "visits", intKey(1), commit.Update)
			must(t, err)
			must(t, b.settle())
			e.Header.Index, e.Header.Version, e.Header.Previous = b.Next(), e.Header.Version+1, e.Header.Index
			spoil(e)
			if err := b.Append(e, commit.Key{}, m.values); !errors.Is(err, ErrEntry) {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		}))
	}
	if l.Size() != uint64(len(spoils))+1 {
		t.Errorf("%d entries", l.Size())
	}
	must(t, l.Check(t.Context(), 0, l.Size()))
}

// TestPendingEntriesAreReadInTheirBatch reads what is appended but not committed.
func TestPendingEntriesAreReadInTheirBatch(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	m := newMaker(2)
	must(t, l.Update(func(b *Batch) error {
		e, err := m.add(b, patient(7), "visits", intKey(1), commit.Insert)
		must(t, err)
		got, err := b.Entry(0)
		must(t, err)
		if got.Leaf != e.Leaf || got.Owner != e.Owner || got.Header.Table != "visits" {
			t.Errorf("pending entry %+v", got)
		}
		id, o, err := b.OwnerOf(0)
		must(t, err)
		if id != e.Owner || m.committer.Recombine(o.VersionKey(testOrigin, 0), &got.Header, got.Digests) != e.Leaf.Commitment {
			t.Errorf("pending owner %d", id)
		}
		if _, err := b.Entry(1); !errors.Is(err, ErrNoLeaf) {
			t.Errorf("entry not appended: %v", err)
		}
		b.Set("empty", []byte{})
		b.Set("gone", []byte{1})
		b.Set("gone", nil)
		empty, err := b.Get("empty")
		gone, err2 := b.Get("gone")
		if empty == nil || gone != nil || err != nil || err2 != nil {
			t.Errorf("pending states %v %v", empty, gone)
		}
		return nil
	}))
	if _, err := l.Entry(0); err != nil {
		t.Fatal(err)
	}
}

// TestLostOwnerKeysAreSaid opens entries with another wrapping key, with none,
// and after the wrapped key is gone.
func TestLostOwnerKeysAreSaid(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	_, err := h.update(l, 0)
	must(t, err)
	closeLog(t, l)
	other, none := o, o
	other.Wrapping, none.Wrapping = testWrapping(t), nil
	for name, o := range map[string]Options{"another": other, "none": none} {
		l := openTestLog(t, dir, o)
		if _, err := l.OwnerKey(1); !errors.Is(err, ErrKeyLost) {
			t.Errorf("%s wrapping key: %v", name, err)
		}
		must(t, l.Check(t.Context(), 0, l.Size()))
		closeLog(t, l)
	}
	x, err := openIndex(dir, indexOptions(false, 0))
	must(t, err)
	must(t, errors.Join(x.db.DeleteSync(wrapKey(1)), x.close()))
	l = openTestLog(t, dir, o)
	if _, err := l.OwnerKey(1); !errors.Is(err, ErrKeyLost) {
		t.Errorf("wrapped key gone: %v", err)
	}
	before, err := l.Entry(0)
	must(t, err)
	// Work goes on under another key; what the lost one opened stays closed.
	must(t, l.Update(func(b *Batch) error {
		id, _, err := b.Heir(1)
		if err == nil && id == 1 {
			t.Error("a lost key has no heir")
		}
		return err
	}))
	if _, err := l.OwnerKey(1); before.Owner != 1 || !errors.Is(err, ErrKeyLost) {
		t.Errorf("owner whose key is gone: %v", err)
	}
	if _, ok, err := l.Destroyed(1); ok || err != nil {
		t.Errorf("a lost key is told as destroyed: %v", err)
	}
}

// TestOwnersAreKeptApart gives each name a number of its own, the same again.
func TestOwnersAreKeptApart(t *testing.T) {
	o := testOptions(t)
	l, dir := newTestLog(t, o)
	text := func(s string) []byte { return row.AppendCell(nil, row.NewText("utf8", []byte(s))) }
	names := []OwnerName{
		{Kind: OwnerLog}, {Kind: OwnerTable, Table: "a"}, {Kind: OwnerTable, Table: "b"},
		{Kind: OwnerPatient, Key: text("1")}, patient(1), patient(-1), patient(math.MinInt64), {Kind: OwnerPatient, Key: []byte{0xf6}},
		{Kind: OwnerRow, Table: "a", Key: intKey(1)}, {Kind: OwnerRow, Table: "b", Key: intKey(1)}, {Kind: OwnerRow, Table: "a", Key: intKey(2)},
	}
	for range 3 {
		must(t, l.Update(func(b *Batch) error {
			for i, name := range names {
				if id, _, err := b.Owner(name); err != nil || id != uint64(i)+1 {
					t.Errorf("owner %d has number %d: %v", i, id, err)
				}
			}
			return nil
		}))
		closeLog(t, l)
		l = openTestLog(t, dir, o)
	}
	for _, bad := range []OwnerName{{}, {Kind: 9}, {Kind: OwnerPatient}, {Kind: OwnerPatient, Key: intKey(1)[:2]}, {Kind: OwnerRow, Table: "a"}} {
		err := l.Update(func(b *Batch) error { _, _, err := b.Owner(bad); return err })
		if !errors.Is(err, ErrEntry) {
			t.Errorf("owner %+v: %v", bad, err)
		}
	}
}

// TestLeafTimeIsTheClockOfTheBatch has a clock that jumps back.
func TestLeafTimeIsTheClockOfTheBatch(t *testing.T) {
	o := testOptions(t)
	now := time.UnixMilli(5000)
	o.Now = func() time.Time { return now }
	l, _ := newTestLog(t, o)
	for i, ms := range []int64{5000, 1000, 9000} {
		now = time.UnixMilli(ms)
		must(t, l.Update(func(b *Batch) error { _, err := b.AppendEvent(commit.Start, nil); return err }))
		e, err := l.Entry(uint64(i))
		must(t, err)
		if e.Leaf.Time != ms {
			t.Errorf("time %d, want %d", e.Leaf.Time, ms)
		}
	}
	must(t, l.Check(t.Context(), 0, 3))
}
