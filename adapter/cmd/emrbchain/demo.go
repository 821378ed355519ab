package main

import (
	"fmt"
	"os"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/demo"
)

func newDemo() *cobra.Command {
	var o demo.Options
	command := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole product on this machine, tampering and all",
		Long: `Runs two hospitals with synthetic records, a sidecar beside each database, and a
chain of four validators; then an insider edits, deletes, inserts, hides an edit
in a gap and restores an old copy behind the system's back. Each step says in
one line what was done, expected and found. Nothing outside its directory is
touched, and no network but this machine's own.

It stays up at the end, and prints how to ask the sidecars, until Ctrl-C.

Exits 0 if every step held, and 1 if one did not.`,
		Example: `  emrbchain demo
  emrbchain demo --once --json`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program, to run the sidecars: %w", err)
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			o.Out, o.Program, o.Logger = command.OutOrStdout(), []string{self}, zerolog.Nop()
			return demo.Run(ctx, o)
		},
	}
	command.Flags().BoolVar(&o.Once, "once", false, "end after the last step")
	command.Flags().StringVar(&o.Dir, "dir", "", "put everything into this `directory`, and leave it there (default a temporary one)")
	jsonFlag(command, &o.JSON)
	return command
}
