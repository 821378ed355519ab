package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
)

func TestRelativeSecretStandsInCredentialsDirectory(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", directory)
	if err := os.WriteFile(filepath.Join(directory, "log.key"), []byte("test key\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	got, err := config.SecretFile("log.key").Read()
	if err != nil || string(got) != "test key\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRelativeSecretOutsideTheUnitSaysTheMend(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err := config.SecretFile("log.key").Read()
	if err == nil || !strings.Contains(err.Error(), "LoadCredential=log.key") {
		t.Error(err)
	}
}

func TestSecretThatOthersMayReadIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log.key")
	if err := os.WriteFile(file, []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o644: false, 0o602: false} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		_, err := config.SecretFile(file).Read()
		if (err == nil) != ok {
			t.Errorf("mode %o: %v", mode, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "chmod 0600") || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestSecretMustBeASmallFileWithContent(t *testing.T) {
	directory := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "large": 1 << 20} {
		file := filepath.Join(directory, name)
		if err := os.WriteFile(file, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.SecretFile(file).Read(); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	for _, s := range []string{"", directory, filepath.Join(directory, "none")} {
		if _, err := config.SecretFile(s).Read(); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}
