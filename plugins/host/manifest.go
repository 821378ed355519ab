package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/internal/wire"
)

// Manifest says what an installed tap consists of. It stands as JSON in the
// tap's own directory, which holds the files that it lists and no other.
type Manifest struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Protocol int    `json:"protocol"`
	// Command starts the tap. Words that are among Files are taken relative to
	// the manifest; the first word may else be the absolute path of an
	// interpreter.
	Command []string `json:"command"`
	// Files maps each file, by its slash-separated path relative to the
	// manifest, to the SHA-256 of its content in hex.
	Files map[string]string `json:"files"`

	path string
}

// NewManifest returns the manifest, to stand at path, of all files in path's
// directory.
func NewManifest(path, name, version string, command []string) (*Manifest, error) {
	m := &Manifest{Name: name, Version: version, Protocol: wire.Protocol, Command: command,
		Files: map[string]string{}, path: path}
	files, err := m.present()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if m.Files[file], err = m.sum(file); err != nil {
			return nil, fmt.Errorf("read file of tap: %w", err)
		}
	}
	return m, m.check()
}

// ReadManifest reads a manifest strictly and checks that it makes sense; it
// does not look at the files.
func ReadManifest(path string) (*Manifest, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m := &Manifest{path: path}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return nil, fmt.Errorf("parse manifest: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("parse manifest: something follows it")
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	switch {
	case m.Name == "" || m.Version == "":
		return errors.New("check manifest: name or version is missing")
	case len(m.Command) == 0:
		return errors.New("check manifest: the command is missing")
	case !slices.ContainsFunc(m.Command, func(word string) bool { return m.Files[clean(word)] != "" }):
		return errors.New("check manifest: no word of the command is one of the files")
	case m.Files[clean(m.Command[0])] == "" && !filepath.IsAbs(m.Command[0]):
		return errors.New("check manifest: the program is neither one of the files nor an absolute path")
	}
	for _, file := range slices.Sorted(maps.Keys(m.Files)) {
		sum := m.Files[file]
		if decoded, err := hex.DecodeString(sum); err != nil || len(decoded) != sha256.Size {
			return fmt.Errorf("check manifest: the checksum of %s is not a SHA-256 in hex", file)
		}
		if !filepath.IsLocal(filepath.FromSlash(file)) || clean(file) != file {
			return fmt.Errorf("check manifest: %s is not a clean path inside the directory", file)
		}
	}
	return nil
}

// clean is a command's word as Files would name it.
func clean(word string) string { return filepath.ToSlash(filepath.Clean(word)) }

// command is Command with its own files' paths made whole.
func (m *Manifest) command() []string {
	out := slices.Clone(m.Command)
	for i, word := range out {
		if m.Files[clean(word)] != "" {
			out[i] = filepath.Join(filepath.Dir(m.path), filepath.FromSlash(clean(word)))
		}
	}
	return out
}

// present lists the files in the manifest's directory, but the manifest.
func (m *Manifest) present() ([]string, error) {
	var files []string
	root := filepath.Dir(m.path)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == filepath.Clean(m.path) {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", relative)
		}
		files = append(files, filepath.ToSlash(relative))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list files of tap: %w", err)
	}
	return files, nil
}

func (m *Manifest) sum(file string) (string, error) {
	f, err := os.Open(filepath.Join(filepath.Dir(m.path), filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkManifest reads the manifest and holds the files against it.
func (o *Options) checkManifest() (*Manifest, error) {
	m, err := ReadManifest(o.Manifest)
	if err != nil {
		return nil, o.fail(ErrManifest, err.Error(), "install the tap again, with its manifest")
	}
	if o.Name == "" {
		o.Name = m.Name
	}
	if m.Protocol != wire.Protocol {
		return nil, o.wrongProtocol(fmt.Sprintf("its manifest names version %d of the contract, this program speaks version %d",
			m.Protocol, wire.Protocol))
	}
	files, err := m.present()
	if err != nil {
		return nil, o.fail(ErrManifest, err.Error(), "install the tap again into a directory of its own")
	}
	for _, file := range files {
		if m.Files[file] == "" {
			return nil, o.fail(ErrChecksum, fmt.Sprintf("%s stands in its directory and not in the manifest", file),
				"remove the file, or install the tap again")
		}
	}
	return m, o.checkSums(m)
}

func (o *Options) checkSums(m *Manifest) error {
	for _, file := range slices.Sorted(maps.Keys(m.Files)) {
		want := m.Files[file]
		got, err := m.sum(file)
		if err != nil {
			return o.fail(ErrManifest, fmt.Sprintf("%s, which its manifest lists, cannot be read: %s", file, startReason(err)),
				"install the tap again")
		}
		if !strings.EqualFold(got, want) {
			return o.fail(ErrChecksum, fmt.Sprintf("%s is not the installed file: SHA-256 expected %s, found %s", file, want, got),
				"if you upgraded the tap, install its new manifest with it; if not, treat the machine as tampered with")
		}
	}
	return nil
}
