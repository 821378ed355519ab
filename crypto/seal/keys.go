package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"

	"github.com/emrbchain/emrbchain/crypto/keys"
)

// A Suite is how a key is agreed upon; all use HKDF-SHA-256 and AES-256-GCM.
// Numbers are part of the format and never change their meaning.
type Suite uint16

// The suites. A recipient's key is of one, so nobody can talk a sender into another.
const (
	MLKEM768X25519 Suite = 1 // X-Wing, KEM 0x647a; the default: against who records now and decrypts later
	P256           Suite = 2 // DHKEM(P-256, HKDF-SHA256), KEM 0x0010; for hardware keys
)

// kem returns a suite's KEM, nil of a suite that is unknown.
func (s Suite) kem() hpke.KEM {
	switch s {
	case MLKEM768X25519:
		return hpke.MLKEM768X25519()
	case P256:
		return hpke.DHKEM(ecdh.P256())
	}
	return nil
}

// encSize returns how long an encapsulated key is, in bytes.
func (s Suite) encSize() int {
	if s == MLKEM768X25519 {
		return 1120
	}
	return 65
}

// A KeyID names a recipient's key.
type KeyID [16]byte

// String returns 32 lower-case hex digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

// Public is a recipient's public key.
type Public struct {
	suite   Suite
	key     hpke.PublicKey
	encoded []byte
}

// ParsePublic reads a key as Bytes gives it.
func ParsePublic(b []byte) (*Public, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("%w: a recipient's public key expected", keys.ErrKey)
	}
	s := Suite(binary.BigEndian.Uint16(b))
	kem := s.kem()
	if kem == nil {
		return nil, fmt.Errorf("%w: a recipient's public key of suite %d; this program knows 1 and 2", keys.ErrKey, s)
	}
	key, err := kem.NewPublicKey(b[2:])
	if err != nil {
		return nil, fmt.Errorf("%w: a recipient's public key of suite %d expected", keys.ErrKey, s)
	}
	return &Public{suite: s, key: key, encoded: bytes.Clone(b)}, nil
}

// Bytes returns u16 suite ‖ the KEM's public key.
func (p *Public) Bytes() []byte { return bytes.Clone(p.encoded) }

// Suite returns the key's suite.
func (p *Public) Suite() Suite { return p.suite }

// ID returns the first 16 bytes of SHA-256("emrbchain/recipient/v1" ‖ Bytes).
func (p *Public) ID() (id KeyID) {
	sum := sha256.Sum256(append([]byte("emrbchain/recipient/v1"), p.encoded...))
	copy(id[:], sum[:])
	return id
}

const pemPublic = "EMRBCHAIN RECIPIENT PUBLIC KEY"

// FormatPublic writes a public key as PEM of Bytes.
func FormatPublic(p *Public) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: p.encoded})
}

// ReadPublic reads a public key as FormatPublic writes it, and nothing after it.
func ReadPublic(r io.Reader) (*Public, error) {
	block, err := keys.ReadBlock(r, pemPublic)
	if err != nil {
		return nil, fmt.Errorf("parse recipient's public key: %w", err)
	}
	return ParsePublic(block.Bytes)
}

// A Recipient is a key that messages are sealed to. No verb shows it.
type Recipient struct {
	keys.Redacted
	public  *Public
	private func() hpke.PrivateKey
}

// GenerateRecipient makes a key of a suite.
func GenerateRecipient(s Suite) (*Recipient, error) {
	kem := s.kem()
	if kem == nil {
		return nil, fmt.Errorf("%w: suite %d is unknown", keys.ErrKey, s)
	}
	key, err := kem.GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("generate recipient's key: %w", err)
	}
	return newRecipient(s, key)
}

func newRecipient(s Suite, key hpke.PrivateKey) (*Recipient, error) {
	public, err := ParsePublic(append(binary.BigEndian.AppendUint16(nil, uint16(s)), key.PublicKey().Bytes()...))
	if err != nil {
		return nil, err
	}
	return &Recipient{public: public, private: func() hpke.PrivateKey { return key }}, nil
}

// Public returns the public key.
func (r *Recipient) Public() *Public { return r.public }

const pemRecipient = "EMRBCHAIN RECIPIENT KEY"

// FormatRecipient writes a key as PEM of u16 suite ‖ the KEM's private key. The
// result is secret.
func FormatRecipient(r *Recipient) ([]byte, error) {
	private, err := r.private().Bytes()
	if err != nil {
		return nil, fmt.Errorf("write recipient's key: %w", err)
	}
	b := append(binary.BigEndian.AppendUint16(nil, uint16(r.public.suite)), private...)
	return pem.EncodeToMemory(&pem.Block{Type: pemRecipient, Bytes: b}), nil
}

// ParseRecipient reads a key as FormatRecipient writes it, and nothing after it.
func ParseRecipient(r io.Reader) (*Recipient, error) {
	block, err := keys.ReadBlock(r, pemRecipient)
	if err != nil {
		return nil, fmt.Errorf("parse recipient's key: %w", err)
	}
	if len(block.Bytes) < 2 {
		return nil, fmt.Errorf("%w: a recipient's key expected", keys.ErrKey)
	}
	s := Suite(binary.BigEndian.Uint16(block.Bytes))
	kem := s.kem()
	if kem == nil {
		return nil, fmt.Errorf("%w: a recipient's key of suite %d; this program knows 1 and 2", keys.ErrKey, s)
	}
	key, err := kem.NewPrivateKey(block.Bytes[2:])
	if err != nil {
		return nil, fmt.Errorf("%w: a recipient's key of suite %d expected", keys.ErrKey, s)
	}
	return newRecipient(s, key)
}

const lengthSize = 4

func appendLength(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

func parseLength(b [lengthSize]byte) uint32 { return binary.BigEndian.Uint32(b[:]) }
