// Package sqlite is the tap over SQLite files, of assurance last version.
//
// # What the owner of the database does
//
// SQLite keeps no history that another process could read, so the owner
// installs triggers once: InstallSQL prints them. Each writes the key of a
// changed row to one table, the outbox, whose own trigger drops all but the
// newest rows. RemoveSQL prints what takes everything away again. The triggers
// run in the application's own transactions and in any version of SQLite since
// 3.6.19. They change neither last_insert_rowid() nor changes().
//
// # What the tap does
//
// It opens the file read-only and never writes to it. SQLite has one writer at
// a time and AUTOINCREMENT never reuses an id, so the order of ids in the
// outbox is the order of commits, without holes. The tap follows that order.
// For each key it reads the row in the same read transaction as the outbox:
// there it is a put, not there a delete. Read transactions are short and never
// wait for the host, so that they hold up no checkpoint.
//
// A Position is the last id that was followed and the random token that stands
// in its row. An older copy of the file, a recreated outbox, rows that were
// pruned before they were followed, rows that somebody deleted, triggers that
// were dropped or altered, a file that was replaced: each is a Gap with its
// reason.
//
// # What it can't see
//
// INSERT OR REPLACE that removes a row by a second unique key fires no delete
// trigger unless the application sets recursive_triggers. Whoever can write to
// the file can switch triggers off for a connection, or drop them, edit, and
// put them back between two looks. In all of these only the scan finds what
// was changed.
//
// # What it needs
//
// Read access to the file. In WAL mode also to the -wal and -shm files beside
// it, which exist while the application has the file open; otherwise SQLite
// creates them, for which the directory must be writable. Do not open the
// file by other means in the tap's process: closing it would drop the locks
// of SQLite (POSIX locks belong to the process).
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Version is the version of this tap.
const Version = "1"

// Tap taps one SQLite file. Make it with New.
type Tap struct {
	settings settings
	tables   []string
	fences   fences
	wake     chan struct{} // tells the stream that a fence waits

	mutex  sync.Mutex // guards reader
	reader *source    // serves Tables, Scan and Fetch
}

var _ tap.Tap = (*Tap)(nil)

// New returns a tap that is not open yet.
func New() *Tap { return &Tap{wake: make(chan struct{}, 1)} }

// Describe implements tap.Tap.
func (t *Tap) Describe() tap.Description {
	return tap.Description{
		Name: "sqlite", Version: Version, Assurance: tap.LastVersion, Schema: []byte(settingsSchema), Scan: true, Fetch: true,
	}
}

// Open implements tap.Tap.
func (t *Tap) Open(ctx context.Context, config tap.Config) error {
	s, err := parseSettings(config.Settings)
	if err != nil {
		return tap.NewSetupError("settings of the sqlite tap", err.Error(), "see the tap's schema")
	}
	src, err := openSource(ctx, s)
	if err != nil {
		return setupError(s.Path, err)
	}
	t.settings, t.tables, t.reader = s, config.Tables, src
	var c *catalog
	err = src.read(ctx, func(q querier) (err error) {
		c, err = loadCatalog(ctx, q, t.tables)
		return err
	})
	if err != nil {
		return errors.Join(setupError(s.Path, err), t.Close())
	}
	if problems := c.problems(s.Path); len(problems) > 0 {
		return errors.Join(&tap.SetupError{Problems: problems}, t.Close())
	}
	return nil
}

// Tables implements tap.Tap.
func (t *Tap) Tables(ctx context.Context) ([]tap.Table, error) {
	var tables []tap.Table
	err := t.snapshot(ctx, func(q querier, _ *catalog) error {
		c, err := loadCatalog(ctx, q, t.tables)
		if err != nil {
			return err
		}
		for _, name := range t.tables {
			tables = append(tables, *c.tables[name].table)
		}
		return nil
	})
	return tables, err
}

// snapshot calls read within one read transaction on the file that stands at
// the path now.
func (t *Tap) snapshot(ctx context.Context, read func(q querier, c *catalog) error) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.reader == nil {
		return errors.New("tap is not open")
	}
	if _, err := t.reader.refresh(ctx); err != nil {
		return busy(err)
	}
	return busy(t.reader.read(ctx, func(q querier) error {
		c, err := t.reader.catalogOf(ctx, q, t.tables)
		if err != nil {
			return err
		}
		return read(q, c)
	}))
}

// busy marks an error of a locked database as one to try again after.
func busy(err error) error {
	if isBusy(err) {
		return fmt.Errorf("%w: %w", tap.ErrBusy, err)
	}
	return err
}

// Ack implements tap.Tap. The outbox prunes itself, so there is nothing to do.
func (t *Tap) Ack(context.Context, tap.Position) error { return nil }

// Close implements tap.Tap.
func (t *Tap) Close() error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.reader == nil {
		return nil
	}
	err := t.reader.close()
	t.reader = nil
	return err
}
