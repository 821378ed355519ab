// Package vid makes virtual patient ids: it brings an identifier to the one form
// that every hospital derives from, derives the patient's root from it, and the
// id that a site shows to its staff. SPEC.md beside this file is the format, with
// vectors in testdata that another implementation can run.
//
//	identifier as typed → Systems.Normalize → Keyed.Root → Site.Local → "lid1…"
//
// A root is the same at every member, so it is a secret: whoever sees one and
// holds the key it was derived with can try identifiers until one fits. It
// belongs in sealed queries and in a wrapped index alone. What staff, logs and
// reports show is the site's local id, which no two sites have in common.
//
// One patient has one root for each strong identifier (a national id, a health
// insurance's number, a passport). Name, birth date and sex together make a weak
// one, which finds the wrong patient now and then: Identifier.Weak tells it, and
// nothing may be released by it alone.
package vid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ErrIdentifier says that an identifier cannot be what it is said to be. The
// wrapping error names the system and the reason, never the value.
var ErrIdentifier = errors.New("not an identifier of this system")

// Limits of what is read, in bytes.
const (
	maxSystem = 256
	maxValue  = 256
)

// An Identifier is an identifier in normal form. Only the functions of this
// package make one. Printed with any verb it shows its system alone.
type Identifier struct {
	system string
	value  func() string // so that no verb reaches it
}

func newIdentifier(system, value string) Identifier {
	return Identifier{system: system, value: func() string { return value }}
}

// System returns the URI of the identifier's system, FHIR's Identifier.system.
func (i Identifier) System() string { return i.system }

// Value returns the identifier in normal form. It is a patient's: it belongs in no
// log and no message.
func (i Identifier) Value() string { return i.value() }

// Weak reports whether the identifier is made of a name, a birth date and a sex,
// which other people may have as well.
func (i Identifier) Weak() bool { return i.system == weakSystem }

// String returns the system alone.
func (i Identifier) String() string { return i.system }

// appendInput appends what a root is derived from: "emrb/id/v1" ‖ u16 length of
// the system ‖ system ‖ u16 length of the value ‖ value.
func (i Identifier) appendInput(b []byte) []byte {
	b = append(b, "emrb/id/v1"...)
	for _, part := range []string{i.system, i.value()} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
		b = append(b, part...)
	}
	return b
}

// refuse returns an ErrIdentifier for a reason, which says the mend where there is
// one.
func refuse(system, reason string) error {
	return fmt.Errorf("%s: %w: %s", system, ErrIdentifier, reason)
}

// checkSystem refuses what is no system's name.
func checkSystem(system string) error {
	if system == "" || len(system) > maxSystem || !utf8.ValidString(system) {
		return fmt.Errorf("%w: a system is a URI of at most %d bytes", ErrIdentifier, maxSystem)
	}
	for _, r := range system {
		if r <= ' ' || r == 0x7f {
			return fmt.Errorf("%w: a system's URI has no spaces", ErrIdentifier)
		}
	}
	return nil
}

// Sizes in bytes.
const (
	KeySize  = 32
	RootSize = 32
)

// MaxEpoch is the highest number of an epoch.
const MaxEpoch = 1<<10 - 1

// ErrEpoch says that an epoch's number is above MaxEpoch.
var ErrEpoch = errors.New("epoch out of range")

// A Root is what all members derive alike from one identifier in one epoch.
type Root [RootSize]byte

// Format writes "redacted" for any verb.
func (Root) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "redacted") }

// MarshalText returns "redacted", which JSON writes too.
func (Root) MarshalText() ([]byte, error) { return []byte("redacted"), nil }
