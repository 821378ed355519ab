package peers

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/emrbchain/emrbchain/crypto/keys"
)

// signer lets TLS sign with a member's kind of key.
type signer struct{ key *keys.Member }

func (s signer) Public() crypto.PublicKey { return s.key.Public() }

// Sign signs a message; Ed25519 hashes by itself and needs no randomness.
func (s signer) Sign(_ io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if o.HashFunc() != 0 {
		return nil, errors.New("sign: Ed25519 signs messages, not hashes")
	}
	return s.key.Sign(message), nil
}

// newCertificate wraps a key into a certificate of its own, since TLS sends
// certificates. Nothing but the key in it is ever looked at.
func newCertificate(key *keys.Member) (tls.Certificate, error) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1),
		NotBefore: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), signer{key})
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the certificate of the TLS key: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signer{key}}, nil
}

// keyOf returns the key that the other side has proven to hold. The handshake must
// be of HTTP/2.
func keyOf(s tls.ConnectionState) (ed25519.PublicKey, error) {
	if s.NegotiatedProtocol != "h2" || len(s.PeerCertificates) != 1 {
		return nil, errUnknown
	}
	key, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return nil, errUnknown
	}
	return key, nil
}

// tlsConfig is what both sides demand: TLS 1.3, a key each, and no resumption, so
// that each handshake proves the keys anew.
func (p *Peers) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{p.certificate},
		NextProtos: []string{"h2"}, SessionTicketsDisabled: true}
}
