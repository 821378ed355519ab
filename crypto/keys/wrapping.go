package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// KeySize is the size in bytes of a wrapping key and of an owner key.
const KeySize = 32

// WrappedSize is the size in bytes of a wrapped owner key: a random nonce, the
// key, and GCM's tag.
const WrappedSize = 12 + KeySize + 16

// ErrUnwrap says that a wrapped key does not open: it was wrapped by another
// wrapping key or for another owner, or it was altered.
var ErrUnwrap = errors.New("wrapped key does not open")

const (
	pemWrapping = "EMRBCHAIN WRAPPING KEY"
	idSize      = 8
)

// Wrapping encrypts owner keys for storage with AES-256-GCM. It is safe for
// concurrent use. One wrapping key may wrap up to 2^32 owner keys.
type Wrapping struct {
	Redacted
	id   [idSize]byte
	key  func() *[KeySize]byte
	aead func() cipher.AEAD
}

// NewWrapping makes a wrapping key from 32 bytes of random.
func NewWrapping(random io.Reader) (*Wrapping, error) {
	var key [KeySize]byte
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, fmt.Errorf("generate wrapping key: %w", err)
	}
	return newWrapping(&key)
}

func newWrapping(key *[KeySize]byte) (*Wrapping, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make wrapping cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make wrapping cipher: %w", err)
	}
	sum := sha256.Sum256(key[:])
	return &Wrapping{
		id:   [idSize]byte(sum[:]),
		key:  func() *[KeySize]byte { return key },
		aead: func() cipher.AEAD { return aead },
	}, nil
}

// ParseWrapping reads a key as Format writes it. The id that stands beside the
// key must be the key's.
func ParseWrapping(r io.Reader) (*Wrapping, error) {
	block, err := ReadBlock(r, pemWrapping)
	if err != nil {
		return nil, fmt.Errorf("parse wrapping key: %w", err)
	}
	if len(block.Bytes) != KeySize || len(block.Headers) != 1 {
		return nil, fmt.Errorf("parse wrapping key: %w", malformed("32 bytes and an Id"))
	}
	w, err := newWrapping((*[KeySize]byte)(block.Bytes))
	if err != nil {
		return nil, err
	}
	if block.Headers["Id"] != w.ID() {
		return nil, fmt.Errorf("parse wrapping key: %w", malformed("the key that Id names"))
	}
	return w, nil
}

// Format writes the key in PEM with its id. The result is secret.
func (w *Wrapping) Format() []byte {
	return pem.EncodeToMemory(&pem.Block{
		Type: pemWrapping, Headers: map[string]string{"Id": w.ID()}, Bytes: w.key()[:],
	})
}

// ID returns the key's public name: the first 8 bytes of its SHA-256 in hex.
func (w *Wrapping) ID() string { return hex.EncodeToString(w.id[:]) }

// Wrap encrypts an owner's key: nonce ‖ ciphertext ‖ tag, bound to this
// wrapping key and to the owner's number.
func (w *Wrapping) Wrap(owner uint64, key *[KeySize]byte) ([]byte, error) {
	return w.aead().Seal(make([]byte, 0, WrappedSize), nil, key[:], w.binding(owner)), nil
}

// Unwrap decrypts what Wrap wrote for the same owner.
func (w *Wrapping) Unwrap(owner uint64, wrapped []byte) (key [KeySize]byte, err error) {
	if len(wrapped) != WrappedSize {
		return key, fmt.Errorf("%w: it has %d bytes, not %d", ErrUnwrap, len(wrapped), WrappedSize)
	}
	if _, err := w.aead().Open(key[:0], nil, wrapped, w.binding(owner)); err != nil {
		return [KeySize]byte{}, fmt.Errorf("%w under wrapping key %s", ErrUnwrap, w.ID())
	}
	return key, nil
}

// binding is the associated data: wrapping key id ‖ u64 owner.
func (w *Wrapping) binding(owner uint64) []byte {
	return binary.BigEndian.AppendUint64(w.id[:len(w.id):len(w.id)], owner)
}
