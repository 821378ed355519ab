package mysql_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// writer runs random transactions on emr.t until ctx ends, one in five as an XA
// transaction. A server that is down is waited for.
func writer(ctx context.Context, s *mariadbtest.Server, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	for n := 0; ctx.Err() == nil; n++ {
		conn, err := s.Admin().Conn(ctx)
		if err != nil {
			continue
		}
		id := ""
		if r.IntN(5) == 0 {
			id = fmt.Sprintf("'%d-%d'", seed, n)
		}
		// An error says that a key was there, or that the server is down.
		_ = writeTransaction(ctx, conn, r, id)
		_ = conn.Close()
	}
}

// writeTransaction runs one transaction, an XA one if it has an id.
func writeTransaction(ctx context.Context, conn *sql.Conn, r *rand.Rand, xid string) error {
	begin, prepare := "BEGIN", []string{}
	if xid != "" {
		begin, prepare = "XA START "+xid, []string{"XA END " + xid, "XA PREPARE " + xid}
	}
	statements := []string{begin}
	for range 1 + r.IntN(4) {
		id, v := r.IntN(200), r.IntN(1_000_000)
		statements = append(statements, [...]string{
			fmt.Sprintf("INSERT IGNORE INTO emr.t VALUES (%d, %d)", id, v),
			fmt.Sprintf("UPDATE emr.t SET v = %d WHERE id = %d", v, id),
			fmt.Sprintf("UPDATE IGNORE emr.t SET id = %d WHERE id = %d", r.IntN(200), id),
			fmt.Sprintf("DELETE FROM emr.t WHERE id = %d", id),
		}[r.IntN(4)])
	}
	end := [...]string{"COMMIT ", "ROLLBACK "}[r.IntN(10)/9]
	if xid != "" {
		end = "XA " + end
	}
	for _, q := range slices.Concat(statements, prepare, []string{end + xid}) {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			// A connection that is closed rolls back what is not prepared.
			return errors.Join(err, conn.Raw(func(any) error { return driver.ErrBadConn }))
		}
	}
	return nil
}

// resolve ends the XA transactions that a server found prepared when it was
// started again, and those that writers are about to end themselves.
func resolve(t *testing.T, s *mariadbtest.Server) {
	t.Helper()
	for n, id := range s.Prepared() {
		q := [...]string{"XA COMMIT ", "XA ROLLBACK "}[n%2] + id
		_, _ = s.Admin().Exec(q) // a writer was faster
	}
}

// writers runs n writers and returns what stops them.
func writers(t *testing.T, s *mariadbtest.Server, n int) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { writer(ctx, s, uint64(i)) })
	}
	stop = func() { cancel(); group.Wait() }
	t.Cleanup(stop)
	return stop
}

// follow streams as a host does: after each failure from the last position,
// forgetting what was not committed. It ends with ctx.
func follow(ctx context.Context, m tap.Tap, r *recorder) {
	var at tap.Position
	for ctx.Err() == nil {
		err := m.Stream(ctx, at, r)
		if errors.Is(err, errStop) {
			return
		}
		r.mu.Lock()
		for len(r.events) > 0 {
			if c, ok := r.events[len(r.events)-1].(tap.Commit); ok {
				at = c.Position
				break
			}
			r.events = r.events[:len(r.events)-1]
		}
		r.mu.Unlock()
	}
}

var binlogLine = regexp.MustCompile(`GTID (\d+-\d+-\d+)|^### (INSERT|UPDATE|DELETE)|^###   @(\d)=(.*?)(?: /\*|$)|^### (SET|WHERE)|` +
	`^XA (START|COMMIT|ROLLBACK) (.*?)(?:/\*|$)`)

// A logReader gathers row changes from the lines of mariadb-binlog. Those of an
// XA transaction are counted at its XA COMMIT.
type logReader struct {
	gtid     string
	rows     []string // of the open group
	xid      string   // of the open group
	prepared map[string][]string
	lines    []string
}

// history reads the server's log with its own program: one line per row change
// of emr.t, under the event id that the tap should have given it.
func history(t *testing.T, s *mariadbtest.Server) []string {
	t.Helper()
	program := mariadbtest.Binlog(t)
	args := append([]string{"--no-defaults", "--base64-output=DECODE-ROWS", "-v", "--database=emr"}, s.Binlogs()...)
	var problems bytes.Buffer
	command := exec.Command(program, args...)
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		t.Fatalf("mariadb-binlog: %v: %s", err, problems.Bytes())
	}
	h := logReader{prepared: make(map[string][]string)}
	scanner := bufio.NewScanner(bytes.NewReader(output))
	for scanner.Scan() {
		if m := binlogLine.FindStringSubmatch(scanner.Text()); m != nil {
			h.line(m)
		}
	}
	h.endGroup()
	return h.lines
}

