package receipt

import (
	"bytes"
	"fmt"
	"time"
)

// A Result says what a verified receipt proves, and who stands for it.
type Result struct {
	ChainID string `json:"chain_id"`
	// Height of the signed header. The state that it commits to is the one
	// after the block before it.
	Height int64 `json:"height"`
	// Time of that header: agreed on by the validators, not by the log's owner.
	Time time.Time `json:"time"`
	// Present tells whether the key has the receipt's value, or is absent.
	Present bool `json:"present"`

	Validators  int   `json:"validators"` // in the set
	Signed      int   `json:"signed"`     // whose signatures are in the receipt
	Power       int64 `json:"power"`      // of the set
	SignedPower int64 `json:"signed_power"`
	// Tolerates is how many validators may be faulty, whichever they are: 0 up
	// to three equal ones. At 0 the receipt is only as good as each of them.
	Tolerates int `json:"tolerates"`
	Links     int `json:"links"` // changes of the validator set between the trust file and the receipt
}

// Verify checks the whole receipt against what the verifier trusts. Its errors
// wrap ErrMalformed, ErrUntrusted or ErrState.
func (r *Receipt) Verify(trust Trust) (Result, error) {
	if err := trust.check(); err != nil {
		return Result{}, err
	}
	block, err := readBlock(r.Block)
	if err != nil {
		return Result{}, err
	}
	path := path{trust: trust, set: trust.ValidatorsHash, height: trust.Height}
	for i, link := range r.Links {
		if err := path.follow(link); err != nil {
			return Result{}, fmt.Errorf("link %d: %w", i, err)
		}
	}
	// Without a link between, the trusted validators vouch for a block below
	// the trusted height just as well: it was they who signed it.
	if len(r.Links) > 0 && block.header.Height <= path.height {
		return Result{}, fmt.Errorf("%w: block %d is not above the last link", ErrUntrusted, block.header.Height)
	}
	tally, err := path.accept(block)
	if err != nil {
		return Result{}, err
	}
	if err := r.verifyState(block.header.AppHash); err != nil {
		return Result{}, err
	}
	return Result{
		ChainID: block.header.ChainID, Height: block.header.Height, Time: block.header.Time, Present: r.Value != nil,
		Validators: tally.validators, Signed: tally.signed, Power: tally.power, SignedPower: tally.signedPower,
		Tolerates: tally.tolerates, Links: len(r.Links),
	}, nil
}

// A path is how far trust has come: the hash of the validator set that is
// trusted now, and the height from which on.
type path struct {
	trust  Trust
	set    Hash
	height int64
}

// accept checks that a block is of the trusted chain and signed by the set
// that is trusted now.
func (p *path) accept(b *block) (tally, error) {
	if b.header.ChainID != p.trust.ChainID {
		return tally{}, fmt.Errorf("%w: block of chain %q, the trust file is of %q",
			ErrUntrusted, b.header.ChainID, p.trust.ChainID)
	}
	if b.setHash != p.set {
		return tally{}, fmt.Errorf("%w: block %d is of other validators than those trusted at height %d",
			ErrUntrusted, b.header.Height, p.height)
	}
	if b.header.Height == p.trust.Height && b.hash != p.trust.HeaderHash {
		return tally{}, fmt.Errorf("%w: block %d is not the one in the trust file", ErrUntrusted, b.header.Height)
	}
	return b.verifySignatures()
}

// follow moves trust on to the set that a link hands over to.
func (p *path) follow(link []byte) error {
	b, err := readBlock(link)
	if err != nil {
		return err
	}
	if b.header.Height < p.height || b.header.Height == p.height && p.height != p.trust.Height {
		return fmt.Errorf("%w: links go back in height", ErrUntrusted)
	}
	if _, err := p.accept(b); err != nil {
		return err
	}
	if bytes.Equal(b.header.NextValidatorsHash, b.header.ValidatorsHash) {
		return fmt.Errorf("%w: link changes no validator", ErrMalformed)
	}
	p.set, p.height = Hash(b.header.NextValidatorsHash), b.header.Height
	return nil
}
