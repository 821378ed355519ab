package mysql_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// deadlock is the error of a statement that InnoDB undid for another one.
const deadlock = 1213

// eightWriters change rows 0 to 199 of emr.t in every way until ctx ends.
func eightWriters(ctx context.Context, s *mariadbtest.Server) (wait func() error) {
	var group sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		group.Go(func() {
			r := rand.New(rand.NewPCG(9, uint64(i)))
			for step := 0; ctx.Err() == nil && failed[i] == nil; step++ {
				id := r.IntN(200)
				query := []string{
					"INSERT IGNORE INTO emr.t VALUES (%d, %d)", "UPDATE emr.t SET v = v + 1 WHERE id = %d OR id = %d",
					"DELETE FROM emr.t WHERE id = %d OR id = %d", "REPLACE INTO emr.t VALUES (%d, %d)",
				}[r.IntN(4)]
				_, err := s.Admin().Exec(fmt.Sprintf(query, id, r.IntN(200)))
				if failure := (*driver.MySQLError)(nil); !errors.As(err, &failure) || failure.Number != deadlock {
					failed[i] = err
				}
				// Eight that never rest write more than a slow reader takes.
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return func() error {
		group.Wait()
		return errors.Join(failed...)
	}
}

// stateAt returns the rows as events left them, by key.
func stateAt(events []any) map[string]string {
	state := make(map[string]string)
	for _, c := range changes(events) {
		if c.Before != nil {
			delete(state, show(c.Before[:1]))
		}
		if c.After != nil {
			state[show(c.After[:1])] = show(c.After)
		}
	}
	return state
}

// window is what each row was between two moments of a stream: its state at
// the first, and every one that it had until the second.
func window(events []any, from, to int) map[string]map[string]bool {
	had := make(map[string]map[string]bool)
	note := func(key, state string) {
		if had[key] == nil {
			had[key] = map[string]bool{"": true}
		}
		had[key][state] = true
	}
	for key, state := range stateAt(events[:from]) {
		had[key] = map[string]bool{state: true}
	}
	for _, c := range changes(events[from:to]) {
		if c.Before != nil {
			note(show(c.Before[:1]), "")
		}
		if c.After != nil {
			note(show(c.After[:1]), show(c.After))
		}
	}
	return had
}

// deviations compares rows that were read with a window; asked are the keys
// that would have been read if they were there.
func deviations(had map[string]map[string]bool, rows []tap.Row, asked map[string]bool) (list []string) {
	asked = maps.Clone(asked)
	for _, r := range rows {
		key, state := show(r.Cells[:1]), show(r.Cells)
		if !had[key][state] {
			list = append(list, state+" is none of "+fmt.Sprint(had[key]))
		}
		delete(asked, key)
	}
	for key := range asked {
		if states, known := had[key]; known && !states[""] {
			list = append(list, key+" is missing")
		}
	}
	return list
}

// TestReadsUnderWritersShowNothingThatTheStreamDidNot: of what an engine
// without snapshots is read to hold under eight writers, every row is as the
// stream had it between the start of the read and its fence.
func TestReadsUnderWritersShowNothingThatTheStreamDidNot(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"MyISAM", "Aria", "Aria TRANSACTIONAL=0", "InnoDB"} {
		t.Run(engine, func(t *testing.T) { t.Parallel(); readUnderWriters(t, engine) })
	}
}

func readUnderWriters(t *testing.T, engine string) {
	s := start(t, "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0", "--concurrent-insert=ALWAYS")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT) ENGINE=" + engine)
	m := openLax(t, s, "emr.t")
	r := stream(t, m, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wait := eightWriters(ctx, s)
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	keys, asked := someKeys(200)
	for range rounds {
		from := len(r.all())
		chunk, err := m.Scan(t.Context(), "emr.t", nil, 1000)
		r.compare(t, "scan", from, chunk, err, nil)
		from = len(r.all())
		chunk, err = m.Fetch(t.Context(), "emr.t", keys)
		r.compare(t, "fetch", from, chunk, err, asked)
	}
	cancel()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
}

func someKeys(n int) (keys [][]row.Value, asked map[string]bool) {
	asked = make(map[string]bool)
	for id := range n {
		keys = append(keys, []row.Value{row.NewInt(int64(id))})
		asked[show(keys[id])] = true
	}
	return keys, asked
}

func (r *running) compare(t *testing.T, call string, from int, chunk tap.Chunk, err error, asked map[string]bool) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	events := r.awaitFence(t, chunk.Fence)
	to := len(events)
	for to > 0 {
		if f, ok := events[to-1].(tap.Fence); ok && f.ID == chunk.Fence {
			break
		}
		to--
	}
	for _, d := range deviations(window(events, from, to), chunk.Rows, asked) {
		t.Errorf("%s: %s", call, d)
	}
}

// TestARowThatIsLoggedButNotYetShownIsFetched: a session that waits for a
// replica has logged a row that nobody can read yet.
func TestARowThatIsLoggedButNotYetShownIsFetched(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT) ENGINE=MyISAM", "INSERT INTO emr.t VALUES (1, 1)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	s.Exec("SET GLOBAL rpl_semi_sync_master_timeout=3000", "SET GLOBAL rpl_semi_sync_master_enabled=1")
	inserted := make(chan error, 1)
	go func() {
		_, err := s.Admin().Exec("INSERT INTO emr.t VALUES (2, 2)")
		inserted <- err
	}()
	r.awaitChanges(t, 1)
	scanned, err := m.Scan(t.Context(), "emr.t", nil, 10)
	if err != nil || len(scanned.Rows) != 1 {
		t.Fatalf("scan: %d rows, %v: the server shows the row at once, and the test shows nothing", len(scanned.Rows), err)
	}
	chunk, err := m.Fetch(t.Context(), "emr.t", [][]row.Value{{row.NewInt(2)}, {row.NewInt(1)}})
	if err != nil || len(chunk.Rows) != 2 {
		t.Errorf("fetch: %d rows, %v; want both", len(chunk.Rows), err)
	}
	if err := <-inserted; err != nil {
		t.Fatal(err)
	}
}

