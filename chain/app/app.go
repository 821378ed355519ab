// Package app is the application that the validators run under CometBFT: it
// carries out the transactions of package rules, block by block, on a state
// that can prove what it holds.
//
// The state is an IAVL tree on tm-db. The version of the tree is the height of
// the block that made it, and its root is the application hash that the header
// of the next block carries and the validators sign. So a value is proven by an
// ICS-23 proof at version H together with the header of height H+1; see
// Query and package client.
//
// An honest proposer leaves out every transaction that would be refused
// (PrepareProposal), and honest validators vote against a block that holds one
// (ProcessProposal): a committed block has accepted transactions only.
//
// A node's pool holds no more of a member than one block may (rules.Quota):
// CheckTx counts what it let in since the newest block, and CometBFT checks all
// that is left in the pool again after each. So no member fills it.
//
// CometBFT calls an App from several connections at once. Whatever changes the
// tree holds the lock alone; everything else reads the version that was
// committed last and never sees half a block.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cosmos/iavl"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// Version is the application's version in every block header. It grows when
// the rules change what a block does.
const Version = 3

// An App is an ABCI 2.0 application.
type App struct {
	abci.BaseApplication

	mu        sync.RWMutex
	tree      *iavl.MutableTree
	db        io.Closer // under the tree
	committed *iavl.ImmutableTree
	chain     string // empty before InitChain
	newest    int64  // time of the block carried out last, ms since 1970 UTC; 0 at the start
	closed    bool

	pool struct {
		sync.Mutex
		quota *rules.Quota // what CheckTx let in since the newest block
	}
}

var _ abci.Application = (*App)(nil)

