package adapter_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// A mixedWorkload is a workload of what makes a binary log hard to follow: XA
// transactions, some left prepared, changes of a table's columns amid changes
// of its rows, cascades, a MyISAM table and new log files.
type mixedWorkload struct {
	*workload
	xa, alterations, truncations, myisam, rotations atomic.Uint64 // that the server carried out
}

// mixedTables makes the tables that the workload needs beside those of
// mariadbSource.
func mixedTables(s *mariadbtest.Server, source *sidecartest.Source) {
	s.Exec(`CREATE TABLE emr.families (id INT PRIMARY KEY, name VARCHAR(40))`,
		`CREATE TABLE emr.members (id INT PRIMARY KEY, family_id INT, n INT,
			FOREIGN KEY (family_id) REFERENCES emr.families (id) ON DELETE CASCADE ON UPDATE CASCADE)`,
		`CREATE TABLE emr.letters (id INT PRIMARY KEY, family_id INT, n INT,
			FOREIGN KEY (family_id) REFERENCES emr.families (id) ON DELETE SET NULL ON UPDATE SET NULL)`,
		`CREATE TABLE emr.charts (id INT PRIMARY KEY, n INT, note VARCHAR(40))`,
		`CREATE TABLE emr.inbox (id INT PRIMARY KEY, n INT)`,
		`CREATE TABLE emr.archive (id INT PRIMARY KEY, n INT, note VARCHAR(400)) ENGINE=MyISAM`,
		`INSERT INTO emr.archive SELECT seq, seq, CONCAT('note ', seq) FROM emr.seq_1_to_300`,
		`INSERT INTO emr.charts SELECT seq, seq, CONCAT('note ', seq) FROM emr.seq_1_to_300`)
	for _, name := range []string{"families", "members", "letters", "charts", "inbox", "archive"} {
		source.Tables = append(source.Tables, sidecartest.Table{Name: "emr." + name})
	}
}

func newMixedWorkload(s *mariadbtest.Server) *mixedWorkload {
	w := &mixedWorkload{workload: newWorkload(s)}
	w.step = w.mixedStep
	return w
}

func (w *mixedWorkload) mixedStep(ctx context.Context, db *sql.DB, r *rand.Rand) error {
	switch n := r.IntN(100); {
	case n < 10:
		return w.xaTransaction(ctx, db, r)
	case n < 13:
		return w.resolveLeft(ctx, db, r)
	case n < 30:
		return w.exec(ctx, db, &w.myisam, w.myisamStatement(r))
	case n == 30:
		return w.exec(ctx, db, &w.alterations, w.alteration(r))
	case n == 31:
		return w.exec(ctx, db, &w.rotations, "FLUSH BINARY LOGS")
	}
	return w.transaction(ctx, db, r, w.mixedStatement)
}

// exec runs one statement and counts it.
func (w *mixedWorkload) exec(ctx context.Context, db *sql.DB, count *atomic.Uint64, statement string) error {
	_, err := db.ExecContext(ctx, statement)
	if err == nil {
		count.Add(1)
	}
	return err
}

// mixedStatement changes rows of InnoDB tables.
func (w *mixedWorkload) mixedStatement(r *rand.Rand) string {
	id, fresh := w.next.Load()-r.Int64N(400), w.next.Add(1)
	switch r.IntN(14) {
	case 0, 1:
		return fmt.Sprintf("INSERT INTO families VALUES (%d, 'F%d')", fresh, r.IntN(1e6))
	case 2, 3:
		return fmt.Sprintf("INSERT INTO members SELECT %d, id, %d FROM families ORDER BY id DESC LIMIT 1", fresh, r.IntN(100))
	case 4, 5:
		return fmt.Sprintf("INSERT INTO letters SELECT %d, id, %d FROM families ORDER BY id DESC LIMIT 1", fresh, r.IntN(100))
	case 6:
		return fmt.Sprintf("UPDATE families SET id = %d WHERE id >= %d LIMIT 1", fresh, id)
	case 7:
		return fmt.Sprintf("DELETE FROM families WHERE id >= %d LIMIT 1", id)
	case 8:
		return fmt.Sprintf("UPDATE %s SET n = n + 1 WHERE id >= %d LIMIT 3", [...]string{"members", "letters", "charts"}[r.IntN(3)], id)
	case 9:
		return fmt.Sprintf("INSERT INTO charts (id, n, note) VALUES (%d, 1, 'new')", fresh)
	case 10:
		return fmt.Sprintf("DELETE FROM charts WHERE id >= %d LIMIT 1", id)
	case 11:
		return fmt.Sprintf("INSERT INTO inbox VALUES (%d, 1)", fresh)
	}
	return w.statement(r)
}

