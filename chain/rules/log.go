package rules

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// A Stamp is when something was accepted.
type Stamp struct {
	Height int64 // of the block that accepted it
	Time   int64 // of that block's header, ms since 1970 UTC
}

// A Head is the newest anchor of a log.
type Head struct {
	Incarnation uint32
	Size        uint64
	Root        merkle.Hash
	Stamp
}

// A Log is what the chain holds of a log; it stands in the state under LogKey.
type Log struct {
	ID         string
	Member     string // who registered it
	Key        string // note verifier key
	Registered Stamp
	Head       Head
	Seen       Stamp // of the newest anchor or heartbeat
	Beat       int64 // the height that the newest heartbeat names; 0 before the first
}

// Append appends the canonical encoding: [1, id, member, key, [height, time],
// [incarnation, size, root, height, time], [height, time], beat].
func (l Log) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 8), 1)
	b = dcbor.AppendText(dcbor.AppendText(dcbor.AppendText(b, l.ID), l.Member), l.Key)
	b = l.Registered.append(dcbor.AppendArray(b, 2))
	b = dcbor.AppendUint(dcbor.AppendArray(b, 5), uint64(l.Head.Incarnation))
	b = dcbor.AppendBytes(dcbor.AppendUint(b, l.Head.Size), l.Head.Root[:])
	b = l.Head.Stamp.append(b)
	b = l.Seen.append(dcbor.AppendArray(b, 2))
	return dcbor.AppendInt(b, l.Beat)
}

func (s Stamp) append(b []byte) []byte {
	return dcbor.AppendInt(dcbor.AppendInt(b, s.Height), s.Time)
}

// ParseLog reads a canonical log record.
func ParseLog(b []byte) (Log, error) {
	r := dcbor.NewReader(b)
	l := readLog(r)
	if err := r.Done(); err != nil {
		return Log{}, fmt.Errorf("parse log: %w", err)
	}
	return l, nil
}

func readLog(r *dcbor.Reader) Log {
	r.ArrayOf(8)
	if v := r.Uint(); r.Err() == nil && v != 1 {
		r.Fail("log record of an unknown format")
	}
	l := Log{ID: r.Text(), Member: r.Text(), Key: r.Text()}
	r.ArrayOf(2)
	l.Registered = readStamp(r)
	r.ArrayOf(5)
	l.Head.Incarnation = readIncarnation(r)
	l.Head.Size = r.Uint()
	r.Fixed(l.Head.Root[:])
	l.Head.Stamp = readStamp(r)
	r.ArrayOf(2)
	l.Seen = readStamp(r)
	l.Beat = r.Int()
	return l
}

func readStamp(r *dcbor.Reader) Stamp {
	return Stamp{Height: r.Int(), Time: r.Int()}
}

func readIncarnation(r *dcbor.Reader) uint32 {
	v := r.Uint()
	if v > 1<<32-1 {
		r.Fail("incarnation of more than 32 bits")
	}
	return uint32(v)
}

// Origin returns the origin line of the log's present incarnation.
func (l Log) Origin(chain string) string {
	return merkle.Origin(chain, l.ID, l.Head.Incarnation)
}

func (l Log) verifier() (note.Verifier, error) {
	v, err := note.NewVerifier(l.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: key of log %s: %w", errState, l.ID, err)
	}
	return v, nil
}

// loadLog returns a registered log, or ErrUnknownLog.
func loadLog(s State, id string) (Log, error) {
	if !validLogID(id) {
		return Log{}, fmt.Errorf("%w: 32 lower-case hexadecimal digits expected", ErrBadLogID)
	}
	b, err := s.Get(LogKey(id))
	if err != nil {
		return Log{}, fmt.Errorf("read log: %w", err)
	}
	if b == nil {
		return Log{}, fmt.Errorf("%w: %s", ErrUnknownLog, id)
	}
	l, err := ParseLog(b)
	if err != nil {
		return Log{}, fmt.Errorf("%w: %w", errState, err)
	}
	return l, nil
}

// canonicalKey says whether a verifier key is written as note writes it: its
// reader tolerates other forms of the same key.
func canonicalKey(vkey, name string) bool {
	_, rest, _ := strings.Cut(vkey, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return false
	}
	want, err := note.NewEd25519VerifierKey(name, ed25519.PublicKey(raw[1:]))
	return err == nil && want == vkey
}

// emptyRoot is the root of a log without leaves.
func emptyRoot() merkle.Hash {
	root, _ := merkle.Root(0, nil) // reads nothing, so it cannot fail
	return root
}
