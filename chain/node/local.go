package node

import (
	"context"
	"fmt"
	"sync"

	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"
	"github.com/cometbft/cometbft/types"

	"github.com/emrbchain/emrbchain/chain/client"
)

// guarded lets calls through to a node in this process while it runs. CometBFT
// panics when it is asked after its stores are closed.
type guarded struct {
	mu     sync.RWMutex
	closed bool
	rpc    client.RPC
}

// close waits for the calls under way and refuses the next ones.
func (g *guarded) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
}

func call[T any](ctx context.Context, g *guarded, do func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return none, fmt.Errorf("%w: it was stopped", client.ErrUnreachable)
	}
	return do()
}

// Status implements client.RPC.
func (g *guarded) Status(ctx context.Context) (*ctypes.ResultStatus, error) {
	return call(ctx, g, func() (*ctypes.ResultStatus, error) { return g.rpc.Status(ctx) })
}

// ABCIQueryWithOptions implements client.RPC.
func (g *guarded) ABCIQueryWithOptions(ctx context.Context, path string, data cmtbytes.HexBytes,
	o rpcclient.ABCIQueryOptions) (*ctypes.ResultABCIQuery, error) {
	return call(ctx, g, func() (*ctypes.ResultABCIQuery, error) {
		return g.rpc.ABCIQueryWithOptions(ctx, path, data, o)
	})
}

// BroadcastTxSync implements client.RPC.
func (g *guarded) BroadcastTxSync(ctx context.Context, tx types.Tx) (*ctypes.ResultBroadcastTx, error) {
	return call(ctx, g, func() (*ctypes.ResultBroadcastTx, error) { return g.rpc.BroadcastTxSync(ctx, tx) })
}

// Commit implements client.RPC.
func (g *guarded) Commit(ctx context.Context, height *int64) (*ctypes.ResultCommit, error) {
	return call(ctx, g, func() (*ctypes.ResultCommit, error) { return g.rpc.Commit(ctx, height) })
}

// Validators implements client.RPC.
func (g *guarded) Validators(ctx context.Context, height *int64, page, perPage *int) (*ctypes.ResultValidators, error) {
	return call(ctx, g, func() (*ctypes.ResultValidators, error) {
		return g.rpc.Validators(ctx, height, page, perPage)
	})
}
