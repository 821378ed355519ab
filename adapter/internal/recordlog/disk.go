package recordlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// disk is what the log asks of the file system for its own files. Tests put
// one in its place that fails at chosen calls.
type disk interface {
	// open opens a file; with create it makes it if it is missing.
	open(path string, flag int) (file, error)
	remove(path string) error
	// syncDir makes the names in a directory durable.
	syncDir(path string) error
	// space returns the bytes free for this process, and the bytes in all.
	space(path string) (free, total uint64, err error)
	// commit runs the index's synced write.
	commit(write func() error) error
}

// file is one open file. Sync makes its bytes and length durable.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
}

type osDisk struct{}

type osFile struct{ *os.File }

// Sync is fdatasync: bytes and length, not the times.
func (f osFile) Sync() error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (osDisk) open(path string, flag int) (file, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) remove(path string) error { return os.Remove(path) }

func (osDisk) syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osDisk) space(path string) (free, total uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, 0, os.NewSyscallError("statfs", err)
	}
	unit := uint64(s.Bsize)
	return s.Bavail * unit, s.Blocks * unit, nil
}

func (osDisk) commit(write func() error) error { return write() }

// lock is the directory's lock file, held while a log is open.
type lock struct{ f *os.File }

// takeLock locks a log for this process; readers share it.
func takeLock(path string, shared bool) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if shared && errors.Is(err, fs.ErrPermission) {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		defer f.Close()
		return nil, lockError(f, err)
	}
	if !shared {
		// The process id is for the error of whoever comes second.
		if err := f.Truncate(0); err == nil {
			_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
		}
	}
	return &lock{f}, nil
}

func lockError(f *os.File, err error) error {
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	b := make([]byte, 20)
	n, _ := f.ReadAt(b, 0)
	holder := "another process"
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err == nil {
		holder = fmt.Sprintf("process %d", pid)
	}
	return fmt.Errorf("%w: %s is held by %s; stop it first", ErrLocked, f.Name(), holder)
}

func (k *lock) release() error { return k.f.Close() }
