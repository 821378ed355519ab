package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// maxTotalPower is CometBFT's bound on a set's power; it keeps the sums and
// products below within 64 bits.
const maxTotalPower = math.MaxInt64 / 8

// tally is who signed a block.
type tally struct {
	validators, signed int
	power, signedPower int64
	tolerates          int
}

// verifySignatures checks that the commit is for this block and that every
// vote in it is signed by its validator, with more than 2/3 of the power.
func (b *block) verifySignatures() (tally, error) {
	if err := b.checkCommit(); err != nil {
		return tally{}, err
	}
	t, err := countPower(b.validators)
	if err != nil {
		return tally{}, err
	}
	for i, vote := range b.commit.Signatures {
		if vote.BlockIdFlag != cmtproto.BlockIDFlagCommit {
			continue // readBlock lets nothing but an absent vote through here
		}
		if err := b.verifyVote(vote, b.validators[i]); err != nil {
			return tally{}, fmt.Errorf("%w: vote of validator %d: %w", ErrUntrusted, i, err)
		}
		t.signed++
		t.signedPower += b.validators[i].VotingPower
	}
	if t.signedPower*3 <= t.power*2 {
		return tally{}, fmt.Errorf("%w: signed by %d of %d voting power, more than 2/3 needed",
			ErrUntrusted, t.signedPower, t.power)
	}
	return t, nil
}

// checkCommit checks that the commit is for the header that we hashed.
func (b *block) checkCommit() error {
	id := b.commit.BlockID
	switch {
	case !bytes.Equal(id.Hash, b.hash[:]):
		return fmt.Errorf("%w: signatures are for another header", ErrUntrusted)
	case id.PartSetHeader.Total == 0 || len(id.PartSetHeader.Hash) != sha256.Size:
		return fmt.Errorf("%w: commit without a complete block id", ErrMalformed)
	case b.commit.Height != b.header.Height:
		return fmt.Errorf("%w: commit of height %d for a header of height %d",
			ErrUntrusted, b.commit.Height, b.header.Height)
	case b.commit.Round < 0:
		return fmt.Errorf("%w: commit of a negative round", ErrMalformed)
	case len(b.commit.Signatures) != len(b.validators):
		return fmt.Errorf("%w: %d votes for %d validators", ErrMalformed, len(b.commit.Signatures), len(b.validators))
	}
	return nil
}

func (b *block) verifyVote(vote cmtproto.CommitSig, validator *cmtproto.Validator) error {
	if !bytes.Equal(vote.ValidatorAddress, validator.Address) {
		return fmt.Errorf("address of another validator")
	}
	message, err := b.signBytes(vote)
	if err != nil {
		return err
	}
	key := ed25519.PublicKey(validator.PubKey.GetEd25519())
	if len(vote.Signature) != ed25519.SignatureSize || !ed25519.Verify(key, message, vote.Signature) {
		return fmt.Errorf("wrong signature")
	}
	return nil
}

// signBytes returns what a validator signs in a precommit: the canonical vote,
// preceded by its length.
func (b *block) signBytes(vote cmtproto.CommitSig) ([]byte, error) {
	canonical := cmtproto.CanonicalVote{
		Type:   cmtproto.PrecommitType,
		Height: b.commit.Height,
		Round:  int64(b.commit.Round),
		BlockID: &cmtproto.CanonicalBlockID{
			Hash:          b.commit.BlockID.Hash,
			PartSetHeader: cmtproto.CanonicalPartSetHeader(b.commit.BlockID.PartSetHeader),
		},
		Timestamp: vote.Timestamp,
		ChainID:   b.header.ChainID,
	}
	body, err := canonical.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode vote: %w", err)
	}
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...), nil
}

// countPower adds up the voting power of a set and refuses one that CometBFT
// would not have: empty, with a validator twice, or beyond its bounds.
func countPower(validators []*cmtproto.Validator) (tally, error) {
	seen := make(map[string]bool, len(validators))
	powers := make([]int64, len(validators))
	t := tally{validators: len(validators)}
	for i, v := range validators {
		if seen[string(v.Address)] {
			return t, fmt.Errorf("%w: a validator stands twice in the set", ErrMalformed)
		}
		if v.VotingPower <= 0 || v.VotingPower > maxTotalPower-t.power {
			return t, fmt.Errorf("%w: voting power out of range", ErrMalformed)
		}
		seen[string(v.Address)] = true
		powers[i] = v.VotingPower
		t.power += v.VotingPower
	}
	t.tolerates = tolerated(powers, t.power)
	return t, nil
}

// tolerated returns how many validators may be faulty, whichever they are,
// before they hold 1/3 of the power together: 0 up to three equal validators,
// 1 of four, 6 of 21.
func tolerated(powers []int64, total int64) int {
	slices.Sort(powers)
	slices.Reverse(powers)
	var sum int64
	for i, power := range powers {
		sum += power
		if sum*3 >= total {
			return i
		}
	}
	return len(powers)
}
