package merkle

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ErrCheckpoint says that a checkpoint is malformed, or not signed by the key
// that it should be.
var ErrCheckpoint = errors.New("bad checkpoint")

// MaxCheckpoint is the most bytes that a signed checkpoint may have.
const MaxCheckpoint = 4096

// A Checkpoint is the state of a log: its origin, size and root.
type Checkpoint struct {
	Origin string // names chain, log and incarnation: Origin()
	Size   uint64
	Root   Hash
}

// Origin returns the origin line of a log's incarnation on a chain.
func Origin(chain, log string, incarnation uint32) string {
	return "emrbchain/" + chain + "/" + log + "/" + strconv.FormatUint(uint64(incarnation), 10)
}

// Text returns the note text of the checkpoint: origin, size and root in
// base64, a line each (C2SP tlog-checkpoint), without extension lines.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" +
		base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// Sign returns the checkpoint as a signed note. The signer's name is the origin.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	if signer.Name() != c.Origin {
		return nil, fmt.Errorf("%w: key named %q cannot sign for %q", ErrCheckpoint, signer.Name(), c.Origin)
	}
	b, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return b, nil
}

// OpenCheckpoint checks the verifier's signature on a signed note and returns
// the checkpoint. Only the exact form that Sign writes is accepted: one
// signature, no extension lines, no leading zeros.
func OpenCheckpoint(signed []byte, verifier note.Verifier) (Checkpoint, error) {
	if len(signed) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: %d bytes, at most %d", ErrCheckpoint, len(signed), MaxCheckpoint)
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if !onlySignature(signed, n) {
		return Checkpoint{}, fmt.Errorf("%w: exactly one signature in its one form expected", ErrCheckpoint)
	}
	c, err := parseText(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != verifier.Name() {
		return Checkpoint{}, fmt.Errorf("%w: origin %q signed by the key of %q", ErrCheckpoint, c.Origin, verifier.Name())
	}
	return c, nil
}

// onlySignature reports whether signed is the note's text and one signature
// line, as Sign writes it. note.Open itself drops repeated lines and reads
// base64 with stray bits in its last digit, so one note would have many forms.
func onlySignature(signed []byte, n *note.Note) bool {
	if len(n.Sigs) != 1 {
		return false
	}
	s := n.Sigs[0]
	if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
		return false
	}
	return string(signed) == n.Text+"\n— "+s.Name+" "+s.Base64+"\n"
}

// CheckpointOrigin returns the origin line of a signed checkpoint without
// checking anything, to find out whose key to check it with.
func CheckpointOrigin(signed []byte) string {
	origin, _, _ := strings.Cut(string(signed[:min(len(signed), MaxCheckpoint)]), "\n")
	return origin
}

func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" {
		return Checkpoint{}, fmt.Errorf("%w: three lines expected", ErrCheckpoint)
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = strconv.ParseUint(lines[1], 10, 64); err != nil || c.Size > MaxSize {
		return Checkpoint{}, fmt.Errorf("%w: size is not a number up to 2^62", ErrCheckpoint)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != HashSize {
		return Checkpoint{}, fmt.Errorf("%w: root is not 32 bytes in base64", ErrCheckpoint)
	}
	copy(c.Root[:], root)
	if c.Text() != text {
		return Checkpoint{}, fmt.Errorf("%w: not in its one canonical form", ErrCheckpoint)
	}
	return c, nil
}
