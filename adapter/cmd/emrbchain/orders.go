package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// howOrders is how an order comes about.
const howOrders = `

It takes an officer's signature, made where the sidecar is not:
  1. with --prepare, an order is written;
  2. an officer signs it elsewhere: emrbchain officer sign;
  3. with --order, it is carried out, once. Given again, the same order says
     what came of it, with the receipt of the chain once it is anchored.`

func newPatientErase() *cobra.Command {
	return newOrder("erase", "erase --patient KEY --reason TEXT --prepare -o FILE | --order FILE",
		"Destroy every key that opens a patient's commitments", `Destroys all owner keys that were ever a patient's. Their entries stay in the
log and on the chain and tell nobody anything any more; audits say of the
patient's rows that they were erased, by whose order and why. The records in the
database are not touched: erase them in the EMR, as its rules say.`+howOrders, "patient")
}

func newPatientHold() *cobra.Command {
	return newOrder("hold", "hold --patient KEY --reason TEXT --prepare -o FILE | --order FILE",
		"Keep a patient from being erased", `Holds a patient: no order erases the patient until the hold is released.`+howOrders, "patient")
}

func newPatientRelease() *cobra.Command {
	return newOrder("release", "release --patient KEY --reason TEXT --prepare -o FILE | --order FILE",
		"Release the hold of a patient", `Ends a hold, so that an order can erase the patient again.`+howOrders, "patient")
}

func newCorrect() *cobra.Command {
	return newOrder("correct", "correct --table TABLE --key KEY --reason TEXT --prepare -o FILE | --order FILE",
		"Have findings of a row taken for a correction", `Has the open findings of a row taken for what they are: a correction that
somebody was entitled to make. Audits say so from then on, by whose order and
why, of just these findings: any other change of the row is a finding again.`+howOrders, "table", "key")
}

// newOrder is a command that prepares orders of a kind and carries them out.
func newOrder(kind, use, short, long string, about ...string) *cobra.Command {
	var sidecar sidecarFlags
	var output, orderFile string
	var prepare, asJSON bool
	request := api.OrderRequest{Kind: kind}
	example := "  emrbchain patient " + kind + " --patient 4711 --reason \"case 12\" --prepare -o " + kind + ".order\n" +
		"  emrbchain patient " + kind + " --order signed.order"
	if kind == "correct" {
		example = "  emrbchain correct --table results --key 5 --reason \"typing error\" --prepare -o correct.order\n" +
			"  emrbchain correct --order signed.order"
	}
	command := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: takes(),
		RunE: func(command *cobra.Command, _ []string) error {
			if prepare == (orderFile != "") {
				return usagef("give --prepare to write an order, or --order FILE to carry a signed one out")
			}
			if !prepare {
				return carryOut(command, &sidecar, kind, orderFile, asJSON)
			}
			if err := needFlags(command, append(about, "reason", "output")...); err != nil {
				return err
			}
			var file []byte
			err := sidecar.ask(func(c *control.Client) (err error) {
				file, err = c.PrepareOrder(command.Context(), request)
				return err
			})
			if err != nil {
				return err
			}
			if err := writeNew(output, file, 0o600); err != nil {
				return fmt.Errorf("write the order: %w", err)
			}
			command.Printf("%s: nothing is done yet. Have an officer sign it elsewhere: emrbchain officer sign %s --key officer.key -o signed.order\n",
				output, output)
			return nil
		},
	}
	sidecar.add(command)
	flags := command.Flags()
	for _, name := range about {
		into := map[string]*string{"patient": &request.Patient, "table": &request.Table, "key": &request.Key}[name]
		flags.StringVar(into, name, "", map[string]string{"patient": "the patient by the EMR's own `key`", "table": "the row's `table`", "key": "the row's `key`, as findings show it"}[name])
	}
	flags.StringVar(&request.Reason, "reason", "", "`why`, for the officer, the log and later reports; do not name the patient in it")
	flags.BoolVar(&prepare, "prepare", false, "write an order for an officer to sign")
	flags.StringVarP(&output, "output", "o", "", "the order's `file` to write")
	flags.StringVar(&orderFile, "order", "", "carry out the signed order of this `file`")
	jsonFlag(command, &asJSON)
	return command
}

func carryOut(command *cobra.Command, sidecar *sidecarFlags, kind, file string, asJSON bool) error {
	f, err := readOrder(file)
	if err != nil {
		return err
	}
	if f.Order.Kind.String() != kind {
		return usagef("--order: %s is an order to %s", file, f.Order.Kind)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	var certificate *api.Certificate
	err = sidecar.ask(func(c *control.Client) (err error) {
		certificate, err = c.CarryOut(command.Context(), text)
		return err
	})
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(command.OutOrStdout(), certificate)
	}
	command.Print(certificateText(certificate))
	return nil
}

// certificateText says what came of an order.
func certificateText(c *api.Certificate) string {
	var b strings.Builder
	head := "CERTIFICATE: carried out"
	if c.Repeated {
		head = "CERTIFICATE: carried out before, and not again"
	}
	fmt.Fprintf(&b, "%s\n\norder       %s, to %s\nofficer     %s, key %s\nsigned      %s\nreason      %s\nlog         %s\nentry       leaf %d, %s\n",
		head, c.Order, c.Kind, shown(c.Officer.Name), c.Officer.ID, moment(c.Signed), shown(c.Reason), shown(c.Log), c.Leaf, moment(c.Time))
	switch c.Kind {
	case "erase":
		fmt.Fprintf(&b, "erased      %s by destroying %s\n", count(c.Versions, "row version"), count(c.Keys, "key"))
		fmt.Fprintf(&b, "copies      older copies of the store keep wrapped keys until every wrapping key up to\n            %s is destroyed: emrbchain keys rotate\n", c.WrappingKey)
	case "correct":
		fmt.Fprintf(&b, "corrected   %s\n", count(c.Corrected, "finding"))
	}
	if c.Anchored == nil {
		b.WriteString("anchored    not yet; ask again with the same order for the receipt\n")
	} else {
		fmt.Fprintf(&b, "anchored    block %d at %s; --json has the receipt\n", c.Anchored.Height, moment(c.Anchored.Time))
	}
	return b.String()
}
