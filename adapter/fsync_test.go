package adapter_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A mutation is a change of the code that breaks the promise that the batch is
// on disk before the ack leaves.
type mutation struct{ name, file, from, to string }

func syncMutations() []mutation {
	return []mutation{
		{"the index's synced write is a plain one", "internal/recordlog/update.go", "b.index.WriteSync", "b.index.Write"},
		{"segments are not synced", "internal/recordlog/stream.go", "if err := f.Sync(); err != nil {", "if err := error(nil); f == nil {"},
	}
}

// TestTheBatchIsSyncedBeforeTheAck watches ingest's system calls: when an ack
// leaves, every file that was written for it has been synced, and the sync has
// returned. That the check can fail is shown on broken programs.
func TestTheBatchIsSyncedBeforeTheAck(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs and runs them under strace")
	}
	acks, err := checkTrace(traceAcks(t, mutation{}))
	if err != nil {
		t.Fatal(err)
	}
	if acks < 20 {
		t.Fatalf("only %d acks were seen", acks)
	}
	for _, m := range syncMutations() {
		t.Run(m.name, func(t *testing.T) {
			if _, err := checkTrace(traceAcks(t, m)); err == nil {
				t.Fatal("the check did not notice")
			} else {
				t.Logf("noticed: %v", err)
			}
		})
	}
	t.Logf("%d acks, each after the syncs of all that was written for it", acks)
}

// traceAcks runs the program under strace and returns what it did to files.
func traceAcks(t *testing.T, m mutation) (trace, dir string) {
	t.Helper()
	dir = t.TempDir()
	program := filepath.Join(dir, "program")
	build := exec.Command("go", "build", "-o", program)
	if m.file != "" {
		build.Args = append(build.Args, "-overlay", overlay(t, m))
	}
	build.Args = append(build.Args, "./internal/ackordertest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	trace = filepath.Join(dir, "trace")
	run := exec.Command("strace", "-f", "-y", "-s", "32", "-o", trace, "-e", "trace=write,pwrite64,fsync,fdatasync", program, work)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("run under strace: %v\n%s", err, out)
	}
	return trace, work
}

// overlay writes the description of a program with one file changed.
func overlay(t *testing.T, m mutation) string {
	t.Helper()
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), m.from) != 1 {
		t.Fatalf("%s does not hold %q once; mend this test", m.file, m.from)
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(changed, []byte(strings.Replace(string(text), m.from, m.to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, description, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var (
	// A call, whole or its start: thread, name, path.
	callLine = regexp.MustCompile(`^(\d+) +(write|pwrite64|fsync|fdatasync)\(\d+<([^>]*)>(.*)$`)
	// The end of a call that was interrupted in the trace by another thread's.
	resumedLine = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
)

// calls follows which files hold what no sync has made durable.
type calls struct {
	dir     string
	dirty   map[string]bool   // written since the last sync began
	syncing map[string]string // by thread: the file of a sync under way
	again   map[string]bool   // written while a sync was under way
	written map[string]bool   // kinds of files written since the last ack
	acks    int
}

// checkTrace demands that at each ack nothing written is unsynced, and that
// the batch's entries and the index's journal were written for it.
func checkTrace(trace, dir string) (acks int, err error) {
	text, err := os.ReadFile(trace)
	if err != nil {
		return 0, err
	}
	c := &calls{dir: dir, dirty: make(map[string]bool), syncing: make(map[string]string),
		again: make(map[string]bool), written: make(map[string]bool)}
	for line := range strings.Lines(string(text)) {
		if err := c.line(strings.TrimSpace(line)); err != nil {
			return c.acks, err
		}
	}
	return c.acks, nil
}

func (c *calls) line(line string) error {
	if m := resumedLine.FindStringSubmatch(line); m != nil {
		if file, ok := c.syncing[m[1]]; ok && strings.HasSuffix(m[2], "sync") {
			delete(c.syncing, m[1])
			c.synced(file, m[3])
		}
		return nil
	}
	m := callLine.FindStringSubmatch(line)
	if m == nil || !strings.HasPrefix(m[3], c.dir) {
		return nil
	}
	thread, name, file, rest := m[1], m[2], strings.TrimPrefix(m[3], c.dir+"/"), m[4]
	switch {
	case strings.HasSuffix(name, "sync"):
		delete(c.again, file)
		if strings.Contains(rest, "unfinished") {
			c.syncing[thread] = file
			return nil
		}
		c.synced(file, rest)
	case file == "acks":
		return c.ack()
	case mustBeDurable(file) && !strings.HasPrefix(rest, `, "", 0`):
		c.dirty[file], c.again[file] = true, true
		c.written[kind(file)] = true
	}
	return nil
}

// synced takes note of a sync's return.
func (c *calls) synced(file, result string) {
	if strings.HasSuffix(result, "= 0") && !c.again[file] {
		delete(c.dirty, file)
	}
	delete(c.again, file)
}

func (c *calls) ack() error {
	for file := range c.dirty {
		return fmt.Errorf("ack %d left before the sync of %s had returned", c.acks, file)
	}
	for _, k := range []string{"entries", "tree", "journal"} {
		if !c.written[k] {
			return fmt.Errorf("ack %d: no %s was written for it", c.acks, k)
		}
	}
	clear(c.written)
	c.acks++
	return nil
}

// mustBeDurable says which of the log's files hold the batch. The mark of the
// last ack, the lock and goleveldb's diary may lag behind.
func mustBeDurable(file string) bool {
	base := filepath.Base(file)
	return base != "ACK" && base != "LOG" && base != "LOCK"
}

func kind(file string) string {
	base := filepath.Base(file)
	switch {
	case strings.HasSuffix(base, ".log"):
		return "journal"
	case strings.Contains(base, "entries"):
		return "entries"
	case strings.Contains(base, "tree"):
		return "tree"
	}
	return base
}
