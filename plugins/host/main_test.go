package host_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/emrbchain/emrbchain/plugins/internal/memtap"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// roleVariable makes the test binary one of the taps below; the environment of
// a launched tap holds nothing that the test did not give.
const roleVariable = "TEST_TAP_ROLE"

// sourceVariable is the socket of the source that the memory tap reads.
const sourceVariable = "TEST_TAP_SOURCE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// secret is what a bad tap prints, and what must never reach an error.
const secret = "password=hunter2"

func play(role string) error {
	role, argument, _ := strings.Cut(role, ":")
	switch role {
	case "memory":
		return serveMemory(func(t *memtap.Tap) tap.Tap { return t })
	case "crash":
		fmt.Fprintln(os.Stderr, "cannot go on,", secret)
		os.Exit(7)
	case "killed":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "silent":
		select {} // as a deadlock would; the test kills it
	case "garbage":
		fmt.Println("Hello, this is my tap!", secret)
		select {}
	case "endless":
		for {
			fmt.Print(secret) // one line that never ends
		}
	case "version2":
		fmt.Println("1|2|unix|/nowhere|grpc|")
		select {}
	case "flood":
		return serveMemory(func(t *memtap.Tap) tap.Tap { return flooding{t} })
	case "env":
		return serveMemory(func(t *memtap.Tap) tap.Tap { return printingEnv{t} })
	case "panic":
		return serveMemory(func(t *memtap.Tap) tap.Tap { return panicking{t} })
	case "orphan":
		return serveMemory(func(t *memtap.Tap) tap.Tap { return orphaning{t, argument} })
	}
	return errors.New("no such role")
}

func serveMemory(wrap func(*memtap.Tap) tap.Tap) error {
	backend, err := memtap.Dial(os.Getenv(sourceVariable))
	if err != nil {
		return err
	}
	return tap.Serve(wrap(memtap.New(backend, tap.EveryVersion, memtap.Patients())))
}

// flooding prints without end once it is open.
type flooding struct{ *memtap.Tap }

func (f flooding) Open(ctx context.Context, config tap.Config) error {
	for i := range 5_000 {
		fmt.Fprintln(os.Stderr, "line", i, strings.Repeat("x", 5000))
		fmt.Println("out", i)
	}
	return f.Tap.Open(ctx, config)
}

// printingEnv fails to open with its whole environment.
type printingEnv struct{ *memtap.Tap }

func (printingEnv) Open(context.Context, tap.Config) error {
	return errors.New(strings.Join(os.Environ(), "\n"))
}

// panicking panics with a row in its hand.
type panicking struct{ *memtap.Tap }

func (panicking) Tables(context.Context) ([]tap.Table, error) {
	panic(secret)
}

// orphaning starts a process that would outlive it.
type orphaning struct {
	*memtap.Tap
	file string
}

func (o orphaning) Open(ctx context.Context, config tap.Config) error {
	child, err := os.StartProcess("/bin/sleep", []string{"sleep", "600"}, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(o.file, fmt.Appendf(nil, "%d", child.Pid), 0o600); err != nil {
		return err
	}
	return o.Tap.Open(ctx, config)
}
