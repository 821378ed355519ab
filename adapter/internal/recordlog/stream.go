package recordlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
)

// defaultSegment is the size of a segment file in bytes.
const defaultSegment = 256 << 20

// stream is an append-only byte string, cut into files of one size. Its length
// stands in the index; what lies beyond is not part of it.
type stream struct {
	disk    disk
	dir     string
	name    string
	segment int64
	files   atomic.Pointer[[]file]
	dirty   []file // written since the last sync
	created bool   // a file was made since the last sync
}

func newStream(d disk, dir, name string, segment int64) *stream {
	s := &stream{disk: d, dir: dir, name: name, segment: segment}
	s.files.Store(new([]file))
	return s
}

func (s *stream) path(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s-%06d", s.name, number))
}

// place names the file and the offset of a place in the stream, for errors.
func (s *stream) place(at int64) (string, int64) {
	return s.path(int(at / s.segment)), at % s.segment
}

func (s *stream) corrupt(at int64, reason string, err error) error {
	name, offset := s.place(at)
	return &CorruptError{File: name, Offset: offset, Reason: reason, Err: err}
}

// openFiles opens the files that hold the first length bytes and checks that
// they are there.
func (s *stream) openFiles(length int64, flag int) error {
	var files []file
	for at := int64(0); at < length; at += s.segment {
		f, err := s.disk.open(s.path(len(files)), flag)
		if errors.Is(err, os.ErrNotExist) {
			return s.corrupt(at, "segment is missing", nil)
		} else if err != nil {
			return fmt.Errorf("open segment: %w", err)
		}
		files = append(files, f)
		s.files.Store(&files)
		size, err := f.Size()
		if err != nil {
			return fmt.Errorf("read segment size: %w", err)
		}
		if want := min(s.segment, length-at); size < want {
			return s.corrupt(at+size, fmt.Sprintf("segment ends early, %d bytes were committed", want), nil)
		}
	}
	return nil
}

// cut removes what a crash left beyond the first length bytes.
func (s *stream) cut(length int64) error {
	files := *s.files.Load()
	if n := len(files); n > 0 {
		if err := cutFile(files[n-1], length-int64(n-1)*s.segment); err != nil {
			return fmt.Errorf("cut segment back: %w", err)
		}
	}
	for number := len(files); ; number++ {
		err := s.disk.remove(s.path(number))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return fmt.Errorf("remove uncommitted segment: %w", err)
		}
	}
}

func cutFile(f file, length int64) error {
	size, err := f.Size()
	if err != nil || size <= length {
		return err
	}
	return f.Truncate(length)
}

// readAt fills p from a place in the stream.
func (s *stream) readAt(p []byte, at int64) error {
	files := *s.files.Load()
	for len(p) > 0 {
		number, offset := int(at/s.segment), at%s.segment
		if number >= len(files) {
			return s.corrupt(at, "segment is missing", nil)
		}
		n := int(min(int64(len(p)), s.segment-offset))
		if _, err := files[number].ReadAt(p[:n], offset); err != nil {
			return s.readError(at, err)
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

func (s *stream) readError(at int64, err error) error {
	switch {
	case errors.Is(err, os.ErrClosed):
		return ErrClosed
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return s.corrupt(at, "segment ends early", nil)
	}
	return s.corrupt(at, "segment cannot be read", err)
}

// writeAt writes p at a place at or beyond the committed length.
func (s *stream) writeAt(p []byte, at int64) error {
	for len(p) > 0 {
		f, err := s.file(int(at / s.segment))
		if err != nil {
			return fmt.Errorf("make segment: %w", err)
		}
		offset := at % s.segment
		n := int(min(int64(len(p)), s.segment-offset))
		if len(s.dirty) == 0 || s.dirty[len(s.dirty)-1] != f {
			s.dirty = append(s.dirty, f)
		}
		if _, err := f.WriteAt(p[:n], offset); err != nil {
			return fmt.Errorf("write segment: %w", err)
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// file returns the file of a segment number, making the next one.
func (s *stream) file(number int) (file, error) {
	files := *s.files.Load()
	if number < len(files) {
		return files[number], nil
	}
	f, err := s.disk.open(s.path(number), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	s.created = true
	grown := append(files[:len(files):len(files)], f)
	s.files.Store(&grown)
	return f, nil
}

// sync makes everything written durable. After an error nobody knows what is:
// the kernel may have dropped the dirty pages and report success next time.
func (s *stream) sync() error {
	for _, f := range s.dirty {
		if err := f.Sync(); err != nil {
			return fmt.Errorf("sync segment: %w", err)
		}
	}
	s.dirty = s.dirty[:0]
	if !s.created {
		return nil
	}
	if err := s.disk.syncDir(s.dir); err != nil {
		return fmt.Errorf("sync segment directory: %w", err)
	}
	s.created = false
	return nil
}

func (s *stream) close() error {
	var errs []error
	for _, f := range *s.files.Load() {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// giveBack returns the space of what a failed write left beyond the committed
// length. It only makes room: the bytes are not part of the stream either way.
func (s *stream) giveBack(length int64) {
	for number, f := range *s.files.Load() {
		if start := int64(number) * s.segment; start+s.segment > length {
			_ = cutFile(f, max(0, min(s.segment, length-start)))
		}
	}
}
