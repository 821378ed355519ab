package adapter_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// smallStore moves a sidecar's store to a small file system of its own, or
// skips where that may not be mounted. It returns a file on it that is nobody's.
func smallStore(t *testing.T, s *sidecartest.Sidecar, mebibytes int) (ballast string) {
	t.Helper()
	copied := s.CopyStore()
	if err := syscall.Mount("tmpfs", s.Store(), "tmpfs", 0, fmt.Sprintf("size=%dm", mebibytes)); err != nil {
		t.Skipf("needs the right to mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if s.Process() != nil {
			s.Kill()
		}
		if err := syscall.Unmount(s.Store(), 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	if err := os.CopyFS(s.Store(), os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(s.Store(), "ballast")
}

// fillDisk writes a file until the file system has no room left.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat([]byte{1}, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAFullDiskLosesNothing fills the disk of the store under a load: reading
// the source pauses, the status says where, why and the mend, and a start on
// the full disk says so too. Once there is room the source is read on from
// where it was, and the log is its own history, each change once, in order.
func TestAFullDiskLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server, source := mariadbSource(t, true)
	chain := sidecartest.StartChain(t, 1)
	s := sidecartest.NewSidecar(t, chain, source)
	ballast := smallStore(t, s, 256)
	k := &killer{t: t, server: server, chain: chain, sidecar: s}
	start := k.sequence()
	s.Start()
	s.Covered()
	s.Anchored()
	work := startWorkload(t, server, 1, 3)
	rounds := 1
	if full() {
		rounds = 4
	}
	for range rounds {
		fillDisk(t, ballast)
		full := s.NotReady("the source is not tapped", s.Store(), "file system is full", "make room")
		if !strings.Contains(full.Chain.Problem, "make room") {
			s.Until(func(status *api.Status) error {
				if !strings.Contains(status.Chain.Problem, "make room") {
					return fmt.Errorf("anchoring says %q", status.Chain.Problem)
				}
				return nil
			})
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		s.Covered()
		s.Ready()
	}
	s.Stop()
	fillDisk(t, ballast)
	s.Start()
	if code := s.Process().ExitCode(); code != 1 {
		t.Errorf("a start on a full disk exits %d", code)
	}
	if told := s.Process().Diary(2000); !strings.Contains(told, "file system is full") || !strings.Contains(told, "make room") {
		t.Errorf("a start on a full disk says %s", told)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.Start()
	work.stop()
	k.settle()
	if report := s.Audit(); report.Verdict != "intact" {
		t.Errorf("audit: %s, findings %+v", report.Verdict, report.Findings)
	}
	s.Stop()
	want := readHistory(t, server, start)
	log := s.OpenLog()
	defer func() { _ = log.Close() }() // only read
	got := streamed(t, log)
	compareHistories(t, want, got)
	sidecartest.KeepsSecret(t, s, []string{rightPassword})
	t.Logf("the disk was full %d times; %d changes logged once, in order", rounds+1, len(got))
}
