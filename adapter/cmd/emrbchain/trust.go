package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/chain/receipt"
)

func newTrust() *cobra.Command {
	command := newGroup("trust", "Hand out, or look at, what verifiers start from")
	command.Long = `A trust file names the chain, one of its blocks, and the validators who signed
it. Whoever checks evidence starts from it, so it must reach them by a way that
they believe: compare its fingerprint by phone or on a letterhead.`
	command.AddCommand(newTrustExport(), newTrustShow())
	return command
}

func newTrustExport() *cobra.Command {
	var sidecar sidecarFlags
	var file string
	command := &cobra.Command{
		Use:     "export -o FILE",
		Short:   "Write the trust file of the sidecar's chain",
		Example: "  emrbchain trust export -o trust.json",
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "output"); err != nil {
				return err
			}
			text, trust, err := askTrust(command, &sidecar)
			if err != nil {
				return err
			}
			if err := writeNew(file, text, 0o644); err != nil {
				return fmt.Errorf("write trust file: %w", err)
			}
			if err := printTrust(command.OutOrStdout(), trust); err != nil {
				return err
			}
			command.Printf("\nWritten to %s.\n", file)
			return nil
		},
	}
	sidecar.add(command)
	command.Flags().StringVarP(&file, "output", "o", "", "the trust `file` to write")
	return command
}

func newTrustShow() *cobra.Command {
	var sidecar sidecarFlags
	var asJSON bool
	command := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Print the fingerprint and content of a trust file",
		Long: `Prints the fingerprint and the content of a trust file; without a file, of what
the sidecar would hand out now. Compare the fingerprint with the one that the
hospital or another member tells you, before you rely on it.`,
		Example: `  emrbchain trust show trust.json
  emrbchain trust show`,
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) > 1 {
				return usagef("argument %q is one too many", arguments[1])
			}
			return nil
		},
		RunE: func(command *cobra.Command, arguments []string) error {
			trust, err := findTrust(command, &sidecar, arguments)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), trustAnswer{Fingerprint: trust.Fingerprint(), Trust: trust})
			}
			return printTrust(command.OutOrStdout(), trust)
		},
	}
	sidecar.add(command)
	jsonFlag(command, &asJSON)
	return command
}

// trustAnswer is what trust show --json prints.
type trustAnswer struct {
	Fingerprint string        `json:"fingerprint"`
	Trust       receipt.Trust `json:"trust"`
}

func findTrust(command *cobra.Command, sidecar *sidecarFlags, arguments []string) (receipt.Trust, error) {
	if len(arguments) == 1 {
		return readTrust(arguments[0])
	}
	_, trust, err := askTrust(command, sidecar)
	return trust, err
}

// readTrust reads a trust file.
func readTrust(file string) (receipt.Trust, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return receipt.Trust{}, fmt.Errorf("read trust file: %w", err)
	}
	trust, err := receipt.ParseTrust(text)
	if err != nil {
		return receipt.Trust{}, fmt.Errorf("%s: %w; get the file again from whoever gave it", file, err)
	}
	return trust, nil
}

func askTrust(command *cobra.Command, sidecar *sidecarFlags) ([]byte, receipt.Trust, error) {
	var text []byte
	err := sidecar.ask(func(c *control.Client) (err error) {
		text, err = c.TrustExport(command.Context())
		return err
	})
	if err != nil {
		return nil, receipt.Trust{}, err
	}
	trust, err := receipt.ParseTrust(text)
	if err != nil {
		return nil, receipt.Trust{}, fmt.Errorf("read the sidecar's answer: %w", err)
	}
	return text, trust, nil
}

// printTrust prints the fingerprint first: it is what people compare.
func printTrust(out io.Writer, t receipt.Trust) error {
	_, err := fmt.Fprintf(out, `fingerprint  %s
chain        %s
block        %d, hash %x
validators   %x
as of        %s
`, t.Fingerprint(), shown(t.ChainID), t.Height, t.HeaderHash[:], t.ValidatorsHash[:], moment(t.AsOf))
	return err
}