// myisamStatement changes rows of the MyISAM table.
func (w *mixedWorkload) myisamStatement(r *rand.Rand) string {
	id := w.next.Load() - r.Int64N(400)
	switch r.IntN(5) {
	case 0:
		return fmt.Sprintf("UPDATE archive SET n = n + 1 WHERE id >= %d LIMIT 3", id)
	case 1:
		return fmt.Sprintf("DELETE FROM archive WHERE id = %d", id)
	}
	fresh := w.next.Add(2)
	return fmt.Sprintf("INSERT INTO archive VALUES (%d, %d, 'new'), (%d, 2, 'newer')", fresh-1, r.IntN(100), fresh)
}

// alteration changes the columns of emr.charts, whose rows others change
// meanwhile. What does not fit the columns at hand is refused.
func (w *mixedWorkload) alteration(r *rand.Rand) string {
	return "ALTER TABLE charts " + [...]string{
		"ADD COLUMN extra INT DEFAULT 7", "ADD COLUMN first VARCHAR(20) DEFAULT 'x' AFTER id",
		"DROP COLUMN extra", "DROP COLUMN first", "DROP COLUMN renamed",
		"RENAME COLUMN extra TO renamed", "RENAME COLUMN renamed TO extra",
		"MODIFY n BIGINT", fmt.Sprintf("MODIFY note VARCHAR(%d)", 40+w.next.Load()%10_000),
	}[r.IntN(9)]
}

// xaTransaction prepares one, and commits it, rolls it back or leaves it.
func (w *mixedWorkload) xaTransaction(ctx context.Context, db *sql.DB, r *rand.Rand) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	// A session that ends rolls back what is not prepared.
	defer func() { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }()
	xid := fmt.Sprintf("'%s%d'", xaPrefix, w.next.Add(1))
	statements := []string{"XA START " + xid}
	for range 1 + r.IntN(4) {
		statements = append(statements, w.mixedStatement(r))
	}
	statements = append(statements, "XA END "+xid, "XA PREPARE "+xid)
	if r.IntN(4) > 0 {
		statements = append(statements, xaEnd(r)+xid)
	}
	for _, q := range statements {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	w.xa.Add(1)
	return nil
}

// xaPrefix begins the ids of the workload's XA transactions.
const xaPrefix = "xa-"

// xaEnd commits three XA transactions of four.
func xaEnd(r *rand.Rand) string { return [...]string{"XA COMMIT ", "XA ROLLBACK "}[r.IntN(4)/3] }

// resolveLeft ends the transactions that are prepared and have no session, be
// it that they were left or that the server was killed. The server refuses to
// end one that has its session yet.
func (w *mixedWorkload) resolveLeft(ctx context.Context, db *sql.DB, r *rand.Rand) error {
	rows, err := db.QueryContext(ctx, "XA RECOVER")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // read to its end
	for rows.Next() {
		var format, global, branch int
		var xid string
		if err := rows.Scan(&format, &global, &branch, &xid); err != nil {
			return err
		}
		if strings.HasPrefix(xid, xaPrefix) {
			_, _ = db.ExecContext(ctx, xaEnd(r)+"'"+xid+"'") // what cannot end now ends later
		}
	}
	return rows.Err()
}

// resolveAll commits what is still prepared, however it came to be left. The server
// may have given up a transaction that it still lists.
func (w *mixedWorkload) resolveAll(t *testing.T) {
	t.Helper()
	for _, xid := range w.server.Prepared() {
		_, err := w.server.Admin().Exec("XA COMMIT " + xid)
		const unknown, rolledBack = 1397, 1402
		if failure := (*mysql.MySQLError)(nil); err != nil &&
			(!errors.As(err, &failure) || failure.Number != unknown && failure.Number != rolledBack) {
			t.Fatalf("commit %s: %v", xid, err)
		}
	}
}

// carriedOut says how much of each kind the server carried out.
func (w *mixedWorkload) carriedOut() string {
	return fmt.Sprintf("%d XA, %d ALTER, %d TRUNCATE, %d MyISAM statements, %d rotations",
		w.xa.Load(), w.alterations.Load(), w.truncations.Load(), w.myisam.Load(), w.rotations.Load())
}

// idle lists the kinds of which the workload has done nothing yet.
func (w *mixedWorkload) idle() (kinds []string) {
	for kind, n := range map[string]uint64{"XA": w.xa.Load(), "ALTER": w.alterations.Load(), "TRUNCATE": w.truncations.Load(),
		"MyISAM": w.myisam.Load(), "rotation": w.rotations.Load()} {
		if n == 0 {
			kinds = append(kinds, kind)
		}
	}
	return slices.Sorted(slices.Values(kinds))
}
