// Package receipt proves, without any network, that a key of the chain's state
// had a value (or none) when more than 2/3 of the validators said so.
//
// A receipt holds three things. A light block: the header at height H+1 and
// the validators' signatures on it. A state proof (ICS-23) that leads from the
// key and value to the header's AppHash, which is the state after block H. And
// links: one light block for each change of the validator set since the one
// that the verifier trusts, so that trust reaches over years.
//
// The verifier starts from a Trust, a small file that he was given by a way
// that he believes: a letterhead, a phone call in which Fingerprint was read
// out. Everything else is computed here from the bytes of the receipt: the
// header's hash, the validator set's hash, the bytes that each validator
// signed. The package uses CometBFT's protobuf types, ics23 and the standard
// library's Ed25519 and SHA-256; CometBFT's own verification serves the tests
// as an oracle.
//
// A receipt has one form only. What neither a hash nor a signature covers (a
// proposer priority, a vote that is not for the block, an unknown protobuf
// field) is pinned to one value, and protobuf parts are decoded, encoded again
// and compared. So changing any byte of a receipt makes Verify refuse it.
// SPEC.md beside this file is the format.
package receipt

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Format is the version of the receipt's format that this package knows.
const Format = 1

// MaxSize is the most bytes that a receipt may have: room for the links of
// about a thousand changes of a set of 21 validators.
const MaxSize = 4 << 20

// Errors of this package. A receipt that gives one of them proves nothing.
var (
	// ErrMalformed says that the receipt is not in its one canonical form: it
	// was damaged, or made by something else.
	ErrMalformed = errors.New("receipt is not in its canonical form")
	// ErrUntrusted says that the receipt's block is not signed by more than 2/3
	// of validators that the trust file leads to. Ask whether the trust file is
	// of this chain.
	ErrUntrusted = errors.New("block is not vouched for by the trusted validators")
	// ErrState says that the block is fine but the state that it commits to is
	// not as the receipt says.
	ErrState = errors.New("state proof does not verify")
)

// A Receipt proves the presence or absence of one key in the chain's state.
// Its fields are as they came, unverified until Verify.
type Receipt struct {
	Block []byte   // light block at H+1, canonical protobuf
	Key   []byte   // of the application's state
	Value []byte   // nil: the key is absent
	Proof []byte   // ICS-23 commitment proof, canonical protobuf
	Links [][]byte // light blocks, ascending, one per change of the validator set
}

// New makes a receipt in canonical form from what a node returns: the light
// block at H+1, the key and value at H, the ICS-23 proof and the light blocks
// of the validator changes, all as protobuf bytes. It verifies nothing.
func New(block, key, value, proof []byte, links [][]byte) (*Receipt, error) {
	r := &Receipt{Key: key, Value: value, Links: make([][]byte, len(links))}
	if len(value) == 0 {
		r.Value = nil
	}
	var err error
	if r.Block, err = NormalizeLightBlock(block); err != nil {
		return nil, err
	}
	if r.Proof, err = normalizeProof(proof); err != nil {
		return nil, err
	}
	for i := range links {
		if r.Links[i], err = NormalizeLightBlock(links[i]); err != nil {
			return nil, fmt.Errorf("link %d: %w", i, err)
		}
	}
	return r, nil
}

// Append appends the canonical encoding: [1, block, key, value or null, proof,
// [links]].
func (r *Receipt) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 6), Format)
	b = dcbor.AppendBytes(b, r.Block)
	b = dcbor.AppendBytes(b, r.Key)
	if r.Value == nil {
		b = dcbor.AppendNull(b)
	} else {
		b = dcbor.AppendBytes(b, r.Value)
	}
	b = dcbor.AppendBytes(b, r.Proof)
	b = dcbor.AppendArray(b, len(r.Links))
	for _, link := range r.Links {
		b = dcbor.AppendBytes(b, link)
	}
	return b
}

// Parse reads a receipt. It checks the outer form alone; Verify checks the
// rest. The result shares the input's memory.
func Parse(b []byte) (*Receipt, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), MaxSize)
	}
	reader := dcbor.NewReader(b)
	r, err := read(reader)
	if err != nil {
		return nil, err
	}
	if err := reader.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(r.Append(nil), b) {
		return nil, ErrMalformed
	}
	return r, nil
}

func read(reader *dcbor.Reader) (*Receipt, error) {
	reader.ArrayOf(6)
	if f := reader.Uint(); reader.Err() == nil && f != Format {
		return nil, fmt.Errorf("%w: format %d, this program knows %d", ErrMalformed, f, Format)
	}
	r := &Receipt{Block: reader.Bytes(), Key: reader.Bytes()}
	if reader.Next() == dcbor.KindNull {
		reader.Null()
	} else if r.Value = reader.Bytes(); len(r.Value) == 0 {
		reader.Fail("empty value")
	}
	r.Proof = reader.Bytes()
	n := reader.Array()
	for ; n > 0 && reader.Err() == nil; n-- {
		r.Links = append(r.Links, reader.Bytes())
	}
	return r, nil
}
