// Package clinic is a synthetic hospital: an EMR in one SQLite file, and the
// people who work with it.
//
// Create fills a new file with patients, their visits, prescriptions and
// laboratory results over five years. The same seed and size give the same rows.
// Every patient has standing conditions, which their visits, drugs and tests
// follow, so that a record reads like one. All names, addresses and numbers come
// from this package's own lists; telephone numbers are of the range that is
// reserved for fiction. Nothing here is about any real person.
//
// Traffic then does what a clinic does all day: visits, late results, new
// prescriptions, corrections, and now and then a withdrawn entry. It changes
// only rows that it wrote itself, as staff mostly mend what they wrote today;
// so whoever tampers with an older row is not overwritten by chance.
//
// The package knows nothing of taps. Who wants to follow the file installs the
// tap's triggers.
package clinic

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the database driver
)

// DefaultSize is a number of patients that makes about 4,000 rows.
const DefaultSize = 300

// opening is the day when a clinic's history ends: what Create writes happened
// before it, whatever the clock says.
var opening = time.Date(2026, 11, 2, 7, 0, 0, 0, time.UTC)

// Tables returns the names of the tables, each with its column of the patient.
func Tables() map[string]string {
	return map[string]string{"patients": "id", "encounters": "patient_id", "prescriptions": "patient_id", "results": "patient_id"}
}

// Clinic is an open EMR.
type Clinic struct {
	path    string
	db      *sql.DB
	written atomic.Uint64
}

// Create makes the file at path with size patients. It refuses a path where
// something stands.
func Create(ctx context.Context, path string, seed uint64, size int) error {
	if size < 1 || size > 100_000 {
		return fmt.Errorf("create clinic: %d patients; choose 1 to 100000", size)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create clinic: %s stands already; remove it or choose another path", path)
	}
	if err != nil {
		return fmt.Errorf("create clinic: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("create clinic: %w", err)
	}
	db, err := openFile(path)
	if err != nil {
		return fmt.Errorf("create clinic: %w", err)
	}
	if err := errors.Join(fill(ctx, db, generator(seed), size), db.Close()); err != nil {
		return fmt.Errorf("create clinic: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// Open opens a clinic that Create made.
func Open(path string) (*Clinic, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open clinic: %w", err)
	}
	db, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("open clinic: %w", err)
	}
	return &Clinic{path: path, db: db}, nil
}

// DB is the database with full rights: the EMR vendor's, and the insider's.
func (c *Clinic) DB() *sql.DB { return c.db }

// Path is where the file stands.
func (c *Clinic) Path() string { return c.path }

// Written counts the transactions that Traffic committed.
func (c *Clinic) Written() uint64 { return c.written.Load() }

// Close closes the database.
func (c *Clinic) Close() error { return c.db.Close() }

// openFile opens the file as an EMR does: write-ahead log, so that readers and
// the writer do not wait for each other, and patience with another writer.
func openFile(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)"+
		"&_pragma=journal_mode(WAL)&_pragma=foreign_keys(on)")
}

func generator(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x636c696e6963)) }

func fill(ctx context.Context, db *sql.DB, random *rand.Rand, size int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	w := &writer{ctx: ctx, tx: tx}
	for number := 1; number <= size && w.err == nil; number++ {
		w.history(random, number)
	}
	if w.err != nil {
		return w.err
	}
	return tx.Commit()
}
