package client

import (
	"context"
	"fmt"

	rpcclient "github.com/cometbft/cometbft/rpc/client"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// Log returns what the chain holds of a log; false if it is not registered.
func (c *Client) Log(ctx context.Context, id string) (rules.Log, bool, error) {
	r, err := c.query(ctx, "ask for log", app.PathLog+id, nil, rpcclient.ABCIQueryOptions{})
	if err != nil || len(r.Value) == 0 {
		return rules.Log{}, false, err
	}
	l, err := rules.ParseLog(r.Value)
	return l, err == nil, err
}

// Logs returns all logs, by id.
func (c *Client) Logs(ctx context.Context) ([]rules.Log, error) {
	r, err := c.query(ctx, "ask for logs", app.PathLogs, nil, rpcclient.ABCIQueryOptions{})
	if err != nil {
		return nil, err
	}
	return rules.ParseLogs(r.Value)
}

// Members returns all members, by id.
func (c *Client) Members(ctx context.Context) ([]rules.Member, error) {
	r, err := c.query(ctx, "ask for members", app.PathMembers, nil, rpcclient.ABCIQueryOptions{})
	if err != nil {
		return nil, err
	}
	return rules.ParseMembers(r.Value)
}

// Anchor returns the anchor of a log's incarnation at a size; false if there
// is none.
func (c *Client) Anchor(ctx context.Context, log string, incarnation uint32, size uint64) (rules.Anchor, bool, error) {
	v, err := c.Value(ctx, rules.AnchorKey(log, incarnation, size))
	if err != nil || v == nil {
		return rules.Anchor{}, false, err
	}
	a, err := rules.ParseAnchor(v)
	return a, err == nil, err
}

// Value returns the value under a key in the newest state, nil if there is none.
func (c *Client) Value(ctx context.Context, key []byte) ([]byte, error) {
	r, err := c.query(ctx, "ask for state", app.PathState, key, rpcclient.ABCIQueryOptions{})
	if err != nil || len(r.Value) == 0 {
		return nil, err
	}
	return r.Value, nil
}

func (c *Client) query(ctx context.Context, doing, path string, data []byte, o rpcclient.ABCIQueryOptions) (*abci.ResponseQuery, error) {
	if _, err := c.ChainID(ctx); err != nil {
		return nil, err
	}
	r, err := c.rpc.ABCIQueryWithOptions(ctx, path, data, o)
	if err != nil {
		return nil, failed(ctx, doing, err)
	}
	switch r.Response.Code {
	case app.QueryOK:
		return &r.Response, nil
	case app.QueryNoBlock:
		return nil, fmt.Errorf("%s: %w: %s", doing, ErrCatchingUp, said(r.Response.Log))
	case app.QueryNoSuchVersion:
		return nil, fmt.Errorf("%s: %w: %s", doing, ErrNotKept, said(r.Response.Log))
	}
	return nil, fmt.Errorf("%s: the node answers %d: %s", doing, r.Response.Code, said(r.Response.Log))
}
