package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	driver "github.com/go-sql-driver/mysql"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

const (
	// maxScan bounds the rows of one chunk whatever the caller asks for, so
	// that a snapshot stays short.
	maxScan = 20_000
	// maxBytes bounds the cells of one chunk: it ends with the row that reaches it.
	maxBytes = 16 << 20
	// fetchBatch is how many keys one statement of Fetch asks for.
	fetchBatch = 200
)

// A snapshot is a short read-only transaction that sees one moment of the
// database, and the place of that moment in the binary log.
type snapshot struct {
	conn    *sql.Conn
	dialect *dialect
	point   logPoint
	bytes   int  // of the cells read so far
	most    int  // bytes that cut the reading short
	cut     bool // a query ended early; the connection is gone with the rest of its rows
}

// begin opens a snapshot. It takes no lock that a writer could wait for.
func begin(ctx context.Context, db *sql.DB, d *dialect) (*snapshot, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	s := &snapshot{conn: conn, dialect: d, most: maxBytes}
	if err := s.start(ctx); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) start(ctx context.Context) (err error) {
	if _, err := s.conn.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"); err != nil {
		return fmt.Errorf("start snapshot: %w", err)
	}
	if s.point, err = s.dialect.place(ctx, s.conn); err != nil {
		return fmt.Errorf("locate snapshot in the binary log: %w", err)
	}
	return nil
}

// end gives the snapshot up. A connection that is broken leaves the pool by
// itself.
func (s *snapshot) end() {
	// The context of the read may be over, and the rollback must still be sent.
	ctx, cancel := context.WithTimeout(context.Background(), dialPatience)
	defer cancel()
	_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
	s.conn.Close()
}

// place returns where a snapshot that has just begun stands in the binary log. A
// server of MySQL does not tell. But what its engines show is in the log before
// that, so that the end of the log stands behind all that the snapshot shows.
func (d *dialect) place(ctx context.Context, conn *sql.Conn) (logPoint, error) {
	if d.isMySQL() {
		return d.endOfLog(ctx, conn)
	}
	return snapshotPoint(ctx, conn)
}

func (d *dialect) endOfLog(ctx context.Context, db querier) (logPoint, error) {
	rows, err := queryStrings(ctx, db, d.logEnd)
	if err != nil {
		return logPoint{}, err
	}
	if len(rows) == 0 || len(rows[0]) < 2 {
		return logPoint{}, errors.New("the server does not tell its end: is log_bin on?")
	}
	offset, err := strconv.ParseUint(rows[0][1], 10, 64)
	return logPoint{file: rows[0][0], offset: offset}, err
}

func snapshotPoint(ctx context.Context, conn *sql.Conn) (logPoint, error) {
	var p logPoint
	rows, err := queryStrings(ctx, conn, "SHOW STATUS LIKE 'binlog_snapshot_%'")
	if err != nil {
		return p, err
	}
	for _, r := range rows {
		switch r[0] {
		case "Binlog_snapshot_file":
			p.file = r[1]
		case "Binlog_snapshot_position":
			if p.offset, err = strconv.ParseUint(r[1], 10, 64); err != nil {
				return p, err
			}
		}
	}
	if p.file == "" {
		return p, fmt.Errorf("the server does not tell it: is log_bin on?")
	}
	return p, nil
}

// renew moves the snapshot to the present.
func (s *snapshot) renew(ctx context.Context) error {
	if _, err := s.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		return fmt.Errorf("end snapshot: %w", err)
	}
	return s.start(ctx)
}

// Scan implements tap.Tap.
func (t *Tap) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	part := max(1, min(limit, maxScan, t.fits.most(table)))
	return t.read(ctx, table, func() (*reading, error) {
		r, err := t.look(ctx, table, func(s *snapshot, d *definition) ([]tap.Row, error) {
			if after != nil && len(after) != len(d.key) {
				return nil, fmt.Errorf("scan table %s: key of %d columns, not %d: %w", table, len(after), len(d.key), tap.ErrTable)
			}
			if d.keyless() {
				return nil, nil
			}
			rows, err := s.scan(ctx, d, after, part)
			t.fits.met(table, len(rows), s)
			return rows, err
		})
		if err == nil && r.definition.keyless() {
			return t.scanWhole(ctx, r, limit)
		}
		return r, err
	}, part)
}

