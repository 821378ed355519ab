package mariadbtest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Installed reports whether the machine has MariaDB's server programs.
func Installed() bool {
	return program("mariadbd") != "" && program("mariadb-install-db") != ""
}

// Binlog returns the path of the mariadb-binlog program, an independent reader
// of the binary log. It skips the test if it is not installed.
func Binlog(t testing.TB) string {
	t.Helper()
	path := program("mariadb-binlog")
	if path == "" {
		t.Skip("mariadb-binlog is not installed: apt-get install mariadb-client")
	}
	return path
}

func requireInstalled(t testing.TB) {
	t.Helper()
	if !Installed() {
		t.Skip("MariaDB is not installed: apt-get install --no-install-recommends mariadb-server-core mariadb-client-core")
	}
}

// program finds a program also where a user's PATH does not lead; "" if absent.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/bin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

// template returns the path of an installed, never started data directory of
// the machine's version. Whoever comes first makes it; the rename lets the
// first of several test processes win.
func template(t testing.TB) string {
	t.Helper()
	version, err := exec.Command(program("mariadbd"), "--no-defaults", "--version").Output()
	if err != nil {
		t.Fatalf("ask mariadbd's version: %v", err)
	}
	name := fmt.Sprintf("mariadb-template-%d-%x", os.Getuid(), sha256.Sum256(version))
	path := filepath.Join(os.TempDir(), name[:40])
	if _, err := os.Stat(path); err == nil {
		return path
	}
	fresh, err := os.MkdirTemp("", "mariadb-install")
	if err != nil {
		t.Fatalf("make template directory: %v", err)
	}
	defer os.RemoveAll(fresh)
	install(t, filepath.Join(fresh, "data"))
	if err := os.Rename(filepath.Join(fresh, "data"), path); err != nil && !os.IsExist(err) {
		t.Fatalf("keep template: %v", err)
	}
	return path
}

func install(t testing.TB, dir string) {
	t.Helper()
	args := append(commonArguments(dir), "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve")
	if output, err := exec.Command(program("mariadb-install-db"), args...).CombinedOutput(); err != nil {
		t.Fatalf("install database: %v\n%s", err, tail(output, 4000))
	}
}

// commonArguments must agree between installing and running. The small redo
// log keeps the copies of the template small.
func commonArguments(dir string) []string {
	args := []string{"--no-defaults", "--datadir=" + dir, "--innodb-log-file-size=16M"}
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if output, err := exec.Command("cp", "-a", "--reflink=auto", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v\n%s", strconv.Quote(from), err, tail(output, 1000))
	}
}
