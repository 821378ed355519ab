package receipt

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// addressSize is the size of a validator's address: the first bytes of the
// SHA-256 of its public key.
const addressSize = 20

// NormalizeLightBlock returns the canonical form of a protobuf light block.
// What neither the header's hash nor a counted signature covers gets one
// value: votes that are not for the block become absent, proposer priorities
// and the total power zero, addresses those of the keys, and the proposer the
// validator that the header names.
func NormalizeLightBlock(b []byte) ([]byte, error) {
	var block cmtproto.LightBlock
	if err := block.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: light block: %w", ErrMalformed, err)
	}
	if err := normalize(&block); err != nil {
		return nil, err
	}
	out, err := block.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: light block: %w", ErrMalformed, err)
	}
	return out, nil
}

func normalize(block *cmtproto.LightBlock) error {
	signed, set := block.SignedHeader, block.ValidatorSet
	if signed == nil || signed.Header == nil || signed.Commit == nil || set == nil {
		return fmt.Errorf("%w: light block without header, commit or validators", ErrMalformed)
	}
	for i := range signed.Commit.Signatures {
		if signed.Commit.Signatures[i].BlockIdFlag != cmtproto.BlockIDFlagCommit {
			signed.Commit.Signatures[i] = absentVote()
		}
	}
	set.TotalVotingPower, set.Proposer = 0, nil
	for i, v := range set.Validators {
		if len(v.PubKey.GetEd25519()) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: validator %d has no Ed25519 key", ErrMalformed, i)
		}
		v.Address, v.ProposerPriority = address(v), 0
		if bytes.Equal(v.Address, signed.Header.ProposerAddress) {
			set.Proposer = v
		}
	}
	if set.Proposer == nil {
		return fmt.Errorf("%w: proposer of the block is no validator", ErrMalformed)
	}
	return nil
}

// absentVote is how CometBFT writes that a validator's vote is not there; its
// time is Go's zero time.
func absentVote() cmtproto.CommitSig {
	return cmtproto.CommitSig{BlockIdFlag: cmtproto.BlockIDFlagAbsent, Timestamp: time.Time{}}
}

func address(v *cmtproto.Validator) []byte {
	sum := sha256.Sum256(v.PubKey.GetEd25519())
	return sum[:addressSize]
}

// A block is a decoded light block with the hashes that we computed of it.
type block struct {
	header     *cmtproto.Header
	commit     *cmtproto.Commit
	validators []*cmtproto.Validator
	hash       [sha256.Size]byte // of the header
	setHash    [sha256.Size]byte // of the validator set
}

// readBlock decodes a light block and refuses any but the canonical form.
func readBlock(b []byte) (*block, error) {
	canonical, err := NormalizeLightBlock(b)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, b) {
		return nil, fmt.Errorf("%w: light block", ErrMalformed)
	}
	var decoded cmtproto.LightBlock
	if err := decoded.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: light block: %w", ErrMalformed, err)
	}
	out := &block{header: decoded.SignedHeader.Header, commit: decoded.SignedHeader.Commit,
		validators: decoded.ValidatorSet.Validators}
	if err := checkHeader(out.header); err != nil {
		return nil, err
	}
	if out.hash, err = headerHash(out.header); err != nil {
		return nil, err
	}
	if out.setHash, err = validatorsHash(out.validators); err != nil {
		return nil, err
	}
	if !bytes.Equal(out.setHash[:], out.header.ValidatorsHash) {
		return nil, fmt.Errorf("%w: validators are not those that the header names", ErrUntrusted)
	}
	return out, nil
}
