package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func TestTapThatDoesNotComeUpIsAClearError(t *testing.T) {
	for _, test := range []struct {
		role  string
		kind  error
		words []string
	}{
		{"crash", host.ErrExited, []string{"tap test", "exit status 7", "log"}},
		{"killed", host.ErrExited, []string{"signal: killed"}},
		{"garbage", tap.ErrProtocol, []string{"first line", "not the handshake"}},
		{"endless", tap.ErrProtocol, []string{"not the handshake"}},
		{"version2", tap.ErrProtocol, []string{"version 2", "version 1", "install"}},
		{"silent", host.ErrStartTimeout, []string{"did not come up within", "killed"}},
	} {
		t.Run(test.role, func(t *testing.T) {
			s := newStage(t, test.role)
			if test.role == "silent" {
				s.options.StartTimeout = 300 * time.Millisecond
			}
			_, err := host.Launch(t.Context(), s.options)
			wantError(t, err, test.kind, test.words...)
			wantEmpty(t, s.options.Directory)
		})
	}
}

// wantEmpty checks that a launch left nothing but the source's socket behind.
func wantEmpty(t *testing.T, directory string) {
	t.Helper()
	left, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		if entry.Name() != "source" {
			t.Errorf("%s is left behind", entry.Name())
		}
	}
}

func TestProgramThatCannotRunIsAClearError(t *testing.T) {
	s := newStage(t, "memory")
	s.options.Command = []string{"/nonexistent/tap"}
	_, err := host.Launch(t.Context(), s.options)
	wantError(t, err, host.ErrStart, "cannot be started", "no such file")
	s.options.Command = nil
	_, err = host.Launch(t.Context(), s.options)
	wantError(t, err, host.ErrStart, "no command")
}

func TestLaunchEndsWithItsContext(t *testing.T) {
	s := newStage(t, "silent")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := host.Launch(ctx, s.options); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("launch: %v", err)
	}
}

func TestTapGetsNoEnvironmentButItsOwn(t *testing.T) {
	t.Setenv("TEST_HOST_SECRET", "hunter2")
	h := newStage(t, "env").launch(t)
	err := h.Tap().Open(t.Context(), config())
	if err == nil || !strings.Contains(err.Error(), roleVariable) {
		t.Fatalf("the tap did not tell its environment: %v", err)
	}
	if strings.Contains(err.Error(), "TEST_HOST_SECRET") || strings.Contains(err.Error(), "HOME=") {
		t.Error("the tap has the host's environment")
	}
}

func TestKilledTapIsNoticedAndNamed(t *testing.T) {
	s := newStage(t, "memory")
	h := s.open(t)
	got, _, ended := stream(t, h.Tap(), nil)
	want(t, got, "commit memory/clinic/0")
	killTap(t, s)
	wantError(t, <-ended, host.ErrExited, "tap test", "signal: killed")
	<-h.Done()
	wantError(t, h.Err(), host.ErrExited)
	wantError(t, h.Tap().Ack(t.Context(), tap.Position("p")), host.ErrExited)
}

// tapProcess finds the launched tap: the child of this process that has the
// socket directory in its environment.
func tapProcess(t *testing.T, s *stage) int {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range processes {
		environment, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(environment), sourceVariable+"="+s.options.Directory) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Fatal("the tap's process is not there")
	return 0
}

func killTap(t *testing.T, s *stage) {
	t.Helper()
	if err := syscall.Kill(tapProcess(t, s), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestHungTapIsKilledAndNamed(t *testing.T) {
	s := newStage(t, "memory")
	s.options.PingTimeout = 100 * time.Millisecond
	h := s.open(t)
	got, _, ended := stream(t, h.Tap(), nil)
	want(t, got, "commit memory/clinic/0")
	if err := syscall.Kill(tapProcess(t, s), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-ended, host.ErrHung, "did not answer 3 times", "log")
}

func TestCloseEndsATapThatHangs(t *testing.T) {
	s := newStage(t, "memory")
	s.options.PingEvery, s.options.CloseTimeout = time.Hour, 200*time.Millisecond
	h := s.open(t)
	pid := tapProcess(t, s)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the tap's process is still there: %v", err)
	}
	wantEmpty(t, s.options.Directory)
}

func TestCloseIsIdempotentAndEndsTheProcess(t *testing.T) {
	s := newStage(t, "memory")
	h := s.open(t)
	pid := tapProcess(t, s)
	for range 2 {
		if err := h.Tap().Close(); err != nil {
			t.Error(err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the tap's process is still there: %v", err)
	}
	if strings.Contains(s.log.String(), "panic") {
		t.Errorf("log: %s", s.log)
	}
}

func TestProcessesThatATapStartedEndWithIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	s := newStage(t, "orphan:"+file)
	h := s.open(t)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(string(content))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	waitUntil(t, "the tap's child is gone", func() bool { return gone(child) })
}

// gone reports whether a process is over, reaped by its parent or not.
func gone(pid int) bool {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err != nil || strings.Contains(string(status), ") Z ")
}

func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not so: %s", what)
		}
	}
}

func TestFloodOfOutputDoesNotFillTheLog(t *testing.T) {
	s := newStage(t, "flood")
	if err := s.open(t).Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.log.String(), "tap output dropped") {
		t.Error("the log does not tell that output was dropped")
	}
	if size := len(s.log.String()); size > 2<<20 {
		t.Errorf("25 MB of output made %d bytes of log", size)
	}
	longest := 0
	for line := range strings.Lines(s.log.String()) {
		longest = max(longest, len(line))
	}
	if longest > 3<<10 {
		t.Errorf("a line of %d bytes is in the log", longest)
	}
}

func TestPanicOfATapTellsNoValue(t *testing.T) {
	s := newStage(t, "panic")
	h := s.open(t)
	_, err := h.Tap().Tables(t.Context())
	var contract *tap.ContractError
	if !errors.As(err, &contract) {
		t.Fatalf("tables: %v", err)
	}
	wantError(t, err, err, "panicked", "Tables")
	waitUntil(t, "the stack is in the log", func() bool { return strings.Contains(s.log.String(), "panicking") })
	if strings.Contains(s.log.String(), "hunter2") {
		t.Error("the log holds what the tap panicked with")
	}
	<-h.Done() // a tap that panicked does not live on
}
