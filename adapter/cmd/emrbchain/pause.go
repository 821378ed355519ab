package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func newPause() *cobra.Command {
	var sidecar sidecarFlags
	var lasts string
	var asJSON bool
	command := &cobra.Command{
		Use:   "pause",
		Short: "Take the load of snapshots and audits off the database",
		Long: `Has the sidecar read no row of the database, for a time or until emrbchain
resume: taking tables in, verifying them and scheduled audits wait where they
are, and audit and prove are refused. The stream of changes is still followed
and logged, so nothing is lost. Once this command returns, no such read is
running on the database, or it says how many still are.

A pause survives a restart of the sidecar, is shown by emrbchain status, and is
entered in the log, since it puts audits off. Pausing again sets a new end.`,
		Example: `  emrbchain pause
  emrbchain pause --for 2h`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			duration, err := parsePause(lasts)
			if err != nil {
				return err
			}
			var paused *api.Pause
			err = sidecar.ask(func(c *control.Client) (err error) {
				paused, err = c.Pause(command.Context(), duration)
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), paused)
			}
			_, err = io.WriteString(command.OutOrStdout(), pausedText(paused))
			return err
		},
	}
	sidecar.add(command)
	command.Flags().StringVar(&lasts, "for", "", "end the pause after this `time`, such as 30m or 2h (default when it is resumed)")
	jsonFlag(command, &asJSON)
	return command
}

func newResume() *cobra.Command {
	var sidecar sidecarFlags
	var asJSON bool
	command := &cobra.Command{
		Use:   "resume",
		Short: "End a pause: have the database read again",
		Long: `Ends a pause. Snapshots, verifications and audits go on where they stopped. It
is no mistake if there was no pause.`,
		Example: `  emrbchain resume`,
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			var resumed *api.Resumed
			err := sidecar.ask(func(c *control.Client) (err error) {
				resumed, err = c.Resume(command.Context())
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), resumed)
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), resumedText(resumed, time.Now()))
			return err
		},
	}
	sidecar.add(command)
	jsonFlag(command, &asJSON)
	return command
}

// parsePause reads how long a pause lasts; 0 is until it is resumed.
func parsePause(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	lasts, err := time.ParseDuration(text)
	if err != nil || lasts <= 0 {
		return 0, usagef("--for: %q is not a length of time; write 30m, 2h or 48h, or leave it out to pause until emrbchain resume", text)
	}
	return lasts, nil
}

func pausedText(p *api.Pause) string {
	text := "Reading is paused" + pauseEnd(p) + "; changes are still followed and logged.\n"
	if p.ReadsInWork > 0 {
		text += stillReading(p.ReadsInWork) + "; emrbchain status says when none is.\n"
	}
	return text + "End it with: emrbchain resume\n"
}

func pauseEnd(p *api.Pause) string {
	if p.Until == nil {
		return " until it is resumed"
	}
	return " until " + moment(*p.Until)
}

// stillReading says that reads have not ended yet with the pause.
func stillReading(reads int) string {
	if reads == 1 {
		return "1 read that began before is still running on the database"
	}
	return fmt.Sprintf("%d reads that began before are still running on the database", reads)
}

func resumedText(r *api.Resumed, now time.Time) string {
	if r.Ended == nil {
		return "Reading was not paused."
	}
	return "Reading is resumed, after a pause of " + age(now, r.Ended.Since) + "."
}
