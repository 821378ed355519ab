package vid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// LocalSize is how many bytes of a local id tell patients apart: of 1.4e9 people
// two have the same with a probability of 7e-31.
const LocalSize = 20

// A Local is the id by which one site knows a patient in one epoch. It says nothing
// to another site.
type Local struct {
	Epoch uint16
	ID    [LocalSize]byte
}

// Local returns the first 20 bytes of HMAC-SHA-256(site key, "emrb/local/v1" ‖
// u16 epoch ‖ root).
func (s *Site) Local(epoch uint16, g Root) (Local, error) {
	if epoch > MaxEpoch {
		return Local{}, fmt.Errorf("%w: %d, at most %d", ErrEpoch, epoch, MaxEpoch)
	}
	mac := hmac.New(sha256.New, s.key())
	mac.Write(append(binary.BigEndian.AppendUint16([]byte("emrb/local/v1"), epoch), g[:]...))
	l := Local{Epoch: epoch}
	copy(l.ID[:], mac.Sum(nil))
	return l, nil
}

const (
	localPrefix  = "lid"
	localScheme  = 0
	localSymbols = 3 + LocalSize*8/symbolBits // scheme, epoch of two, id
)

// ErrLocal says that text is not a local id. The wrapping error says the reason.
var ErrLocal = errors.New("not a patient's local id (lid1…)")

// String returns the id as people read it: bech32m (BIP-350) of prefix "lid", one
// symbol for the scheme 0, two for the epoch and 32 for the id; 45 characters.
func (l Local) String() string {
	symbols := make([]byte, 0, localSymbols)
	symbols = append(symbols, localScheme, byte(l.Epoch>>symbolBits)&31, byte(l.Epoch)&31)
	return encode(localPrefix, appendSymbols(symbols, l.ID[:]))
}

// ParseLocal reads what String writes, in lower or upper case, with white space
// around it left to the caller. One mistyped character is always found.
func ParseLocal(text string) (Local, error) {
	prefix, symbols, err := decode(text)
	switch {
	case err != nil:
		return Local{}, fmt.Errorf("%w: %w", ErrLocal, err)
	case prefix != localPrefix || len(symbols) != localSymbols:
		return Local{}, fmt.Errorf("%w: it has another prefix or length", ErrLocal)
	case symbols[0] != localScheme:
		return Local{}, fmt.Errorf("%w: its scheme is %d, this program knows %d", ErrLocal, symbols[0], localScheme)
	}
	l := Local{Epoch: uint16(symbols[1])<<symbolBits | uint16(symbols[2])}
	copy(l.ID[:], fromSymbols(symbols[3:]))
	return l, nil
}
