package host_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// install puts the test binary into a directory of its own, as a tap with a
// manifest.
func install(t *testing.T, version string) (path string, m *host.Manifest) {
	t.Helper()
	directory := t.TempDir()
	copyFile(t, self(t), filepath.Join(directory, "memory-tap"))
	if err := os.WriteFile(filepath.Join(directory, "data.txt"), []byte("types"), 0o600); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(directory, "manifest.json")
	m, err := host.NewManifest(path, "memory", version, []string{"./memory-tap", "--quiet"})
	if err != nil {
		t.Fatal(err)
	}
	writeManifest(t, path, m)
	return path, m
}

func writeManifest(t *testing.T, path string, m *host.Manifest) {
	t.Helper()
	content, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func manifestStage(t *testing.T, version string) (*stage, *host.Manifest) {
	t.Helper()
	s := newStage(t, "memory")
	path, m := install(t, version)
	s.options.Command, s.options.Manifest = nil, path
	return s, m
}

func TestInstalledTapRunsFromItsManifest(t *testing.T) {
	s, _ := manifestStage(t, "1")
	s.open(t)
}

func TestFileThatIsNotTheInstalledOneIsNamed(t *testing.T) {
	s, m := manifestStage(t, "1")
	file := filepath.Join(filepath.Dir(s.options.Manifest), "data.txt")
	if err := os.WriteFile(file, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := host.Launch(t.Context(), s.options)
	wantError(t, err, host.ErrChecksum, "tap test", "data.txt", "expected "+m.Files["data.txt"], "found ", "install its new manifest")
}

func TestManifestIsCheckedAtEachStart(t *testing.T) {
	s, _ := manifestStage(t, "1")
	if err := s.launch(t).Close(); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(s.options.Manifest), "memory-tap")
	f, err := os.OpenFile(program, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = host.Launch(t.Context(), s.options)
	wantError(t, err, host.ErrChecksum, "memory-tap")
}

func TestWrongManifestIsAClearError(t *testing.T) {
	for _, test := range []struct {
		name  string
		alter func(directory string, m *host.Manifest) error
		kind  error
		words string
	}{
		{"protocol", func(_ string, m *host.Manifest) error { m.Protocol = 2; return nil }, tap.ErrProtocol, "names version 2"},
		{"version", func(_ string, m *host.Manifest) error { m.Version = "9"; return nil }, host.ErrManifest, "memory 9, and it says it is memory 1"},
		{"no name", func(_ string, m *host.Manifest) error { m.Name = ""; return nil }, host.ErrManifest, "name or version"},
		{"no command", func(_ string, m *host.Manifest) error { m.Command = nil; return nil }, host.ErrManifest, "command is missing"},
		{"foreign program", func(_ string, m *host.Manifest) error { m.Command = []string{"/bin/sh"}; return nil }, host.ErrManifest, "no word of the command"},
		{"program by search", func(_ string, m *host.Manifest) error { m.Command = []string{"sh", "memory-tap"}; return nil }, host.ErrManifest, "neither one of the files"},
		{"bad sum", func(_ string, m *host.Manifest) error { m.Files["data.txt"] = "abc"; return nil }, host.ErrManifest, "not a SHA-256"},
		{"path outside", func(_ string, m *host.Manifest) error { m.Files["../x"] = m.Files["data.txt"]; return nil }, host.ErrManifest, "not a clean path"},
		{"missing file", func(d string, _ *host.Manifest) error { return os.Remove(filepath.Join(d, "data.txt")) }, host.ErrManifest, "data.txt"},
		{"unlisted file", func(d string, _ *host.Manifest) error { return os.WriteFile(filepath.Join(d, "evil.so"), nil, 0o600) }, host.ErrChecksum, "evil.so"},
		{"link", func(d string, _ *host.Manifest) error { return os.Symlink("/bin/sh", filepath.Join(d, "link")) }, host.ErrManifest, "not a regular file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, m := manifestStage(t, "1")
			if err := test.alter(filepath.Dir(s.options.Manifest), m); err != nil {
				t.Fatal(err)
			}
			writeManifest(t, s.options.Manifest, m)
			_, err := host.Launch(t.Context(), s.options)
			wantError(t, err, test.kind, test.words)
		})
	}
}

func TestManifestThatCannotBeReadIsAClearError(t *testing.T) {
	for name, content := range map[string]string{
		"not JSON":      "tap",
		"unknown field": `{"name":"a","checksum":"b"}`,
		"two documents": `{"name":"a","version":"1"} {}`,
	} {
		path := filepath.Join(t.TempDir(), "manifest.json")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := host.Launch(t.Context(), host.Options{Name: "x", Manifest: path})
		wantError(t, err, host.ErrManifest, "manifest", "install")
		if strings.Contains(err.Error(), path) {
			t.Logf("%s: %v", name, err)
		}
	}
	_, err := host.Launch(t.Context(), host.Options{Name: "x", Manifest: "/nonexistent"})
	wantError(t, err, host.ErrManifest, "no such file")
}