// TestWhatCannotBeRolledBackIsTold: rows of an engine without transactions
// stay, so the stream tells them; those of InnoDB in the same transaction are
// never told.
func TestWhatCannotBeRolledBackIsTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "CREATE TABLE emr.m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM",
		"CREATE TABLE emr.a (id INT PRIMARY KEY, v INT) ENGINE=Aria", "INSERT INTO emr.t VALUES (8, 0), (9, 0)",
		"INSERT INTO emr.m VALUES (8, 0), (9, 0)",
		"CREATE TRIGGER emr.x AFTER INSERT ON emr.t FOR EACH ROW INSERT INTO emr.a VALUES (NEW.id, 1)")
	r := stream(t, open(t, s, "emr.t", "emr.m", "emr.a"), nil)
	err := writeInSession(t.Context(), s, "BEGIN", "INSERT INTO emr.m VALUES (1, 1)", "INSERT INTO emr.t VALUES (1, 1)",
		"UPDATE emr.t JOIN emr.m USING (id) SET emr.t.v = 7, emr.m.v = 7 WHERE id = 8", "DELETE FROM emr.m WHERE id = 9",
		"INSERT INTO emr.m VALUES (2, 2)", "ROLLBACK")
	if err != nil {
		t.Fatal(err)
	}
	if err := writeInSession(t.Context(), s, "INSERT INTO emr.m VALUES (3, 3), (1, 1)"); err == nil {
		t.Fatal("a row is there twice")
	}
	s.Exec("INSERT INTO emr.t VALUES (4, 4)")
	events := r.awaitChanges(t, 8)
	want := []string{"insert emr.m  -> 1|1", "insert emr.a  -> 1|1", "update emr.m 8|0 -> 8|7", "delete emr.m 9|0 -> ",
		"insert emr.m  -> 2|2", "insert emr.m  -> 3|3", "insert emr.a  -> 4|1", "insert emr.t  -> 4|4"}
	if diff := cmp.Diff(want, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if list := gaps(events); len(list) > 0 {
		t.Errorf("gaps %v, want none", list)
	}
}

// TestEnginesThatAreNotReadAreNamed: each with what to do about it.
func TestEnginesThatAreNotReadAreNamed(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.m (id INT PRIMARY KEY) ENGINE=MyISAM", "CREATE TABLE emr.g (id INT NOT NULL) ENGINE=MERGE UNION=(emr.m)",
		"CREATE TABLE emr.d (id INT NOT NULL, v INT) ENGINE=MERGE UNION=(emr.m)",
		"CREATE TABLE emr.h (id INT PRIMARY KEY) ENGINE=MEMORY", "CREATE TABLE emr.c (id INT NOT NULL) ENGINE=CSV",
		"CREATE SEQUENCE emr.s")
	tables, err := open(t, s, "emr.m", "emr.g", "emr.h", "emr.c", "emr.s", "emr.d").Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "engine MRG_MyISAM is not covered", "engine MEMORY is not covered", "engine CSV is not covered", "is a sequence",
		"REPAIR TABLE"} {
		if got := tables[i].Refused; !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("table %s is refused by %q, want %q", tables[i].Name, got, want)
		}
	}
	if notes := strings.Join(tables[0].Notes, "\n"); !strings.Contains(notes, "has no transactions") {
		t.Errorf("notes of a MyISAM table: %s", notes)
	}
}
