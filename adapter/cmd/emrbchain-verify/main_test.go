package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What a stranger runs must be small enough to be read: nothing in it can
// reach a network or a database.
func TestVerifierHasNoNetworkDatabaseOrNode(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	refused := []string{"net", "net/http", "database/sql", "os/exec", "google.golang.org/grpc", "github.com/hashicorp",
		"github.com/go-sql-driver", "github.com/go-mysql-org", "github.com/microsoft", "modernc.org", "github.com/syndtr",
		"github.com/tendermint", "github.com/cosmos/iavl", "github.com/spf13", "github.com/rs"}
	const comet, ours = "github.com/cometbft/", "github.com/emrbchain/emrbchain/"
	allowed := []string{"adapter/cmd/emrbchain-verify", "adapter/internal/evidence", "adapter/internal/evidence/verifycmd",
		"chain/receipt", "chain/rules", "crypto/commit", "crypto/dcbor", "crypto/merkle", "crypto/row"}
	for _, dep := range strings.Fields(string(out)) {
		for _, r := range refused {
			if dep == r || strings.HasPrefix(dep, r+"/") && r != "net" {
				t.Errorf("depends on %s", dep)
			}
		}
		if strings.HasPrefix(dep, comet) && !strings.HasPrefix(dep, comet+"cometbft/proto/") {
			t.Errorf("depends on %s: only CometBFT's protobuf types are allowed", dep)
		}
		if own, ok := strings.CutPrefix(dep, ours); ok && !slices.Contains(allowed, own) {
			t.Errorf("depends on %s of ours", own)
		}
	}
}

// build builds the verifier for a platform without cgo.
func build(t *testing.T, goos, goarch string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "emrbchain-verify")
	command := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".")
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build for %s/%s: %v\n%s", goos, goarch, err, out)
	}
	return path
}

func TestBuildsForWindowsAndDarwin(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library twice")
	}
	build(t, "windows", "amd64")
	build(t, "darwin", "arm64")
}

const vectors = "../../internal/evidence/testdata/"

// exitCode runs a command and returns its output and exit code.
func exitCode(t *testing.T, command *exec.Cmd) (string, int) {
	t.Helper()
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

func checkRun(t *testing.T, command func(args ...string) *exec.Cmd) {
	t.Helper()
	for _, c := range []struct {
		file, want string
		code       int
	}{
		{"altered.evidence", "VERIFIED. ALTERED: ", 0},
		{"refused/other-key.evidence", "NOT VERIFIED: ", 1},
	} {
		out, code := exitCode(t, command(vectors+c.file, "--trust", vectors+"trust.json"))
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit %d\n%s", c.file, code, out)
		}
	}
	if out, code := exitCode(t, command()); code != 2 {
		t.Errorf("without arguments: exit %d\n%s", code, out)
	}
}

func TestRunsHere(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	path := build(t, runtime.GOOS, runtime.GOARCH)
	checkRun(t, func(args ...string) *exec.Cmd { return exec.Command(path, args...) })
}

func TestRunsAsWasmUnderNode(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the standard library for js/wasm")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs node in PATH: install nodejs")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	runner := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "go_js_wasm_exec")
	path := build(t, "js", "wasm")
	checkRun(t, func(args ...string) *exec.Cmd {
		command := exec.Command(runner, append([]string{path}, args...)...)
		command.Env = []string{"PATH=" + os.Getenv("PATH")} // Go's runner bounds the environment's size
		return command
	})
}
