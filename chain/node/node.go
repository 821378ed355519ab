// Package node runs one node of the chain: CometBFT's consensus, network and
// block store around the application of package app. Several nodes can run in
// one process, as tests and the demo do.
//
// A node lives in a directory, its home:
//
//	config/node.yaml                  addresses and peers, see Config
//	config/genesis.json               how the chain began; the same for all nodes
//	config/priv_validator_key.json    signs blocks; secret
//	config/node_key.json              its name among its peers; secret
//	data/                             blocks, state, and what was signed last
//
// data/priv_validator_state.json keeps the validator from signing two blocks of
// one height. A home must never run twice, nor be copied back from a backup
// with an older data directory, while it is a validator.
//
// CometBFT's own settings are fixed in config.go, for all nodes alike, with the
// reason beside each.
package node

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/libs/log"
	cmtnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/rpc/client/local"
	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/client"
)

// ErrAddress says that a node cannot listen where its configuration says.
var ErrAddress = errors.New("cannot listen")

// ErrConsensus says that a node stopped by itself because it could not go on
// without risking a fork: a full disk, a damaged store, or a state that differs
// from what the other validators signed. Its log has the reason.
var ErrConsensus = errors.New("consensus failed")

// Options are what a node needs beside its home.
type Options struct {
	Logger zerolog.Logger // the zero value is silent
}

// A Node is a running node.
type Node struct {
	comet  *cmtnode.Node
	app    application
	config Config
	local  *guarded
	stop   sync.Once
	done   chan struct{}
	err    error // of Wait, once done is closed
}

// application is what a node runs: an ABCI application with a state to close.
type application interface {
	abci.Application
	Close() error
}

// Start starts the node that lives in a directory. It returns when the node
// listens, which is before it has found its peers.
func Start(dir string, o Options) (*Node, error) {
	if _, err := ReadConfig(dir); err != nil {
		return nil, err // before anything is made in what is no home
	}
	a, err := app.Open(filepath.Join(dir, dataDir))
	if err != nil {
		return nil, err
	}
	n, err := start(dir, o, a)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return n, nil
}

// start runs any application in a node's home, with the same settings.
func start(dir string, o Options, a application) (*Node, error) {
	config, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	for _, address := range []string{config.RPC, config.P2P} {
		if err := canListen(address); err != nil {
			return nil, err
		}
	}
	n := &Node{app: a, config: config, done: make(chan struct{})}
	if err := n.run(dir, o); err != nil {
		return nil, err
	}
	return n, nil
}

// run makes and starts CometBFT's node. Consensus may fail while it starts, and
// ends the node then as soon as it has started.
func (n *Node) run(dir string, o Options) error {
	started := make(chan bool, 1)
	logger := newLogger(o.Logger, func() {
		go func() {
			if <-started {
				n.end(ErrConsensus)
			}
		}()
	})
	defer close(started)
	dbs := new(databases)
	comet, err := build(dir, n.config.comet(dir), n.app, dbs, logger)
	if err != nil {
		return errors.Join(err, dbs.close())
	}
	if err := comet.Start(); err != nil {
		return errors.Join(fmt.Errorf("start node: %w", err), comet.ProxyApp().Stop(), dbs.close())
	}
	n.comet, n.local = comet, &guarded{rpc: local.New(comet)}
	started <- true
	return nil
}

func build(dir string, c *cfg.Config, a abci.Application, dbs *databases, logger log.Logger) (*cmtnode.Node, error) {
	validator, err := readValidator(dir)
	if err != nil {
		return nil, err
	}
	nodeKey, err := readNodeKey(dir)
	if err != nil {
		return nil, err
	}
	n, err := cmtnode.NewNode(c, validator, nodeKey, proxy.NewConnSyncLocalClientCreator(a),
		cmtnode.DefaultGenesisDocProviderFunc(c), dbs.provide, cmtnode.DefaultMetricsProvider(c.Instrumentation), logger)
	if err != nil {
		return nil, fmt.Errorf("make node: %w", err)
	}
	return n, nil
}

// canListen tries an address before CometBFT does, which cannot take back what
// it has opened so far.
func canListen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%w: %s: %w: end what uses it, or change node.yaml", ErrAddress, address, err)
	}
	return l.Close()
}

// Client returns a client of this node that needs no network. After Stop it
// answers client.ErrUnreachable.
func (n *Node) Client() *client.Client { return client.New(n.local) }

// RPCAddr returns the address (host:port) that the node's RPC listens on.
func (n *Node) RPCAddr() string { return n.config.RPC }

// ID returns the node's name among its peers.
func (n *Node) ID() string { return string(n.comet.NodeInfo().ID()) }

// Stop stops the node and closes its stores. It may be called again.
func (n *Node) Stop() error {
	n.end(nil)
	<-n.done
	if errors.Is(n.err, ErrConsensus) {
		return nil // Wait tells it
	}
	return n.err
}

// Wait returns when the node has stopped: nil after Stop, ErrConsensus if it
// stopped by itself.
func (n *Node) Wait() error {
	<-n.done
	return n.err
}

// end stops the node, once, for a reason or none.
func (n *Node) end(reason error) {
	n.stop.Do(func() {
		defer close(n.done)
		n.local.close()
		n.err = reason
		if err := n.comet.Stop(); err != nil {
			n.err = errors.Join(n.err, fmt.Errorf("stop node: %w", err))
		}
		n.comet.Wait()
		n.err = errors.Join(n.err, n.comet.ProxyApp().Stop(), n.app.Close())
	})
}
