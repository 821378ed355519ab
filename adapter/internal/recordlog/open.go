package recordlog

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// Names in a log's directory.
const (
	formatName  = "FORMAT"
	lockName    = "LOCK"
	segmentsDir = "segments"
	formatTitle = "emrbchain record log 1"
)

// format is what the file FORMAT says.
type format struct {
	origin  string
	segment int64
}

func (f format) text() string {
	said := fmt.Sprintf("%s\norigin %s\nsegment %d\n", formatTitle, f.origin, f.segment)
	return fmt.Sprintf("%scrc %08x\n", said, crc32.Checksum([]byte(said), castagnoli))
}

// readFormat reads the file FORMAT, by which a directory is known as a log.
func readFormat(dir string) (format, error) {
	path := filepath.Join(dir, formatName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return format{}, fmt.Errorf("%w: %s; create one first", ErrNoLog, dir)
	} else if err != nil {
		return format{}, fmt.Errorf("read format of record log: %w", err)
	}
	var f format
	lines := strings.Split(string(b), "\n")
	if len(lines) == 5 {
		f.origin = strings.TrimPrefix(lines[1], "origin ")
		f.segment, _ = strconv.ParseInt(strings.TrimPrefix(lines[2], "segment "), 10, 64)
	}
	if f.segment <= 0 || f.text() != string(b) {
		return format{}, &CorruptError{File: path, Offset: 0, Reason: fmt.Sprintf("file does not read %q, origin, segment size and their checksum", formatTitle)}
	}
	return f, nil
}

// Create makes an empty log in a directory, which may exist but must not hold
// a log. The file FORMAT is made last: without it there is no log.
func Create(dir, origin string, o Options) error {
	f := format{origin, o.segment}
	if f.segment == 0 {
		f.segment = defaultSegment
	}
	l := newLog(dir, f, o)
	if err := os.MkdirAll(filepath.Join(dir, segmentsDir), 0o700); err != nil {
		return fmt.Errorf("make directory of record log: %w", err)
	}
	lock, err := takeLock(filepath.Join(dir, lockName), false)
	if err != nil {
		return err
	}
	defer lock.release()
	for _, name := range []string{formatName, indexName + ".db"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %s has %s; choose another directory or empty it", ErrExists, dir, name)
		}
	}
	return l.full(l.create(f))
}

func (l *Log) create(f format) error {
	root, err := merkle.Root(0, nil)
	if err != nil {
		return fmt.Errorf("compute root: %w", err)
	}
	empty := &state{root: root}
	if err := l.createIndex(f, empty); err != nil {
		return err
	}
	if err := l.writeNew(ackPath(l.dir), newAck(l.seed, empty)); err != nil {
		return err
	}
	// Segments are made as they are needed; their directory's name is synced here.
	if err := l.disk.syncDir(l.dir); err != nil {
		return fmt.Errorf("sync directory of record log: %w", err)
	}
	if err := l.writeNew(filepath.Join(l.dir, formatName), []byte(f.text())); err != nil {
		return err
	}
	for _, dir := range []string{l.dir, filepath.Dir(l.dir)} {
		if err := l.disk.syncDir(dir); err != nil {
			return fmt.Errorf("sync directory of record log: %w", err)
		}
	}
	return nil
}

func (l *Log) createIndex(f format, s *state) error {
	o := indexOptions(false, l.options.buffer)
	o.ErrorIfMissing, o.ErrorIfExist = false, true
	x, err := openIndex(l.dir, o)
	if err != nil {
		return err
	}
	b := x.db.NewBatch()
	defer b.Close()
	err = errors.Join(b.Set([]byte{prefixFormat}, []byte(f.text())), b.Set([]byte{prefixCommit}, s.append(nil)))
	if err == nil {
		err = b.WriteSync()
	}
	if err == nil {
		err = l.disk.syncDir(x.path)
	}
	if err := errors.Join(err, x.close()); err != nil {
		return fmt.Errorf("make index: %w", err)
	}
	return nil
}

