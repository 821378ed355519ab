package recordlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

// faultMode is what happens at the chosen call.
type faultMode string

const (
	failed    faultMode = "failed"               // an error, and nothing done
	persisted faultMode = "failed but persisted" // an error, and all done
	torn      faultMode = "half written"         // an error, and a write half done
	full      faultMode = "no space"             // ENOSPC, and a write half done
)

var errFault = errors.New("fault made by the test")

// faultDisk fails at one chosen call that changes the disk, and watches that
// no index batch is written while a segment is not synced.
type faultDisk struct {
	osDisk
	mu       sync.Mutex
	at       int // number of the call to fail; 0: none
	calls    int
	mode     faultMode
	hit      string // the call that failed
	unsynced map[string]bool
	tooEarly []string
}

func (d *faultDisk) arm(at int, mode faultMode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.calls, d.mode, d.hit = at, 0, mode, ""
}

// do runs one call, or fails it. half does half of it.
func (d *faultDisk) do(name string, whole, half func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls++; d.calls != d.at {
		return whole()
	}
	d.hit = name
	switch d.mode {
	case persisted:
		return errors.Join(whole(), errFault)
	case torn:
		return errors.Join(half(), errFault)
	case full:
		return errors.Join(half(), syscall.ENOSPC)
	}
	return errFault
}

func nothing() error { return nil }

func (d *faultDisk) open(path string, flag int) (file, error) {
	var f file
	open := func() (err error) { f, err = d.osDisk.open(path, flag); return err }
	if flag&os.O_CREATE == 0 {
		err := open()
		return &faultFile{file: f, disk: d, path: path}, err
	}
	if err := d.do("open "+filepath.Base(path), open, nothing); err != nil {
		if f != nil {
			f.Close()
		}
		return nil, err
	}
	return &faultFile{file: f, disk: d, path: path}, nil
}

func (d *faultDisk) syncDir(path string) error {
	return d.do("sync directory "+filepath.Base(path), func() error { return d.osDisk.syncDir(path) }, nothing)
}

func (d *faultDisk) commit(write func() error) error {
	return d.do("index", func() error {
		for path := range d.unsynced {
			d.tooEarly = append(d.tooEarly, path)
		}
		return write()
	}, nothing)
}

type faultFile struct {
	file
	disk *faultDisk
	path string
}

func (f *faultFile) WriteAt(p []byte, at int64) (int, error) {
	write := func(p []byte) func() error {
		return func() error {
			if strings.Contains(f.path, segmentsDir) {
				f.disk.unsynced[f.path] = true
			}
			_, err := f.file.WriteAt(p, at)
			return err
		}
	}
	return len(p), f.disk.do("write "+filepath.Base(f.path), write(p), write(p[:len(p)/2]))
}

func (f *faultFile) Sync() error {
	return f.disk.do("sync "+filepath.Base(f.path), func() error {
		delete(f.disk.unsynced, f.path)
		return f.file.Sync()
	}, nothing)
}

// history makes the same batches each time: batch n of a log, and the model.
type history struct {
	maker *maker
	model *model
}

func (h *history) batch(n int) func(*Batch) error {
	return func(b *Batch) error {
		for i := range int64(20) {
			op := commit.Insert
			if n > 0 {
				op = commit.Update
			}
			e, err := h.maker.add(b, patient(i/4), "visits", intKey(i), op)
			if err != nil {
				return err
			}
			h.model.apply(e)
		}
		value := fmt.Appendf(nil, "batch %d", n)
		b.Set("position", value)
		h.model.named["position"] = value
		return nil
	}
}

// update runs batch n and returns the history with and without it.
func (h *history) update(l *Log, n int) (after *history, err error) {
	after = &history{maker: h.maker, model: h.model.clone()}
	return after, l.Update(after.batch(n))
}

