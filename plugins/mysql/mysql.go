// Package mysql is the tap for MariaDB from 10.11 on, and for MySQL 8.0 and 8.4.
// It was made for MySQL, and for MariaDB from 11.4 on, from documentation, and is
// tested there on a double; on MySQL it says so wherever it tells what it taps.
//
// It follows the server's binary log as a replica does and reads rows through
// ordinary connections; it needs no write right and takes no lock. Its
// assurance is EveryVersion.
//
// # The stream
//
// stream.go reads events, transaction.go gathers them until their commit,
// shape.go and decode.go turn row images into values. A transaction reaches the
// sink only once its commit event is there; the rows of an XA transaction count
// at its XA COMMIT (xa.go). A position holds the GTIDs that were executed and a
// digest of the last transaction; on resume that transaction is read again and
// compared, because a server that was restored from a backup uses the same
// GTIDs for other transactions (resume.go). XA transactions that were prepared
// and not resolved by then are read again too. What a transaction holds beyond a
// bound of memory waits in a file (rowlist.go, spill.go).
//
// # What the log does not show
//
// Statements that change rows without row events (statement.go) and every other
// hole that leaves a sign become a gap or a schema change, for the tables that
// they touch. Foreign keys are followed unseen: the tap tells them as
// references, and whether a change followed them (references.go). SET
// sql_log_bin=0, a time without binary log and edited files leave no sign: only
// scans find those.
//
// # Reads
//
// Scan and Fetch read in a short transaction with a consistent snapshot whose
// place in the binary log MariaDB tells (read.go); the stream delivers their
// fence when it has passed that place (fence.go). Where an engine has no
// snapshots, the end of the log after the read takes that place (engine.go), and
// on MySQL the end of the log once the snapshot has begun.
//
// TYPES.md lists every column type, how its bytes are made to agree in stream,
// scan and fetch, and which are refused.
package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Tap is a tap of one server. Use New.
type Tap struct {
	settings *settings
	db       *sql.DB
	dialect  *dialect
	tables   []string
	charsets map[uint64]string // by collation number
	folded   bool              // the server compares table names without case
	shapes   shapes
	known    known
	fits     fits
	fences   *fences
}

// New returns a tap that is not open yet.
func New() tap.Tap { return &Tap{fences: newFences()} }

// version of the tap, as Describe tells it.
const version = "0.1.0"

// Describe implements tap.Tap.
func (t *Tap) Describe() tap.Description {
	return tap.Description{
		Name:         "mysql",
		Version:      version,
		Assurance:    tap.EveryVersion,
		Schema:       json.RawMessage(settingsSchema),
		Scan:         true,
		Fetch:        true,
		Survey:       true,
		BeforeImages: true,
		ColumnsTold:  true,
	}
}

// Open implements tap.Tap.
func (t *Tap) Open(ctx context.Context, config tap.Config) error {
	s, err := readSettings(config.Settings)
	if err != nil {
		return err
	}
	if err := checkNames(config.Tables); err != nil {
		return err
	}
	c := &inspection{settings: s, connections: connections, tables: config.Tables, now: time.Now}
	err = c.admit(ctx)
	if err == nil {
		t.charsets, err = readCharsets(ctx, c.db, c.dialect)
	}
	if err != nil {
		c.close()
		return err
	}
	t.settings, t.db, t.dialect, t.tables, t.folded = s, c.db, c.dialect, slices.Clone(config.Tables), c.server.folded
	t.shapes.asConfigured = t.asConfigured
	return nil
}

// readCharsets returns the character set of each collation by its number.
func readCharsets(ctx context.Context, db *sql.DB, d *dialect) (map[uint64]string, error) {
	rows, err := queryStrings(ctx, db, d.collations)
	if err != nil {
		return nil, fmt.Errorf("read character sets: %w", err)
	}
	charsets := make(map[uint64]string, len(rows))
	for _, r := range rows {
		id, err := strconv.ParseUint(r[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("number of a collation: %w", err)
		}
		charsets[id] = r[1]
	}
	return charsets, nil
}

// Tables implements tap.Tap.
func (t *Tap) Tables(ctx context.Context) ([]tap.Table, error) {
	tables := make([]tap.Table, 0, len(t.tables))
	for _, name := range t.tables {
		d, err := readDefinition(ctx, t.db, t.dialect, name)
		if err != nil {
			return nil, err
		}
		table := *t.shapes.intern(d.table())
		if table.EstimatedRows, err = t.estimateRows(ctx, name); err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	return tables, nil
}

// estimateRows asks how many rows the server believes a table has; for InnoDB it
// may be wrong by a factor of two.
func (t *Tap) estimateRows(ctx context.Context, name string) (uint64, error) {
	schema, table := tableName(name)
	rows, err := queryStrings(ctx, t.db, "SELECT COALESCE(table_rows, 0) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
		schema, table)
	if err != nil {
		return 0, fmt.Errorf("estimate the rows of %s: %w", name, err)
	}
	if len(rows) == 0 {
		return 0, nil
	}
	return strconv.ParseUint(rows[0][0], 10, 64)
}

func (t *Tap) configured(name string) bool { return slices.Contains(t.tables, name) }

// Ack implements tap.Tap. The server keeps its log by its own rules, so there
// is nothing to forget.
func (t *Tap) Ack(context.Context, tap.Position) error { return nil }

// Close implements tap.Tap.
func (t *Tap) Close() error {
	if t.db == nil {
		return nil
	}
	return t.db.Close()
}
