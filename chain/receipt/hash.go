package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// blockProtocol is the version of CometBFT's block format that this package
// knows (version.BlockProtocol of CometBFT 0.38).
const blockProtocol = 11

// maxChainID is the most bytes that CometBFT allows a chain id.
const maxChainID = 50

// checkHeader checks the form of a header's fields as CometBFT's
// Header.ValidateBasic does.
func checkHeader(h *cmtproto.Header) error {
	malformed := func(what string) error { return fmt.Errorf("%w: header: %s", ErrMalformed, what) }
	if h.Version.Block != blockProtocol {
		return malformed(fmt.Sprintf("block protocol %d, this program knows %d", h.Version.Block, blockProtocol))
	}
	if h.ChainID == "" || len(h.ChainID) > maxChainID {
		return malformed("chain id")
	}
	if h.Height < 1 {
		return malformed("height below 1")
	}
	if len(h.ProposerAddress) != addressSize {
		return malformed("proposer address")
	}
	if len(h.ValidatorsHash) != sha256.Size || len(h.NextValidatorsHash) != sha256.Size {
		return malformed("validators hash")
	}
	for _, hash := range [][]byte{h.LastBlockId.Hash, h.LastBlockId.PartSetHeader.Hash, h.LastCommitHash,
		h.DataHash, h.ConsensusHash, h.LastResultsHash, h.EvidenceHash} {
		if len(hash) != 0 && len(hash) != sha256.Size {
			return malformed("hash of a wrong size")
		}
	}
	return nil
}

// headerHash returns the root of the Merkle tree over the header's fields, each
// in its protobuf encoding, which is a block's hash (CometBFT 0.38,
// types.Header.Hash).
func headerHash(h *cmtproto.Header) (hash [sha256.Size]byte, err error) {
	version, err := h.Version.Marshal()
	if err != nil {
		return hash, fmt.Errorf("encode header version: %w", err)
	}
	last, err := h.LastBlockId.Marshal()
	if err != nil {
		return hash, fmt.Errorf("encode last block id: %w", err)
	}
	return treeHash([][]byte{
		version,
		wrapBytes([]byte(h.ChainID)),
		appendVarintField(nil, 1, h.Height),
		appendVarintField(appendVarintField(nil, 1, h.Time.Unix()), 2, int64(h.Time.Nanosecond())),
		last,
		wrapBytes(h.LastCommitHash),
		wrapBytes(h.DataHash),
		wrapBytes(h.ValidatorsHash),
		wrapBytes(h.NextValidatorsHash),
		wrapBytes(h.ConsensusHash),
		wrapBytes(h.AppHash),
		wrapBytes(h.LastResultsHash),
		wrapBytes(h.EvidenceHash),
		wrapBytes(h.ProposerAddress),
	}), nil
}

// wrapBytes is the protobuf encoding of a message whose field 1 is a string or
// bytes: google.protobuf.StringValue, BytesValue.
func wrapBytes(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	return append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(v))), v...)
}

// appendVarintField appends a protobuf integer field; zero is left out.
func appendVarintField(b []byte, field byte, v int64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(append(b, field<<3), uint64(v))
}

// validatorsHash returns the root of the Merkle tree over the validators' keys
// and powers (CometBFT 0.38, types.ValidatorSet.Hash).
func validatorsHash(validators []*cmtproto.Validator) (hash [sha256.Size]byte, err error) {
	leaves := make([][]byte, len(validators))
	for i, v := range validators {
		simple := cmtproto.SimpleValidator{PubKey: &v.PubKey, VotingPower: v.VotingPower}
		if leaves[i], err = simple.Marshal(); err != nil {
			return hash, fmt.Errorf("encode validator: %w", err)
		}
	}
	return treeHash(leaves), nil
}

// treeHash returns the Merkle tree hash of RFC 6962, section 2.1.
func treeHash(leaves [][]byte) [sha256.Size]byte {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	split := 1 << (bits.Len(uint(len(leaves)-1)) - 1)
	left, right := treeHash(leaves[:split]), treeHash(leaves[split:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}
