package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
	"github.com/emrbchain/emrbchain/plugins/taptest"
)

// serveVariable makes the test binary a tap process.
const serveVariable = "TEST_SERVE_MYSQL_TAP"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := tap.Serve(mysql.New()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// secret stands in every row and must stand in nothing that is told.
const secret = "Ada Lovelace"

// ward is a table of the server as the conformance kit wants it.
type ward struct {
	db *sql.DB
	// lost is set between a purge and the next change, which must wait until
	// the tap follows the log again: what comes earlier belongs to the gap.
	lost *bool
}

// awaitFollower waits until a tap follows the log to its end.
func (w ward) awaitFollower(ctx context.Context) error {
	for *w.lost {
		var found int
		err := w.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist "+
			"WHERE command LIKE 'Binlog Dump%' AND state LIKE '%waiting for%'").Scan(&found)
		if err != nil {
			return err
		}
		*w.lost = found == 0
	}
	return nil
}

func (w ward) Apply(ctx context.Context, commit bool, steps ...taptest.Step) error {
	if err := w.awaitFollower(ctx); err != nil {
		return err
	}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := w.apply(ctx, tx, s); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if !commit {
		return tx.Rollback()
	}
	return tx.Commit()
}

func (w ward) apply(ctx context.Context, tx *sql.Tx, s taptest.Step) error {
	query, args := "DELETE FROM emr.ward WHERE id = ?", []any{s.Row}
	switch s.Op {
	case tap.Insert:
		query, args = "INSERT INTO emr.ward VALUES (?, ?, ?)", []any{s.Row, s.Content, secret}
	case tap.Update:
		query, args = "UPDATE emr.ward SET id = ?, content = ? WHERE id = ?", []any{s.To, s.Content, s.Row}
	}
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

func (w ward) Rows(ctx context.Context) (map[int]int, error) {
	rows, err := w.db.QueryContext(ctx, "SELECT id, content FROM emr.ward")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[int]int)
	for rows.Next() {
		var id, content int
		if err := rows.Scan(&id, &content); err != nil {
			return nil, err
		}
		all[id] = content
	}
	return all, rows.Err()
}

func (w ward) Key(number int) []row.Value { return []row.Value{row.NewInt(int64(number))} }

func (w ward) Read(cells []row.Value) (number, content int, err error) {
	if len(cells) != 3 {
		return 0, 0, errors.New("not a row of the ward")
	}
	n, _ := cells[0].Int64()
	c, _ := cells[1].Int64()
	return int(n), int(c), nil
}

// samples gives each type a table of its own with its edge values.
func samples(s database, cases []columnCase) (list []taptest.Sample) {
	for i, c := range cases {
		name := fmt.Sprintf("emr.c%d", i)
		for n, value := range c.edges {
			remove := fmt.Sprintf("DELETE FROM %s WHERE id = %d", name, n) // replacing a row by itself is not logged
			insert := fmt.Sprintf("INSERT IGNORE INTO %s (id, v) VALUES (%d, %s)", name, n, value)
			list = append(list, taptest.Sample{Name: c.declared, Table: name, Write: func(ctx context.Context) ([]row.Value, error) {
				return []row.Value{row.NewInt(int64(n))}, writeLax(ctx, s, remove, insert)
			}})
		}
	}
	return list
}

