package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	dbm "github.com/cometbft/cometbft-db"
	cfg "github.com/cometbft/cometbft/config"

	"github.com/emrbchain/emrbchain/chain/internal/leveldb"
)

// ErrStoreDamaged says that one of the node's stores has a hole. Restore the
// home's data directory from another node's, never its
// priv_validator_state.json.
var ErrStoreDamaged = leveldb.ErrDamaged

// databases opens CometBFT's stores, refusing damage, and keeps them to close
// when the node cannot be made: CometBFT closes them only once it has started.
type databases struct{ open []dbm.DB }

func (d *databases) provide(c *cfg.DBContext) (dbm.DB, error) {
	path := filepath.Join(c.Config.DBDir(), c.ID+".db")
	if err := leveldb.Check(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db, err := dbm.NewGoLevelDBWithOpts(c.ID, c.Config.DBDir(), leveldb.Options())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	q := &quiet{DB: db}
	d.open = append(d.open, q)
	return q, nil
}

func (d *databases) close() error {
	var all error
	for _, db := range d.open {
		all = errors.Join(all, db.Close())
	}
	return all
}

// quiet is a store that holds nothing once it is closed. CometBFT closes its
// stores while routines that speak to peers still run, for two seconds and
// more; they panic when a store answers with an error, and end when it has not
// what they look for.
type quiet struct {
	dbm.DB
	mu     sync.RWMutex
	closed bool
}

// Get implements dbm.DB.
func (q *quiet) Get(key []byte) ([]byte, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return nil, nil
	}
	return q.DB.Get(key)
}

// Has implements dbm.DB.
func (q *quiet) Has(key []byte) (bool, error) {
	q.mu.RLock()
	defer q.mu.RUnlock()
	if q.closed {
		return false, nil
	}
	return q.DB.Has(key)
}

// Close implements dbm.DB. A second call does nothing.
func (q *quiet) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	return q.DB.Close()
}
