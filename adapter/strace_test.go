package adapter_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// syncDelay is how long each sync of the index's journal is held up on its way
// back to the sidecar: the batch is on disk, the ack is not sent.
const syncDelay = 200 * time.Millisecond

var heldSync = regexp.MustCompile(`(?m)f(data)?sync\([^)]*index\.db/[^)]*\.log>\)?[^\n]*(unfinished|= \?)[^\n]*$`)

// beforeAck kills the sidecar while the sync of a batch has been done and its
// return is held up, so that the ack cannot have been sent.
func (k *killer) beforeAck() {
	k.t.Helper()
	const phase = "after the batch before the ack"
	for range 20 {
		if k.phases[phase] > 0 {
			return
		}
		k.sidecar.Covered()
		trace := filepath.Join(k.t.TempDir(), "trace")
		tracer := exec.Command("strace", "-f", "-y", "-o", trace, "-p", strconv.Itoa(k.sidecar.Process().PID()),
			"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit="+strconv.Itoa(int(syncDelay.Microseconds())))
		if err := tracer.Start(); err != nil {
			k.t.Fatalf("strace: %v", err)
		}
		sidecartest.Eventually(k.t, time.Minute, func(context.Context) error { return held(trace) })
		k.sidecar.Kill()
		_ = tracer.Wait() // it ends with the sidecar
		text, err := os.ReadFile(trace)
		if err != nil {
			k.t.Fatal(err)
		}
		if heldSync.Match(text) {
			k.phases[phase]++
		}
		k.kills++
		k.t.Logf("kill %d: sidecar (%s), hit: %v", k.kills, phase, k.phases[phase] > 0)
		k.sidecar.Start()
	}
}

var errNoSync = errors.New("no sync of the index is under way")

// held returns nil once the trace ends with a sync of the index's journal.
func held(trace string) error {
	text, err := os.ReadFile(trace)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "index.db") {
		return errNoSync
	}
	return nil
}
