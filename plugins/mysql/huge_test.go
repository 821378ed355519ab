package mysql_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A counter is a sink that checks that row after row comes under the number
// after the last one, and keeps none.
type counter struct {
	t       *testing.T
	rows    int // of the transaction that is under way
	commits chan int
}

func (c *counter) Change(change tap.Change) error {
	c.rows++
	_, number, _ := strings.Cut(change.EventID, "/")
	if id := change.After[0].Display(); number != strconv.Itoa(c.rows) || id != number {
		c.t.Errorf("change %d is event %s, row %s", c.rows, change.EventID, id)
	}
	return nil
}

func (c *counter) Commit(tap.Commit) error {
	c.commits <- c.rows
	c.rows = 0
	return nil
}

func (c *counter) Fence(tap.Fence) error         { return nil }
func (c *counter) Schema(tap.SchemaChange) error { return nil }
func (c *counter) Gap(g tap.Gap) error           { c.t.Errorf("gap of %v: %s", g.Tables, g.Reason); return nil }

// await waits for a commit of so many rows.
func (c *counter) await(rows int) {
	c.t.Helper()
	deadline := time.After(5 * time.Minute)
	for {
		select {
		case n := <-c.commits:
			if n == rows {
				return
			}
			if n != 0 {
				c.t.Fatalf("a transaction of %d rows came, want %d", n, rows)
			}
		case <-deadline:
			c.t.Fatalf("no transaction of %d rows", rows)
		}
	}
}

// launch runs the tap as a process of its own.
func launch(t *testing.T, s *mariadbtest.Server, tables ...string) tap.Tap {
	t.Helper()
	directory, err := os.MkdirTemp("", "tap") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(directory) })
	h, err := host.Launch(t.Context(), host.Options{Name: "mysql", Logger: zerolog.Nop(), Directory: directory,
		Command: []string{os.Args[0]}, Env: []string{serveVariable + "=1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	if err := h.Tap().Open(t.Context(), tap.Config{Settings: section(t, s, nil), Tables: tables}); err != nil {
		t.Fatal(err)
	}
	return h.Tap()
}

// peak returns the most memory, in MiB, that the child process was ever
// resident with.
func peak(t *testing.T) int {
	t.Helper()
	_, mebibytes := child(t)
	return mebibytes
}

// child returns the child process, and the most memory that it ever had.
func child(t *testing.T) (pid, mebibytes int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/status")
	if err != nil || len(files) == 0 {
		t.Skip("needs /proc")
	}
	own := filepath.Base(os.Args[0])
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		var name, parent, high string
		for line := range strings.Lines(string(b)) {
			field, value, _ := strings.Cut(line, ":")
			value = strings.TrimSpace(value)
			switch field {
			case "Name":
				name = value
			case "PPid":
				parent = value
			case "VmHWM":
				high = value
			}
		}
		if parent == strconv.Itoa(os.Getpid()) && strings.HasPrefix(own, name) {
			kibibytes, err := strconv.Atoi(strings.TrimSuffix(high, " kB"))
			if err != nil {
				t.Fatalf("VmHWM %q: %v", high, err)
			}
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			return pid, kibibytes >> 10
		}
	}
	t.Fatal("the tap's process is not found")
	return 0, 0
}

// TestATransactionOfAMillionRowsNeedsLittleMemory: plain, and held until its XA
// COMMIT.
func TestATransactionOfAMillionRowsNeedsLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 500 MB of rows")
	}
	s := mariadbtest.Start(t, mariadbtest.Options{Args: []string{"--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"}})
	grantTap(s)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(250))", "CREATE TABLE emr.x (id INT PRIMARY KEY, v VARCHAR(250))")
	c := &counter{t: t, commits: make(chan int, 1000)}
	m := launch(t, s, "emr.t", "emr.x")
	done := make(chan error, 1)
	go func() { done <- m.Stream(t.Context(), nil, c) }()
	c.await(0)
	const rows, limit = 1_000_000, 100 * raceMemory
	fill := func(table string) string {
		return fmt.Sprintf("INSERT INTO emr.%s SELECT seq, REPEAT('a', 230) FROM seq_1_to_%d", table, rows)
	}
	s.Exec(fill("t"))
	c.await(rows)
	plain := peak(t)
	xa(t, s, "'huge'", []string{fill("x")}, "PREPARE", "COMMIT")
	c.await(rows)
	held := peak(t)
	t.Logf("peak memory of the tap: %d MiB, with XA %d MiB", plain, held)
	if plain > limit || held > limit {
		t.Errorf("peak memory %d and %d MiB, want %d at most", plain, held, limit)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	<-done
}

// TestAFullSpillDirectoryLosesNothing: the stream ends with an error that says
// which directory and what to do, and goes on once there is room.
func TestAFullSpillDirectoryLosesNothing(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(small, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(250))")
	m := openWith(t, s, map[string]any{"spill_directory": small}, "emr.t")
	r := stream(t, m, nil)
	at := position(r.all())
	const rows = 100_000
	s.Exec(fmt.Sprintf("INSERT INTO emr.t SELECT seq, REPEAT('a', 230) FROM seq_1_to_%d", rows))
	err := r.wait(t)
	for _, want := range []string{small, "no space left", "spill_directory"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the stream ended with %v, want the word %q", err, want)
		}
	}
	if len(changes(r.all())) > 0 {
		t.Error("part of a transaction was told")
	}
	if err := syscall.Mount("", small, "", syscall.MS_REMOUNT, "size=100m"); err != nil {
		t.Fatal(err)
	}
	if n := len(changes(stream(t, m, at).awaitChanges(t, rows))); n != rows {
		t.Errorf("%d rows came, want %d", n, rows)
	}
}
