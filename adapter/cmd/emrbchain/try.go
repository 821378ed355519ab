package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"

	driver "github.com/go-sql-driver/mysql"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/emrbchain/emrbchain/adapter/internal/doctor"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// passwordVariable names the environment variable that may hold a password.
const passwordVariable = "EMRBCHAIN_PASSWORD"

func newTry() *cobra.Command {
	var f tryFlags
	command := &cobra.Command{
		Use:   "try [DSN]",
		Short: "Look at a MariaDB database, without installing anything",
		Long: `Looks at a database through the tap, and says which tables could be protected,
what the server and the account lack with the SQL that mends it, how long
reading everything takes, and how much disk the record log would need. It only
reads: no state is kept, no chain is needed, and nothing is written to the
database.

The DSN is USER@tcp(HOST:PORT)/DATABASE or USER@unix(/SOCKET)/DATABASE; without
DATABASE, all that the account sees. The password is never part of it, because
every user of a host may read the arguments of its processes: it comes from
--password-file, from --defaults-file, or from ` + passwordVariable + `.

Exits 0 if nothing fails, and 1 if a check fails, or a table cannot be
covered or not be read. Warnings are no failure.`,
		Example: `  emrbchain try 'emrbchain@tcp(127.0.0.1:3306)/openemr' --password-file pw
  emrbchain try --defaults-file ~/.my.cnf --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, arguments []string) error {
			config, secret, err := f.config(arguments)
			if err != nil {
				return err
			}
			defer secret.close()
			o := host.Options{Name: "mysql", Command: []string{self(), "tap", "mysql"}, Logger: zerolog.Nop()}
			found, err := doctor.Source(command.Context(), o, tap.SurveyRequest{Config: config, SampleRows: f.rows})
			if err != nil {
				return err
			}
			return printSurvey(command.OutOrStdout(), &found, doctor.Estimate(&found), f.asJSON)
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.password, "password-file", "", "read the account's password from this `file`")
	flags.StringVar(&f.defaults, "defaults-file", "", "take what the DSN leaves open from this option `file`, such as ~/.my.cnf")
	flags.IntVar(&f.rows, "rows", 1000, "how many rows of each table to read")
	jsonFlag(command, &f.asJSON)
	return command
}

type tryFlags struct {
	password, defaults string
	rows               int
	asJSON             bool
}

// config is the tap's configuration, and the secret that must live as long.
func (f *tryFlags) config(arguments []string) (tap.Config, memorySecret, error) {
	var config tap.Config
	settings := map[string]any{}
	if len(arguments) == 0 && f.defaults == "" {
		return config, memorySecret{}, usagef("DSN is missing; write USER@tcp(HOST:PORT)/DATABASE, or name a --defaults-file")
	}
	if len(arguments) == 1 {
		schema, err := readDSN(arguments[0], settings)
		if err != nil {
			return config, memorySecret{}, err
		}
		if schema != "" {
			config.Tables = []string{schema + ".*"}
		}
	}
	for name, file := range map[string]string{"password_file": f.password, "defaults_file": f.defaults} {
		if file == "" {
			continue
		}
		full, err := absolute(file, "")
		if err != nil {
			return config, memorySecret{}, err
		}
		settings[name] = full
	}
	var secret memorySecret
	if password := os.Getenv(passwordVariable); password != "" && f.password == "" {
		var err error
		if secret, err = newMemorySecret(password); err != nil {
			return config, secret, err
		}
		settings["password_file"] = secret.path()
	}
	var err error
	config.Settings, err = json.Marshal(settings)
	return config, secret, err
}

// readDSN turns a DSN into the tap's settings and returns the database's name.
// No error repeats any of it.
func readDSN(dsn string, settings map[string]any) (schema string, err error) {
	c, err := driver.ParseDSN(dsn)
	if err != nil {
		return "", usagef("the DSN cannot be read; write USER@tcp(HOST:PORT)/DATABASE or USER@unix(/SOCKET)/DATABASE")
	}
	if c.Passwd != "" {
		return "", usagef("the DSN holds a password, which every user of this host can see; change it, " +
			"and give the new one by --password-file or " + passwordVariable)
	}
	if c.User != "" {
		settings["user"] = c.User
	}
	if c.Net == "unix" {
		settings["socket"] = c.Addr
	} else if name, port, err := net.SplitHostPort(c.Addr); err == nil {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return "", usagef("the port of the DSN is not a number up to 65535")
		}
		settings["host"], settings["port"] = name, number
	}
	if mode, ok := map[string]string{"true": "verify", "skip-verify": "required", "preferred": "required", "false": "off"}[c.TLSConfig]; ok {
		settings["tls"] = mode
	}
	return c.DBName, nil
}

// A memorySecret is a file that is in memory alone and goes with this process.
// The tap, which runs as the same user, reads it by its path.
type memorySecret struct{ file *os.File }

func newMemorySecret(text string) (memorySecret, error) {
	fd, err := unix.MemfdCreate("secret", unix.MFD_CLOEXEC)
	if err != nil {
		return memorySecret{}, fmt.Errorf("make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), "secret")
	_, writeErr := f.WriteString(text)
	if err := errors.Join(f.Chmod(fs.FileMode(0o600)), writeErr); err != nil {
		_ = f.Close() // the first error tells why
		return memorySecret{}, fmt.Errorf("make a file in memory: %w", err)
	}
	return memorySecret{f}, nil
}

func (s memorySecret) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.file.Fd()) }

func (s memorySecret) close() {
	if s.file != nil {
		_ = s.file.Close() // it is gone with that
	}
}
