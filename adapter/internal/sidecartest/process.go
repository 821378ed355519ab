package sidecartest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Process is a process that a test started.
type Process struct {
	t       testing.TB
	command *exec.Cmd
	diary   string
	ended   chan struct{}
	err     error
}

// stopTime is how long a process may take to end at SIGTERM.
const stopTime = 30 * time.Second

// StartProcess starts a program, whose output goes to a file; it is killed at
// the end of the test if it still runs.
func StartProcess(t testing.TB, diary, program string, args ...string) *Process {
	t.Helper()
	out, err := os.OpenFile(diary, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }() // the child has its own
	p := &Process{t: t, command: exec.Command(program, args...), diary: diary, ended: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = out, out
	if err := p.command.Start(); err != nil {
		t.Fatalf("start %s: %v", filepath.Base(program), err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("end of %s:\n%s", diary, p.Diary(4000))
		}
	})
	return p
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ended is closed once the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Kill kills the process and waits for its end.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // it may have ended already
	<-p.ended
}

// Stop asks the process to end, waits, and fails the test if it does not end
// well.
func (p *Process) Stop() {
	p.t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatalf("stop: %v", err)
	}
	select {
	case <-p.ended:
	case <-time.After(stopTime):
		p.t.Fatalf("the process did not end within %s; its diary ends:\n%s", stopTime, p.Diary(4000))
	}
	if p.err != nil {
		p.t.Fatalf("the process ended badly: %v; its diary ends:\n%s", p.err, p.Diary(4000))
	}
}

// ExitCode waits for the end and returns the exit code.
func (p *Process) ExitCode() int {
	<-p.ended
	return p.command.ProcessState.ExitCode()
}

// Diary returns the last n bytes of what the process wrote.
func (p *Process) Diary(n int) string {
	b, err := os.ReadFile(p.diary)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-n):])
}

// Children returns the ids of the processes that a process has started.
func Children(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var children []int
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
		if len(fields) > 1 && string(fields[1]) == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			children = append(children, child)
		}
	}
	return children
}
