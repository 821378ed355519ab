package recordlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// crashDir names, in the environment of a child, the log that it updates until
// it is killed.
const crashDir = "RECORDLOG_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Fprintln(os.Stderr, updateUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashOptions are alike in parent and child: the wrapping key lies in a file,
// and the index's buffer is small, so that tables and manifests are written too.
func crashOptions(dir string) (Options, error) {
	b, err := os.ReadFile(filepath.Join(dir, "test-wrapping-key"))
	if err != nil {
		return Options{}, err
	}
	w, err := keys.ParseWrapping(bytes.NewReader(b))
	return Options{Wrapping: w, Reserve: 1, segment: 1 << 20, buffer: 256 << 10}, err
}

// crashBatch appends batch n: what it holds follows from n alone.
func crashBatch(m *maker, n uint64) func(*Batch) error {
	r := rand.New(rand.NewPCG(n, 0))
	return func(b *Batch) error {
		for range 1 + r.IntN(200)*r.IntN(10) {
			key := r.Int64N(5000)
			if _, err := m.add(b, patient(key/10), "visits", intKey(key), commit.Update); err != nil {
				return err
			}
		}
		b.Set("position", strconv.AppendUint(nil, n, 10))
		b.Set("padding", bytes.Repeat([]byte{byte(n)}, r.IntN(200_000)))
		return nil
	}
}

// updateUntilKilled runs in the child and prints each batch once Update returned.
func updateUntilKilled(dir string) error {
	o, err := crashOptions(dir)
	if err != nil {
		return err
	}
	l, err := Open(filepath.Join(dir, "log"), o)
	if err != nil {
		return err
	}
	n, err := position(l)
	if err != nil {
		return err
	}
	fmt.Println("open", n)
	m := newMaker(2)
	for {
		n++
		if err := l.Update(crashBatch(m, n)); err != nil {
			return err
		}
		fmt.Println("acknowledged", n, l.Size())
	}
}

func position(l *Log) (uint64, error) {
	b, err := l.Get("position")
	if err != nil || b == nil {
		return 0, err
	}
	return strconv.ParseUint(string(b), 10, 64)
}

// TestAcknowledgedBatchesSurviveSIGKILL kills a child in the middle of updates
// at random moments. Then all that it acknowledged is there, and of what it did
// not at most the batch in flight, whole.
func TestAcknowledgedBatchesSurviveSIGKILL(t *testing.T) {
	kills := 40
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "test-wrapping-key"), testWrapping(t).Format(), 0o600))
	o, err := crashOptions(dir)
	must(t, err)
	logDir := filepath.Join(dir, "log")
	must(t, Create(logDir, testOrigin, o))
	phases := map[string]int{}
	anchored := uint64(0)
	for range kills {
		acknowledged := killChild(t, dir)
		phase := crashPhase(t, logDir)
		l := openTestLog(t, logDir, o)
		last, err := position(l)
		must(t, err)
		if last != acknowledged && last != acknowledged+1 {
			t.Fatalf("log holds batch %d, the child was told of %d", last, acknowledged)
		}
		if last > acknowledged {
			phase += ", batch in flight kept"
		}
		phases[phase]++
		must(t, l.Check(t.Context(), anchored, l.Size()))
		// The next Open need not look at what was just checked.
		anchored = l.Size()
		root, err := l.Root(anchored)
		must(t, err)
		must(t, l.Update(func(b *Batch) error { b.Set(AnchorState, AppendAnchor(nil, anchored, root)); return nil }))
		closeLog(t, l)
	}
	t.Logf("%d kills: %v", kills, phases)
	compareWithReference(t, logDir, o)
}

// killChild runs a child, kills it some time after it has opened the log, and
// returns the last batch that it printed.
func killChild(t *testing.T, dir string) (acknowledged uint64) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	after := rand.IntN(20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if acknowledged, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
			t.Fatal(err)
		}
		if after--; after == 0 || fields[0] == "open" {
			// The kill comes in the midst of what the child does by then.
			time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { child.Process.Kill() })
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("child ended by itself: %v: %s", err, stderr.String())
	}
	return acknowledged
}

// crashPhase tells from the files what the kill interrupted.
func crashPhase(t *testing.T, logDir string) string {
	names, err := journals(indexPath(logDir))
	must(t, err)
	for _, name := range names {
		f, err := os.Open(filepath.Join(indexPath(logDir), name))
		must(t, err)
		end, err := scanJournal(f, func([]byte) error { return nil })
		must(t, errors.Join(err, f.Close()))
		if end.torn() {
			return "journal torn"
		}
	}
	return fmt.Sprintf("%d journals whole", len(names))
}

// compareWithReference repeats all batches in a log that was never killed.
// Commitments differ, as owner keys are random; everything else must not.
func compareWithReference(t *testing.T, logDir string, o Options) {
	l := openTestLog(t, logDir, o)
	last, err := position(l)
	must(t, err)
	reference, _ := newTestLog(t, o)
	m := newMaker(2)
	for n := uint64(1); n <= last; n++ {
		must(t, reference.Update(crashBatch(m, n)))
	}
	if l.Size() != reference.Size() {
		t.Fatalf("%d entries after %d batches, want %d", l.Size(), last, reference.Size())
	}
	for i := range l.Size() {
		got, err := l.Entry(i)
		must(t, err)
		want, err := reference.Entry(i)
		must(t, err)
		g, w := got.Header, want.Header
		if string(g.Key) != string(w.Key) || g.Version != w.Version || g.Previous != w.Previous || got.Owner != want.Owner {
			t.Fatalf("entry %d differs from the log that was never killed", i)
		}
	}
}
