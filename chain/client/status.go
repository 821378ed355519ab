package client

import (
	"context"
	"slices"
	"time"
)

// A Status is what a node knows of its chain.
type Status struct {
	Chain      string
	Node       string // the node's id among its peers
	Height     int64  // newest block; 0 before the first
	Time       time.Time
	CatchingUp bool
	Validators []Validator // those of the newest block, by falling power
	Power      int64       // of all of them
	// Tolerates is how many validators may fail or lie, whichever they are: the
	// others still hold more than 2/3 of the power.
	Tolerates int
}

// A Validator is one voice in the consensus.
type Validator struct {
	Address string // hexadecimal
	Key     []byte // Ed25519
	Power   int64
}

// Status asks the node how it and the chain are.
func (c *Client) Status(ctx context.Context) (Status, error) {
	chain, err := c.ChainID(ctx)
	if err != nil {
		return Status{}, err
	}
	r, err := c.rpc.Status(ctx)
	if err != nil {
		return Status{}, failed(ctx, "ask for the status", err)
	}
	s := Status{Chain: chain, Node: string(r.NodeInfo.DefaultNodeID), Height: r.SyncInfo.LatestBlockHeight,
		Time: r.SyncInfo.LatestBlockTime, CatchingUp: r.SyncInfo.CatchingUp}
	validators, err := c.validators(ctx, max(1, s.Height))
	if err != nil {
		return Status{}, err
	}
	for _, v := range validators {
		s.Validators = append(s.Validators, Validator{Address: v.Address.String(), Key: v.PubKey.Bytes(), Power: v.VotingPower})
		s.Power += v.VotingPower
	}
	slices.SortStableFunc(s.Validators, func(a, b Validator) int { return int(b.Power - a.Power) })
	s.Tolerates = tolerates(s.Validators, s.Power)
	return s, nil
}

// tolerates returns how many of the strongest may be missing while the others
// hold more than 2/3. The validators are sorted by falling power.
func tolerates(validators []Validator, total int64) int {
	missing := int64(0)
	for n, v := range validators {
		missing += v.Power
		if 3*missing >= total {
			return n
		}
	}
	return 0
}
