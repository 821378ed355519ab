// Package keys holds the key types of EMRBchain: how each is made, read,
// written and used. It reads keys from an io.Reader and never opens a path, so
// that where a key lies (a file, a credential of systemd, a device) stays the
// caller's affair.
//
//   - Member: an Ed25519 key with which a member signs what it sends to the
//     chain. PEM, PKCS#8 and PKIX.
//   - LogKey: an Ed25519 key that signs the checkpoints of one incarnation of
//     one record log. The strings of golang.org/x/mod/sumdb/note.
//   - Wrapping: a 256-bit key under which a sidecar keeps its owner keys, with
//     an id that says which one it is.
//
// No secret type shows its key: printed with any verb, or written as JSON, it
// reads "redacted". Only Format (FormatMember) writes it out. No error of this
// package holds any part of its input.
package keys

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
)

// ErrKey says that the input is not a key of the kind asked for, in its one
// form. The wrapping error says what was expected, and nothing of the input.
var ErrKey = errors.New("not a key of this kind")

// maxInput is the most bytes that a written key may have; each kind has a few
// hundred.
const maxInput = 8192

// Redacted is embedded by the secret types, which keep their keys in a closure:
// verbs that pass String by (%d, %U) then print an address, not what it holds.
type Redacted struct{}

// String returns "redacted".
func (Redacted) String() string { return "redacted" }

// GoString returns "redacted".
func (Redacted) GoString() string { return "redacted" }

// MarshalJSON returns the string "redacted".
func (Redacted) MarshalJSON() ([]byte, error) { return []byte(`"redacted"`), nil }

// malformed returns an ErrKey that says what was expected.
func malformed(expected string) error { return fmt.Errorf("%w: %s expected", ErrKey, expected) }

// readAll reads a written key.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if len(b) > maxInput {
		return nil, malformed(fmt.Sprintf("at most %d bytes", maxInput))
	}
	return b, nil
}

// ReadBlock reads one PEM block of a type, with nothing before or after it but
// white space.
func ReadBlock(r io.Reader, kind string) (*pem.Block, error) {
	b, err := readAll(r)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimLeft(b, "\n\r\t ")
	block, rest := pem.Decode(b)
	if block == nil || block.Type != kind || !bytes.HasPrefix(b, []byte("-----BEGIN ")) {
		return nil, malformed("a PEM block " + kind)
	}
	if len(bytes.TrimLeft(rest, "\n\r\t ")) > 0 {
		return nil, malformed("one PEM block " + kind + " alone")
	}
	return block, nil
}
