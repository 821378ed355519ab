package keys

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// LogKey signs the checkpoints of one incarnation of a record log. Its name is
// the log's origin (merkle.Origin).
type LogKey struct {
	Redacted
	private  func() string // note's signer key: PRIVATE+KEY+name+hash+key
	signer   note.Signer
	verifier string
}

// GenerateLogKey makes the key of the log with the given origin, from 32 bytes
// of random.
func GenerateLogKey(random io.Reader, origin string) (*LogKey, error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("generate log key: %w", err)
	}
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	verifier, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, fmt.Errorf("generate log key: %w", err)
	}
	name, hash, ok := cutKey(verifier)
	if !ok || name != origin {
		return nil, fmt.Errorf("generate log key: %w", malformed("an origin without plus sign"))
	}
	secret := base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed[:]...))
	return parseLogKey("PRIVATE+KEY+" + origin + "+" + hash + "+" + secret)
}

// algEd25519 is note's algorithm byte in front of an Ed25519 key.
const algEd25519 = 1

// cutKey takes name and hash from a verifier key name+hash+key.
func cutKey(verifier string) (name, hash string, ok bool) {
	parts := strings.SplitN(verifier, "+", 3)
	if len(parts) != 3 {
		return "", "", false
	}
	return parts[0], parts[1], true
}

// ParseLogKey reads a key as Format writes it: one line with note's signer key.
func ParseLogKey(r io.Reader) (*LogKey, error) {
	b, err := readAll(r)
	if err != nil {
		return nil, fmt.Errorf("parse log key: %w", err)
	}
	return parseLogKey(strings.TrimSpace(string(b)))
}

func parseLogKey(text string) (*LogKey, error) {
	bad := fmt.Errorf("parse log key: %w", malformed("PRIVATE+KEY+origin+hash+key of Ed25519"))
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, bad
	}
	encoded := text[strings.LastIndexByte(text, '+')+1:]
	// The key itself may hold a plus sign: it is what follows name and hash.
	if rest, ok := strings.CutPrefix(text, "PRIVATE+KEY+"+signer.Name()+"+"); ok && len(rest) > 9 {
		encoded = rest[9:]
	}
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(secret) != 1+ed25519.SeedSize || secret[0] != algEd25519 {
		return nil, bad
	}
	public := ed25519.NewKeyFromSeed(secret[1:]).Public().(ed25519.PublicKey)
	verifier, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, bad
	}
	return &LogKey{private: func() string { return text }, signer: signer, verifier: verifier}, nil
}

// Format writes the key as one line. The result is secret.
func (k *LogKey) Format() []byte { return []byte(k.private() + "\n") }

// Origin returns the origin of the log that the key signs for.
func (k *LogKey) Origin() string { return k.signer.Name() }

// Signer returns the key as note signs with it.
func (k *LogKey) Signer() note.Signer { return k.signer }

// VerifierKey returns note's verifier key, name+hash+key, which is public and
// is what the chain registers.
func (k *LogKey) VerifierKey() string { return k.verifier }
