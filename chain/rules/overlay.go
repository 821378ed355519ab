package rules

// An Overlay is a state over another one that it never writes to: what a block
// would do is found out without doing it.
type Overlay struct {
	under  Reader
	writes map[string][]byte
}

// A Reader is the half of State that reads.
type Reader interface {
	Get(key []byte) ([]byte, error)
}

// NewOverlay returns an empty overlay over a state.
func NewOverlay(under Reader) *Overlay {
	return &Overlay{under: under, writes: make(map[string][]byte)}
}

// Get returns what was set here last, or else what is under it.
func (o *Overlay) Get(key []byte) ([]byte, error) {
	if v, ok := o.writes[string(key)]; ok {
		return v, nil
	}
	return o.under.Get(key)
}

// Set sets a value here only.
func (o *Overlay) Set(key, value []byte) error {
	o.writes[string(key)] = value
	return nil
}
