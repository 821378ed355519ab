package demo_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/demo"
)

// TestEveryStepHolds runs the whole demo with real processes.
func TestEveryStepHolds(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and runs for half a minute")
	}
	program := filepath.Join(t.TempDir(), "emrbchain")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/emrbchain/emrbchain/adapter/cmd/emrbchain").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	var out bytes.Buffer
	err := demo.Run(ctx, demo.Options{Once: true, Dir: t.TempDir(), Out: &out, Program: []string{program}})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	t.Log(out.String())
}
