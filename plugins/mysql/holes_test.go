package mysql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// awaitGap waits for a gap whose reason holds a text.
func (r *running) awaitGap(t testing.TB, reason string) tap.Gap {
	t.Helper()
	var found tap.Gap
	r.await(t, "gap with "+reason, func(events []any) bool {
		for _, g := range gaps(events) {
			if strings.Contains(g.Reason, reason) {
				found = g
				return true
			}
		}
		return false
	})
	return found
}

// written runs a tap of emr.t over one insert and returns the position behind it.
func written(t *testing.T, s *mariadbtest.Server) tap.Position {
	t.Helper()
	m := mysql.New()
	if err := m.Open(t.Context(), tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r := stream(t, m, nil)
	s.Exec("INSERT INTO emr.t VALUES (1, 'first')")
	at := position(r.awaitChanges(t, 1))
	r.end(t)
	return at
}

func TestRestoredServerThatReusesGTIDsIsAGap(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))")
	old := s.Backup()
	at := written(t, s)
	s.Restore(old)
	s.Exec("INSERT INTO emr.t VALUES (1, 'other')", "INSERT INTO emr.t VALUES (2, 'more')")
	r := stream(t, open(t, s, "emr.t"), at)
	r.awaitGap(t, "is another one")
	s.Exec("INSERT INTO emr.t VALUES (3, 'later')")
	events := r.awaitChanges(t, 1)
	if diff := cmp.Diff([]string{`insert emr.t  -> 3|"later"`}, summary(changes(events))); diff != "" {
		t.Errorf("changes after the gap (-want +got):\n%s", diff)
	}
}

func TestRestoredServerThatIsBehindIsAGap(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))")
	old := s.Backup()
	at := written(t, s)
	s.Restore(old)
	stream(t, open(t, s, "emr.t"), at).awaitGap(t, "has not got transaction")
}

func TestResetLogIsAGap(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))")
	at := written(t, s)
	s.Exec("RESET MASTER")
	stream(t, open(t, s, "emr.t"), at).awaitGap(t, "has not got transaction")
}

func TestPurgedLogIsAGap(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))")
	at := written(t, s)
	s.Exec("INSERT INTO emr.t VALUES (2, 'missed')")
	if err := purge(s); err != nil {
		t.Fatal(err)
	}
	g := stream(t, open(t, s, "emr.t"), at).awaitGap(t, "cannot continue")
	if len(g.Tables) != 0 {
		t.Errorf("gap of tables %v, want all", g.Tables)
	}
}

// TestResumeAfterARestartIsNoGap: a server that was stopped and started goes on
// in a new file of the same history.
func TestResumeAfterARestartIsNoGap(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))")
	at := written(t, s)
	s.Kill()
	s.Restart()
	s.Exec("INSERT INTO emr.t VALUES (2, 'second')")
	events := stream(t, open(t, s, "emr.t"), at).awaitChanges(t, 1)
	if diff := cmp.Diff([]string{`insert emr.t  -> 2|"second"`}, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if list := gaps(events); len(list) > 0 {
		t.Errorf("gaps %v, want none", list)
	}
}

func TestRestartOfAServerThatIsNotDurableIsAGap(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("SET GLOBAL sync_binlog=0")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))")
	m := mysql.New()
	config := tap.Config{Settings: section(t, s, map[string]any{"accept_not_durable": true}), Tables: []string{"emr.t"}}
	if err := m.Open(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p := []byte(position(stream(t, m, nil).all()))
	r := stream(t, m, backdate(t, p))
	r.awaitGap(t, "was restarted")
	r.end(t)
}

// backdate returns a position as if the server had been started at another time.
func backdate(t *testing.T, p tap.Position) tap.Position {
	fields := strings.Split(string(p), ";")
	if len(fields) < 3 {
		t.Fatalf("position %q", p)
	}
	fields[2] = "1000000000"
	return tap.Position(strings.Join(fields, ";"))
}

// hole is something that the log does not show row by row.
type hole struct {
	name       string
	statements []string
	gap        string // in the reason
	schema     string // the statement of a schema change
	rewritten  bool
	emptied    bool
}

