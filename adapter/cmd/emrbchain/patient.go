package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func newPatient() *cobra.Command {
	command := newGroup("patient", "Find this site's patients, say who is one person, and erase")
	command.Long = `Patients are known here by the EMR's own key, and by an id of this site's own
(lid1…) that is made of an identifier such as a national id. The section
patients of the configuration says where the identifiers stand.`
	command.AddCommand(newPatientID(), newPatientShow(), newPatientSearch(), newPatientMerge(), newPatientUnmerge(), newPatientNew(), newPatientLink(), newPatientRefused(),
		newPatientErase(), newPatientHold(), newPatientRelease())
	return command
}

// asking is a command that asks the sidecar one thing and prints the answer.
func asking[Out any](command *cobra.Command, ask func(*cobra.Command, *control.Client, []string) (*Out, error), text func(*Out) string) *cobra.Command {
	var sidecar sidecarFlags
	var asJSON bool
	command.RunE = func(command *cobra.Command, arguments []string) error {
		var out *Out
		err := sidecar.ask(func(c *control.Client) (err error) {
			out, err = ask(command, c, arguments)
			return err
		})
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(command.OutOrStdout(), out)
		}
		_, err = io.WriteString(command.OutOrStdout(), text(out))
		return err
	}
	sidecar.add(command)
	jsonFlag(command, &asJSON)
	return command
}

func newPatientID() *cobra.Command {
	var query api.PatientQuery
	command := asking(&cobra.Command{
		Use:   "id --system URI [--value IDENTIFIER]",
		Short: "Print a patient's id at this site, and whose it is",
		Long: `Prints the id (lid1…) that this site makes of an identifier, and the EMR's own
key of the patient who has it. Without --value the identifier is read from the
standard input, so that it stays out of the shell's history and out of the list
of processes. An identifier that is mistyped is refused, where its system has a
check digit. More than one patient means that they must be told apart, or
merged.`,
		Example: `  emrbchain patient id --system https://fhir.nhs.uk/Id/nhs-number
  emrbchain patient id --system https://north-hospital.example/mrn --value A-1234`,
		Args: takes(),
	}, func(command *cobra.Command, c *control.Client, _ []string) (*api.Patients, error) {
		if err := needFlags(command, "system"); err != nil {
			return nil, err
		}
		if query.Value == "" {
			var err error
			if query.Value, err = readIdentifier(command.InOrStdin()); err != nil {
				return nil, err
			}
		}
		return c.PatientID(command.Context(), query)
	}, patientsText)
	command.Flags().StringVar(&query.System, "system", "", "the identifier's `system`, FHIR's Identifier.system")
	command.Flags().StringVar(&query.Value, "value", "", "the `identifier` (default read from the standard input)")
	return command
}

// readIdentifier reads one line.
func readIdentifier(in io.Reader) (string, error) {
	const most = 4096
	line, err := bufio.NewReader(io.LimitReader(in, most)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the identifier: %w", err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", usagef("no identifier came on the standard input; write one line, or give --value")
	}
	return line, nil
}

func newPatientShow() *cobra.Command {
	return asking(&cobra.Command{
		Use:     "show ID",
		Short:   "Print whose an id is",
		Example: "  emrbchain patient show lid1qqpzah9qhhmam2864dgzaqc7ev64qtyyjk88zghze",
		Args:    takes("ID"),
	}, func(command *cobra.Command, c *control.Client, arguments []string) (*api.Patients, error) {
		return c.PatientShow(command.Context(), arguments[0])
	}, patientsText)
}

func newPatientMerge() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "merge KEY INTO",
		Short: "Say that two of the EMR's patients are one person",
		Long: `Enters in the log that the patient with the first key is the one with the
second. Whoever looks for one of them finds the second, with the rows of both.
Nothing in the EMR changes: merging there is its own affair.`,
		Example: "  emrbchain patient merge 1742 388",
		Args:    takes("KEY", "INTO"),
	}, func(command *cobra.Command, c *control.Client, arguments []string) (*api.PatientEntry, error) {
		return c.PatientMerge(command.Context(), api.PatientMerge{Patient: arguments[0], Into: arguments[1]})
	}, func(e *api.PatientEntry) string { return fmt.Sprintf("Merged; entered as leaf %d.\n", e.Leaf) })
}

