package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	rpcclient "github.com/cometbft/cometbft/rpc/client"
	"github.com/cometbft/cometbft/types"

	"github.com/emrbchain/emrbchain/chain/app"
	"github.com/emrbchain/emrbchain/chain/rules"
)

// ReceiptParts is what a receipt is made of, as the node gave it, unchecked.
type ReceiptParts struct {
	Height     int64  // H, the block after which the state was as proven
	LightBlock []byte // of H+1, which carries that state's root; protobuf
	Key        []byte
	Value      []byte // nil: the key is absent
	Proof      []byte // ics23.CommitmentProof; protobuf
}

// ReceiptParts returns what proves a key's value, or that it has none. An
// anchor is proven at the block that accepted it, or later if the node does
// not keep that state; anything else at the newest block that can be proven.
func (c *Client) ReceiptParts(ctx context.Context, key []byte) (ReceiptParts, error) {
	v, err := c.Value(ctx, key)
	if err != nil {
		return ReceiptParts{}, err
	}
	if a, err := rules.ParseAnchor(v); err == nil {
		p, err := c.ReceiptPartsAt(ctx, key, a.Height)
		if !errors.Is(err, ErrNotKept) {
			return p, err
		}
	}
	s, err := c.rpc.Status(ctx)
	if err != nil {
		return ReceiptParts{}, failed(ctx, "ask for the height", err)
	}
	return c.ReceiptPartsAt(ctx, key, max(1, s.SyncInfo.LatestBlockHeight-1))
}

// ReceiptPartsAt is ReceiptParts at a height. It waits for the block after.
func (c *Client) ReceiptPartsAt(ctx context.Context, key []byte, height int64) (ReceiptParts, error) {
	block, err := c.LightBlock(ctx, height+1)
	if err != nil {
		return ReceiptParts{}, err
	}
	r, err := c.query(ctx, "ask for a proof", app.PathState, key, rpcclient.ABCIQueryOptions{Height: height, Prove: true})
	if err != nil {
		return ReceiptParts{}, err
	}
	p := ReceiptParts{Height: height, LightBlock: block, Key: key}
	if len(r.Value) > 0 {
		p.Value = r.Value
	}
	if r.ProofOps == nil || len(r.ProofOps.Ops) != 1 || r.ProofOps.Ops[0].Type != app.ProofType {
		return ReceiptParts{}, errors.New("ask for a proof: the node's answer holds none")
	}
	p.Proof = r.ProofOps.Ops[0].Data
	return p, nil
}

// LightBlock returns the header of a height, the signatures on it and the
// validators, as CometBFT's LightBlock in protobuf. It waits for a height that
// is not reached yet, until the context ends with ErrNotFinal.
func (c *Client) LightBlock(ctx context.Context, height int64) ([]byte, error) {
	if _, err := c.ChainID(ctx); err != nil {
		return nil, err
	}
	header, err := c.awaitCommit(ctx, height)
	if err != nil {
		return nil, err
	}
	validators, err := c.validators(ctx, height)
	if err != nil {
		return nil, err
	}
	set, err := types.ValidatorSetFromExistingValidators(validators)
	if err != nil {
		return nil, fmt.Errorf("read validators of height %d: %w", height, err)
	}
	p, err := (&types.LightBlock{SignedHeader: header, ValidatorSet: set}).ToProto()
	if err != nil {
		return nil, fmt.Errorf("write light block %d: %w", height, err)
	}
	b, err := p.Marshal()
	if err != nil {
		return nil, fmt.Errorf("write light block %d: %w", height, err)
	}
	return b, nil
}

func (c *Client) awaitCommit(ctx context.Context, height int64) (*types.SignedHeader, error) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		r, err := c.rpc.Commit(ctx, &height)
		switch {
		case err == nil && r != nil && r.Header != nil && r.SignedHeader.Commit != nil:
			return &r.SignedHeader, nil
		case err != nil && !strings.Contains(err.Error(), "must be less than or equal to the current blockchain height"):
			return nil, inTime(ctx, failed(ctx, fmt.Sprintf("ask for block %d", height), err))
		}
		select {
		case <-ctx.Done():
			return nil, inTime(ctx, fmt.Errorf("wait for block %d: %w", height, ctx.Err()))
		case <-poll.C:
		}
	}
}

func (c *Client) validators(ctx context.Context, height int64) ([]*types.Validator, error) {
	perPage := 100 // the most that a node gives
	var all []*types.Validator
	for page := 1; ; page++ {
		r, err := c.rpc.Validators(ctx, &height, &page, &perPage)
		if err != nil {
			return nil, failed(ctx, fmt.Sprintf("ask for the validators of height %d", height), err)
		}
		all = append(all, r.Validators...)
		if err := checkValidators(all); err != nil {
			return nil, fmt.Errorf("read validators of height %d: %w", height, err)
		}
		if len(r.Validators) == 0 || len(all) >= r.Total {
			return all, nil
		}
	}
}

// checkValidators refuses a list that CometBFT's own types would panic about,
// and one that does not end.
func checkValidators(all []*types.Validator) error {
	if len(all) > types.MaxVotesCount {
		return fmt.Errorf("the node names more than %d", types.MaxVotesCount)
	}
	left := types.MaxTotalVotingPower
	for _, v := range all {
		if v == nil || v.PubKey == nil || v.VotingPower < 1 || v.VotingPower > left {
			return errors.New("the node names one without a key, or with an impossible power")
		}
		left -= v.VotingPower
	}
	return nil
}

// ValidatorChanges returns the heights from, up to but not including to, whose
// block hands over to another set of validators (its next validators hash
// differs from its own), ascending: enough of them to lead trust from one
// height to the other. A set that goes and comes back between two heights needs
// no link, so it is not searched for.
func (c *Client) ValidatorChanges(ctx context.Context, from, to int64) ([]int64, error) {
	if _, err := c.ChainID(ctx); err != nil {
		return nil, err
	}
	first, err := c.awaitCommit(ctx, from)
	if err != nil || to <= from {
		return nil, err
	}
	last, err := c.awaitCommit(ctx, to)
	if err != nil {
		return nil, err
	}
	return c.changes(ctx, first, last)
}

// changes halves the range until its ends agree or are neighbours.
func (c *Client) changes(ctx context.Context, first, last *types.SignedHeader) ([]int64, error) {
	if first.ValidatorsHash.String() == last.ValidatorsHash.String() {
		return nil, nil
	}
	if last.Height == first.Height+1 {
		return []int64{first.Height}, nil
	}
	middle, err := c.awaitCommit(ctx, first.Height+(last.Height-first.Height)/2)
	if err != nil {
		return nil, err
	}
	before, err := c.changes(ctx, first, middle)
	if err != nil {
		return nil, err
	}
	after, err := c.changes(ctx, middle, last)
	return append(before, after...), err
}
