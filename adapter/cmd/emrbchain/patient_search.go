package main

import (
	"fmt"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func newPatientSearch() *cobra.Command {
	var query api.PatientQuery
	var search api.PatientSearch
	command := asking(&cobra.Command{
		Use:   "search --system URI --purpose CODE [--member MEMBER] [--value IDENTIFIER]",
		Short: "Ask other members whether they know a patient",
		Long: `Asks each member, or those named with --member, whether it knows a patient by an
identifier. A member says yes, no, or that it refuses: that is its own policy.
Nobody but the members asked can read it. It is entered in this site's log and
in theirs, so give the true purpose. Without --value the identifier is read from
the standard input, so that it stays out of the shell's history and out of the
list of processes.

Purposes are TREAT, ETREAT (emergency), BTG (break the glass), HPAYMT, HOPERAT,
HRESCH and PATRQT, codes of HL7's v3-ActReason.`,
		Example: `  emrbchain patient search --system https://fhir.nhs.uk/Id/nhs-number --purpose TREAT
  emrbchain patient search --system https://fhir.nhs.uk/Id/nhs-number --purpose ETREAT --member south-hospital`,
		Args: takes(),
	}, func(command *cobra.Command, c *control.Client, _ []string) (*api.SearchResult, error) {
		if err := needFlags(command, "system", "purpose"); err != nil {
			return nil, err
		}
		if query.Value == "" {
			var err error
			if query.Value, err = readIdentifier(command.InOrStdin()); err != nil {
				return nil, err
			}
		}
		if who, err := user.Current(); err == nil && search.By == "" {
			search.By = who.Username
		}
		search.Identifiers = []api.PatientQuery{query}
		return c.PatientSearch(command.Context(), search)
	}, searchText)
	command.Flags().StringVar(&query.System, "system", "", "the identifier's `system`, FHIR's Identifier.system")
	command.Flags().StringVar(&query.Value, "value", "", "the `identifier` (default read from the standard input)")
	command.Flags().StringVar(&search.Purpose, "purpose", "", "what for, as a `code`")
	command.Flags().StringSliceVar(&search.Members, "member", nil, "ask this `member` alone; may be repeated (default all)")
	command.Flags().StringVar(&search.By, "by", "", "who asks, as the `name` that is entered in the log (default the user of this command)")
	return command
}

func searchText(r *api.SearchResult) string {
	var b strings.Builder
	for _, a := range r.Answers {
		fmt.Fprintf(&b, "%s: %s", a.Member, strings.Replace(a.Answer, api.SearchNoAnswer, "no answer", 1))
		if a.Reason != "" {
			fmt.Fprintf(&b, "; %s", a.Reason)
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "Query %s, entered in the log.\n", r.Query)
	return b.String()
}
