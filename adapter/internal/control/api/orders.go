package api

import "time"

// OrderRequest asks for an order to be prepared, for an officer to sign.
type OrderRequest struct {
	Kind    string `json:"kind"` // erase, hold, release, correct
	Patient string `json:"patient,omitempty"`
	Table   string `json:"table,omitempty"`
	Key     string `json:"key,omitempty"`
	Reason  string `json:"reason"`
}

// OfficerRequest puts an officer's key on record.
type OfficerRequest struct {
	Name string `json:"name"`
	Key  string `json:"key"` // public key of Ed25519, 64 hex digits
}

// Officer is an officer's key on record.
type Officer struct {
	Name string `json:"name"`
	// ID is what people compare: the first 16 bytes of SHA-256 of the public key, in hex.
	ID    string    `json:"id"`
	Leaf  uint64    `json:"leaf"`
	Since time.Time `json:"since"`
	// Anchored is nil while no anchor covers it: the key counts for nothing yet.
	Anchored *Moment `json:"anchored"`
}

// Officers lists the officers on record, the oldest first.
type Officers struct {
	Officers []Officer `json:"officers"`
}

// Certificate says what came of an order.
type Certificate struct {
	Order    string    `json:"order"` // its id in hex
	Kind     string    `json:"kind"`
	Log      string    `json:"log"` // origin
	Leaf     uint64    `json:"leaf"`
	Time     time.Time `json:"time"` // of the entry, by the sidecar's clock
	Officer  Officer   `json:"officer"`
	Signed   time.Time `json:"signed"`
	Reason   string    `json:"reason"`
	Repeated bool      `json:"repeated"` // it was carried out before; nothing was done again

	// Of an erasure: the versions that nothing opens any more, and the owner keys
	// that were destroyed, all of them wrapped by the key of this id or one before it.
	Versions    int    `json:"versions,omitempty"`
	Keys        int    `json:"keys,omitempty"`
	WrappingKey string `json:"wrapping_key,omitempty"`
	// Of a correction: the findings that are one.
	Corrected int `json:"corrected,omitempty"`

	Entry []byte `json:"entry"` // body of the log's entry, with the signed order
	// Anchored is the first anchor that covers the entry, with its checkpoint and
	// receipt; nil while none does.
	Anchored   *Moment `json:"anchored"`
	Checkpoint string  `json:"checkpoint,omitempty"`
	Receipt    []byte  `json:"receipt,omitempty"`
}
