package recordlog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a tmpfs of some MiB, or skips where that is not allowed.
func smallDisk(t *testing.T, mebibytes int) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Skipf("needs the right to mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill writes a file until the file system has about free bytes left.
func fill(t *testing.T, path string, free uint64) {
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	block := bytes.Repeat([]byte{1}, 4096)
	for {
		left, _, err := osDisk{}.space(filepath.Dir(path))
		must(t, err)
		if left <= free {
			return
		}
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDiskIsRefusedAndGoesOnOnceThereIsRoom fills the file system beneath
// the reserve: batches are refused with what to do, reading goes on, and after
// room was made the next batch succeeds in the same process.
func TestFullDiskIsRefusedAndGoesOnOnceThereIsRoom(t *testing.T) {
	disk := smallDisk(t, 64)
	dir := filepath.Join(disk, "log")
	o := testOptions(t)
	o.Reserve, o.buffer = 0, 256<<10
	must(t, Create(dir, testOrigin, o))
	l := openTestLog(t, dir, o)
	h := &history{maker: newMaker(20), model: newModel()}
	h, err := h.update(l, 0)
	must(t, err)
	ballast := filepath.Join(disk, "ballast")
	fill(t, ballast, 8<<20)
	for range 3 {
		_, err := h.update(l, 1)
		if !errors.Is(err, ErrFull) || errors.Is(err, ErrReadOnly) {
			t.Fatalf("update on a full disk: %v", err)
		}
		if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "make room") {
			t.Fatalf("error does not say where and what to do: %v", err)
		}
		must(t, h.model.differs(l))
	}
	must(t, os.Remove(ballast))
	h, err = h.update(l, 1)
	must(t, err)
	must(t, errors.Join(h.model.differs(l), l.Check(t.Context(), 0, l.Size())))
}

// TestOpenOnAFullDiskSaysSo has no room for what the index writes at start.
func TestOpenOnAFullDiskSaysSo(t *testing.T) {
	disk := smallDisk(t, 16)
	dir := filepath.Join(disk, "log")
	o := testOptions(t)
	must(t, Create(dir, testOrigin, o))
	fill(t, filepath.Join(disk, "ballast"), 0)
	if err := Create(filepath.Join(disk, "other"), testOrigin, o); !errors.Is(err, ErrFull) {
		t.Fatalf("create on a full disk: %v", err)
	}
	if _, err := Open(dir, o); !errors.Is(err, ErrFull) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("open on a full disk: %v", err)
	}
	must(t, os.Remove(filepath.Join(disk, "ballast")))
	openTestLog(t, dir, o)
}

// TestDiskThatFillsDuringABatch leaves less room than batches need, without a
// reserve, so that writes themselves fail wherever they are: no batch is half
// there, then or after a reopen.
func TestDiskThatFillsDuringABatch(t *testing.T) {
	disk := smallDisk(t, 24)
	step := uint64(16 << 10)
	if testing.Short() {
		step *= 5
	}
	for room := uint64(0); room <= 160<<10; room += step {
		t.Run(fmt.Sprint(room), func(t *testing.T) { testFilledDisk(t, disk, room) })
	}
}

func testFilledDisk(t *testing.T, disk string, room uint64) {
	dir := filepath.Join(disk, "log")
	defer os.RemoveAll(dir)
	o := testOptions(t)
	o.buffer = 64 << 10
	must(t, Create(dir, testOrigin, o))
	l := openTestLog(t, dir, o)
	h := &history{maker: newMaker(20), model: newModel()}
	h, err := h.update(l, 0)
	must(t, err)
	ballast := filepath.Join(disk, "ballast")
	defer os.Remove(ballast)
	fill(t, ballast, room)
	with := h
	for n := 1; err == nil; n++ {
		if with, err = h.update(l, n); err == nil {
			h = with
		}
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("not ErrFull: %v", err)
	}
	must(t, h.model.differs(l))
	must(t, os.Remove(ballast))
	if !errors.Is(err, ErrReadOnly) {
		if h, err = h.update(l, 1000); err != nil {
			t.Fatalf("with room again: %v", err)
		}
		with = h
	}
	closeLog(t, l)
	reopenEither(t, dir, o, h, with)
}