func TestEachHoleThatLeavesASignIsTold(t *testing.T) {
	t.Parallel()
	for _, h := range []hole{
		{name: "statement format", gap: "a statement changed rows", statements: []string{
			"SET SESSION binlog_format=STATEMENT", "UPDATE emr.t SET v = 'x'"}},
		{name: "statement format by SET STATEMENT", gap: "a statement changed rows", statements: []string{
			"SET SESSION binlog_format=STATEMENT", "SET STATEMENT lock_wait_timeout=3 FOR UPDATE emr.t SET v = 'x'"}},
		{name: "minimal image", gap: "in part only", statements: []string{
			"SET SESSION binlog_row_image=MINIMAL", "UPDATE emr.t SET v = 'x'"}},
		{name: "minimal image of a delete", gap: "in part only", statements: []string{
			"SET SESSION binlog_row_image=MINIMAL", "DELETE FROM emr.t"}},
		{name: "noblob image", gap: "in part only", statements: []string{
			"SET SESSION binlog_row_image=NOBLOB", "UPDATE emr.t SET v = 'y'"}},
		{name: "no column names", gap: "binlog_row_metadata=FULL", statements: []string{
			"SET GLOBAL binlog_row_metadata=NO_LOG", "UPDATE emr.t SET v = 'y'", "SET GLOBAL binlog_row_metadata=FULL"}},
		{name: "truncate", schema: "TRUNCATE TABLE", emptied: true, statements: []string{"TRUNCATE TABLE emr.t"}},
		{name: "truncate in a comment's shadow", schema: "TRUNCATE", emptied: true, statements: []string{
			"USE emr", "/* hi */ TRUNCATE t"}},
		{name: "alter", schema: "ALTER TABLE", statements: []string{
			"ALTER TABLE emr.t ADD COLUMN added INT DEFAULT 7 FIRST"}},
		{name: "another type", schema: "ALTER TABLE", rewritten: true, statements: []string{"ALTER TABLE emr.t MODIFY v TEXT"}},
		{name: "alter in two phases", schema: "ALTER TABLE", rewritten: true, statements: []string{
			"SET SESSION binlog_alter_two_phase=1", "ALTER TABLE emr.t MODIFY v VARCHAR(50)"}},
		{name: "rename away and back", schema: "RENAME TABLE", rewritten: true, statements: []string{
			"RENAME TABLE emr.t TO emr.u", "RENAME TABLE emr.u TO emr.t"}},
		{name: "drop", schema: "DROP TABLE", emptied: true, statements: []string{"DROP TABLE emr.t"}},
		{name: "drop database", schema: "DROP DATABASE", emptied: true, statements: []string{"DROP DATABASE emr"}},
	} {
		t.Run(h.name, func(t *testing.T) { t.Parallel(); checkHole(t, h) })
	}
}

func checkHole(t *testing.T, h hole) {
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20), b TEXT)", "INSERT INTO emr.t VALUES (1, 'a', 'b')")
	r := stream(t, open(t, s, "emr.t"), nil)
	if err := writeInSession(t.Context(), s, h.statements...); err != nil {
		t.Fatal(err)
	}
	if h.gap == "" {
		change := r.awaitSchema(t, h.schema)
		if change.Rewritten != h.rewritten {
			t.Errorf("rewritten = %v, want %v", change.Rewritten, h.rewritten)
		}
		if emptied := change.Removed != nil && change.Removed.All; emptied != h.emptied {
			t.Errorf("emptied = %v, want %v", emptied, h.emptied)
		}
		return
	}
	r.awaitGap(t, h.gap)
	s.Exec("INSERT INTO emr.t VALUES (9, 'after', '')")
	if list := changes(r.awaitChanges(t, 1)); len(list) != 1 {
		t.Errorf("changes %v, want only the one after the hole", summary(list))
	}
}

func TestLostKeyIsTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (a INT NOT NULL, UNIQUE KEY u (a))")
	r := stream(t, open(t, s, "emr.t"), nil)
	s.Exec("INSERT INTO emr.t VALUES (1)", "DROP INDEX u ON emr.t", "INSERT INTO emr.t VALUES (1)")
	change := r.awaitSchema(t, "DROP INDEX")
	if change.Rewritten || !change.Table.Keyless() || !strings.Contains(change.Table.Notes[0], "ADD PRIMARY KEY") {
		t.Errorf("schema change %+v of %+v, want no key, and the mend", change, change.Table)
	}
	if list := changes(r.awaitChanges(t, 2)); !list[1].Table.Keyless() {
		t.Errorf("changes %+v", list)
	}
}