// copyDir copies a log's directory as a crash at this moment would leave it.
func copyDir(t testing.TB, dir string) string {
	t.Helper()
	to := quickDir(t)
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestEveryFailedWriteLeavesABatchWholeOrAbsent crosses every write of an
// update with every way to fail.
func TestEveryFailedWriteLeavesABatchWholeOrAbsent(t *testing.T) {
	// An update makes up to this many calls; whether it syncs the index's names
	// depends on when they changed.
	const calls = 17
	for _, mode := range []faultMode{failed, persisted, torn, full} {
		seen := map[string]bool{}
		for at := range calls {
			hit := testFault(t, at+1, mode)
			seen[strings.TrimRight(hit, "0123456789")] = true
		}
		if hit := testFault(t, calls+1, mode); hit != "" {
			t.Errorf("%s: there is a call more, %q", mode, hit)
		}
		for _, want := range []string{"open entries-", "write entries-", "write tree-", "sync entries-", "sync tree-", "sync directory segments", "index", "write ACK"} {
			if !seen[want] {
				t.Errorf("%s: no fault at %q; faults at %v", mode, want, seen)
			}
		}
	}
}

func testFault(t *testing.T, at int, mode faultMode) (hit string) {
	d := &faultDisk{unsynced: map[string]bool{}}
	o := testOptions(t)
	o.disk, o.segment, o.buffer = d, 4000, 64<<10
	l, dir := newTestLog(t, o)
	h := &history{maker: newMaker(2), model: newModel()}
	var err error
	for n := range 2 {
		if h, err = h.update(l, n); err != nil {
			t.Fatal(err)
		}
	}
	d.arm(at, mode) // the calls of the third batch are counted from here
	with, err := h.update(l, 2)
	if hit = d.hit; hit == "" {
		return ""
	}
	t.Run(fmt.Sprintf("%s/%d %s", mode, at, hit), func(t *testing.T) {
		d.arm(0, mode)
		checkFault(t, l, dir, o, hit, mode, err, h, with)
		if len(d.tooEarly) > 0 {
			t.Errorf("index written before %v was synced", d.tooEarly)
		}
	})
	return hit
}

func checkFault(t *testing.T, l *Log, dir string, o Options, hit string, mode faultMode, err error, before, with *history) {
	if hit == "write ACK" { // the batch is durable by then
		if err != nil || !errors.Is(l.Err(), ErrReadOnly) {
			t.Fatalf("update: %v, log: %v", err, l.Err())
		}
		before = with
	} else if err == nil {
		t.Fatal("update returned no error")
	}
	if mode == full && hit != "write ACK" && !errors.Is(err, ErrFull) {
		t.Fatalf("not ErrFull: %v", err)
	}
	if err := before.model.differs(l); err != nil {
		t.Fatalf("readers after the fault: %v", err)
	}
	plain := o
	plain.disk = nil
	reopenEither(t, copyDir(t, dir), plain, before, with)
	definite := strings.HasPrefix(hit, "write ") && hit != "write ACK" || strings.HasPrefix(hit, "open ")
	without, third := before, before
	if third, err = before.update(l, 3); definite != (err == nil) || err != nil && !errors.Is(err, ErrReadOnly) {
		t.Fatalf("next update: %v", err)
	}
	if err == nil {
		without, with = third, third
	}
	closeLog(t, l)
	reopenEither(t, dir, plain, without, with)
}

// reopenEither opens a log that must be as one of two histories, and go on.
func reopenEither(t *testing.T, dir string, o Options, a, b *history) {
	t.Helper()
	l := openTestLog(t, dir, o)
	errA, errB := a.model.differs(l), b.model.differs(l)
	if errA != nil && errB != nil {
		t.Fatalf("neither without the batch: %v, nor with it: %v", errA, errB)
	}
	if errA != nil {
		a = b
	}
	after, err := a.update(l, 9)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(after.model.differs(l), l.Check(t.Context(), 0, l.Size())); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
}
