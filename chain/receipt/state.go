package receipt

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	ics23 "github.com/cosmos/ics23/go"
)

// normalizeProof decodes an ICS-23 proof and encodes it again.
func normalizeProof(b []byte) ([]byte, error) {
	var proof ics23.CommitmentProof
	if err := proof.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: state proof: %w", ErrMalformed, err)
	}
	out, err := proof.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: state proof: %w", ErrMalformed, err)
	}
	return out, nil
}

// verifyState checks that the proof leads from the key and its value, or its
// absence, to the application's state hash.
func (r *Receipt) verifyState(appHash []byte) error {
	canonical, err := normalizeProof(r.Proof)
	if err != nil {
		return err
	}
	if !bytes.Equal(canonical, r.Proof) {
		return fmt.Errorf("%w: state proof", ErrMalformed)
	}
	var proof ics23.CommitmentProof
	if err := proof.Unmarshal(r.Proof); err != nil {
		return fmt.Errorf("%w: state proof: %w", ErrMalformed, err)
	}
	if len(r.Key) == 0 || len(appHash) != sha256.Size {
		return fmt.Errorf("%w: empty key or state", ErrState)
	}
	if r.Value == nil {
		return r.verifyAbsence(&proof, appHash)
	}
	if !wellFormed(proof.GetExist()) ||
		!ics23.VerifyMembership(ics23.IavlSpec, appHash, &proof, r.Key, r.Value) {
		return fmt.Errorf("%w: the key does not have this value", ErrState)
	}
	return nil
}

func (r *Receipt) verifyAbsence(proof *ics23.CommitmentProof, appHash []byte) error {
	absent := proof.GetNonexist()
	if absent == nil || !bytes.Equal(absent.Key, r.Key) {
		return fmt.Errorf("%w: no proof of the key's absence", ErrState)
	}
	for _, neighbour := range []*ics23.ExistenceProof{absent.Left, absent.Right} {
		// A neighbour alone in its tree has no path; two neighbours do.
		if neighbour != nil && (!wellFormed(neighbour) || absent.Left != nil && absent.Right != nil && len(neighbour.Path) == 0) {
			return fmt.Errorf("%w: malformed neighbour", ErrState)
		}
	}
	if !ics23.VerifyNonMembership(ics23.IavlSpec, appHash, proof, r.Key) {
		return fmt.Errorf("%w: the key is not shown to be absent", ErrState)
	}
	return nil
}

// Sizes in an inner node of IAVL: a child is its hash behind a length byte.
const (
	iavlChild     = 1 + sha256.Size
	iavlMaxNumber = 12 // height, size and version as varints, with the length byte: MaxPrefixLength of the spec
)

// wellFormed checks that each step of a proof has its sibling on exactly one
// side, which ics23 takes for granted (it panics otherwise).
func wellFormed(p *ics23.ExistenceProof) bool {
	if p == nil || p.Leaf == nil {
		return false
	}
	for _, step := range p.Path {
		left := len(step.Suffix) == iavlChild && len(step.Prefix) <= iavlMaxNumber
		right := len(step.Suffix) == 0 && len(step.Prefix) > iavlChild && len(step.Prefix) <= iavlMaxNumber+iavlChild
		if !left && !right {
			return false
		}
	}
	return true
}
