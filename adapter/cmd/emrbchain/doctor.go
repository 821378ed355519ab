package main

import (
	"fmt"
	"os"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/doctor"
	"github.com/emrbchain/emrbchain/plugins/host"
	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func newDoctor() *cobra.Command {
	var file string
	var rows int
	var asJSON, grants, revoke bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Say what the sidecar needs and what is missing, before it starts",
		Long: `Looks at everything that a configuration names: the database by the tap's own
survey, the keys, the record log's directory and disk, and the chain. Each
finding says what is wrong, why that matters, and the SQL or command that mends
it. Nothing is changed; the sidecar may be running or not.

--print-grants and --print-revoke only print SQL, for the administrator of a
MariaDB server: they connect to nothing, and print no password.

Exits 0 if nothing fails, 1 if something does, 78 if the configuration has
mistakes. Warnings alone are no failure.`,
		Example: `  emrbchain doctor
  emrbchain doctor --config /srv/clinic/emrbchain.yaml --json
  emrbchain doctor --print-grants`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			if grants || revoke {
				return printAccount(command, c, grants, revoke)
			}
			found, err := doctor.Source(command.Context(), tapOptions(c.Source), tap.SurveyRequest{Config: tapConfig(c), SampleRows: rows})
			if err != nil {
				return err
			}
			load := doctor.Estimate(&found)
			found.Checks = append(found.Checks, doctor.Sidecar(command.Context(), c, load.LogBytes)...)
			return printSurvey(command.OutOrStdout(), &found, load, asJSON)
		},
	}
	flags := command.Flags()
	flags.StringVar(&file, "config", defaultConfig, "the configuration `file`")
	flags.IntVar(&rows, "rows", 100, "how many rows of each table to read")
	flags.BoolVar(&grants, "print-grants", false, "print the SQL that makes the tap's account, with the least rights")
	flags.BoolVar(&revoke, "print-revoke", false, "print the SQL that takes it away")
	jsonFlag(command, &asJSON)
	return command
}

// tapConfig is what the sidecar opens its tap with.
func tapConfig(c *config.Config) tap.Config {
	out := tap.Config{Settings: c.Source.Settings}
	for _, t := range c.Source.Tables {
		out.Tables = append(out.Tables, t.Name)
	}
	return out
}

// tapOptions say how the sidecar runs its tap.
func tapOptions(source config.Source) host.Options {
	o := host.Options{Name: source.Tap, Socket: source.Socket, Manifest: source.Manifest, Logger: zerolog.Nop()}
	if source.Socket == "" && source.Manifest == "" {
		o.Command = []string{self(), "tap", source.Tap}
	}
	return o
}

// self is this program, which runs the built-in taps.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func printAccount(command *cobra.Command, c *config.Config, grants, revoke bool) error {
	if c.Source.Tap != "mysql" {
		return usagef("--print-grants and --print-revoke are of the mysql tap; this source is read by the tap %s", c.Source.Tap)
	}
	account, err := mysql.AccountOf(tapConfig(c))
	if err != nil {
		return fmt.Errorf("source.settings: %w", err)
	}
	if grants {
		command.Print(account.Grants())
	}
	if revoke {
		command.Print(account.Revoke())
	}
	return nil
}
