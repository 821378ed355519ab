// Package receipttest builds chains of signed headers over a real IAVL tree,
// for tests that need receipts and no running node. Headers, commits and
// signatures are CometBFT's own; there is no consensus, since all validators
// are ours. Everything is deterministic: the same calls give the same bytes.
//
// Its keys are test keys: made from a counter, known to everybody.
package receipttest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"
	"github.com/cosmos/iavl"
	idb "github.com/cosmos/iavl/db"

	"github.com/emrbchain/emrbchain/chain/receipt"
)

// A Chain is a chain of headers over a state.
type Chain struct {
	// Absent and Nil are how many of the set's last validators do not vote, or
	// vote for no block, in the commits that follow.
	Absent, Nil int

	t       testing.TB
	id      string
	tree    *iavl.MutableTree
	keys    map[string]ed25519.PrivKey // by address
	set     *types.ValidatorSet        // of the next block
	next    *types.ValidatorSet        // of the one after it
	last    types.BlockID
	appHash []byte // after the last block
	height  int64
	now     time.Time
	blocks  []*types.LightBlock // block h at h-1
}

// New starts a chain with a validator for each power, and makes its first
// block.
func New(t testing.TB, id string, powers ...int64) *Chain {
	t.Helper()
	c := &Chain{t: t, id: id, keys: map[string]ed25519.PrivKey{},
		tree: iavl.NewMutableTree(idb.NewMemDB(), 1000, true, iavl.NewNopLogger()),
		now:  time.Date(2026, 11, 23, 8, 0, 0, 123456789, time.UTC)}
	c.SetValidators(powers...)
	c.set = c.next
	c.tree.Set([]byte("genesis"), []byte(id))
	c.Block()
	return c
}

// Equal returns n times the power 10.
func Equal(n int) []int64 { return slices.Repeat([]int64{10}, n) }

// SetValidators changes the validator set from the block after the next one
// on. Validator i always has the same key.
func (c *Chain) SetValidators(powers ...int64) {
	validators := make([]*types.Validator, len(powers))
	for i, power := range powers {
		key := ed25519.GenPrivKeyFromSecret(fmt.Appendf(nil, "test key of validator %d", i))
		validators[i] = types.NewValidator(key.PubKey(), power)
		c.keys[string(key.PubKey().Address())] = key
	}
	c.next = types.NewValidatorSet(validators)
}

// Set writes a key in the block to come.
func (c *Chain) Set(key, value []byte) {
	c.t.Helper()
	if _, err := c.tree.Set(key, value); err != nil {
		c.t.Fatal(err)
	}
}

// Next returns the height and time of the block to come.
func (c *Chain) Next() (int64, time.Time) { return c.height + 1, c.now.Add(time.Second) }

// Block makes the next block, whose header holds the state before it.
func (c *Chain) Block() {
	c.t.Helper()
	c.height, c.now = c.Next()
	header := &types.Header{
		Version: cmtversion.Consensus{Block: version.BlockProtocol, App: 1},
		ChainID: c.id, Height: c.height, Time: c.now, LastBlockID: c.last, AppHash: c.appHash,
		ValidatorsHash: c.set.Hash(), NextValidatorsHash: c.next.Hash(),
		ProposerAddress: c.set.Validators[int(c.height)%c.set.Size()].Address,
		LastCommitHash:  sum("commit"), DataHash: sum("data"), ConsensusHash: sum("params"),
		LastResultsHash: sum("results"), EvidenceHash: sum("evidence"),
	}
	c.last = types.BlockID{Hash: header.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: sum("parts")}}
	c.blocks = append(c.blocks, &types.LightBlock{
		SignedHeader: &types.SignedHeader{Header: header, Commit: c.commit()}, ValidatorSet: c.set})
	hash, _, err := c.tree.SaveVersion()
	if err != nil {
		c.t.Fatal(err)
	}
	c.appHash, c.set = hash, c.next
}

func sum(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// commit has every validator sign the last block, except those that are to be
// absent or to vote nil.
func (c *Chain) commit() *types.Commit {
	commit := &types.Commit{Height: c.height, Round: 1, BlockID: c.last}
	for i, v := range c.set.Validators {
		vote := types.CommitSig{BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: v.Address,
			Timestamp: c.now.Add(time.Duration(100+i) * time.Millisecond)}
		switch fromLast := c.set.Size() - i; {
		case fromLast <= c.Absent:
			vote = types.NewCommitSigAbsent()
		case fromLast <= c.Absent+c.Nil:
			vote.BlockIDFlag = types.BlockIDFlagNil
		}
		commit.Signatures = append(commit.Signatures, vote)
		if vote.BlockIDFlag != types.BlockIDFlagAbsent {
			signature, err := c.keys[string(v.Address)].Sign(commit.VoteSignBytes(c.id, int32(i)))
			if err != nil {
				c.t.Fatal(err)
			}
			commit.Signatures[i].Signature = signature
		}
	}
	return commit
}

// LightBlock returns the light block of a height as a node would send it, with
// everything that a receipt leaves out.
func (c *Chain) LightBlock(height int64) []byte {
	c.t.Helper()
	message, err := c.blocks[height-1].ToProto()
	if err != nil {
		c.t.Fatal(err)
	}
	return marshal(c.t, message)
}

func marshal(t testing.TB, m interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	b, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Links returns a light block for each change of the validator set so far.
func (c *Chain) Links() [][]byte {
	var links [][]byte
	for _, b := range c.blocks {
		if string(b.ValidatorsHash) != string(b.NextValidatorsHash) {
			links = append(links, c.LightBlock(b.Height))
		}
	}
	return links
}

// Trust returns the trust in the block of a height.
func (c *Chain) Trust(height int64) receipt.Trust {
	c.t.Helper()
	trust, err := receipt.NewTrust(c.LightBlock(height))
	if err != nil {
		c.t.Fatal(err)
	}
	return trust
}

// Receipt puts what was set into a block, makes the one after it, and returns
// the receipt of the key's value or absence, with the links from height 1.
func (c *Chain) Receipt(key []byte) *receipt.Receipt {
	c.t.Helper()
	c.Block()
	version := c.tree.Version()
	c.Block()
	state, err := c.tree.GetImmutable(version)
	if err != nil {
		c.t.Fatal(err)
	}
	value, err := state.Get(key)
	if err != nil {
		c.t.Fatal(err)
	}
	proof, err := state.GetProof(key)
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := receipt.New(c.LightBlock(c.height), key, value, marshal(c.t, proof), c.Links())
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// Decode returns a receipt's light block as CometBFT's own type decodes it.
func Decode(block []byte) (*types.LightBlock, error) {
	var message cmtproto.LightBlock
	if err := message.Unmarshal(block); err != nil {
		return nil, err
	}
	return types.LightBlockFromProto(&message)
}
