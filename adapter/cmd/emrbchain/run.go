package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter"
	"github.com/emrbchain/emrbchain/adapter/internal/config"
)

func newRun() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the sidecar until it is told to stop",
		Long: `Runs the sidecar: it taps the database, commits to each change in its record
log, anchors the log on the chain, audits on schedule, and answers the other
commands. It ends at SIGTERM, and nothing is lost at whatever point it ends.

Exits 78 if the configuration has mistakes.`,
		Example: `  emrbchain run
  emrbchain run --config /srv/clinic/emrbchain.yaml`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			c, err := config.Load(file)
			if err != nil {
				return err
			}
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find this program, to run its taps: %w", err)
			}
			ctx, stop := untilSignal(command.Context())
			defer stop()
			go watchdog(ctx)
			keepSmall()
			return adapter.Run(ctx, c, adapter.Options{
				Version: thisBuild().Version,
				Logger:  newLogger(command.ErrOrStderr(), c.Logging.Level, c.Logging.Format),
				BuiltIn: []string{self, "tap"},
				Ready:   func() { notify(daemon.SdNotifyReady) },
			})
		},
	}
	command.Flags().StringVar(&file, "config", defaultConfig, "the configuration `file`")
	return command
}

// keepSmall lets the heap grow by half, not to its double, before it is collected:
// the database that the sidecar stands beside needs the memory more. GOGC, if it
// is set, says otherwise.
func keepSmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
