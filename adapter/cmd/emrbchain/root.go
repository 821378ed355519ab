package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := newGroup("emrbchain", "Keep an EMR's records provably unaltered")
	root.Long = `EMRBchain stands beside the database of an EMR, commits to every change of a
row, and anchors the commitments on a chain that hospitals run together. An
audit compares the database with the commitments and names each row that was
altered, deleted or put back behind the system's back.

Exit codes: 0 success, 1 failure, 2 wrong use, 3 findings, 78 configuration.`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	addGroup(root, "start", "See it at work:", newDemo(), newTry())
	addGroup(root, "setup", "Set up:", newInit(), newCheckConfig(), newDoctor(), newKeys())
	addGroup(root, "service", "Run as a service:", newRun(), newNode(), newTap())
	addGroup(root, "work", "Ask a running sidecar:", newStatus(), newAudit(), newPause(), newResume(), newProve(), newTrust(), newPatient())
	addGroup(root, "orders", "Correct, and sign orders, as an officer:", newCorrect(), newOfficer())
	addGroup(root, "evidence", "Check evidence:", newVerify())
	root.AddCommand(newVersion())
	return root
}

func addGroup(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
	}
	root.AddCommand(commands...)
}

// newGroup returns a command that only holds others.
func newGroup(use, short string) *cobra.Command {
	return &cobra.Command{
		Use:                        use,
		Short:                      short,
		SuggestionsMinimumDistance: 2,
		Args:                       cobra.ArbitraryArgs, // cobra's own check would not be a usageError
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return usagef("a command is missing")
			}
			if near := command.SuggestionsFor(arguments[0]); len(near) > 0 {
				return usagef("%s is not a command; did you mean %s?", arguments[0], strings.Join(near, " or "))
			}
			return usagef("%s is not a command", arguments[0])
		},
	}
}

// takes demands one argument for each name.
func takes(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, arguments []string) error {
		if len(arguments) < len(names) {
			return usagef("%s is missing", names[len(arguments)])
		}
		if len(arguments) > len(names) {
			return usagef("argument %q is one too many", arguments[len(names)])
		}
		return nil
	}
}