// Fetch implements tap.Tap. Of a reading that was cut short, no key without a row
// counts as looked for.
func (t *Tap) Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
	var unread [][]row.Value
	chunk, err := t.read(ctx, table, func() (*reading, error) {
		r, err := t.fetchOnce(ctx, table, keys)
		if err != nil {
			return nil, err
		}
		if r, err = t.fetchLate(ctx, r, keys); err == nil && r.cut {
			unread = r.without(keys)
		}
		return r, err
	}, 0)
	chunk.Unread = unread
	return chunk, err
}

func (t *Tap) fetchOnce(ctx context.Context, table string, keys [][]row.Value) (*reading, error) {
	return t.look(ctx, table, func(s *snapshot, d *definition) (rows []tap.Row, err error) {
		if d.keyless() {
			return nil, fmt.Errorf("fetch from table %s: no key names its rows: %w", table, tap.ErrTable)
		}
		for start := 0; start < len(keys) && !s.cut; start += fetchBatch {
			batch, err := s.fetch(ctx, d, keys[start:min(start+fetchBatch, len(keys))])
			if err != nil {
				return nil, err
			}
			rows = append(rows, batch...)
		}
		return rows, nil
	})
}

// read makes a chunk of a reading and registers its fence. A scan of fewer
// rows than it may have was the last.
func (t *Tap) read(ctx context.Context, name string, look func() (*reading, error), limit int) (tap.Chunk, error) {
	if !t.configured(name) {
		return tap.Chunk{}, fmt.Errorf("read table %s: %w", name, tap.ErrTable)
	}
	if err := t.calm(ctx); err != nil {
		return tap.Chunk{}, fmt.Errorf("read table %s: %w", name, err)
	}
	generation := t.fences.generation()
	r, err := look()
	if err != nil {
		return tap.Chunk{}, readError(name, err)
	}
	fence, err := t.fences.register(r.point, generation)
	if err != nil {
		return tap.Chunk{}, readError(name, err)
	}
	return tap.Chunk{Table: t.shapes.intern(r.definition.table()), Rows: r.rows, Last: r.definition.keyless() || !r.cut && len(r.rows) < limit, Fence: fence}, nil
}

// A reading is rows of one table as they were read, and a place in the log
// behind all that they show.
type reading struct {
	definition *definition
	rows       []tap.Row
	point      logPoint
	cut        bool // more rows were asked for and not read
}

