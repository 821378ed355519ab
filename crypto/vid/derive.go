package vid

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
)

// A Deriver derives the roots of one epoch. Members who hold derivers of the same
// epoch derive the same root from the same identifier.
type Deriver interface {
	// Epoch returns the number of the epoch, 0 to MaxEpoch.
	Epoch() uint16
	// KeyID is a public name of what the roots depend on beside the identifier: two
	// derivers of one epoch that differ in it derive other roots.
	KeyID() string
	Root(Identifier) Root
}

// Keyed is the Deriver of a key that the members share: HMAC-SHA-256. Whoever
// holds the key can try identifiers offline until one fits a root. It is safe for
// concurrent use.
type Keyed struct {
	epoch uint16
	key   func() []byte // so that no verb reaches it
}

var _ Deriver = (*Keyed)(nil)

// NewKeyed returns the deriver of an epoch.
func NewKeyed(epoch uint16, key *[KeySize]byte) (*Keyed, error) {
	if epoch > MaxEpoch {
		return nil, fmt.Errorf("%w: %d, at most %d", ErrEpoch, epoch, MaxEpoch)
	}
	own := *key
	return &Keyed{epoch: epoch, key: func() []byte { return own[:] }}, nil
}

// Epoch returns the number of the deriver's epoch.
func (k *Keyed) Epoch() uint16 { return k.epoch }

// Root returns HMAC-SHA-256(key, input of the identifier).
func (k *Keyed) Root(id Identifier) (g Root) {
	mac := hmac.New(sha256.New, k.key())
	mac.Write(id.appendInput(make([]byte, 0, 128)))
	mac.Sum(g[:0])
	return g
}

// Site makes a site's local ids. It is safe for concurrent use.
type Site struct{ key func() []byte }

// NewSite returns the Site of a key that no other site has.
func NewSite(key *[KeySize]byte) *Site {
	own := *key
	return &Site{key: func() []byte { return own[:] }}
}
