package mysql_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// optionFile writes an option file of mode 0600.
func optionFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "my.cnf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func defaults(file string) tap.Config {
	return tap.Config{Settings: []byte(`{"defaults_file":` + strconv.Quote(file) + `}`), Tables: []string{"emr.t"}}
}

// TestOptionFilesAreReadAsClientsReadThem connects by files of several forms.
func TestOptionFilesAreReadAsClientsReadThem(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "CREATE USER odd@'%' IDENTIFIED BY 'a#b \"c\\\\'",
		"GRANT REPLICATION SLAVE ON *.* TO odd@'%'", "GRANT SELECT ON emr.* TO odd@'%'")
	port := strconv.Itoa(s.Port())
	for name, text := range map[string]string{
		"plain":            "[client]\nuser=tap\npassword=test password\nhost=127.0.0.1\nport=" + port + "\n",
		"spaces, quotes":   "# of the tap\n[ client ]\nuser = tap # its account\npassword = \"test password\"\nhost=127.0.0.1\nport = " + port,
		"socket":           "[client]\nuser=tap\npassword=test\\spassword\nhost=no.such.host\nsocket=" + s.Socket() + "\n",
		"ours over client": "[emrbchain]\npassword='test password'\n[client]\nuser=tap\npassword=wrong\nhost=127.0.0.1\nport=" + port + "\n[mysqld]\nport=1\nskip-name-resolve\n",
		"escapes":          "[client]\nuser=odd\npassword='a#b \\\"c\\\\'\nhost=127.0.0.1\nport=" + port + "\n",
	} {
		t.Run(name, func(t *testing.T) { opens(t, defaults(optionFile(t, text))) })
	}
}

// TestSettingsStandOverTheOptionFile: what is set twice is as it is set here.
func TestSettingsStandOverTheOptionFile(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)")
	file := optionFile(t, "[client]\nuser=nobody\npassword=wrong\nhost=no.such.host\nport=1\nsocket=/none\n")
	opens(t, tap.Config{Settings: section(t, s, map[string]any{"defaults_file": file}), Tables: []string{"emr.t"}})
}

func TestBadOptionFilesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"no section": {"user=tap\n", "line 1: it stands before the first section"},
		"includes":   {"[client]\n!include /etc/other.cnf\n", "line 2: it includes other files"},
		"not closed": {"[client\n", "not closed"},
		"port":       {"[client]\nuser=tap\nport=many\n", "not a number"},
		"no user":    {"[client]\nhost=127.0.0.1\n", "settings: user"},
	} {
		list := problems(t, defaults(optionFile(t, c.text)))
		if text := list[0].Thing + ": " + list[0].Reason; !strings.Contains(text, c.want) {
			t.Errorf("%s: %s", name, text)
		}
	}
	open := optionFile(t, "[client]\nuser=tap\npassword=secret\n")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mends(problems(t, defaults(open))); got != "chmod 0600 "+open {
		t.Errorf("the mend of an open file is %q", got)
	}
	problems(t, defaults("/no/such/file"))
}

func TestAccountOfAnOptionFileIsThatOfTheGrants(t *testing.T) {
	account, err := mysql.AccountOf(defaults(optionFile(t, "[client]\nuser=reader\npassword=secret\nhost=db.example.org\n")))
	if err != nil {
		t.Fatal(err)
	}
	text := account.Grants()
	if !strings.Contains(text, "'reader'@'%' REQUIRE SSL") || strings.Contains(text, "secret") {
		t.Errorf("the grants are:\n%s", text)
	}
}
