// Package client speaks to one node of the chain: it submits transactions and
// waits until they are final, reads the state, and fetches what a receipt is
// made of.
//
// A client keeps nothing. Whoever submits keeps what is submitted until the
// client says that it is final, and submits it again after any error that
// Retry approves: every submission may be repeated, because the chain answers
// a repeat of what it holds with success. That is how a node may crash, forget
// its pool of transactions, and nothing is lost.
//
// The node is believed for liveness only. What counts is checked from the
// receipt, by package receipt, against validators that the caller trusts.
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	rpchttp "github.com/cometbft/cometbft/rpc/client/http"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	rpctypes "github.com/cometbft/cometbft/rpc/jsonrpc/types"
	"github.com/cometbft/cometbft/types"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// Errors that pass: the caller keeps what it has and tries again (Retry).
var (
	// ErrUnreachable: no answer from the node. It is down, starting, or cut off.
	ErrUnreachable = errors.New("chain node is unreachable")
	// ErrBusy: the node's pool of transactions is full.
	ErrBusy = errors.New("chain node is busy")
	// ErrCatchingUp: the node does not know the newest blocks yet.
	ErrCatchingUp = errors.New("chain node is catching up")
	// ErrNotFinal: the time given ran out before the transaction, or the block
	// after it, was final. If it happens again, the chain has halted: a third of
	// the validators or more are down.
	ErrNotFinal = errors.New("not final in time")
)

// ErrNotKept says that the node does not keep the height that was asked for.
// Another node may.
var ErrNotKept = errors.New("height is not kept by this node")

// Retry says whether to try again later is all that is needed. Of the refusals,
// rules.ErrQuota alone is one of these: it ends with the block.
func Retry(err error) bool {
	return errors.Is(err, rules.ErrQuota) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrBusy) ||
		errors.Is(err, ErrCatchingUp) || errors.Is(err, ErrNotFinal)
}

// RPC is what a client needs of a node. CometBFT's HTTP client and its client
// of a node in the same process both have it.
type RPC interface {
	Status(ctx context.Context) (*ctypes.ResultStatus, error)
	ABCIQueryWithOptions(ctx context.Context, path string, data cmtbytes.HexBytes,
		options rpcclient.ABCIQueryOptions) (*ctypes.ResultABCIQuery, error)
	BroadcastTxSync(ctx context.Context, tx types.Tx) (*ctypes.ResultBroadcastTx, error)
	Commit(ctx context.Context, height *int64) (*ctypes.ResultCommit, error)
	Validators(ctx context.Context, height *int64, page, perPage *int) (*ctypes.ResultValidators, error)
}

// A Client speaks to one node. Its methods may be called at the same time.
type Client struct {
	rpc    RPC
	expect string // chain id that the node must be of, or empty

	mu    sync.Mutex
	chain string // once known
}

// New returns a client of a node.
func New(rpc RPC) *Client { return &Client{rpc: rpc} }

// Dial returns a client of the node whose RPC listens at an address
// (host:port). It connects at the first call, and again whenever needed.
func Dial(address string) (*Client, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("chain node's address %q: host:port expected", address)
	}
	rpc, err := rpchttp.NewWithClient("http://"+address, "/websocket", newHTTP())
	if err != nil {
		return nil, fmt.Errorf("chain node's address %q: %w", address, err)
	}
	return New(rpc), nil
}

// ForChain returns a client of the same node that answers rules.ErrWrongChain
// to everything if the node is of another chain.
func (c *Client) ForChain(id string) *Client { return &Client{rpc: c.rpc, expect: id} }

// ChainID returns the id of the node's chain.
func (c *Client) ChainID(ctx context.Context) (string, error) {
	c.mu.Lock()
	known := c.chain
	c.mu.Unlock()
	if known != "" {
		return known, nil
	}
	s, err := c.rpc.Status(ctx)
	if err != nil {
		return "", failed(ctx, "ask for the chain's id", err)
	}
	id := s.NodeInfo.Network
	if c.expect != "" && id != c.expect {
		return "", fmt.Errorf("%w: the node is of %q, %q is expected: check the node's address", rules.ErrWrongChain, said(id), c.expect)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chain = id
	return id, nil
}

// failed makes an error of the node, or of the way to it, one of this package.
func failed(ctx context.Context, doing string, err error) error {
	var answer *rpctypes.RPCError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case errors.Is(err, ErrUnreachable):
		return fmt.Errorf("%s: %w", doing, err)
	case strings.Contains(err.Error(), "mempool is full"):
		return fmt.Errorf("%s: %w", doing, ErrBusy)
	case strings.Contains(err.Error(), "is not available, lowest height is"):
		return fmt.Errorf("%s: %w", doing, ErrNotKept)
	case strings.Contains(err.Error(), "leveldb: closed"): // it is stopping
		return fmt.Errorf("%s: %w: %w", doing, ErrUnreachable, spoken{err})
	case errors.As(err, &answer):
		return fmt.Errorf("%s: %w", doing, spoken{err})
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrUnreachable, spoken{err})
}