// Open opens the application's state in a directory, or makes it. It returns
// ErrStoreDamaged for a state with a hole.
func Open(dir string) (*App, error) {
	tree, db, err := openTree(dir)
	if err != nil {
		return nil, err
	}
	a := &App{tree: tree, db: db}
	a.pool.quota = rules.NewQuota()
	if err := a.load(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// codeClosing refuses transactions that come after Close.
const codeClosing = 1000

// Close closes the state. The node must have stopped, but for transactions that
// peers still hand in: CometBFT panics when CheckTx fails, so they are refused.
func (a *App) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	if err := errors.Join(a.tree.Close(), a.db.Close()); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// load makes the newest version of the tree the committed one.
func (a *App) load() error {
	if a.tree.Version() == 0 {
		a.committed = iavl.NewImmutableTree(nil, 0, true, iavl.NewNopLogger())
		return nil
	}
	committed, err := a.tree.GetImmutable(a.tree.Version())
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	id, err := committed.Get(rules.ChainKey())
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	a.committed, a.chain = committed, string(id)
	return nil
}

// Info tells CometBFT which block the state is at.
func (a *App) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	r := &abci.ResponseInfo{Data: "emrbchain", AppVersion: Version, LastBlockHeight: a.committed.Version()}
	if r.LastBlockHeight > 0 {
		r.LastBlockAppHash = a.committed.Hash()
	}
	return r, nil
}

// InitChain writes the genesis, in one order on every node: the root of the
// tree depends on it.
func (a *App) InitChain(_ context.Context, r *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g, err := rules.ParseGenesis(r.AppStateBytes)
	if err != nil {
		return nil, err
	}
	if r.InitialHeight > 1 {
		return nil, fmt.Errorf("%w: the chain must start at height 1, not %d", rules.ErrGenesis, r.InitialHeight)
	}
	a.tree.Rollback()
	s := working{a.tree}
	if err := s.Set(rules.ChainKey(), []byte(r.ChainId)); err != nil {
		return nil, err
	}
	if err := g.Apply(s); err != nil {
		return nil, err
	}
	a.chain = r.ChainId
	return &abci.ResponseInitChain{AppHash: a.tree.WorkingHash()}, nil
}

// CheckTx says whether the next block could hold the transaction.
func (a *App) CheckTx(_ context.Context, r *abci.RequestCheckTx) (*abci.ResponseCheckTx, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.closed {
		return &abci.ResponseCheckTx{Code: codeClosing, Log: "the node is stopping"}, nil
	}
	a.pool.Lock()
	result, err := rules.Apply(rules.NewOverlay(a.committed), a.next(), r.Tx)
	a.pool.Unlock()
	if err == nil {
		return &abci.ResponseCheckTx{Log: result.Info, Info: result.Info}, nil
	}
	refusal, ok := rules.RefusalOf(err)
	if !ok {
		return nil, err
	}
	return &abci.ResponseCheckTx{Code: uint32(refusal.Code), Codespace: rules.Codespace, Log: err.Error()}, nil
}

// next is the block that would come now, after what CheckTx let in. Its time is
// not known yet: it is taken to be this machine's, which only decides what this
// node lets in.
func (a *App) next() rules.Block {
	now := max(time.Now().UnixMilli(), a.newest)
	return rules.Block{Chain: a.chain, Height: a.committed.Version() + 1, Time: now, Quota: a.pool.quota}
}

// block is a block of which nothing was carried out yet.
func (a *App) block(height int64, at time.Time) rules.Block {
	return rules.Block{Chain: a.chain, Height: height, Time: at.UnixMilli(), Quota: rules.NewQuota()}
}

// PrepareProposal leaves out the transactions that would be refused.
func (a *App) PrepareProposal(_ context.Context, r *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	s, b := rules.NewOverlay(a.committed), a.block(r.Height, r.Time)
	kept := make([][]byte, 0, len(r.Txs))
	for _, tx := range r.Txs {
		_, err := rules.Apply(s, b, tx)
		if err == nil {
			kept = append(kept, tx)
		} else if _, ok := rules.RefusalOf(err); !ok {
			return nil, err
		}
	}
	return &abci.ResponsePrepareProposal{Txs: kept}, nil
}

// ProcessProposal votes against a block with a transaction that is refused.
func (a *App) ProcessProposal(_ context.Context, r *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	s, b := rules.NewOverlay(a.committed), a.block(r.Height, r.Time)
	for _, tx := range r.Txs {
		_, err := rules.Apply(s, b, tx)
		if _, ok := rules.RefusalOf(err); ok {
			return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
}

// FinalizeBlock carries out a decided block in memory and returns the root that
// it leads to. An error stops the node: its state cannot be read.
func (a *App) FinalizeBlock(_ context.Context, r *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if want := a.tree.Version() + 1; r.Height != want {
		return nil, fmt.Errorf("finalize block %d: the state waits for block %d", r.Height, want)
	}
	b := a.block(r.Height, r.Time)
	a.newest = b.Time
	results := make([]*abci.ExecTxResult, len(r.Txs))
	for i, tx := range r.Txs {
		result, err := rules.Apply(working{a.tree}, b, tx)
		if results[i], err = txResult(result, err); err != nil {
			return nil, fmt.Errorf("finalize block %d: %w", r.Height, err)
		}
	}
	return &abci.ResponseFinalizeBlock{TxResults: results, AppHash: a.tree.WorkingHash()}, nil
}

func txResult(result rules.Result, err error) (*abci.ExecTxResult, error) {
	if err == nil {
		return &abci.ExecTxResult{Log: result.Info, Info: result.Info}, nil
	}
	refusal, ok := rules.RefusalOf(err)
	if !ok {
		return nil, err
	}
	return &abci.ExecTxResult{Code: uint32(refusal.Code), Codespace: rules.Codespace, Log: err.Error()}, nil
}

// Commit makes the block durable and visible.
func (a *App) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, _, err := a.tree.SaveVersion(); err != nil {
		return nil, fmt.Errorf("save state: %w", err)
	}
	a.pool.quota = rules.NewQuota()
	return &abci.ResponseCommit{}, a.load()
}

// working is the tree as the state of a block in the making.
type working struct{ tree *iavl.MutableTree }

// Get implements rules.State.
func (w working) Get(key []byte) ([]byte, error) { return w.tree.Get(key) }

// Set implements rules.State.
func (w working) Set(key, value []byte) error {
	_, err := w.tree.Set(key, value)
	return err
}
