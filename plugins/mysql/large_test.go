package mysql_test

import (
	"errors"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// largeRows has a table of 40 rows of 6 MB each, and a tap in a process of its
// own that follows the log.
func largeRows(t *testing.T) (*mariadbtest.Server, tap.Tap) {
	t.Helper()
	if testing.Short() {
		t.Skip("writes 240 MB of rows")
	}
	s := mariadbtest.Start(t, mariadbtest.Options{Args: []string{"--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1", "--max-allowed-packet=64M"}})
	grantTap(s)
	for _, table := range []string{"emr.large (id INT PRIMARY KEY, v LONGTEXT)", "emr.largeisam (id INT PRIMARY KEY, v LONGTEXT) ENGINE=MyISAM"} {
		s.Exec("CREATE TABLE " + table)
	}
	for _, table := range []string{"large", "largeisam"} {
		s.Exec("INSERT INTO emr." + table + " SELECT seq, REPEAT('a', 6000000) FROM emr.seq_1_to_40")
	}
	m := launch(t, s, "emr.large", "emr.largeisam")
	c := &counter{t: t, commits: make(chan int, 1000)}
	ended := make(chan error, 1)
	go func() { ended <- m.Stream(t.Context(), nil, c) }()
	t.Cleanup(func() {
		_ = m.Close()
		<-ended
	})
	c.await(0)
	return s, m
}

// scanAll reads a table to its end and counts its rows. A read that the server
// broke off is tried again.
func scanAll(t *testing.T, m tap.Tap, table string) (rows, chunks int) {
	t.Helper()
	var after []row.Value
	for {
		chunk, err := m.Scan(t.Context(), table, after, 10_000)
		if errors.Is(err, tap.ErrBusy) {
			continue
		}
		if err != nil {
			t.Error(err)
			return rows, chunks
		}
		rows, chunks = rows+len(chunk.Rows), chunks+1
		if n := len(chunk.Rows); n > 0 {
			after = chunk.Table.KeyOf(chunk.Rows[n-1].Cells)
		}
		if chunk.Last {
			return rows, chunks
		}
	}
}

// fetchParts fetches the rows of keys, in as many parts as the tap makes of them.
func fetchParts(t *testing.T, m tap.Tap, table string, keys [][]row.Value) (found map[string]int, parts int) {
	t.Helper()
	found = map[string]int{}
	for len(keys) > 0 {
		chunk, err := m.Fetch(t.Context(), table, keys)
		if errors.Is(err, tap.ErrBusy) {
			continue
		}
		if err != nil {
			t.Error(err)
			return found, parts
		}
		for _, r := range chunk.Rows {
			found[r.Cells[0].Display()]++
		}
		keys, parts = chunk.Unread, parts+1
	}
	return found, parts
}

// TestAFetchOfLargeRowsComesInParts: each row comes once, and keys without a row
// hold nothing up.
func TestAFetchOfLargeRowsComesInParts(t *testing.T) {
	_, m := largeRows(t)
	var keys [][]row.Value
	for id := int64(300); id > 0; id-- { // more than one batch, most without a row
		keys = append(keys, []row.Value{row.NewInt(id)})
	}
	for _, table := range []string{"emr.large", "emr.largeisam"} {
		found, parts := fetchParts(t, m, table, keys)
		if len(found) != 40 || parts < 10 {
			t.Errorf("%s: %d rows in %d parts, want 40 rows in 10 parts or more", table, len(found), parts)
		}
		for id, times := range found {
			if times != 1 {
				t.Errorf("%s: row %s came %d times", table, id, times)
			}
		}
	}
	t.Logf("peak memory of the tap %d MiB", peak(t))
	if limit := 200 * raceMemory; peak(t) > limit {
		t.Errorf("peak memory %d MiB, want %d at most", peak(t), limit)
	}
}

// TestLargeRowsNeedLittleMemoryAndHoldNoDefinitionLong: a chunk ends with the row
// that reaches its bytes, so that an ALTER TABLE does not wait for all of them.
func TestLargeRowsNeedLittleMemoryAndHoldNoDefinitionLong(t *testing.T) {
	s, m := largeRows(t)
	done := make(chan struct{})
	var alters sync.WaitGroup
	var longest time.Duration
	alters.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Millisecond):
			}
			begun := time.Now()
			s.Exec("ALTER TABLE emr.large COMMENT='a'")
			longest = max(longest, time.Since(begun))
		}
	})
	for _, table := range []string{"emr.large", "emr.largeisam"} {
		if rows, chunks := scanAll(t, m, table); rows != 40 || chunks < 10 {
			t.Errorf("%s: %d rows in %d chunks, want 40 rows in 10 chunks or more", table, rows, chunks)
		}
	}
	close(done)
	alters.Wait()
	if gone, _ := strconv.Atoi(s.QueryString("SELECT VARIABLE_VALUE FROM information_schema.global_status WHERE VARIABLE_NAME = 'Aborted_clients'")); gone > 2 {
		t.Errorf("%d reads went away without a word, want one a table at most", gone)
	}
	t.Logf("an ALTER TABLE waited %s at most; peak memory of the tap %d MiB", longest.Round(time.Millisecond), peak(t))
	if limit := 200 * raceMemory; peak(t) > limit {
		t.Errorf("peak memory %d MiB, want %d at most", peak(t), limit)
	}
	if longest > 2*time.Second {
		t.Errorf("an ALTER TABLE waited %s", longest)
	}
}

// TestATapThatStandsStillHoldsNoDefinition: the server ends its read.
func TestATapThatStandsStillHoldsNoDefinition(t *testing.T) {
	s, m := largeRows(t)
	pid, _ := child(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10 {
			scanAll(t, m, "emr.large")
		}
	}()
	time.Sleep(300 * time.Millisecond)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	s.Exec("ALTER TABLE emr.large COMMENT='stopped'")
	waited := time.Since(begun)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	<-done
	if rows, _ := scanAll(t, m, "emr.large"); rows != 40 {
		t.Errorf("%d rows after the tap stood still, want 40", rows)
	}
	t.Logf("an ALTER TABLE waited %s", waited.Round(time.Millisecond))
	if waited > 30*time.Second {
		t.Errorf("an ALTER TABLE waited %s for a tap that stood still", waited)
	}
}
