package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
)

// configCheck is what check-config --json prints.
type configCheck struct {
	File     string          `json:"file"`
	OK       bool            `json:"ok"`
	Problems []configProblem `json:"problems"`
}

type configProblem struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Thing  string `json:"thing"`
	Reason string `json:"reason"`
	Mend   string `json:"mend"`
}

func newCheckConfig() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "check-config FILE",
		Short: "List every mistake in a configuration file",
		Long: `Reads a configuration file and lists every mistake in it, each with its line
and column, the field, the reason and the mend. Nothing is started and nothing
is changed; the files of secrets that it names are not opened.

Exits 0 if the file is sound, and 78 if it is not.`,
		Example: "  emrbchain check-config /etc/emrbchain/emrbchain.yaml",
		Args:    takes("FILE"),
		RunE: func(command *cobra.Command, arguments []string) error {
			_, err := config.Load(arguments[0])
			if asJSON {
				return printConfigCheck(command, arguments[0], err)
			}
			if err == nil {
				command.Printf("%s is sound.\n", arguments[0])
			}
			return err
		},
	}
	jsonFlag(command, &asJSON)
	return command
}

func printConfigCheck(command *cobra.Command, file string, err error) error {
	check := configCheck{File: file, OK: err == nil, Problems: []configProblem{}}
	var mistakes *config.Error
	if err != nil && !errors.As(err, &mistakes) {
		return err
	}
	if mistakes != nil {
		for _, p := range mistakes.Problems {
			check.Problems = append(check.Problems, configProblem(p))
		}
	}
	if err := printJSON(command.OutOrStdout(), check); err != nil {
		return err
	}
	if !check.OK {
		return exitCode(exitConfiguration)
	}
	return nil
}