// look runs a query on a snapshot. Where the engine has none, the log's end
// after the query stands behind all that it saw.
func (t *Tap) look(ctx context.Context, name string, query func(*snapshot, *definition) ([]tap.Row, error)) (*reading, error) {
	s, err := t.beginAt(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { s.end() }()
	d, err := t.known.definition(ctx, s, name)
	if err != nil {
		return nil, err
	}
	if d.refused != "" {
		return nil, fmt.Errorf("%w: %s", tap.ErrTable, d.refused)
	}
	rows, err := query(s, d)
	if err != nil {
		return nil, err
	}
	r := &reading{definition: d, rows: rows, cut: s.cut}
	switch {
	case d.snapshots():
	case s.cut:
		after, err := begin(ctx, t.db, t.dialect)
		if err != nil {
			return nil, err
		}
		s.end()
		s = after
	default:
		if err := s.renew(ctx); err != nil {
			return nil, err
		}
	}
	r.point = s.point
	return r, nil
}

// readError names the table and tells the caller when to try again.
func readError(name string, err error) error {
	switch serverError(err) {
	case errorChanged, errorLockWait, errorDeadlock, errorInterrupted, errorTimeLimit, errorCrashed, errorCrashedRepair:
		return fmt.Errorf("read table %s: %w: %w", name, tap.ErrBusy, err)
	}
	if errors.Is(err, driver.ErrInvalidConn) { // the server ended it; that none can be made is another error
		return fmt.Errorf("read table %s: %w: %w", name, tap.ErrBusy, err)
	}
	return fmt.Errorf("read table %s: %w", name, err)
}

// definition reads the table's definition under a metadata lock that lasts as
// long as the snapshot, so that it is the one by which the rows are read.
func (s *snapshot) definition(ctx context.Context, name string) (*definition, error) {
	if err := s.lock(ctx, name); err != nil {
		return nil, err
	}
	return readDefinition(ctx, s.conn, s.dialect, name)
}

// lock takes the metadata lock of a read, unless there is no such table to read.
func (s *snapshot) lock(ctx context.Context, name string) error {
	_, err := queryStrings(ctx, s.conn, "SELECT * FROM "+quoteTable(name)+" LIMIT 0")
	switch number := serverError(err); number {
	case errorNoTable, errorNoDatabase, errorTableDenied, errorSchemaDenied, errorColumnDenied:
		return nil
	default:
		if unopened(number) {
			return nil
		}
		return err
	}
}

func (s *snapshot) scan(ctx context.Context, d *definition, after []row.Value, limit int) ([]tap.Row, error) {
	if d.keyless() {
		return s.unordered(ctx, d, limit)
	}
	var where predicate
	if after != nil {
		where.sql.WriteString(" WHERE ")
		if err := where.after(d, after); err != nil {
			return nil, err
		}
	}
	order := " ORDER BY "
	for i, at := range d.key {
		if i > 0 {
			order += ", "
		}
		order += quoteName(d.columns[at].name)
	}
	return s.rows(ctx, d, "", where.sql.String()+order+" LIMIT "+strconv.Itoa(limit), where.args, func([]row.Value) bool { return true })
}

// fetch reads the rows of some keys. The server compares by collation, so it
// may return rows of keys that merely look alike; those are dropped.
func (s *snapshot) fetch(ctx context.Context, d *definition, keys [][]row.Value) ([]tap.Row, error) {
	where := predicate{}
	where.sql.WriteString(" WHERE ")
	wanted := make(map[string]bool, len(keys))
	for _, key := range keys {
		if len(key) != len(d.key) {
			return nil, fmt.Errorf("fetch from table %s: key of %d columns, not %d: %w", d.name, len(key), len(d.key), tap.ErrTable)
		}
		wanted[string(row.AppendKey(nil, key))] = true
	}
	if !where.oneOf(d, keys) {
		return nil, nil
	}
	table := d.table()
	return s.rows(ctx, d, d.bufferOption(), where.sql.String(), where.args, func(cells []row.Value) bool {
		return wanted[string(row.AppendKey(nil, table.KeyOf(cells)))]
	})
}

// rows runs a prepared query, for only those return binary values, and keeps the
// rows that are wanted. It ends early with the row by which the snapshot reaches
// its most bytes. What the server would still send is not waited for: its end is that
// of the connection.
func (s *snapshot) rows(ctx context.Context, d *definition, options, condition string, args []any, wanted func(cells []row.Value) bool) (result []tap.Row, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	query := "SELECT " + s.dialect.outOfCache + options + d.selectList() + " FROM " + quoteTable(d.name)
	if !d.keyless() {
		query += " FORCE INDEX (" + quoteName(d.index) + ")"
	}
	query += condition
	statement, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer statement.Close()
	rows, err := statement.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if s.cut {
			cancel()
			_ = rows.Close()
			return
		}
		err = closeRows(rows, err)
	}()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, targets := make([]driverValue, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		cells, err := d.cells(values)
		if err != nil {
			return nil, err
		}
		if !wanted(cells) {
			continue
		}
		row.Detach(cells)
		result = append(result, tap.Row{Cells: cells})
		if s.bytes += sizeOf(values); s.bytes >= s.most {
			s.cut = true
			return result, nil
		}
	}
	return result, nil
}

// A driverValue is a value as the driver returns it. It shares memory with the
// driver until the next row; database/sql would copy each value.
type driverValue struct{ value any }

// Scan implements sql.Scanner.
func (v *driverValue) Scan(value any) error {
	v.value = value
	return nil
}

// sizeOf is about how many bytes a row's cells take.
func sizeOf(values []driverValue) (n int) {
	for _, v := range values {
		n += 8
		if b, ok := v.value.([]byte); ok {
			n += len(b)
		}
	}
	return n
}
