package main

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emrbchain/emrbchain/chain/node"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// maxTestnet bounds the nodes that one machine is asked to run.
const maxTestnet = 32

func newNodeInit() *cobra.Command {
	var f nodeInitFlags
	command := &cobra.Command{
		Use:   "init HOME --chain ID --member ID=FILE...",
		Short: "Make the home of a chain's first node, or of a test network",
		Long: `Makes a home with new keys and the genesis of a new chain, whose only validator
this node is: a local chain without outside witness.

With --testnet it makes the homes HOME/node0, HOME/node1 and so on of validators
that reach each other on this machine, for trying things out.

A member is an organisation that may register logs. Its FILE is the public key
that emrbchain init wrote as member.pub. Nothing is ever overwritten.`,
		Example: `  emrbchain node init /var/lib/emrbchain-node --chain region-1 --member north-hospital=north/member.pub
  emrbchain node init /tmp/network --testnet 4 --chain try --member north=north/member.pub --member south=south/member.pub`,
		Args: takes("HOME"),
		RunE: func(command *cobra.Command, arguments []string) error {
			genesis, err := f.genesis(command)
			if err != nil {
				return err
			}
			if f.testnet > 0 {
				return f.makeTestnet(command, arguments[0], genesis)
			}
			return f.makeHome(command, arguments[0], genesis)
		},
	}
	f.add(command)
	return command
}

type nodeInitFlags struct {
	chain   string
	members []string
	names   []string
	testnet int
	config  node.Config
}

func (f *nodeInitFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.chain, "chain", "", "the new chain's `id`")
	flags.StringArrayVar(&f.members, "member", nil, "a member and the file of its public key, as `ID=FILE`; repeat it for more")
	flags.StringArrayVar(&f.names, "member-name", nil, "what people call a member, as `ID=NAME` (default its id)")
	flags.IntVar(&f.testnet, "testnet", 0, "make this `number` of homes that reach each other on this machine")
	flags.StringVar(&f.config.Name, "name", "", "what other nodes call this one (default \"node\")")
	flags.StringVar(&f.config.RPC, "rpc", node.DefaultRPC, "`address` for clients on this machine")
	flags.StringVar(&f.config.P2P, "p2p", node.DefaultP2P, "`address` for other nodes")
}

func (f *nodeInitFlags) genesis(command *cobra.Command) (node.Genesis, error) {
	g := node.Genesis{Chain: f.chain}
	if err := needFlags(command, "chain"); err != nil {
		return g, err
	}
	if !rules.ValidID(f.chain) {
		return g, usagef("--chain: %q is not an id; use 1 to 40 lower-case letters, digits and inner hyphens", f.chain)
	}
	if f.testnet < 0 || f.testnet > maxTestnet {
		return g, usagef("--testnet: %d homes; choose 1 to %d", f.testnet, maxTestnet)
	}
	names, err := pairs("--member-name", "ID=NAME", f.names)
	if err != nil {
		return g, err
	}
	members, err := pairs("--member", "ID=FILE", f.members)
	if err != nil {
		return g, err
	}
	if len(members) == 0 {
		return g, usagef("--member is missing; name at least one member, as ID=FILE")
	}
	for id, file := range members {
		member, err := readMember(id, file)
		if err != nil {
			return g, err
		}
		if name, named := names[id]; named {
			member.Name = name
		}
		g.Members = append(g.Members, member)
	}
	return g, nil
}

// pairs reads values of a form such as ID=FILE.
func pairs(flag, form string, texts []string) (map[string]string, error) {
	values := make(map[string]string, len(texts))
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, usagef("%s: %q is not of the form %s", flag, text, form)
		}
		if _, twice := values[name]; twice {
			return nil, usagef("%s: %s is given twice; keep one", flag, name)
		}
		values[name] = value
	}
	return values, nil
}

func readMember(id, file string) (rules.Member, error) {
	if !rules.ValidID(id) {
		return rules.Member{}, usagef("--member: %q is not an id; use 1 to 40 lower-case letters, digits and inner hyphens", id)
	}
	key, err := readPublicKey(file)
	if err != nil {
		return rules.Member{}, fmt.Errorf("public key of member %s: %w", id, err)
	}
	return rules.Member{ID: id, Name: id, Key: key}, nil
}

func readPublicKey(file string) (ed25519.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := keys.ParsePublic(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w; name the file member.pub that emrbchain init wrote", file, err)
	}
	return key, nil
}

func (f *nodeInitFlags) makeHome(command *cobra.Command, home string, genesis node.Genesis) error {
	id, err := node.Init(home, genesis, f.config)
	if err != nil {
		return fmt.Errorf("make home %s: %w", home, err)
	}
	command.Printf(`Made %s: node %s of the new chain %s.
It is a local chain without outside witness: its one validator tolerates no fault.

Next:
  emrbchain node run %s
  emrbchain node status %s
A sidecar reaches it with chain.rpc: http://%s
`, home, id.Node, genesis.Chain, home, home, f.config.RPC)
	return nil
}

func (f *nodeInitFlags) makeTestnet(command *cobra.Command, directory string, genesis node.Genesis) error {
	homes, err := node.Testnet(directory, f.testnet, genesis)
	if err != nil {
		return fmt.Errorf("make test network %s: %w", directory, err)
	}
	command.Printf("Made %s of the new chain %s, for this machine alone.\n\nNext, each in a terminal of its own:\n",
		count(len(homes), "home"), genesis.Chain)
	for _, home := range homes {
		c, err := node.ReadConfig(home)
		if err != nil {
			return err
		}
		command.Printf("  emrbchain node run %s     (RPC http://%s)\n", filepath.Clean(home), c.RPC)
	}
	return nil
}
