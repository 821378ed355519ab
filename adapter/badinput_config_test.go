package adapter_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// output runs the program and returns all that it prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	text, _ := run(t, args...)
	return text
}

// run runs the program and returns all that it prints, and its exit code.
func run(t *testing.T, args ...string) (text string, code int) {
	t.Helper()
	command := exec.Command(sidecartest.Program(t), args...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	if command.ProcessState == nil {
		t.Fatalf("run %v: %v", args, err)
	}
	return out.String(), command.ProcessState.ExitCode()
}

// TestEachConfigurationMistakeExits78 gives the program every bad file that
// the configuration's own tests have: run and check-config tell the same list,
// each mistake with its place, thing, reason and mend.
func TestEachConfigurationMistakeExits78(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the program")
	}
	files, err := filepath.Glob("internal/config/testdata/bad/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d bad files: %v", len(files), err)
	}
	for _, file := range files {
		want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		mistakes := strings.ReplaceAll(string(want), filepath.Base(file), file)
		for _, args := range [][]string{{"run", "--config", file}, {"check-config", file}} {
			if got, code := run(t, args...); code != 78 || got != mistakes {
				t.Errorf("%v: exit %d, want 78; it prints\n%s, want\n%s", args, code, got, mistakes)
			}
		}
	}
	t.Logf("%d kinds of mistakes", len(files))
}

// secretMistake is one way in which a file that the configuration names is
// wrong.
type secretMistake struct {
	name string
	file string
	text string // "" removes the file
	says []string
}

// TestBadFilesOfSecretsAreNamed spoils each file of a secret: the program ends
// with the field, the reason and what to do, and repeats nothing of the file.
func TestBadFilesOfSecretsAreNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain and a sidecar")
	}
	_, source := sqliteSource(t, 1000)
	chain := sidecartest.StartChain(t, 1)
	s := sidecartest.NewSidecar(t, chain, source)
	other := sidecartest.NewSidecar(t, chain, source)
	otherKey, err := os.ReadFile(other.File("log.key"))
	if err != nil {
		t.Fatal(err)
	}
	otherWrapping, err := os.ReadFile(other.File("wrapping.key"))
	if err != nil {
		t.Fatal(err)
	}
	const planted = "planted-secret-of-a-file"
	for _, m := range []secretMistake{
		{"missing", "wrapping.key", "", []string{"log.wrapping_key_file", "wrapping.key", "no such file", "restore that from its backup"}},
		{"missing", "log.key", "", []string{"log.log_key_file", "log.key", "no such file", "restore that from its backup"}},
		{"missing", "member.key", "", []string{"chain.member_key_file", "member.key", "no such file", "restore that from its backup"}},
		{"missing", "http.token", "", []string{"http.token_file", "http.token", "no such file", "restore that from its backup"}},
		{"not a key", "wrapping.key", planted, []string{"log.wrapping_key_file", "not a key", "that init made"}},
		{"not a key", "log.key", planted, []string{"log.log_key_file", "not a key", "that init made"}},
		{"not a key", "member.key", planted, []string{"chain.member_key_file", "not a key", "that init made"}},
		{"too short", "http.token", "short", []string{"http.token_file", "visible ASCII", "head -c 24"}},
		{"another store's key", "wrapping.key", string(otherWrapping), []string{"log.wrapping_key_file", "is not the key that wraps", "configure the key that is in use"}},
		{"another log's key", "log.key", string(otherKey), []string{"log.log_key_file", "configure the key that init made for it"}},
	} {
		t.Run(m.file+" "+m.name, func(t *testing.T) { m.check(t, s, planted) })
	}
}

func (m secretMistake) check(t *testing.T, s *sidecartest.Sidecar, planted string) {
	sound, err := os.ReadFile(s.File(m.file))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.WriteFile(s.File(m.file), sound, 0o600) }() // the next case tells if it failed
	if m.text == "" {
		err = os.Remove(s.File(m.file))
	} else {
		err = os.WriteFile(s.File(m.file), []byte(m.text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	text, code := run(t, "run", "--config", s.Config())
	t.Log(text)
	if code != 78 {
		t.Errorf("exit %d, want 78", code)
	}
	for _, want := range m.says {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q: %s", want, text)
		}
	}
	if strings.Contains(text, planted) || strings.Contains(text, string(bytes.TrimSpace(sound))) {
		t.Errorf("it repeats a secret: %s", text)
	}
}