func newPatientUnmerge() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "unmerge KEY",
		Short: "Undo a merge",
		Long: `Enters in the log that the patient who was merged into another is one of their
own.`,
		Example: "  emrbchain patient unmerge 1742",
		Args:    takes("KEY"),
	}, func(command *cobra.Command, c *control.Client, arguments []string) (*api.PatientEntry, error) {
		return c.PatientUnmerge(command.Context(), api.PatientMerge{Patient: arguments[0]})
	}, func(e *api.PatientEntry) string {
		return fmt.Sprintf("No longer merged into %s; entered as leaf %d.\n", shown(e.From), e.Leaf)
	})
}

func newPatientNew() *cobra.Command {
	return asking(&cobra.Command{
		Use:   "new",
		Short: "Give out an id for somebody who is not known yet",
		Long: `Prints a random id of this site's for a newborn, or for somebody who cannot say
who they are. Once the EMR has them as a patient, emrbchain patient link says
so.`,
		Example: "  emrbchain patient new",
		Args:    takes(),
	}, func(command *cobra.Command, c *control.Client, _ []string) (*api.PatientEntry, error) {
		return c.PatientNew(command.Context())
	}, func(e *api.PatientEntry) string { return fmt.Sprintf("%s\nEntered as leaf %d.\n", e.ID, e.Leaf) })
}

func newPatientLink() *cobra.Command {
	return asking(&cobra.Command{
		Use:     "link ID KEY",
		Short:   "Say whose an id is that was given out before the patient was known",
		Example: "  emrbchain patient link lid1qqpzah9qhhmam2864dgzaqc7ev64qtyyjk88zghze 1742",
		Args:    takes("ID", "KEY"),
	}, func(command *cobra.Command, c *control.Client, arguments []string) (*api.PatientEntry, error) {
		return c.PatientLink(command.Context(), api.PatientLink{ID: arguments[0], Patient: arguments[1]})
	}, func(e *api.PatientEntry) string { return fmt.Sprintf("Linked; entered as leaf %d.\n", e.Leaf) })
}

func newPatientRefused() *cobra.Command {
	var most int
	command := asking(&cobra.Command{
		Use:   "refused",
		Short: "List rows whose identifiers are none",
		Long: `Lists the rows with columns that hold what is no identifier of its system, such
as a number whose check digit is wrong, and says why; never what they hold.
Nobody is found by them until they are mended in the EMR.`,
		Example: "  emrbchain patient refused --most 1000",
		Args:    takes(),
	}, func(command *cobra.Command, c *control.Client, _ []string) (*api.RefusedRows, error) {
		return c.PatientRefused(command.Context(), most)
	}, refusedText)
	command.Flags().IntVar(&most, "most", 100, "list at most this many `rows`")
	return command
}

func patientsText(p *api.Patients) string {
	var b strings.Builder
	for _, id := range p.IDs {
		fmt.Fprintln(&b, id)
	}
	for _, m := range p.Patients {
		by := ""
		if !m.Strong {
			by = ", by name, birth date and sex alone"
		}
		fmt.Fprintf(&b, "patient %s%s\n", shown(m.Key), by)
	}
	switch {
	case len(p.Patients) == 0:
		fmt.Fprintln(&b, "No patient has it here.")
	case p.Ambiguous:
		fmt.Fprintln(&b, "AMBIGUOUS: several patients have it. Tell them apart in the EMR, or merge them: emrbchain patient merge")
	}
	if p.Incomplete {
		fmt.Fprintln(&b, "INCOMPLETE: rows are still to be read; emrbchain status says of which tables.")
	}
	return b.String()
}

func refusedText(r *api.RefusedRows) string {
	var b strings.Builder
	for _, row := range r.Rows {
		fmt.Fprintf(&b, "table %s, row %s\n", shown(row.Table), shown(row.Key))
		for _, c := range row.Columns {
			fmt.Fprintf(&b, "  column %s, %s: %s\n", shown(c.Column), shown(c.System), shown(c.Reason))
		}
	}
	switch {
	case len(r.Rows) == 0:
		fmt.Fprintln(&b, "No identifier was refused.")
	case r.More:
		fmt.Fprintln(&b, "There are more; see --most.")
	}
	return b.String()
}
