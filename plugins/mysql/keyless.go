package mysql

import (
	"context"
	"fmt"
	"strconv"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A table without a key is read whole, by one statement: there is nothing to go on
// by after a part of it. So its size is bounded; one that is larger is refused when
// it is read, for how large it is shows only then.
const (
	// maxWhole and maxWholeBytes are of tables whose engine shows a snapshot's
	// moment. Those of the others hold writers up as long as they are read, so they
	// have the bounds of a chunk.
	maxWhole      = 100_000
	maxWholeBytes = 64 << 20
)

// keyless reports whether no key names the table's rows.
func (d *definition) keyless() bool { return d.key == nil }

// wholeBounds returns how many rows, and bytes of cells, the table may have if it
// has no key.
func (d *definition) wholeBounds() (rows, bytes int) {
	if d.snapshots() {
		return maxWhole, maxWholeBytes
	}
	return maxScan, maxBytes
}

// addKey is the statement that gives the table a key.
func (d *definition) addKey() string {
	return "ALTER TABLE " + quoteTable(d.name) + " ADD PRIMARY KEY (COLUMN, …)"
}

// refusedKeyless says why the table cannot be covered without a key, or nothing.
// Rows that change or go unseen can be told from others by a key alone.
func (d *definition) refusedKeyless() string {
	const without = "it has neither a primary key nor a unique key of NOT NULL columns that the tap can read by, and "
	mend := ": " + d.addKey() + ", or leave it out of the configuration"
	switch {
	case len(d.references) > 0:
		return without + "its foreign key " + d.references[0].Name + " changes rows of it that nobody could tell from others" + mend
	case d.parted != nil:
		return without + "is partitioned, so that a statement may take rows of it that nobody could tell from others" + mend
	}
	return ""
}

func (d *definition) addKeylessNotes() {
	if d.refused != "" || !d.keyless() {
		return
	}
	rows, bytes := d.wholeBounds()
	d.notes = append(d.notes, fmt.Sprintf("it has neither a primary key nor a unique key of NOT NULL columns that the tap can read by: "+
		"its rows are told apart by all that they hold and equal ones are counted, so a row that was edited shows as one that is gone "+
		"and one that nobody inserted; it is read whole, up to %d rows and %d MiB: %s would name its rows", rows, bytes>>20, d.addKey()))
}

// scanWhole reads a table without a key. Rows that were logged before are shown by
// then, whatever the engine: there is no Fetch that would ask again.
func (t *Tap) scanWhole(ctx context.Context, first *reading, limit int) (*reading, error) {
	if !first.definition.snapshots() {
		if err := t.awaitWriters(ctx); err != nil {
			return nil, err
		}
	}
	return t.look(ctx, first.definition.name, func(s *snapshot, d *definition) ([]tap.Row, error) {
		if !d.keyless() {
			return nil, fmt.Errorf("the table was given a key during the read: %w", tap.ErrBusy)
		}
		return s.whole(ctx, d, limit)
	})
}

// whole reads all rows of a table, or says that they are too many.
func (s *snapshot) whole(ctx context.Context, d *definition, limit int) ([]tap.Row, error) {
	most, bytes := d.wholeBounds()
	most = min(most, limit)
	if err := s.believeSmall(ctx, d, most); err != nil {
		return nil, err
	}
	s.most = bytes
	rows, err := s.unordered(ctx, d, most+1)
	if err == nil && (s.cut || len(rows) > most) {
		return nil, d.tooLarge(most)
	}
	return rows, err
}

// believeSmall asks the server how large it believes the table to be, so that one
// that is far too large need not be read to find it so. InnoDB's belief may be off
// by a factor of two.
func (s *snapshot) believeSmall(ctx context.Context, d *definition, most int) error {
	schema, table := tableName(d.name)
	believed, err := queryStrings(ctx, s.conn, "SELECT table_rows FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
		schema, table)
	if err != nil || len(believed) != 1 {
		return err
	}
	if n, err := strconv.ParseUint(believed[0][0], 10, 64); err == nil && n > 2*uint64(most) {
		return d.tooLarge(most)
	}
	return nil
}

func (d *definition) tooLarge(rows int) error {
	_, bytes := d.wholeBounds()
	return fmt.Errorf("no key names its rows, so it must be read whole, and it has more than %d rows or %d MiB: %s, or leave it out of the configuration",
		rows, bytes>>20, d.addKey())
}

// unordered reads rows of a table without a key, so many at most.
func (s *snapshot) unordered(ctx context.Context, d *definition, limit int) ([]tap.Row, error) {
	return s.rows(ctx, d, d.bufferOption(), " LIMIT "+strconv.Itoa(limit), nil, func([]row.Value) bool { return true })
}