func (h *logReader) line(m []string) {
	last := len(h.rows) - 1
	switch {
	case m[1] != "":
		h.endGroup()
		h.gtid = m[1]
	case m[2] != "":
		h.rows = append(h.rows, m[2])
	case m[5] != "":
		h.rows[last] += " " + m[5]
	case m[6] == "START":
		h.xid = m[7]
	case m[6] == "COMMIT":
		// None, if an earlier one was logged and the server killed before it
		// carried that out.
		h.rows = h.prepared[m[7]]
		delete(h.prepared, m[7])
	case m[6] == "ROLLBACK":
		delete(h.prepared, m[7])
	case m[6] == "":
		h.rows[last] += " " + m[4]
	}
}

func (h *logReader) endGroup() {
	if h.xid != "" {
		h.prepared[h.xid] = h.rows
		h.rows, h.xid = nil, ""
	}
	for n, row := range h.rows {
		h.lines = append(h.lines, fmt.Sprintf("%s/%d %s", h.gtid, n+1, row))
	}
	h.rows = nil
}

// told writes changes as history does.
func told(list []tap.Change) []string {
	var lines []string
	for _, c := range list {
		switch c.Op {
		case tap.Insert:
			lines = append(lines, fmt.Sprintf("%s INSERT SET %s %s", c.EventID, c.After[0].Display(), c.After[1].Display()))
		case tap.Delete:
			lines = append(lines, fmt.Sprintf("%s DELETE WHERE %s %s", c.EventID, c.Before[0].Display(), c.Before[1].Display()))
		case tap.Update:
			lines = append(lines, fmt.Sprintf("%s UPDATE WHERE %s %s SET %s %s", c.EventID,
				c.Before[0].Display(), c.Before[1].Display(), c.After[0].Display(), c.After[1].Display()))
		}
	}
	return lines
}

// TestNothingLostNothingTwiceWhenTheServerIsKilled compares what the tap told
// over kills of the server with the server's own log, change by change.
func TestNothingLostNothingTwiceWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	s := start(t)
	kills := 10
	if testing.Short() {
		kills = 2
	}
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)")
	m := open(t, s, "emr.t")
	r := newStream(t)
	go func() { follow(r.ctx, m, r.recorder); r.done <- nil }()
	r.await(t, "first commit", func(events []any) bool { return len(events) > 0 })
	stop := writers(t, s, 4)
	for range kills {
		n := len(changes(r.all()))
		r.await(t, "changes", func(events []any) bool { return len(changes(events)) > n+100 })
		s.Kill()
		s.Restart()
		resolve(t, s)
	}
	stop()
	resolve(t, s)
	s.Exec("DELETE FROM emr.t WHERE id = 999", "INSERT INTO emr.t VALUES (999, 1)")
	events := r.await(t, "the last insert", func(events []any) bool {
		list := changes(events)
		return len(list) > 0 && list[len(list)-1].After != nil && list[len(list)-1].After[0].Display() == "999"
	})
	for _, g := range gaps(events) {
		if !strings.Contains(g.Reason, "XA transaction was committed") {
			t.Errorf("gap of %v because %s", g.Tables, g.Reason)
		}
	}
	got, want := told(changes(events)), history(t, s)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%d changes told, %d logged (-logged +told):\n%.2000s", len(got), len(want), diff)
	}
	t.Logf("%d kills, %d changes: told = logged", kills, len(got))
	r.end(t)
}

// TestScanAndStreamFitTogether reads a table in chunks under four writers. At
// its fence each chunk must be what the stream's changes until then make of
// the table.
func TestScanAndStreamFitTogether(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	stop := writers(t, s, 4)
	r.await(t, "changes", func(events []any) bool { return len(changes(events)) > 300 })
	rounds := 60
	if testing.Short() {
		rounds = 5
	}
	rows := 0
	for range rounds {
		rows += checkRound(t, m, r)
	}
	stop()
	t.Logf("%d rows of %d scans fit the stream", rows, rounds)
}

func checkRound(t *testing.T, m tap.Tap, r *running) (rows int) {
	t.Helper()
	chunk, err := m.Scan(t.Context(), "emr.t", nil, 1000)
	if errors.Is(err, tap.ErrBusy) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]string)
	for _, r := range chunk.Rows {
		seen[r.Cells[0].Display()] = r.Cells[1].Display()
	}
	compareAtFence(t, r.awaitFence(t, chunk.Fence), chunk.Fence, seen)
	return len(seen)
}

// compareAtFence rebuilds the table from the stream. Rows that changed between
// the snapshot and the fence may differ, but then the snapshot must be one of
// the table's states on the way there.
func compareAtFence(t *testing.T, events []any, fence uint64, seen map[string]string) {
	t.Helper()
	state := make(map[string]string)
	fits := cmp.Equal(state, seen)
	for _, e := range events {
		switch e := e.(type) {
		case tap.Change:
			if e.Before != nil {
				delete(state, e.Before[0].Display())
			}
			if e.After != nil {
				state[e.After[0].Display()] = e.After[1].Display()
			}
		case tap.Commit:
			fits = fits || len(state) == len(seen) && cmp.Equal(state, seen)
		case tap.Fence:
			if e.ID != fence {
				continue
			}
			if !fits {
				t.Errorf("the chunk is no state of the table before its fence: %s", cmp.Diff(state, seen))
			}
			return
		}
	}
}
