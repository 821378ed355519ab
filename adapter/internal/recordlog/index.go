package recordlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/syndtr/goleveldb/leveldb"
	leveldberrors "github.com/syndtr/goleveldb/leveldb/errors"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/iterator"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"
	tmdb "github.com/tendermint/tm-db"
)

// Prefixes of the index's keys (FORMAT.md, "Index").
const (
	prefixCommit = 'c' // the committed state
	prefixFormat = 'f' // the FORMAT file's text
	prefixHead   = 'h' // u32 table number ‖ canonical key: a row's latest version
	prefixNamed  = 'n' // name: a named state
	prefixOwner  = 'o' // kind ‖ …: an owner's number
	prefixRows   = 'r' // u64 owner ‖ u32 table number ‖ canonical key: a row of the owner's
	prefixSchema = 's' // u32 number: a column list
	prefixTable  = 't' // u32 number: a table's name
	prefixWrap   = 'w' // u64 owner: its wrapped key
	prefixHeir   = 'x' // u64 owner whose key is gone: the owner that follows it
)

const (
	indexName     = "index"
	defaultBuffer = 8 * opt.MiB // of changes before they go to a table
)

// index is the log's database: tm-db over goleveldb. Readers see the snapshot
// that was taken when the last batch was committed.
type index struct {
	db      *tmdb.GoLevelDB
	path    string
	changed time.Time // the directory's time when its names were last synced
}

func indexPath(dir string) string { return filepath.Join(dir, indexName+".db") }

// indexOptions are measured (BenchmarkUpdate): a write buffer that holds some
// hundred batches, a filter so that new rows need no table read, no
// compression as keys are compressed by prefix already. Strict: damage in a
// journal or table is an error, never skipped.
func indexOptions(readOnly bool, buffer int) *opt.Options {
	if buffer == 0 {
		buffer = defaultBuffer
	}
	return &opt.Options{
		Strict:                       opt.StrictAll,
		ReadOnly:                     readOnly,
		ErrorIfMissing:               true,
		WriteBuffer:                  buffer,
		BlockCacheCapacity:           16 * opt.MiB,
		CompactionTableSize:          8 * opt.MiB,
		CompactionTotalSize:          64 * opt.MiB,
		Compression:                  opt.NoCompression,
		Filter:                       filter.NewBloomFilter(10),
		DisableSeeksCompaction:       true,
		DisableLargeBatchTransaction: true, // every batch goes through the journal
		NoWriteMerge:                 true, // one writer
	}
}

func openIndex(dir string, o *opt.Options) (*index, error) {
	x := &index{path: indexPath(dir)}
	db, err := tmdb.NewGoLevelDBWithOpts(indexName, dir, o)
	if err != nil {
		return nil, x.corrupt("index cannot be opened", err)
	}
	x.db = db
	return x, nil
}

// corrupt turns goleveldb's damage into ours; any other error stays what it is.
func (x *index) corrupt(reason string, err error) error {
	switch {
	case errors.Is(err, leveldb.ErrClosed):
		return ErrClosed
	case leveldberrors.IsCorrupted(err), errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrInvalid):
		return &CorruptError{File: x.path, Offset: -1, Reason: reason, Err: err}
	}
	return fmt.Errorf("%s: %w", reason, err)
}

// snapshot fixes what readers see.
func (x *index) snapshot() (*leveldb.Snapshot, error) {
	s, err := x.db.DB().GetSnapshot()
	if err != nil {
		return nil, fmt.Errorf("take snapshot of index: %w", err)
	}
	return s, nil
}

// syncNames makes the names of files that goleveldb made durable, which it
// leaves to the file system. A directory's time has the resolution of the
// kernel's tick, so a directory changed just now is taken as changed again.
func (x *index) syncNames(d disk) error {
	const tick = 100 * time.Millisecond
	info, err := os.Stat(x.path)
	if err != nil {
		return fmt.Errorf("read time of index directory: %w", err)
	}
	if info.ModTime().Equal(x.changed) {
		return nil
	}
	if err := d.syncDir(x.path); err != nil {
		return fmt.Errorf("sync index directory: %w", err)
	}
	if time.Since(info.ModTime()) > tick {
		x.changed = info.ModTime()
	}
	return nil
}

func (x *index) close() error { return x.db.Close() }

// get reads a key as the committed state has it; nil if it is absent.
func (l *Log) get(key []byte) ([]byte, error) {
	for {
		v, err := l.committed.Load().snapshot.Get(key, nil)
		switch {
		case err == nil:
			return v, nil
		case errors.Is(err, leveldb.ErrNotFound):
			return nil, nil
		case errors.Is(err, leveldb.ErrSnapshotReleased):
			continue // a batch was committed meanwhile: read the newer state
		}
		return nil, l.noteCorrupt(l.index.corrupt("index cannot be read", err))
	}
}

// each calls fn for all keys with a prefix, in order, on one snapshot. The
// slices are valid during the call alone.
func (l *Log) each(prefix []byte, fn func(key, value []byte) error) error {
	if err := l.readers.enter(); err != nil {
		return err
	}
	defer l.readers.leave()
	it := l.iterate(prefix)
	defer it.Release()
	for it.Next() {
		if l.readers.closing() {
			return ErrClosed
		}
		if err := fn(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return l.noteCorrupt(l.index.corrupt("index cannot be read", err))
	}
	return nil
}

func (l *Log) iterate(prefix []byte) iterator.Iterator {
	for {
		it := l.committed.Load().snapshot.NewIterator(util.BytesPrefix(prefix), nil)
		if !errors.Is(it.Error(), leveldb.ErrSnapshotReleased) {
			return it
		}
		it.Release()
	}
}

// numbered returns the index key of a numbered thing.
func numbered(prefix byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{prefix}, n)
}

func wrapKey(owner uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixWrap}, owner)
}

func heirKey(owner uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefixHeir}, owner)
}

func namedKey(name string) []byte { return append([]byte{prefixNamed}, name...) }
