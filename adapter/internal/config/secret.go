package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// SecretFile names a file that holds one secret. It is resolved when it is
// read and not before, so that check-config works outside the unit.
type SecretFile string

// maxSecret bounds a secret file, in bytes.
const maxSecret = 64 << 10

// Path returns where the file stands: an absolute path as it is, a plain name
// in $CREDENTIALS_DIRECTORY.
func (s SecretFile) Path() (string, error) {
	if s == "" {
		return "", errors.New("find secret: no file is configured")
	}
	if filepath.IsAbs(string(s)) {
		return string(s), nil
	}
	directory := os.Getenv("CREDENTIALS_DIRECTORY")
	if directory == "" {
		return "", fmt.Errorf("find secret %s: a relative name stands in $CREDENTIALS_DIRECTORY, which is not set; "+
			"write an absolute path, or start the unit that has LoadCredential=%s:…", s, s)
	}
	return filepath.Join(directory, string(s)), nil
}

// Read returns the file as it is. It refuses one that every user of the host
// may read or change.
func (s SecretFile) Read() ([]byte, error) {
	path, err := s.Path()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", s, err)
	}
	defer f.Close()
	if err := checkSecret(f); err != nil {
		return nil, fmt.Errorf("read secret %s: %w", s, err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read secret %s: %w", s, err)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, fmt.Errorf("read secret %s: %s is empty; write the secret into it", s, path)
	}
	return text, nil
}

func checkSecret(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file; name the file itself", f.Name())
	case info.Size() > maxSecret:
		return fmt.Errorf("%s is larger than %d bytes; name the file of the secret", f.Name(), maxSecret)
	case info.Mode().Perm()&0o007 != 0:
		return fmt.Errorf("every user of this host may read or change %s; run: chmod 0600 %s", f.Name(), f.Name())
	}
	return nil
}
