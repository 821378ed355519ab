package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/order"
)

func newOfficer() *cobra.Command {
	group := newGroup("officer", "Sign orders to erase and to correct, where the sidecar is not")
	group.AddCommand(newOfficerKeygen(), newOfficerSign(), newOfficerShow(), newOfficerRegister(), newOfficerList())
	return group
}

func newOfficerKeygen() *cobra.Command {
	var file string
	command := &cobra.Command{
		Use:   "keygen -o FILE",
		Short: "Make an officer's key",
		Long: `Makes the key with which an officer signs orders. Run it on the officer's own
machine, never on a sidecar's host: an order is worth something because whoever
rules over that host can't sign it. It needs no configuration and no network.

What it prints is public: have it put on record with emrbchain officer register,
and compare the key's id with what emrbchain officer list says there.`,
		Example: `  emrbchain officer keygen -o officer.key`,
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "output"); err != nil {
				return err
			}
			key, err := keys.GenerateMember()
			if err != nil {
				return err
			}
			if err := writeNew(file, keys.FormatMember(key), 0o600); err != nil {
				return fmt.Errorf("write the officer's key: %w", err)
			}
			command.Printf("%s: the officer's secret key; keep it off every sidecar's host.\npublic key  %s\nkey id      %s\n",
				file, hex.EncodeToString(key.Public()), key.ID())
			return nil
		},
	}
	command.Flags().StringVarP(&file, "output", "o", "", "the `file` of the secret key to write")
	return command
}

func newOfficerSign() *cobra.Command {
	var keyFile, output string
	var yes bool
	command := &cobra.Command{
		Use:   "sign ORDER --key FILE -o SIGNED",
		Short: "Read an order in plain words and sign it",
		Long: `Shows what an order says, asks, and signs it. It needs neither a sidecar nor a
configuration nor a network: run it where the officer's key is.`,
		Example: `  emrbchain officer sign erase.order --key officer.key -o erase.signed`,
		Args:    takes("ORDER"),
		RunE: func(command *cobra.Command, arguments []string) error {
			if err := needFlags(command, "key", "output"); err != nil {
				return err
			}
			f, err := readOrder(arguments[0])
			if err != nil {
				return err
			}
			if f.Signed != nil {
				return fmt.Errorf("%s is signed already; sign the one that was prepared", arguments[0])
			}
			text, err := config.SecretFile(mustAbsolute(keyFile)).Read()
			if err != nil {
				return fmt.Errorf("--key: %w", err)
			}
			key, err := keys.ParseMember(bytes.NewReader(text))
			if err != nil {
				return fmt.Errorf("--key: %s: %w", keyFile, err)
			}
			command.Print(shownLines(f.Words(orderMoment)))
			if !yes {
				if err := confirm(command.InOrStdin(), command.OutOrStdout()); err != nil {
					return err
				}
			}
			f.Signed = order.Sign(f.Order.Append(nil), key, time.Now().UnixMilli())
			if err := writeNew(output, f.Append(nil), 0o600); err != nil {
				return fmt.Errorf("write the signed order: %w", err)
			}
			command.Printf("%s: signed by key %s. Have it carried out there: --order %s\n", output, key.ID(), output)
			return nil
		},
	}
	command.Flags().StringVar(&keyFile, "key", "", "the `file` of the officer's secret key")
	command.Flags().StringVarP(&output, "output", "o", "", "the `file` of the signed order to write")
	command.Flags().BoolVar(&yes, "yes", false, "sign without asking; what is signed is printed all the same")
	return command
}

// confirm asks whether an order is to be signed.
func confirm(in io.Reader, out io.Writer) error {
	if _, err := io.WriteString(out, "\nSign this? Type yes: "); err != nil {
		return err
	}
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != "yes" {
		return errors.New("nothing was signed")
	}
	return nil
}

func newOfficerShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ORDER",
		Short:   "Read an order in plain words",
		Example: `  emrbchain officer show erase.order`,
		Args:    takes("ORDER"),
		RunE: func(command *cobra.Command, arguments []string) error {
			f, err := readOrder(arguments[0])
			if err != nil {
				return err
			}
			command.Print(shownLines(f.Words(orderMoment)))
			return nil
		},
	}
}

func newOfficerRegister() *cobra.Command {
	var sidecar sidecarFlags
	var request api.OfficerRequest
	command := &cobra.Command{
		Use:   "register --name NAME --key PUBLIC",
		Short: "Put an officer's public key on record",
		Long: `Enters an officer's public key in the log. It counts once an anchor covers that
entry, for what comes after, and for good: who puts a key on record is seen by
everybody who reads the log, and can sign nothing that was before.`,
		Example: `  emrbchain officer register --name "Dr. Example, data protection officer" --key 3b6a…`,
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if err := needFlags(command, "name", "key"); err != nil {
				return err
			}
			var officers *api.Officers
			err := sidecar.ask(func(c *control.Client) (err error) {
				officers, err = c.RegisterOfficer(command.Context(), request)
				return err
			})
			if err == nil {
				command.Print(officersText(officers))
			}
			return err
		},
	}
	sidecar.add(command)
	command.Flags().StringVar(&request.Name, "name", "", "the officer's `name` and office, as reports are to say it")
	command.Flags().StringVar(&request.Key, "key", "", "the public `key` that emrbchain officer keygen printed")
	return command
}

func newOfficerList() *cobra.Command {
	var sidecar sidecarFlags
	var asJSON bool
	command := &cobra.Command{
		Use:   "list",
		Short: "List the officers' keys on record",
		Long: `Lists the keys that sign orders, with their ids, since when they are on record,
and whether that is anchored. Compare each id with the officer's own.`,
		Example: `  emrbchain officer list`,
		Args:    takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			var officers *api.Officers
			err := sidecar.ask(func(c *control.Client) (err error) {
				officers, err = c.Officers(command.Context())
				return err
			})
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), officers)
			}
			command.Print(officersText(officers))
			return nil
		},
	}
	sidecar.add(command)
	jsonFlag(command, &asJSON)
	return command
}

func officersText(o *api.Officers) string {
	if len(o.Officers) == 0 {
		return "No officer's key is on record.\n"
	}
	var b strings.Builder
	for _, one := range o.Officers {
		fmt.Fprintf(&b, "%s  %s, on record since %s, leaf %d, ", one.ID, shown(one.Name), moment(one.Since), one.Leaf)
		if one.Anchored == nil {
			b.WriteString("NOT ANCHORED YET: it counts for nothing\n")
		} else {
			fmt.Fprintf(&b, "anchored in block %d\n", one.Anchored.Height)
		}
	}
	return b.String()
}

func readOrder(file string) (*order.File, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the order: %w", err)
	}
	f, err := order.ParseFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return f, nil
}

func orderMoment(ms int64) string { return moment(time.UnixMilli(ms)) }

// shownLines keeps what stands in a file from steering a terminal.
func shownLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(shown(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

func mustAbsolute(path string) string {
	full, err := absolute(path, "")
	if err != nil {
		return path
	}
	return full
}
