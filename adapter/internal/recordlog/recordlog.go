// Package recordlog is the sidecar's only store: the append-only Merkle log of
// row versions and events, with what is needed to go on from it (the latest
// version of every row, owner keys, positions).
//
// Bytes that never change (entries, tree hashes) are appended to segment files;
// everything that does change stands in an index on tm-db. One Update is one
// batch: its segment bytes are written and synced first, then one synced index
// batch names the new lengths and thereby commits them. After a crash the
// segments are cut back to the committed lengths, so a batch is there whole or
// not at all, and an Update that returned is there. FORMAT.md beside this file
// is the layout on disk, byte by byte.
//
// What is read is checked each time: records and tree blocks by CRC, a leaf by
// its stored hash, the index by goleveldb's own checksums. Open checks size,
// root and everything since the last anchor; Check does so for the rest. A
// mismatch turns the log read-only and is never used silently.
//
// One goroutine at a time writes, any number read, and readers see committed
// leaves alone.
package recordlog

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// AnchorState is the named state that holds the last anchored checkpoint: its
// size as u64, big-endian, and its root. Open checks the log against it.
const AnchorState = "anchor/last"

// Options are what a log needs beside its directory.
type Options struct {
	// Wrapping wraps and opens the owner keys. Without it, keys can be neither
	// made nor read.
	Wrapping *keys.Wrapping
	Logger   zerolog.Logger
	// Now is the clock of leaf times; nil means time.Now.
	Now func() time.Time
	// ReadOnly opens a log for reading alone, also a damaged one: nothing on
	// disk is changed, and Err tells what the checks found.
	ReadOnly bool
	// Reserve is how many bytes of the file system a batch must leave free, so
	// that the index can still compact. 0 means the smaller of 64 MiB and an
	// eighth of the file system.
	Reserve uint64
	// OwnerRows keeps an index of rows by owner for RowsOf; PrepareOwnerRows makes
	// it whole.
	OwnerRows bool

	disk    disk  // nil: the operating system's
	segment int64 // bytes per segment file at Create; 0: defaultSegment
	buffer  int   // bytes of the index's write buffer; 0: defaultBuffer
}

// A Log is an open record log.
type Log struct {
	dir       string
	origin    string
	seed      uint32 // CRC of the origin, so that no record passes in another log
	options   Options
	disk      disk
	lock      *lock
	index     *index
	entries   *stream
	tree      *stream
	ack       file
	writer    writer
	keys      keyCache
	readers   gate
	writing   sync.Mutex
	committed atomic.Pointer[state]
	trouble   atomic.Pointer[trouble]
}

// writer is what only the goroutine inside Update may touch.
type writer struct {
	committer commit.Committer
	owners    cache[string, *heldOwner]
	leaf      []byte
	record    []byte
	key       []byte
	entries   []byte
	tree      []byte
	hashes    []merkle.Hash
	groups    []*group // that are free
}

// trouble is why a log takes no more batches.
type trouble struct{ err error }

// Origin returns the log's origin line (merkle.Origin).
func (l *Log) Origin() string { return l.origin }

// Size returns how many leaves are committed, which is to say durable.
func (l *Log) Size() uint64 { return l.committed.Load().size }

// Root returns the root of the first size leaves.
func (l *Log) Root(size uint64) (merkle.Hash, error) {
	s := l.committed.Load()
	if size == s.size {
		return s.root, nil
	}
	if size > s.size {
		return merkle.Hash{}, noLeaf(size, s.size)
	}
	return merkle.Root(size, l.hashes(s))
}

// Hashes reads the stored hashes of the leaves that are committed now, each
// checked by the CRC of its block.
func (l *Log) Hashes() merkle.HashReader { return l.hashes(l.committed.Load()) }

// Err returns nil, or why the log is read-only: the damage that was found, or
// the write whose outcome is unknown. It wraps ErrReadOnly.
func (l *Log) Err() error {
	if t := l.trouble.Load(); t != nil {
		return t.err
	}
	return nil
}

// Close waits for running updates and iterations and releases everything.
func (l *Log) Close() error {
	if !l.readers.close() {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.release()
}
