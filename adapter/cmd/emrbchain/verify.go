package main

import (
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence/verifycmd"
)

// newVerify is emrbchain-verify under this program's roof: the same code reads
// the same flags.
func newVerify() *cobra.Command {
	return &cobra.Command{
		Use:                "verify FILE --trust trust.json",
		Short:              "Check an evidence file, without network or sidecar",
		DisableFlagParsing: true,
		RunE: func(command *cobra.Command, arguments []string) error {
			code := verifycmd.Run(command.CommandPath(), arguments, command.OutOrStdout(), command.ErrOrStderr())
			if code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}
