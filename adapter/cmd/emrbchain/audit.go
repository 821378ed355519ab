package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func newAudit() *cobra.Command {
	var sidecar sidecarFlags
	var request auditFlags
	command := &cobra.Command{
		Use:   "audit",
		Short: "Compare the database with the log, and name what differs",
		Long: `Has the sidecar read the tables again, compares each row with the commitments
in its log, and prints a finding for each deviation: the row, what happened to
it, when it was last seen as committed and when it was first seen otherwise.

It waits for the end, which takes as long as the source needs to be read, and
shows on a terminal how far it is. The audit goes on, and is entered in the log,
if this command is stopped.

Exits 0 if there is no finding, 3 if there are findings, and 1 if a table
that is covered otherwise could not be read; the others are audited all the
same.`,
		Example: `  emrbchain audit
  emrbchain audit --table patients --table prescriptions
  emrbchain audit --since 2026-11-01 --csv findings.csv`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			asked, err := request.parse(time.Now())
			if err != nil {
				return err
			}
			if err := request.checkCSV(); err != nil {
				return err
			}
			var report *api.AuditReport
			err = sidecar.ask(func(c *control.Client) (err error) {
				defer showProgress(command, c.Status)()
				report, err = c.Audit(command.Context(), asked)
				return err
			})
			if err != nil {
				return err
			}
			return request.print(command.OutOrStdout(), report)
		},
	}
	sidecar.add(command)
	request.add(command)
	return command
}

type auditFlags struct {
	tables []string
	since  string
	asJSON bool
	csv    string
}

func (f *auditFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringArrayVar(&f.tables, "table", nil, "audit this `table` alone; repeat it for more (default all)")
	flags.StringVar(&f.since, "since", "", "leave out what was first seen before this `time`: 2026-11-01, 2026-11-01T08:00:00Z, or 24h for a day ago")
	flags.StringVar(&f.csv, "csv", "", "write the findings as CSV to this new `file`")
	jsonFlag(command, &f.asJSON)
}

func (f *auditFlags) parse(now time.Time) (api.AuditRequest, error) {
	request := api.AuditRequest{Tables: f.tables}
	if f.asJSON && f.csv != "" {
		return request, usagef("--json and --csv exclude each other; give one")
	}
	if f.since == "" {
		return request, nil
	}
	since, err := parseSince(f.since, now)
	if err != nil {
		return request, err
	}
	request.Since = &since
	return request, nil
}

// parseSince reads a day (its start, in local time), a moment, or an age.
func parseSince(text string, now time.Time) (time.Time, error) {
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return now.Add(-age).UTC(), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("--since: %q is not a time; write 2026-11-01, 2026-11-01T08:00:00Z, or 24h for a day ago", text)
}

// print writes the report and returns exitFindings if it has findings.
func (f *auditFlags) print(out io.Writer, report *api.AuditReport) error {
	var err error
	switch {
	case f.asJSON:
		err = printJSON(out, report)
	case f.csv != "":
		err = f.writeCSV(out, report)
	default:
		_, err = io.WriteString(out, auditText(report))
	}
	if err != nil {
		return err
	}
	if len(report.Findings) > 0 {
		return exitCode(exitFindings)
	}
	if slices.ContainsFunc(report.Covered.NotCovered, func(n api.NotCovered) bool { return n.Failed }) {
		return exitCode(exitFailure)
	}
	return nil
}

// checkCSV refuses a file that is there before the audit is run for it.
func (f *auditFlags) checkCSV() error {
	if f.csv == "" {
		return nil
	}
	if _, err := os.Lstat(f.csv); err == nil {
		return usagef("--csv: %s is there already; move it away, or name another file", f.csv)
	}
	return nil
}

// writeCSV writes the file, whose rows name patients by their keys: it is for
// its owner's eyes.
func (f *auditFlags) writeCSV(out io.Writer, report *api.AuditReport) error {
	var text bytes.Buffer
	if err := findingsCSV(&text, report.Findings); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	if err := writeNew(f.csv, text.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write findings: %w", err)
	}
	_, err := fmt.Fprintf(out, "%s: %s.\n", f.csv, count(len(report.Findings), "finding"))
	return err
}
