package host_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// privateDirectory is a short path that only this user may enter.
func privateDirectory(t *testing.T) string {
	t.Helper()
	directory, err := os.MkdirTemp("", "tap")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

// attachRaw serves a raw tap and attaches to it.
func attachRaw(t *testing.T, name string) (*host.Host, error) {
	t.Helper()
	socket := filepath.Join(privateDirectory(t), "tap")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	tapv1.RegisterTapServer(g, rawTap{name: name})
	answers := health.NewServer()
	answers.SetServingStatus("plugin", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(g, answers)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		<-served
	})
	h, err := host.Attach(t.Context(), host.Options{Name: "raw", Socket: socket})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = h.Close() }) // a raw tap has no Close
	return h, h.Tap().Open(t.Context(), tap.Config{})
}

func wantContract(t *testing.T, err error) {
	t.Helper()
	var contract *tap.ContractError
	if !errors.As(err, &contract) || contract.Thing == "" || contract.Reason == "" {
		t.Fatalf("got %v, want an error of the contract", err)
	}
	if !strings.Contains(err.Error(), "tap raw") || !strings.Contains(err.Error(), "update the tap") {
		t.Errorf("error %q does not name the tap and the mend", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %q holds a cell", err)
	}
}

func TestStreamThatBreaksTheContractIsNamed(t *testing.T) {
	for name := range rawStreams() {
		t.Run(name, func(t *testing.T) {
			h, err := attachRaw(t, name)
			if err != nil {
				t.Fatal(err)
			}
			if name == "good" {
				got, _, _ := stream(t, h.Tap(), nil)
				want(t, got, "commit p", "change e", "commit p")
				return
			}
			got, _, ended := stream(t, h.Tap(), nil)
			want(t, got, "commit p")
			for {
				select {
				case <-got: // what came before the breach
				case err := <-ended:
					wantContract(t, err)
					return
				}
			}
		})
	}
}

func TestChunkThatBreaksTheContractIsNamed(t *testing.T) {
	for name := range rawChunks() {
		t.Run(name, func(t *testing.T) {
			h, err := attachRaw(t, name)
			if err != nil {
				t.Fatal(err)
			}
			chunk, err := h.Tap().Scan(t.Context(), "patients", nil, 1)
			if name == "good" {
				if err != nil || len(chunk.Rows) != 1 {
					t.Fatalf("%d rows, %v", len(chunk.Rows), err)
				}
				return
			}
			wantContract(t, err)
		})
	}
}

func TestDescriptionThatCannotBeIsNamed(t *testing.T) {
	_, err := attachRaw(t, "protocol")
	wantError(t, err, tap.ErrProtocol, "it speaks 3", "install the version")
	_, err = attachRaw(t, "assurance")
	if !errors.As(err, new(*tap.ContractError)) {
		t.Errorf("attach: %v", err)
	}
}

// A unit is a tap that a service manager would run.
type unit struct {
	command *exec.Cmd
	socket  string
}

func startUnit(t *testing.T, s *stage) *unit {
	t.Helper()
	u := &unit{command: exec.Command(self(t)), socket: filepath.Join(s.options.Directory, "unit")}
	u.command.Env = append(s.options.Env, "EMRBCHAIN_TAP_SOCKET="+u.socket)
	u.command.Stderr = s.log
	if err := u.command.Start(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "the unit listens", func() bool {
		conn, err := net.Dial("unix", u.socket)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return u
}

func TestAttachedTapServesOneSession(t *testing.T) {
	s := newStage(t, "memory")
	for range 2 { // as a service manager starts it again
		u := startUnit(t, s)
		s.options.Socket = u.socket
		h, err := host.Start(t.Context(), s.options)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Tap().Open(t.Context(), config()); err != nil {
			t.Fatal(err)
		}
		got, stop, ended := stream(t, h.Tap(), tap.Position("memory/clinic/0"))
		s.insert(t, time.Now().UnixNano())
		want(t, got, "change 1.1", "commit memory/clinic/1")
		stop()
		<-ended
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if err := u.command.Wait(); err != nil {
			t.Errorf("the unit ended with %v\n%s", err, s.log)
		}
	}
}

func TestUnitThatIsKilledIsNoticedAndNamed(t *testing.T) {
	s := newStage(t, "memory")
	u := startUnit(t, s)
	s.options.Socket = u.socket
	h, err := host.Start(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Tap().Open(t.Context(), config()); err != nil {
		t.Fatal(err)
	}
	got, _, ended := stream(t, h.Tap(), nil)
	want(t, got, "commit memory/clinic/0")
	if err := u.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-ended, host.ErrExited, "connection broke", "unit")
	<-h.Done()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	_ = u.command.Wait() // it was killed
}

func TestSocketThatCannotBeUsedIsAClearError(t *testing.T) {
	directory := privateDirectory(t)
	socket := filepath.Join(directory, "tap")
	_, err := host.Attach(t.Context(), host.Options{Name: "x", Socket: socket})
	wantError(t, err, host.ErrStart, "nothing answers", "unit")
	_, err = host.Attach(t.Context(), host.Options{Name: "x", Socket: "/nonexistent/tap"})
	wantError(t, err, host.ErrStart, "not there", "unit")
	if err := os.Chmod(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err = host.Attach(t.Context(), host.Options{Name: "x", Socket: socket})
	wantError(t, err, host.ErrStart, "lets others in", "chmod 0750")
}

func TestADirectoryThatIsTooLongForASocketIsAClearError(t *testing.T) {
	directory := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := host.Launch(t.Context(), host.Options{Name: "x", Command: []string{"/bin/true"}, Directory: directory})
	wantError(t, err, host.ErrStart, directory, "shorter path")
}

func TestAttachToSomethingSilentEndsInTime(t *testing.T) {
	socket := filepath.Join(privateDirectory(t), "tap")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = host.Attach(t.Context(), host.Options{Name: "x", Socket: socket, StartTimeout: 200 * time.Millisecond})
	wantError(t, err, host.ErrStartTimeout, "does not answer", "restart")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = host.Attach(ctx, host.Options{Name: "x", Socket: socket}); !errors.Is(err, context.Canceled) {
		t.Errorf("attach: %v", err)
	}
}
