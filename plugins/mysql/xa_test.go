package mysql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// xa runs statements between XA START and XA END of an id, as SQL writes it,
// and then what follows ("PREPARE", "COMMIT", …), all in one session.
func xa(t *testing.T, s *mariadbtest.Server, id string, statements []string, ends ...string) {
	t.Helper()
	list := append([]string{"XA START " + id}, statements...)
	list = append(list, "XA END "+id)
	for _, end := range ends {
		action, option, _ := strings.Cut(end, " ")
		list = append(list, "XA "+action+" "+id+" "+option)
	}
	if err := writeInSession(t.Context(), s, list...); err != nil {
		t.Fatal(err)
	}
}

func insert(id int) []string { return []string{fmt.Sprintf("INSERT INTO emr.t VALUES (%d, 0)", id)} }

// ids returns the keys of inserted rows in the order told.
func ids(events []any) string {
	var list []string
	for _, c := range changes(events) {
		list = append(list, c.After[0].Display())
	}
	return strings.Join(list, " ")
}

func xaServer(t *testing.T) *mariadbtest.Server {
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "CREATE TABLE emr.other (id INT PRIMARY KEY)")
	return s
}

// TestXARowsCountAtXACommit: between XA PREPARE and XA COMMIT others commit
// first, and some are rolled back.
func TestXARowsCountAtXACommit(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	r := stream(t, open(t, s, "emr.t"), nil)
	binary := "X'00ff27','br''q',77"
	xa(t, s, "'a'", []string{"INSERT INTO emr.t VALUES (1, 0), (2, 0)", "UPDATE emr.t SET v = 5 WHERE id = 1"}, "PREPARE")
	xa(t, s, binary, insert(3), "PREPARE")
	xa(t, s, "'gone'", insert(4), "PREPARE")
	xa(t, s, "'never prepared'", insert(5), "ROLLBACK")
	xa(t, s, "'one phase'", insert(6), "COMMIT ONE PHASE")
	s.Exec("INSERT INTO emr.t VALUES (7, 0)", "XA ROLLBACK 'gone'", "XA COMMIT "+binary, "INSERT INTO emr.t VALUES (8, 0)", "XA COMMIT 'a'")
	events := r.awaitChanges(t, 7)
	want := []string{"insert emr.t  -> 6|0", "insert emr.t  -> 7|0", "insert emr.t  -> 3|0", "insert emr.t  -> 8|0",
		"insert emr.t  -> 1|0", "insert emr.t  -> 2|0", "update emr.t 1|0 -> 1|5"}
	if diff := cmp.Diff(want, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if list := gaps(events); len(list) > 0 {
		t.Errorf("gaps %v, want none", list)
	}
	if diff := cmp.Diff(history(t, s), told(changes(events))); diff != "" {
		t.Errorf("event ids (-logged +told):\n%s", diff)
	}
}

// TestPreparedXASurvivesTheTap: their rows are read again, those before them
// are not told twice.
func TestPreparedXASurvivesTheTap(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	s.Exec("INSERT INTO emr.t VALUES (1, 0)")
	xa(t, s, "'old'", insert(2), "PREPARE")
	s.Exec("SET GLOBAL gtid_domain_id=7", "FLUSH BINARY LOGS")
	s.Admin().SetMaxIdleConns(0) // sessions keep their domain
	s.Exec("INSERT INTO emr.t VALUES (3, 0)")
	xa(t, s, "'gone'", insert(4), "PREPARE")
	xa(t, s, "'last'", insert(5), "PREPARE")
	s.Exec("INSERT INTO emr.t VALUES (6, 0)", "XA ROLLBACK 'gone'", "INSERT INTO emr.t VALUES (7, 0)")
	at := position(r.awaitChanges(t, 4))
	r.end(t)
	s.Kill()
	s.Restart()
	s.Exec("XA COMMIT 'last'", "INSERT INTO emr.t VALUES (8, 0)", "XA COMMIT 'old'")
	events := stream(t, open(t, s, "emr.t"), at).awaitChanges(t, 3)
	if got := ids(events); got != "5 8 2" {
		t.Errorf("rows %s were told, want 5 8 2", got)
	}
}

// TestTheLastTransactionMayBeAPreparedOne: it is both compared and held.
func TestTheLastTransactionMayBeAPreparedOne(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	m := open(t, s, "emr.t", "emr.other")
	r := stream(t, m, nil)
	xa(t, s, "'a'", insert(1), "PREPARE")
	chunk, err := m.Scan(t.Context(), "emr.t", nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	events := r.awaitFence(t, chunk.Fence)
	at := events[len(events)-1].(tap.Fence).Position
	r.end(t)
	s.Exec("XA COMMIT 'a'")
	if got := ids(stream(t, m, at).awaitChanges(t, 1)); got != "1" {
		t.Errorf("rows %q were told, want 1", got)
	}
}

func TestXAThatWasPreparedBeforeTheTapBeganIsAGapOfAllTables(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	xa(t, s, "'a'", insert(1), "PREPARE")
	xa(t, s, "'b'", insert(2), "PREPARE")
	r := stream(t, open(t, s, "emr.t"), nil)
	s.Exec("XA ROLLBACK 'b'", "XA COMMIT 'a'")
	if g := r.awaitGap(t, "prepared before the tap"); len(g.Tables) != 0 {
		t.Errorf("gap of %v, want all tables", g.Tables)
	}
	s.Exec("INSERT INTO emr.t VALUES (3, 0)")
	if list := gaps(r.awaitChanges(t, 1)); len(list) != 1 {
		t.Errorf("gaps %v, want one: what was rolled back changed nothing", list)
	}
}

// TestPreparedXAWhoseLogIsPurgedIsAGapAtItsCommit: what came after it is not
// given up with it.
func TestPreparedXAWhoseLogIsPurgedIsAGapAtItsCommit(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	xa(t, s, "'a'", insert(1), "PREPARE")
	s.Exec("FLUSH BINARY LOGS")
	xa(t, s, "'b'", insert(2), "PREPARE")
	s.Exec("INSERT INTO emr.t VALUES (3, 0)")
	at := position(r.awaitChanges(t, 1))
	r.end(t)
	s.Exec("PURGE BINARY LOGS TO 'binlog.000002'", "INSERT INTO emr.t VALUES (4, 0)", "XA COMMIT 'b'", "XA COMMIT 'a'")
	r = stream(t, m, at)
	r.awaitGap(t, "has purged that log")
	events := r.all()
	if list := gaps(events); ids(events) != "4 2" || len(list) != 1 {
		t.Errorf("rows %s were told with gaps %v, want 4 2 and one gap", ids(events), list)
	}
}

func TestXAThatEndsUnloggedIsAGapOfItsTables(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	r := stream(t, open(t, s, "emr.t", "emr.other"), nil)
	xa(t, s, "'a'", insert(1), "PREPARE")
	if err := writeInSession(t.Context(), s, "SET sql_log_bin=0", "XA COMMIT 'a'"); err != nil {
		t.Fatal(err)
	}
	xa(t, s, "'a'", insert(2), "PREPARE", "COMMIT")
	events := r.awaitChanges(t, 1)
	if list := gaps(events); len(list) != 1 || fmt.Sprint(list[0].Tables) != "[emr.t]" || ids(events) != "2" {
		t.Errorf("rows %s, gaps %v; want row 2 and a gap of emr.t", ids(events), list)
	}
}

// TestXAThatIsNotWholeIsAGapAtItsCommit: and none if it is rolled back.
func TestXAThatIsNotWholeIsAGapAtItsCommit(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	s.Exec("INSERT INTO emr.t VALUES (1, 0)")
	r := stream(t, open(t, s, "emr.t"), nil)
	partial := []string{"SET SESSION binlog_row_image=MINIMAL", "UPDATE emr.t SET v = 3"}
	xa(t, s, "'a'", partial, "PREPARE", "ROLLBACK")
	s.Exec("INSERT INTO emr.t VALUES (2, 0)")
	if list := gaps(r.awaitChanges(t, 1)); len(list) > 0 {
		t.Errorf("gaps %v after a rollback, want none", list)
	}
	xa(t, s, "'b'", partial, "PREPARE", "COMMIT")
	r.awaitGap(t, "in part only")
}

// TestAnXIDThatIsPreparedAnewPastTheLogKeepsNoReadBack: the one that the log has
// under it was committed.
func TestAnXIDThatIsPreparedAnewPastTheLogKeepsNoReadBack(t *testing.T) {
	t.Parallel()
	s := xaServer(t)
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	xa(t, s, "'a'", insert(1), "PREPARE", "COMMIT")
	r.awaitChanges(t, 1)
	anew := []string{"SET sql_log_bin=0", "XA START 'a'", "INSERT INTO emr.other VALUES (1)", "XA END 'a'", "XA PREPARE 'a'"}
	if err := writeInSession(t.Context(), s, anew...); err != nil {
		t.Fatal(err)
	}
	chunk := untilCalm(t, func() (tap.Chunk, error) { return m.Scan(t.Context(), "emr.t", nil, 10) })
	if len(chunk.Rows) != 1 {
		t.Errorf("scan shows %v, want the row that was committed", chunk.Rows)
	}
	r.awaitFence(t, chunk.Fence)
}

// TestAReadWaitsForAnXACommitThatWaitsForAReplica: longer than for one that
// waits for nothing.
func TestAReadWaitsForAnXACommitThatWaitsForAReplica(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for a timeout of the server")
	}
	s := start(t, "--rpl-semi-sync-master-wait-point=AFTER_SYNC")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.t VALUES (1, 1)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	xa(t, s, "'a'", []string{"UPDATE emr.t SET v = 2"}, "PREPARE")
	s.Exec("SET GLOBAL rpl_semi_sync_master_timeout=13000", "SET GLOBAL rpl_semi_sync_master_enabled=1")
	done := make(chan error, 1)
	go func() {
		_, err := s.Admin().Exec("XA COMMIT 'a'")
		done <- err
	}()
	r.awaitChanges(t, 1)
	if v := s.QueryString("SELECT v FROM emr.t"); v != "1" {
		t.Fatalf("the server shows v = %s at once, and the test shows nothing", v)
	}
	chunk := untilCalm(t, func() (tap.Chunk, error) { return m.Scan(t.Context(), "emr.t", nil, 10) })
	if len(chunk.Rows) != 1 || show(chunk.Rows[0].Cells) != "1|2" {
		t.Errorf("scan shows %v, and the stream has delivered 1|2 before it", chunk.Rows)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
