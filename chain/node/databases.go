package node

import (
	"errors"
	"fmt"
	"path/filepath"

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
	d.open = append(d.open, db)
	return db, nil
}

func (d *databases) close() error {
	var all error
	for _, db := range d.open {
		all = errors.Join(all, db.Close())
	}
	return all
}
