package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	cfg "github.com/cometbft/cometbft/config"
	"github.com/goccy/go-yaml"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// ErrConfig says that node.yaml cannot be used. The text says which field.
var ErrConfig = errors.New("bad node.yaml")

const configFile = "node.yaml"

// Defaults of Config.
const (
	DefaultRPC         = "127.0.0.1:26657"
	DefaultP2P         = "0.0.0.0:26656"
	DefaultEmptyBlocks = time.Minute
)

// A Config is what an operator may set of a node: config/node.yaml.
type Config struct {
	// Name is shown to peers.
	Name string `yaml:"name"`
	// RPC is where clients on this machine reach the node. It has no password,
	// so it must be a loopback address.
	RPC string `yaml:"rpc"`
	// P2P is where peers reach the node.
	P2P string `yaml:"p2p"`
	// Peers are the other nodes, as id@host:port.
	Peers []string `yaml:"peers"`
	// EmptyBlocks is how often a block is made when nothing happens: the chain's
	// clock ticks at least so often. From 1s to 1h.
	EmptyBlocks time.Duration `yaml:"empty_blocks"`
}

// ReadConfig reads the node.yaml of a home.
func ReadConfig(dir string) (Config, error) {
	path := filepath.Join(dir, configDir, configFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("%w: %s is missing; name the directory that node init made", ErrNoHome, path)
	}
	if err != nil {
		return Config{}, fmt.Errorf("read node.yaml: %w", err)
	}
	var c Config
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict(), yaml.CustomUnmarshaler(readEmptyBlocks)).Decode(&c); err != nil {
		return Config{}, fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("%w: %s", err, path)
	}
	return c, nil
}

// readEmptyBlocks reads the one duration of node.yaml: the decoder's own reader
// does not say which field is wrong.
func readEmptyBlocks(d *time.Duration, b []byte) error {
	text := strings.Trim(strings.TrimSpace(string(b)), `"'`)
	v, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("empty_blocks: %q is no duration like 60s or 5m", text)
	}
	*d = v
	return nil
}

func (c Config) withDefaults() Config {
	if c.RPC == "" {
		c.RPC = DefaultRPC
	}
	if c.P2P == "" {
		c.P2P = DefaultP2P
	}
	if c.Name == "" {
		c.Name = "node"
	}
	if c.EmptyBlocks == 0 {
		c.EmptyBlocks = DefaultEmptyBlocks
	}
	return c
}

func (c Config) check() error {
	host, err := checkAddress("rpc", c.RPC)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%w: rpc: %s is no loopback address, and the RPC has no password: use 127.0.0.1", ErrConfig, c.RPC)
	}
	if _, err := checkAddress("p2p", c.P2P); err != nil {
		return err
	}
	for _, p := range c.Peers {
		id, address, _ := strings.Cut(p, "@")
		if _, err := checkAddress("peers", address); err != nil || len(id) != 40 {
			return fmt.Errorf("%w: peers: %q is not id@host:port", ErrConfig, p)
		}
	}
	if c.EmptyBlocks < time.Second || c.EmptyBlocks > time.Hour {
		return fmt.Errorf("%w: empty_blocks: %s is not from 1s to 1h", ErrConfig, c.EmptyBlocks)
	}
	return nil
}

func checkAddress(field, address string) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %q is not host:port", ErrConfig, field, address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%w: %s: %q has no port from 1 to 65535", ErrConfig, field, address)
	}
	return host, nil
}

// write makes the home's node.yaml.
func (c Config) write(dir string) error {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return err
	}
	b := new(bytes.Buffer)
	fmt.Fprintf(b, "# A node of the chain. Restart the node after a change.\n\n")
	fmt.Fprintf(b, "name: %q                # shown to peers\n", c.Name)
	fmt.Fprintf(b, "rpc: %q      # for clients on this machine; loopback only, it has no password\n", c.RPC)
	fmt.Fprintf(b, "p2p: %q      # where peers reach this node\n", c.P2P)
	fmt.Fprintf(b, "empty_blocks: %s            # a block at least so often, 1s to 1h\n", c.EmptyBlocks)
	fmt.Fprintf(b, "peers:                      # all other nodes, as id@host:port\n")
	for _, p := range c.Peers {
		fmt.Fprintf(b, "  - %q\n", p)
	}
	return writeNew(filepath.Join(dir, configDir, configFile), b.Bytes(), 0o644)
}

// comet returns CometBFT's configuration of the node.
func (c Config) comet(dir string) *cfg.Config {
	x := cfg.DefaultConfig()
	x.SetRoot(dir)
	x.Moniker = c.Name
	x.RPC.ListenAddress = "tcp://" + c.RPC
	x.Instrumentation.Prometheus = false // one registry per process: several nodes would clash
	x.TxIndex.Indexer = "null"           // anchors are read from the state
	x.Storage.DiscardABCIResponses = true
	x.Mempool.MaxTxBytes = rules.MaxTx
	x.Mempool.Size, x.Mempool.CacheSize = 5_000, 20_000
	c.network(x.P2P)
	consensus(x.Consensus, c.EmptyBlocks)
	return x
}

// network is for a few peers that know each other's addresses.
func (c Config) network(x *cfg.P2PConfig) {
	x.ListenAddress = "tcp://" + c.P2P
	x.PersistentPeers = strings.Join(c.Peers, ",")
	x.PexReactor = false                               // nobody is to find new peers
	x.AddrBookStrict, x.AllowDuplicateIP = false, true // private and loopback addresses
	x.PersistentPeersMaxDialPeriod = 2 * time.Second   // or it grows exponentially: a peer is back soon
	x.FlushThrottleTimeout = 10 * time.Millisecond     // the default, 100 ms, more than doubles the time to final
}

// consensus is for blocks as soon as there is something to put in.
func consensus(x *cfg.ConsensusConfig, emptyBlocks time.Duration) {
	x.PeerGossipSleepDuration = 10 * time.Millisecond // as FlushThrottleTimeout
	x.TimeoutCommit = 200 * time.Millisecond
	x.TimeoutPropose, x.TimeoutProposeDelta = 300*time.Millisecond, 200*time.Millisecond
	x.TimeoutPrevote, x.TimeoutPrevoteDelta = 200*time.Millisecond, 200*time.Millisecond
	x.TimeoutPrecommit, x.TimeoutPrecommitDelta = 200*time.Millisecond, 200*time.Millisecond
	x.CreateEmptyBlocks = false
	x.CreateEmptyBlocksInterval = emptyBlocks
}
