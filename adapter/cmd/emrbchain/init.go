package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newInit() *cobra.Command {
	var f initFlags
	command := &cobra.Command{
		Use:   "init DIRECTORY --tap mysql|sqlite --chain ID --member ID --table NAME=COLUMN...|--preset NAME",
		Short: "Make a sidecar's keys, configuration and record log",
		Long: `Makes a directory with everything that a sidecar needs: its keys, its
configuration, an empty record log, and the SQL that the owner of the database
is to run once. It prints what it made and what to do next. The database is
read at most, and nothing is ever overwritten.

Each table is named with the column that holds the EMR's own key of the patient
whom a row belongs to. A table whose rows belong to no patient goes by --nobody.
Of a known EMR, --preset knows the tables of a patient's record, how their rows
lead to the patient, their clinical dates, and what makes a row final.`,
		Example: `  emrbchain init /srv/clinic --tap sqlite --database /var/lib/emr/clinic.db \
      --chain region-1 --member north-hospital --table patients=id --table visits=patient_id --nobody drugs
  emrbchain init /srv/openemr --tap mysql --host 127.0.0.1 --user emrbchain \
      --chain region-1 --member north-hospital --table openemr.patient_data=pid
  emrbchain init /srv/openemr --tap mysql --preset openemr --schema emr \
      --chain region-1 --member north-hospital`,
		Args: takes("DIRECTORY"),
		RunE: func(command *cobra.Command, arguments []string) error {
			if err := needFlags(command, "tap", "chain", "member"); err != nil {
				return err
			}
			plan, err := f.plan(command.Context(), arguments[0])
			if err != nil {
				return err
			}
			if err := plan.make(); err != nil {
				return fmt.Errorf("make %s: %w", plan.directory, err)
			}
			command.Print(plan.report())
			return nil
		},
	}
	f.add(command)
	return command
}

type initFlags struct {
	tap, chain, member, rpc string
	name                    string
	memberKey               string
	tables                  []string
	nobody                  []string
	preset, schema          string
	logDirectory, socket    string
	http                    string
	patients                bool
	epochKey                string

	database   string // sqlite
	host, user string // mysql
	port       uint16
	unix       string
}

func (f *initFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.tap, "tap", "", "the `kind` of database: mysql (MariaDB, MySQL 8) or sqlite")
	flags.StringVar(&f.chain, "chain", "", "the chain's `id`")
	flags.StringVar(&f.member, "member", "", "this organisation's `id` on the chain")
	flags.StringArrayVar(&f.tables, "table", nil, "a table and its patient column, as `NAME=COLUMN`; repeat it for more")
	flags.StringArrayVar(&f.nobody, "nobody", nil, "a table whose rows belong to no patient, by `NAME`; repeat it for more")
	flags.StringVar(&f.preset, "preset", "", "the tables of a known EMR: openemr or openmrs, in place of --table and --nobody; its `name`")
	flags.StringVar(&f.schema, "schema", "", "the preset's database by the `name` that it has here (default the preset's)")
	flags.StringVar(&f.database, "database", "", "sqlite: the database `file`")
	flags.StringVar(&f.host, "host", "127.0.0.1", "mysql: the server's `host`")
	flags.Uint16Var(&f.port, "port", 3306, "mysql: the server's `port`")
	flags.StringVar(&f.unix, "database-socket", "", "mysql: the server's unix `socket`, instead of host and port")
	flags.StringVar(&f.user, "user", "emrbchain", "mysql: the tap's `account`, which the printed SQL makes")
	flags.StringVar(&f.name, "name", "", "the source's `name` in reports (default the directory's)")
	flags.StringVar(&f.rpc, "rpc", "http://127.0.0.1:26657", "`address` of a node of the chain")
	flags.StringVar(&f.memberKey, "member-key", "", "the member's existing key `file` (default a new key)")
	flags.StringVar(&f.logDirectory, "log-directory", "", "`directory` of the record log (default DIRECTORY/log)")
	flags.StringVar(&f.socket, "control-socket", "", "the sidecar's control `socket` (default DIRECTORY/control.sock)")
	flags.BoolVar(&f.patients, "patients", false, "with --preset: have patients found from other hospitals, by the preset's section")
	flags.StringVar(&f.epochKey, "epoch-key", "", "with --patients: the members' existing key `file` of an epoch (default a new key of epoch 1)")
	flags.StringVar(&f.http, "http", "127.0.0.1:8470", "`address` of the HTTP interface; empty for none")
}

// checkEmpty refuses a directory that holds anything.
func checkEmpty(directory string) error {
	entries, err := os.ReadDir(directory)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", directory, err)
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty, and nothing is ever overwritten; name a new directory", directory)
	}
	return nil
}

// absolute returns the absolute form of a path, or of its default if it is
// empty.
func absolute(path, otherwise string) (string, error) {
	if path == "" {
		path = otherwise
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find directory: %w", err)
	}
	return full, nil
}
