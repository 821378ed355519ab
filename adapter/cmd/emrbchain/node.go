package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/chain/client"
	"github.com/emrbchain/emrbchain/chain/node"
)

func newNode() *cobra.Command {
	command := newGroup("node", "Make, run and look at a node of the chain")
	command.Long = `A node keeps the chain together with the nodes of the other members. It lives in
a directory, its home. A home must never run twice, nor be put back from an
older copy while the node is a validator.`
	command.AddCommand(newNodeInit(), newNodeRun(), newNodeStatus())
	return command
}

func newNodeRun() *cobra.Command {
	var level, format string
	command := &cobra.Command{
		Use:     "run HOME",
		Short:   "Run a node until it is told to stop",
		Example: "  emrbchain node run /var/lib/emrbchain-node",
		Args:    takes("HOME"),
		RunE: func(command *cobra.Command, arguments []string) error {
			logger := newLogger(command.ErrOrStderr(), level, format)
			ctx, stop := untilSignal(command.Context())
			defer stop()
			n, err := node.Start(arguments[0], node.Options{Logger: logger})
			if err != nil {
				return err
			}
			notify(daemon.SdNotifyReady)
			logger.Info().Str("node", n.ID()).Str("rpc", n.RPCAddr()).Msg("node listens")
			go func() {
				watchdog(ctx)
				_ = n.Stop() // Wait returns why it stopped, if not for this
			}()
			return n.Wait()
		},
	}
	command.Flags().StringVar(&level, "log-level", "info", "`level` from which on to log: debug, info, warn, error")
	command.Flags().StringVar(&format, "log-format", "json", "`format` of the log: json, console")
	return command
}

func newNodeStatus() *cobra.Command {
	var address string
	var asJSON bool
	command := &cobra.Command{
		Use:   "status [HOME]",
		Short: "Say how a running node and its chain are",
		Long: `Asks a running node for the height of the chain, its validators, and how many
members may fail or lie without harm. A home names the node; without one it is
the node at the usual address of this machine.`,
		Example: `  emrbchain node status /var/lib/emrbchain-node
  emrbchain node status --rpc 127.0.0.1:26657 --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, arguments []string) error {
			at, err := nodeAddress(address, arguments)
			if err != nil {
				return err
			}
			c, err := client.Dial(at)
			if err != nil {
				return usageError{err}
			}
			s, err := c.Status(command.Context())
			if errors.Is(err, client.ErrUnreachable) {
				return fmt.Errorf("the node is down: %w; start it with emrbchain node run, or name its address with --rpc", err)
			}
			if err != nil {
				return fmt.Errorf("node at %s: %w", at, err)
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), nodeAnswerOf(s))
			}
			return printNode(command.OutOrStdout(), s)
		},
	}
	command.Flags().StringVar(&address, "rpc", "", "the `address` of the node's RPC, as host:port (default "+node.DefaultRPC+")")
	jsonFlag(command, &asJSON)
	return command
}

func nodeAddress(flag string, homes []string) (string, error) {
	switch {
	case len(homes) > 1:
		return "", usagef("argument %q is one too many", homes[1])
	case len(homes) == 1 && flag != "":
		return "", usagef("give a HOME or --rpc, not both")
	case flag != "":
		return flag, nil
	case len(homes) == 0:
		return node.DefaultRPC, nil
	}
	c, err := node.ReadConfig(homes[0])
	if err != nil {
		return "", err
	}
	return c.RPC, nil
}

// nodeAnswer is what node status --json prints.
type nodeAnswer struct {
	Chain      string          `json:"chain"`
	Node       string          `json:"node"`
	Height     int64           `json:"height"`
	Time       time.Time       `json:"time"`
	CatchingUp bool            `json:"catching_up"`
	Validators []nodeValidator `json:"validators"`
	Faulty     int             `json:"tolerates_faulty_members"`
}

type nodeValidator struct {
	Address string `json:"address"`
	Power   int64  `json:"power"`
}

func nodeAnswerOf(s client.Status) nodeAnswer {
	a := nodeAnswer{Chain: s.Chain, Node: s.Node, Height: s.Height, Time: s.Time.UTC(), CatchingUp: s.CatchingUp,
		Validators: []nodeValidator{}, Faulty: s.Tolerates}
	for _, v := range s.Validators {
		a.Validators = append(a.Validators, nodeValidator{Address: v.Address, Power: v.Power})
	}
	return a
}

func printNode(out io.Writer, s client.Status) error {
	var t lines
	if s.Height > 0 {
		t.add("chain", "%s, height %s, last block at %s", shown(s.Chain), thousands(s.Height), moment(s.Time))
	} else {
		t.add("chain", "%s, no block yet: more than 2/3 of the votes must be there first", shown(s.Chain))
	}
	if s.CatchingUp {
		t.add("", "the node is catching up with the others")
	}
	t.add("node", "%s", shown(s.Node))
	t.add("members", "%s", count(len(s.Validators), "validator"))
	for _, v := range s.Validators {
		t.add("", "%s holds %d of %d votes", v.Address, v.Power, s.Power)
	}
	t.add("", "tolerates %s", count(s.Tolerates, "faulty member"))
	if len(s.Validators) == 1 {
		t.add("", "a local chain without outside witness")
	}
	_, err := io.WriteString(out, t.String())
	return err
}
