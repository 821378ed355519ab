package archtest

// A rule forbids imports, with the reason that a person reads who broke it.
type rule struct {
	number   string // as in the design
	reason   string
	concerns func(name string) bool
	reads    func(*Package) []string // which imports: direct, of tests too, or all that is linked
	forbids  func(name, imported string) bool
}

func direct(p *Package) []string { return p.Imports }
func linked(p *Package) []string { return p.Deps }

// Trees of ours, and parts that several rules name.
const (
	command  = "adapter/cmd/emrbchain"
	verifier = "adapter/cmd/emrbchain-verify"
	demo     = "adapter/internal/demo"
)

// ground is what every stage stands on.
func ground() []string {
	return []string{"adapter/internal/rows", "adapter/internal/recordlog", "adapter/internal/evidence",
		"adapter/internal/findings", "adapter/internal/sweep", "adapter/internal/cause",
		"adapter/internal/clinical", "adapter/internal/authority"}
}

// stages are the steps of the data's ways.
func stages() []string {
	return []string{"adapter/internal/ingest", "adapter/internal/anchoring", "adapter/internal/audit",
		"adapter/internal/prove", "adapter/internal/patients", "adapter/internal/sharing",
		"adapter/internal/peers", "adapter/internal/search"}
}

// imports makes a function of the import out of one of a tree.
func imports(trees ...string) func(name, imported string) bool {
	return func(_, imported string) bool { return under(imported, trees...) }
}

func ours(name string) bool { return under(name, "adapter", "plugins", "chain", "crypto") }

func in(trees ...string) func(string) bool {
	return func(name string) bool { return under(name, trees...) }
}

func rules() []rule {
	all := append(trees(), thirdParties()...)
	return append(append(all, insideAdapter()...), purity()...)
}

// trees are rules 1 to 5: which of our trees may meet.
func trees() []rule {
	return []rule{
		{"1", "crypto is pure and first: whoever checks a proof must be able to read it without anything else of ours",
			in("crypto"), direct, imports("adapter", "plugins", "chain")},
		{"2", "a tap's author meets typed values and nothing of how they are committed to, anchored or stored",
			in("plugins"), direct, func(name, imported string) bool {
				// The wire carries keys and rows in row's own encoding, and must read it.
				carrier := under(name, "plugins/internal/wire") && imported == "crypto/dcbor"
				return under(imported, "adapter") || under(imported, "crypto") && imported != "crypto/row" && !carrier
			}},
		{"3", "the chain knows commitments and checkpoints, and must stay usable without any adapter",
			in("chain"), direct, imports("adapter")},
		{"4", "plugins and chain never meet: a tap must not be able to reach the chain, nor the chain a source",
			in("plugins", "chain"), direct, func(name, imported string) bool {
				return under(name, "plugins") && under(imported, "chain") || under(name, "chain") && under(imported, "plugins")
			}},
		{"5", "the sidecar works with every tap and any node: only the command and the demo know concrete ones",
			in("adapter"), direct, func(name, imported string) bool {
				// What only tests import may assemble the whole, as tests do.
				ties := under(name, command, demo) || isHelper(name)
				abstract := under(imported, "plugins/tap", "plugins/host", "chain/rules", "chain/client", "chain/receipt")
				return under(imported, "plugins", "chain") && !abstract && !ties
			}},
	}
}

// thirdParties are rule 6, and what the verifier must do without.
func thirdParties() []rule {
	return []rule{
		{"6", "CometBFT and its tree stay under chain, so that they can be replaced there",
			func(name string) bool { return !under(name, "chain") }, direct,
			imports("github.com/cometbft", "github.com/cosmos")},
		{"6", "go-plugin and gRPC stay under plugins, so that the wire can be replaced there",
			func(name string) bool { return !under(name, "plugins") }, direct,
			imports("github.com/hashicorp/go-plugin", "google.golang.org/grpc")},
		{"6", "the offline verifier is small and reaches nothing: no database driver, no gRPC, no node",
			in(verifier), linked, imports("google.golang.org/grpc", "github.com/hashicorp/go-plugin", "std/database/sql", "modernc.org/sqlite",
				"github.com/go-sql-driver/mysql", "github.com/go-mysql-org/go-mysql", "github.com/microsoft/go-mssqldb",
				"github.com/tendermint/tm-db", "github.com/syndtr/goleveldb", "github.com/cosmos/iavl",
				"github.com/cometbft/cometbft/node", "github.com/cometbft/cometbft/consensus", "github.com/cometbft/cometbft/p2p",
				"github.com/cometbft/cometbft/rpc", "plugins", "chain/node", "chain/app", "chain/client")},
	}
}

// insideAdapter are rules 7 and 8.
func insideAdapter() []rule {
	return []rule{
		{"7", "stages know the ground they stand on, not each other: sidecar.go ties them, so each can be read and tested alone",
			in(stages()...), direct, func(name, imported string) bool {
				return under(imported, "adapter") && !under(imported, ground()...) && !sameStage(name, imported)
			}},
		{"7", "the ground lies below the stages",
			in(ground()...), direct, func(_, imported string) bool {
				return under(imported, "adapter") && !under(imported, ground()...)
			}},
		{"7", "evidence is a format that strangers check: only crypto, and the chain's receipts and forms of state",
			in("adapter/internal/evidence"), direct, func(_, imported string) bool {
				return ours(imported) && !under(imported, "crypto", "chain/receipt", "chain/rules", "adapter/internal/evidence")
			}},
		{"7", "doors and configuration know the sidecar by an interface or not at all",
			in("adapter/internal/control", "adapter/internal/httpapi", "adapter/internal/config", "adapter/internal/rowkey"), direct,
			func(_, imported string) bool {
				return imported == "adapter" || under(imported, stages()...) || under(imported, ground()...)
			}},
		{"8", "test helpers are imported by tests alone",
			func(name string) bool { return !isHelper(name) }, direct,
			func(_, imported string) bool {
				return ours(imported) && isHelper(imported) || imported == "std/testing"
			}},
	}
}

func sameStage(name, imported string) bool {
	for _, stage := range stages() {
		if under(name, stage) {
			return under(imported, stage)
		}
	}
	return false
}

// purity is what the design says of crypto, rules and receipts: no I/O, clock,
// context or log.
func purity() []rule {
	impure := in("std/os", "std/net", "std/log", "std/context", "std/time", "std/database/sql", "std/syscall", "std/io/fs",
		"std/path/filepath", "std/embed", "github.com/rs/zerolog")
	return []rule{
		{"pure", "crypto has no I/O, clock, context or log: the same input gives the same bytes, everywhere",
			in("crypto"), direct, func(_, imported string) bool { return impure(imported) }},
		{"pure", "state transitions and receipts are functions of their input: every node and every stranger must come to the same",
			in("chain/rules", "chain/receipt"), direct, func(name, imported string) bool {
				if isHelper(name) || imported == "std/time" { // a header's time is a value, not a clock
					return false
				}
				return impure(imported)
			}},
	}
}
