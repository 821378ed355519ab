package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// syncDelay is how long each sync of the index's journal is held up on its way
// back to the sidecar: the batch is on disk, the ack is not sent.
const syncDelay = 600 * time.Millisecond

var errNoSync = errors.New("no sync of the index is held up")

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
		pid := k.sidecar.Process().PID()
		tracer := exec.Command("strace", "-f", "-o", os.DevNull, "-p", strconv.Itoa(pid),
			"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:delay_exit="+strconv.Itoa(int(syncDelay.Microseconds())))
		if err := tracer.Start(); err != nil {
			k.t.Fatalf("strace: %v", err)
		}
		var since time.Time
		sidecartest.Eventually(k.t, time.Minute, func(context.Context) error {
			since = time.Now()
			thread := heldSync(pid)
			if thread == "" {
				return errNoSync
			}
			// The stop at the call's entry is short; the one on its way back lasts.
			<-time.After(syncDelay / 4)
			if heldSync(pid) != thread {
				return errNoSync
			}
			return nil
		})
		k.sidecar.Kill()
		hit := time.Since(since) < syncDelay // it died before the call could return
		_ = tracer.Wait()                    // it ends with the sidecar
		if hit {
			k.phases[phase]++
		}
		k.kills++
		k.t.Logf("kill %d: sidecar (%s), hit: %v", k.kills, phase, hit)
		k.sidecar.Start()
	}
}

// heldSync returns the thread of a process that its tracer holds in a sync of
// the index's journal, or "".
func heldSync(pid int) (thread string) {
	process := filepath.Join("/proc", strconv.Itoa(pid))
	threads, err := os.ReadDir(filepath.Join(process, "task"))
	if err != nil {
		return ""
	}
	for _, t := range threads {
		task := filepath.Join(process, "task", t.Name())
		stat, _ := os.ReadFile(filepath.Join(task, "stat"))
		if _, state, _ := strings.Cut(string(stat), ") "); !strings.HasPrefix(state, "t") {
			continue
		}
		call, _ := os.ReadFile(filepath.Join(task, "syscall")) // its number, its arguments
		var number, fd int
		if _, err := fmt.Sscanf(string(call), "%d 0x%x", &number, &fd); err != nil || number != syscall.SYS_FSYNC && number != syscall.SYS_FDATASYNC {
			continue
		}
		file, _ := os.Readlink(filepath.Join(process, "fd", strconv.Itoa(fd)))
		if strings.HasSuffix(file, ".log") && strings.Contains(file, "/index.db/") {
			return t.Name()
		}
	}
	return ""
}
