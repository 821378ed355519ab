package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	driver "modernc.org/sqlite"
)

// Result codes of SQLite that the tap acts upon; extended codes hold the
// primary one in their low byte.
const (
	codePerm     = 3
	codeBusy     = 5
	codeLocked   = 6
	codeReadOnly = 8
	codeCorrupt  = 11
	codeCantOpen = 14
	codeNotADB   = 26
)

// Extended codes: the last writer died and left a journal that only a writer
// may clear up, or a WAL index that is being made.
const (
	codeReadOnlyRecovery = codeReadOnly | 1<<8
	codeReadOnlyCantLock = codeReadOnly | 2<<8
	codeReadOnlyRollback = codeReadOnly | 3<<8
	codeReadOnlyCantInit = codeReadOnly | 5<<8
)

// querier is what reading needs of a connection.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// source is one read-only connection to the file that stood at the path when
// it was opened.
type source struct {
	settings settings
	file     os.FileInfo
	db       *sql.DB
	catalog  *catalog // as last loaded, or nil
}

// openSource opens the file that stands at the path now. It looks at the file
// with Stat alone: closing any other descriptor of it would drop SQLite's locks.
func openSource(ctx context.Context, s settings) (*source, error) {
	src := &source{settings: s}
	if err := src.open(ctx); err != nil {
		return nil, err
	}
	return src, nil
}

func (s *source) open(ctx context.Context) error {
	file, err := os.Stat(s.settings.Path)
	if err != nil {
		return err
	}
	if !file.Mode().IsRegular() {
		return errNotRegular
	}
	absolute, err := filepath.Abs(s.settings.Path)
	if err != nil {
		return fmt.Errorf("resolve path: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(absolute, s.settings.LockWait))
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(1)
	var version int64
	if err := db.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return errors.Join(err, db.Close())
	}
	s.file, s.db, s.catalog = file, db, nil
	return nil
}

var errNotRegular = errors.New("not a regular file")

// dsn names a file to be opened for reading alone. query_only refuses writes a
// second time; trusted_schema keeps the schema from calling functions with
// side effects; busy_timeout waits for a writer's commit.
func dsn(absolute string, lockWait time.Duration) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute)}
	return fmt.Sprintf("%s?mode=ro&_pragma=query_only(1)&_pragma=trusted_schema(0)&_pragma=busy_timeout(%d)", u.String(), lockWait.Milliseconds())
}

// refresh opens the file anew if another stands at the path, and reports
// whether one did.
func (s *source) refresh(ctx context.Context) (replaced bool, err error) {
	file, err := os.Stat(s.settings.Path)
	if err != nil {
		return false, fmt.Errorf("look at the database file: %w", err)
	}
	if os.SameFile(file, s.file) {
		return false, nil
	}
	old := s.db
	if err := s.open(ctx); err != nil {
		return false, fmt.Errorf("open the file that replaced the database: %w", err)
	}
	return true, old.Close()
}

// read calls fn within one read transaction.
func (s *source) read(ctx context.Context, fn func(q querier) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin read transaction: %w", err)
	}
	err = fn(tx)
	if end := tx.Rollback(); end != nil && !errors.Is(end, sql.ErrTxDone) {
		err = errors.Join(err, fmt.Errorf("end read transaction: %w", end))
	}
	return err
}

// dataVersion returns a number that changes with every commit of another
// connection.
func (s *source) dataVersion(ctx context.Context) (version int64, err error) {
	if err := s.db.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("read data version: %w", err)
	}
	return version, nil
}

// catalogOf returns the catalog as it stands in the transaction of q; it is
// loaded when the schema has changed.
func (s *source) catalogOf(ctx context.Context, q querier, tables []string) (*catalog, error) {
	var version int64
	if err := q.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&version); err != nil {
		return nil, fmt.Errorf("read schema version: %w", err)
	}
	if s.catalog != nil && s.catalog.version == version {
		return s.catalog, nil
	}
	c, err := loadCatalog(ctx, q, tables)
	if err != nil {
		return nil, err
	}
	s.catalog = c
	return c, nil
}

func (s *source) close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close database: %w", err)
	}
	return nil
}

// code returns SQLite's primary result code of an error, or 0.
func code(err error) int { return extendedCode(err) & 0xff }

func extendedCode(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// isBusy reports whether the error passes when others go on.
func isBusy(err error) bool {
	c := code(err)
	return c == codeBusy || c == codeLocked || isUnrecovered(err)
}

// isUnrecovered reports whether the application has to recover the database
// from a death before others can read it.
func isUnrecovered(err error) bool {
	switch extendedCode(err) {
	case codeReadOnlyRecovery, codeReadOnlyCantLock, codeReadOnlyRollback, codeReadOnlyCantInit:
		return true
	}
	return false
}

// literal quotes a string for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// identifier quotes a name for SQL.
func identifier(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