func (r *running) awaitSchema(t testing.TB, statement string) tap.SchemaChange {
	t.Helper()
	var found tap.SchemaChange
	r.await(t, "schema change by "+statement, func(events []any) bool {
		for _, e := range events {
			if c, ok := e.(tap.SchemaChange); ok && strings.Contains(c.Statement, statement) {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

// writeInSession runs statements as root on one connection.
func writeInSession(ctx context.Context, s *mariadbtest.Server, statements ...string) error {
	db := s.Admin()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	var id uint64
	if err := conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
		return errors.Join(err, conn.Close())
	}
	for _, q := range statements {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return errors.Join(errors.New(q+": "+err.Error()), conn.Close())
		}
	}
	// What the session set must not live on in the pool.
	if err := ignoreBad(conn.Raw(func(any) error { return driver.ErrBadConn })); err != nil {
		return err
	}
	return awaitSessionEnd(ctx, db, id)
}

// awaitSessionEnd waits until the server has ended a session: not before then
// may others end an XA transaction that it prepared.
func awaitSessionEnd(ctx context.Context, db *sql.DB, id uint64) error {
	for {
		var left int
		err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = ?", id).Scan(&left)
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func ignoreBad(err error) error {
	if errors.Is(err, driver.ErrBadConn) {
		return nil
	}
	return err
}

// TestLaggingTapReadsRowsByTheShapeTheyHad: rows that were written before
// later ALTERs are told under the columns of their own time.
func TestLaggingTapReadsRowsByTheShapeTheyHad(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, a VARCHAR(9), b ENUM('x','y'))")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	at := position(r.all())
	r.end(t)
	s.Exec("INSERT INTO emr.t VALUES (1, 'a1', 'x')", "ALTER TABLE emr.t ADD COLUMN z INT FIRST",
		"INSERT INTO emr.t VALUES (5, 2, 'a2', 'y')", "ALTER TABLE emr.t DROP COLUMN a, MODIFY b ENUM('w','x','y')",
		"INSERT INTO emr.t VALUES (6, 3, 'x')")
	events := stream(t, m, at).awaitChanges(t, 3)
	var got []string
	for _, c := range changes(events) {
		line := ""
		for i, column := range c.Table.Columns {
			line += column.Name + "=" + c.After[i].Display() + " "
		}
		got = append(got, line)
	}
	want := []string{`id=1 a="a1" b="x" `, `z=5 id=2 a="a2" b="y" `, `z=6 id=3 b="x" `}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// TestLaggingTapReadsRowsOfATableThatIsGone: what was written before a DROP is
// history like any other.
func TestLaggingTapReadsRowsOfATableThatIsGone(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "CREATE TABLE emr.u (id INT NOT NULL, UNIQUE KEY k (id))")
	m := open(t, s, "emr.t", "emr.u")
	r := stream(t, m, nil)
	at := position(r.all())
	r.end(t)
	s.Exec("INSERT INTO emr.t VALUES (1, 2)", "DROP TABLE emr.t", "INSERT INTO emr.u VALUES (1)", "DROP TABLE emr.u")
	r = stream(t, open(t, s, "emr.t", "emr.u"), at)
	events := r.awaitChanges(t, 2)
	if diff := cmp.Diff([]string{"insert emr.t  -> 1|2", "insert emr.u  -> 1"}, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	r.awaitSchema(t, "DROP TABLE")
}

// TestRefusedTablesHaveNoChanges: whatever is written to them, and no gaps.
func TestRefusedTablesHaveNoChanges(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "CREATE TABLE emr.v (id INT NOT NULL) ENGINE=CSV",
		"CREATE TABLE emr.i (id INT PRIMARY KEY) ENGINE=MEMORY", "CREATE TABLE emr.n (id INT) PARTITION BY HASH (id)")
	r := stream(t, open(t, s, "emr.t", "emr.v", "emr.i", "emr.n"), nil)
	s.Exec("INSERT INTO emr.v VALUES (1)", "DELETE FROM emr.v", "INSERT INTO emr.i VALUES (1)", "INSERT INTO emr.n VALUES (1)", "INSERT INTO emr.t VALUES (1)")
	events := r.awaitChanges(t, 1)
	if list := summary(changes(events)); len(list) != 1 || len(gaps(events)) != 0 {
		t.Errorf("changes %v, gaps %v; want one change and no gap", list, gaps(events))
	}
}

// TestExoticTableOfOthersDoesNotStopTheStream: what the tap cannot read harms
// nobody as long as it is not configured.
func TestExoticTableOfOthersDoesNotStopTheStream(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)",
		"CREATE TABLE emr.exotic (id INT PRIMARY KEY, a VARCHAR(50) COMPRESSED, b TEXT COMPRESSED, c INT)",
		"SET GLOBAL mysql56_temporal_format=0", "CREATE TABLE emr.ancient (a TIME(3), b DATETIME(6), c TIMESTAMP(3))")
	r := stream(t, open(t, s, "emr.t"), nil)
	s.Exec("INSERT INTO emr.exotic VALUES (1, REPEAT('a', 50), REPEAT('b', 500), 3)",
		"INSERT INTO emr.ancient VALUES ('-01:02:03.5', NOW(6), NOW(3))", "INSERT INTO emr.t VALUES (1)")
	if list := gaps(r.awaitChanges(t, 1)); len(list) > 0 {
		t.Errorf("gaps %v, want none", list)
	}
}

func TestCompressedEventsAreRead(t *testing.T) {
	t.Parallel()
	s := start(t, "--log-bin-compress=ON", "--log-bin-compress-min-len=10")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v TEXT)")
	r := stream(t, open(t, s, "emr.t"), nil)
	s.Exec("INSERT INTO emr.t VALUES (1, REPEAT('long ', 2000))", "UPDATE emr.t SET v = CONCAT(v, '.')", "DELETE FROM emr.t")
	list := changes(r.awaitChanges(t, 3))
	if n := len(list[2].Before[1].Raw()); n != 10_001 {
		t.Errorf("deleted text of %d bytes, want 10001", n)
	}
}
