package app

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cosmos/iavl"
	idb "github.com/cosmos/iavl/db"
	tmdb "github.com/tendermint/tm-db"

	"github.com/emrbchain/emrbchain/chain/internal/leveldb"
)

const (
	storeName  = "application"
	cacheNodes = 100_000
)

// ErrStoreDamaged says that the state on disk has a hole. The node can build it
// anew: remove the directory that the error names, keep everything else, start.
var ErrStoreDamaged = leveldb.ErrDamaged

// openTree opens the state tree in a directory. Every version is synced to
// disk before SaveVersion returns. The closer is the database under it, which
// the tree does not close.
func openTree(dir string) (*iavl.MutableTree, io.Closer, error) {
	path := filepath.Join(dir, storeName+".db")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make directory: %w", err)
	}
	if err := leveldb.Check(path); err != nil {
		return nil, nil, fmt.Errorf("open state %s: %w", path, err)
	}
	db, err := tmdb.NewGoLevelDBWithOpts(storeName, dir, leveldb.Options())
	if err != nil {
		return nil, nil, fmt.Errorf("open state %s: %w", path, err)
	}
	tree := iavl.NewMutableTree(adapter{db}, cacheNodes, true, iavl.NewNopLogger(), iavl.SyncOption(true))
	if _, err := tree.Load(); err != nil {
		return nil, nil, fmt.Errorf("load state %s: %w", path, errors.Join(err, db.Close()))
	}
	return tree, db, nil
}

// adapter gives the tree a tm-db database as the kind of database that it
// knows.
type adapter struct{ tmdb.DB }

func (d adapter) Iterator(start, end []byte) (idb.Iterator, error) {
	return d.DB.Iterator(start, end)
}

func (d adapter) ReverseIterator(start, end []byte) (idb.Iterator, error) {
	return d.DB.ReverseIterator(start, end)
}

func (d adapter) NewBatch() idb.Batch { return &batch{Batch: d.DB.NewBatch()} }

func (d adapter) NewBatchWithSize(int) idb.Batch { return d.NewBatch() }

// batch counts its bytes, which the tree asks for and tm-db does not tell.
type batch struct {
	tmdb.Batch
	bytes int
}

// Set implements idb.Batch.
func (b *batch) Set(key, value []byte) error {
	b.bytes += len(key) + len(value)
	return b.Batch.Set(key, value)
}

// Delete implements idb.Batch.
func (b *batch) Delete(key []byte) error {
	b.bytes += len(key)
	return b.Batch.Delete(key)
}

// GetByteSize implements idb.Batch.
func (b *batch) GetByteSize() (int, error) { return b.bytes, nil }
