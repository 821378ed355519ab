package keys

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
)

const (
	pemPrivate = "PRIVATE KEY"
	pemPublic  = "PUBLIC KEY"
)

// Member is a member's signing key.
type Member struct {
	Redacted
	private func() ed25519.PrivateKey
}

// GenerateMember makes a member's key.
func GenerateMember() (*Member, error) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("generate member key: %w", err)
	}
	return newMember(private), nil
}

// NewMember returns the member's key of an Ed25519 seed (RFC 8032).
func NewMember(seed *[ed25519.SeedSize]byte) *Member {
	return newMember(ed25519.NewKeyFromSeed(seed[:]))
}

func newMember(private ed25519.PrivateKey) *Member {
	return &Member{private: func() ed25519.PrivateKey { return private }}
}

// ParseMember reads a key as FormatMember writes it: PKCS#8 in PEM, as OpenSSL
// writes it too.
func ParseMember(r io.Reader) (*Member, error) {
	block, err := ReadBlock(r, pemPrivate)
	if err != nil {
		return nil, fmt.Errorf("parse member key: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("parse member key: %w", malformed("an Ed25519 key in PKCS#8"))
	}
	return newMember(private), nil
}

// FormatMember writes a member's key as PKCS#8 in PEM. The result is secret.
func FormatMember(m *Member) []byte {
	der, _ := x509.MarshalPKCS8PrivateKey(m.private()) // refuses unknown key types only
	return pem.EncodeToMemory(&pem.Block{Type: pemPrivate, Bytes: der})
}

// Public returns the public key.
func (m *Member) Public() ed25519.PublicKey { return m.private().Public().(ed25519.PublicKey) }

// ID returns MemberID of the public key.
func (m *Member) ID() string { return MemberID(m.Public()) }

// Sign returns the Ed25519 signature of a message. The caller puts the purpose
// in front of the message, so that no signature serves for another.
func (m *Member) Sign(message []byte) []byte { return ed25519.Sign(m.private(), message) }

// ParsePublic reads a public key as FormatPublic writes it: PKIX in PEM.
func ParsePublic(r io.Reader) (ed25519.PublicKey, error) {
	block, err := ReadBlock(r, pemPublic)
	if err != nil {
		return nil, fmt.Errorf("parse public key: %w", err)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := key.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("parse public key: %w", malformed("an Ed25519 key in PKIX"))
	}
	return public, nil
}

// FormatPublic writes a public key as PKIX in PEM.
func FormatPublic(public ed25519.PublicKey) []byte {
	der, _ := x509.MarshalPKIXPublicKey(public) // refuses unknown key types only
	return pem.EncodeToMemory(&pem.Block{Type: pemPublic, Bytes: der})
}

// MemberID returns the name by which the chain knows a member: the first 16
// bytes of SHA-256 of the 32-byte public key, in 32 lower-case hex digits.
func MemberID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}