// writeNew writes a small file and makes it durable.
func (l *Log) writeNew(path string, content []byte) error {
	f, err := l.disk.open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("make file: %w", err)
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func newLog(dir string, f format, o Options) *Log {
	l := &Log{dir: dir, origin: f.origin, seed: crc32.Checksum([]byte(f.origin), castagnoli), options: o, disk: o.disk}
	if l.disk == nil {
		l.disk = osDisk{}
	}
	if l.options.Now == nil {
		l.options.Now = time.Now
	}
	segments := filepath.Join(dir, segmentsDir)
	l.entries = newStream(l.disk, segments, "entries", f.segment)
	l.tree = newStream(l.disk, segments, "tree", f.segment)
	l.index = &index{path: indexPath(dir)}
	l.writer.owners = newCache[string, *heldOwner](writerOwners)
	l.keys.keys = newCache[uint64, [commit.KeySize]byte](readerOwners)
	l.keys.gone = map[uint64]bool{}
	return l
}

// Open opens a log after checking its size and root, the root at the last
// anchor, and every entry and tree hash since. ErrCorrupt says that something
// does not match; opened with ReadOnly, such a log can still be read, as far
// as its index opens, and Err tells what was found. Only one process may have
// a log open for writing: ErrLocked.
func Open(dir string, o Options) (*Log, error) {
	f, err := readFormat(dir)
	if err != nil {
		return nil, err
	}
	l := newLog(dir, f, o)
	if l.lock, err = takeLock(filepath.Join(dir, lockName), o.ReadOnly); err != nil {
		return nil, err
	}
	if err := l.open(f); err != nil {
		return nil, errors.Join(l.full(err), l.release())
	}
	return l, nil
}

func (l *Log) open(f format) error {
	ack, err := l.readAck()
	if err = l.tolerate(err); err != nil {
		return err
	}
	if ack == nil {
		ack = &state{}
	}
	s, err := l.openState(f, ack)
	if err != nil {
		return err
	}
	flag := os.O_RDWR
	if l.options.ReadOnly {
		flag = os.O_RDONLY
	}
	for _, stream := range []struct {
		*stream
		length int64
	}{{l.entries, s.entries}, {l.tree, blockPlace(s.size)}} {
		if err := l.tolerate(stream.openFiles(stream.length, flag)); err != nil {
			return err
		}
		if l.options.ReadOnly {
			continue
		}
		if err := stream.cut(stream.length); err != nil {
			return err
		}
	}
	if s.snapshot, err = l.index.snapshot(); err != nil {
		return err
	}
	l.committed.Store(s)
	if err := l.tolerate(l.checkTail(s)); err != nil {
		return err
	}
	if l.options.ReadOnly {
		l.trouble.CompareAndSwap(nil, &trouble{fmt.Errorf("%w: it was opened for reading", ErrReadOnly)})
	}
	return nil
}

// openState opens the index and reads what it committed.
func (l *Log) openState(f format, ack *state) (*state, error) {
	o, err := l.prepareIndex(ack.batch)
	if err != nil {
		return nil, err
	}
	x, err := openIndex(l.dir, o)
	if err != nil {
		return nil, err
	}
	l.index = x
	s, err := l.index.loadState()
	if err != nil {
		return nil, err
	}
	text, err := l.index.db.Get([]byte{prefixFormat})
	if err != nil {
		return nil, l.index.corrupt("format cannot be read", err)
	}
	if string(text) != f.text() {
		err := &CorruptError{File: filepath.Join(l.dir, formatName), Offset: 0, Reason: "file is not the one that the index was made with"}
		if err := l.tolerate(err); err != nil {
			return nil, err
		}
	}
	return s, l.tolerate(l.checkAck(ack, s))
}

// tolerate lets damage pass when the log is opened for reading alone, and keeps
// it for Err.
func (l *Log) tolerate(err error) error {
	if err != nil && l.options.ReadOnly && errors.Is(err, ErrCorrupt) {
		l.stop(err)
		return nil
	}
	return err
}

// release closes what is open.
func (l *Log) release() error {
	var errs []error
	if l.index.db != nil {
		errs = append(errs, l.index.close())
	}
	errs = append(errs, l.entries.close(), l.tree.close())
	if l.ack != nil {
		if !l.options.ReadOnly {
			errs = append(errs, l.ack.Sync())
		}
		errs = append(errs, l.ack.Close())
	}
	errs = append(errs, l.lock.release())
	return errors.Join(errs...)
}
