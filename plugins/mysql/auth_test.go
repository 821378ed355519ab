package mysql_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// streams opens a tap, and demands that its stream comes too: it has a
// connection of its own, by another library.
func streams(t *testing.T, config tap.Config, write func()) {
	t.Helper()
	m := mysql.New()
	defer m.Close()
	if err := m.Open(t.Context(), config); err != nil {
		t.Fatalf("Open: %v", err)
	}
	r := stream(t, m, nil)
	write()
	r.awaitChanges(t, 1)
	r.end(t)
}

// TestAccountThatDemandsACertificateIsServed: REQUIRE X509.
func TestAccountThatDemandsACertificateIsServed(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	own, ownKey := certificate(t)
	s := start(t, "--ssl-cert="+cert, "--ssl-key="+key, "--ssl-ca="+own)
	s.Exec("CREATE TABLE emr.t (id INT AUTO_INCREMENT PRIMARY KEY)", "ALTER USER tap@'%' REQUIRE X509")
	settings := map[string]any{"tls": "verify", "tls_ca": cert, "tls_cert": own, "tls_key": ownKey}
	insert := func() { s.Exec("INSERT INTO emr.t VALUES (NULL)") }
	streams(t, tap.Config{Settings: section(t, s, settings), Tables: []string{"emr.t"}}, insert)
	file := optionFile(t, "[client]\nuser=tap\npassword=test password\nssl-ca="+cert+"\nssl-cert="+own+"\nssl-key="+ownKey+"\n")
	opens(t, tap.Config{Settings: section(t, s, map[string]any{"defaults_file": file}), Tables: []string{"emr.t"}})
	delete(settings, "tls_cert")
	problems(t, tap.Config{Settings: section(t, s, settings), Tables: []string{"emr.t"}})
	delete(settings, "tls_key")
	problems(t, tap.Config{Settings: section(t, s, settings), Tables: []string{"emr.t"}})
}

// pluginDirectory holds auth_ed25519.so, which Debian packs with the service
// (mariadb-server) and not with the program alone.
func pluginDirectory(t *testing.T) string {
	t.Helper()
	for _, directory := range []string{os.Getenv("EMRBCHAIN_TEST_MARIADB_PLUGINS"), "/usr/lib/mysql/plugin"} {
		if _, err := os.Stat(filepath.Join(directory, "auth_ed25519.so")); directory != "" && err == nil {
			return directory
		}
	}
	t.Skip("auth_ed25519.so is not installed: unpack Debian's mariadb-server and name its plugin directory in EMRBCHAIN_TEST_MARIADB_PLUGINS")
	return ""
}

// TestEd25519AccountsAreServed: both libraries prove the password so.
func TestEd25519AccountsAreServed(t *testing.T) {
	t.Parallel()
	s := start(t, "--plugin-dir="+pluginDirectory(t), "--plugin-load-add=auth_ed25519")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)",
		"ALTER USER tap@'%' IDENTIFIED VIA ed25519 USING PASSWORD('test password')")
	streams(t, tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}, func() { s.Exec("INSERT INTO emr.t VALUES (1)") })
	problems(t, tap.Config{Settings: section(t, s, map[string]any{"password_file": os.DevNull}), Tables: []string{"emr.t"}})
}
