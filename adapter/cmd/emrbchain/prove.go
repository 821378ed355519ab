package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func newProve() *cobra.Command {
	var sidecar sidecarFlags
	var request api.ProveRequest
	var file string
	command := &cobra.Command{
		Use:   "prove --table TABLE --key KEY -o FILE",
		Short: "Write evidence about a row that a stranger can check offline",
		Long: `Writes an evidence file about one row: what was committed, between which two
moments, and, where an audit found the row altered or gone, that finding too.
Who has the chain's trust file can check it with emrbchain verify, without a
network and without trust in the hospital. The file opens the row's values:
hand it only to who may read them.

A key of one column is written as it is. A key of several columns is a JSON
array in the order of the key's columns. Findings show keys as they are to be
written here.`,
		Example: `  emrbchain prove --table patients --key 42 -o patient-42.evidence
  emrbchain prove --table stays --key '["ward 3",42]' --version 1 -o stay.evidence`,
		Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "table", "key", "output"); err != nil {
				return err
			}
			var evidence []byte
			err := sidecar.ask(func(c *control.Client) (err error) {
				evidence, err = c.Prove(command.Context(), request)
				return err
			})
			if err != nil {
				return err
			}
			if err := writeNew(file, evidence, 0o600); err != nil {
				return fmt.Errorf("write evidence: %w", err)
			}
			command.Printf("%s: %s. Check it: emrbchain verify %s --trust trust.json\n", file, count(len(evidence), "byte"), file)
			return nil
		},
	}
	sidecar.add(command)
	command.Flags().StringVar(&request.Table, "table", "", "the row's `table`")
	command.Flags().StringVar(&request.Key, "key", "", "the row's `key`; of a table without one what it holds, such as {\"pid\":42}")
	command.Flags().Uint64Var(&request.Version, "version", 0, "the row's `version`, from 1 (default the latest)")
	command.Flags().StringVarP(&file, "output", "o", "", "the evidence `file` to write")
	return command
}

// needFlags demands flags that have no default.
func needFlags(command *cobra.Command, names ...string) error {
	for _, name := range names {
		if flag := command.Flags().Lookup(name); flag.Value.String() == "" {
			return usagef("--%s is missing: %s", name, strings.ReplaceAll(flag.Usage, "`", ""))
		}
	}
	return nil
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; move it away, or name another file", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