// writeLax runs statements that may write values only old databases hold.
func writeLax(ctx context.Context, s database, queries ...string) error {
	conn, err := s.Admin().Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, q := range append([]string{laxSession}, queries...) {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// A tableKind is a kind of table that is read in a way of its own.
type tableKind struct {
	name, engine   string
	options        string // of CREATE TABLE
	noTransactions bool
}

func tableKinds() []tableKind {
	return []tableKind{
		{name: "InnoDB", engine: "InnoDB"},
		{name: "MyISAM", engine: "MyISAM", noTransactions: true},
		{name: "Aria", engine: "Aria", noTransactions: true},
		{name: "system-versioned", engine: "InnoDB", options: "WITH SYSTEM VERSIONING"},
		{name: "partitioned", engine: "InnoDB", options: "PARTITION BY HASH (id) PARTITIONS 3"},
	}
}

// TestConformance runs the kit over a table of each kind; -short, the first. The
// wire knows nothing of kinds, so the full form alone goes over it with each.
func TestConformance(t *testing.T) {
	for _, kind := range tableKinds() {
		t.Run(kind.name, func(t *testing.T) {
			if testing.Short() && kind.name != "InnoDB" {
				t.Skip("another kind of table")
			}
			conform(t, kind)
		})
	}
}

func conform(t *testing.T, kind tableKind) {
	s := start(t, "--default-storage-engine="+kind.engine)
	s.Exec("CREATE TABLE emr.ward (id INT PRIMARY KEY, content INT, name VARCHAR(40)) " + kind.options)
	cases := columnCases()
	if testing.Short() {
		cases = cases[:20]
	}
	options, _, _ := strings.Cut(kind.options, "PARTITION") // which a table without a key may not have
	s.Exec("CREATE TABLE emr.rounds (bed INT, note TEXT) " + options)
	config := tap.Config{Settings: section(t, s, nil), Tables: append(createCases(s, cases), "emr.ward", "emr.rounds")}
	h := harness(s, config, func() error { return purge(s) })
	h.NoTransactions, h.Bad, h.Samples = kind.noTransactions, badConfigs(t, s, config), samples(s, cases)
	if kind.name == "InnoDB" || os.Getenv("EMRBCHAIN_TEST_FULL") != "" {
		remotely(t, &h, config)
	}
	taptest.Subtests(t, h)
}

// harness is the kit on a server's tables ward and rounds.
func harness(s database, config tap.Config, purge func() error) taptest.Harness {
	source := ward{db: s.Admin(), lost: new(bool)}
	return taptest.Harness{
		Make:      func(context.Context) (tap.Tap, tap.Config, error) { return mysql.New(), config, nil },
		Assurance: tap.EveryVersion,
		Table:     "emr.ward",
		Source:    source,
		Keyless:   rounds(s),
		LoseHistory: func(context.Context) error {
			*source.lost = true
			return purge()
		},
		Secrets:  []string{secret, "test password"},
		Patience: patience,
	}
}

// rounds is a table without a key, with a row beside those of the kit.
func rounds(s database) *taptest.Keyless {
	s.Exec("INSERT INTO emr.rounds VALUES (1, NULL)")
	run := func(ctx context.Context, query string) error {
		_, err := s.Admin().ExecContext(ctx, query)
		return err
	}
	return &taptest.Keyless{Table: "emr.rounds",
		Insert: func(ctx context.Context, n int) error {
			return run(ctx, fmt.Sprintf("INSERT INTO emr.rounds WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c WHERE n < %d) "+
				"SELECT 2, '%s' FROM c", n, secret))
		},
		Delete: func(ctx context.Context) error { return run(ctx, "DELETE FROM emr.rounds WHERE bed = 2 LIMIT 1") },
	}
}

// purge removes every binary log but a new one. The server keeps a file for as
// long as a reader or its own recovery needs it, so it is asked until it obeys.
func purge(s *mariadbtest.Server) error {
	s.Exec("FLUSH BINARY LOGS")
	deadline := time.Now().Add(patience)
	for len(s.Binlogs()) > 1 {
		if time.Now().After(deadline) {
			return errors.New("the server keeps its old binary logs")
		}
		logs := s.Binlogs()
		s.Exec("PURGE BINARY LOGS TO '" + filepath.Base(logs[len(logs)-1]) + "'")
	}
	return nil
}

func badConfigs(t *testing.T, s database, good tap.Config) []taptest.BadConfig {
	var list []taptest.BadConfig
	for name, more := range map[string]map[string]any{
		"wrong port":       {"port": 1},
		"wrong password":   {"password_file": os.DevNull},
		"no password file": {"password_file": "/no/such/file"},
		"unknown tls":      {"tls": "perhaps"},
		"tls not served":   {"tls": "required"},
		"no user":          {"user": ""},
		"socket and port":  {"socket": "/tmp/x"},
	} {
		list = append(list, taptest.BadConfig{Name: name, Config: tap.Config{Settings: section(t, s, more), Tables: good.Tables}})
	}
	for name, tables := range map[string][]string{"no table": nil, "no schema": {"ward"}, "twice": {"emr.ward", "emr.ward"}} {
		list = append(list, taptest.BadConfig{Name: name, Config: tap.Config{Settings: good.Settings, Tables: tables}})
	}
	return list
}

// remotely adds the way over a child process.
func remotely(t *testing.T, h *taptest.Harness, config tap.Config) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var log lockedLog
	directory := t.TempDir()
	h.Output = log.String
	h.MakeRemote = func(ctx context.Context) (tap.Tap, tap.Config, error) {
		launched, err := host.Launch(ctx, host.Options{Name: "mysql", Command: []string{self}, Directory: directory,
			Env: []string{serveVariable + "=1"}, Logger: zerolog.New(&log)})
		if err != nil {
			return nil, tap.Config{}, err
		}
		return launched.Tap(), config, nil
	}
}

type lockedLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
