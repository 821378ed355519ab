package mysql_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// writer runs random transactions on emr.t until ctx ends. A server that is
// down is waited for.
func writer(ctx context.Context, s *mariadbtest.Server, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	for ctx.Err() == nil {
		tx, err := s.Admin().BeginTx(ctx, nil)
		if err != nil {
			continue
		}
		for range 1 + r.IntN(4) {
			id, v := r.IntN(200), r.IntN(1_000_000)
			query := [...]string{
				fmt.Sprintf("INSERT IGNORE INTO emr.t VALUES (%d, %d)", id, v),
				fmt.Sprintf("UPDATE emr.t SET v = %d WHERE id = %d", v, id),
				fmt.Sprintf("UPDATE IGNORE emr.t SET id = %d WHERE id = %d", r.IntN(200), id),
				fmt.Sprintf("DELETE FROM emr.t WHERE id = %d", id),
			}[r.IntN(4)]
			if _, err = tx.ExecContext(ctx, query); err != nil {
				break
			}
		}
		if err != nil || r.IntN(10) == 0 {
			_ = tx.Rollback() // the connection may be gone with the server
			continue
		}
		_ = tx.Commit()
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

var binlogLine = regexp.MustCompile(`GTID (\d+-\d+-\d+)|^### (INSERT|UPDATE|DELETE)|^###   @(\d)=(.*)$|^### (SET|WHERE)`)

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
	var lines []string
	gtid, number := "", 0
	scanner := bufio.NewScanner(bytes.NewReader(output))
	for scanner.Scan() {
		m := binlogLine.FindStringSubmatch(scanner.Text())
		switch {
		case m == nil:
		case m[1] != "":
			gtid, number = m[1], 0
		case m[2] != "":
			number++
			lines = append(lines, fmt.Sprintf("%s/%d %s", gtid, number, m[2]))
		case m[5] != "":
			lines[len(lines)-1] += " " + m[5]
		default:
			lines[len(lines)-1] += " " + m[4]
		}
	}
	return lines
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
	}
	stop()
	s.Exec("DELETE FROM emr.t WHERE id = 999", "INSERT INTO emr.t VALUES (999, 1)")
	events := r.await(t, "the last insert", func(events []any) bool {
		list := changes(events)
		return len(list) > 0 && list[len(list)-1].After != nil && list[len(list)-1].After[0].Display() == "999"
	})
	if list := gaps(events); len(list) > 0 {
		t.Errorf("gaps %v, want none", list)
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
