// Package evidence is the file that proves something about one version of one
// row to a stranger who has no network, no database and no trust in the
// hospital: that the version was committed between two moments, and, if that
// is the claim, that an audit later found the row altered or gone, or that the
// version was entered long after the clinical date that it gives.
//
// The file is self-contained. It opens the version's commitment (the header
// always, columns as chosen), shows the log entry's place under a checkpoint
// signed by the log's key, and carries two receipts of the chain: the anchor
// before, which does not hold the entry yet, and the anchor after, which does.
// An altered or deleted row adds the audit's own log entry in the same way,
// and the finding that stands in it.
//
// Evidence is canonical CBOR. Each byte is under a hash, a signature or a
// comparison, so that changing any byte makes Verify fail with a reason.
// SPEC.md beside this file is the format, with vectors in testdata.
//
// The package also fixes what an audit enters in the log, because evidence is
// what reads it again: AuditBody, Finding and Manifest. It does no I/O.
package evidence

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Format is the format string at the head of an evidence file.
const Format = "emrbchain/evidence/v1"

// MaxSize is the most bytes that an evidence file may have.
const MaxSize = 64 << 20

// Errors of this package. Evidence that gives one of them proves nothing.
var (
	// ErrMalformed says that the file is not evidence in its canonical form: it
	// was damaged, or made by something else.
	ErrMalformed = errors.New("not an evidence file in canonical form")
	// ErrInvalid says that the parts of the file do not prove its claim.
	ErrInvalid = errors.New("evidence does not prove its claim")
)

// A Claim is what an evidence file is about. Codes are part of the format.
type Claim uint8

// The claims.
const (
	Committed Claim = 1 // the version was committed; with an audit: and found intact by it
	Altered   Claim = 2 // an audit found other values in the row
	Deleted   Claim = 3 // an audit found the row gone
	LateEntry Claim = 4 // the version's clinical date lies before it was committed
)

// String returns the claim's name.
func (c Claim) String() string {
	switch c {
	case Committed:
		return "committed"
	case Altered:
		return "altered"
	case Deleted:
		return "deleted"
	case LateEntry:
		return "late entry"
	}
	return fmt.Sprintf("unknown(%d)", uint8(c))
}

// Evidence is the content of an evidence file.
type Evidence struct {
	Claim   Claim
	LogKey  string           // note verifier key of the log; its name is the log's origin
	Before  *receipt.Receipt // an anchor whose size is at most the version's leaf index
	Version Entry            // the row version
	Audit   *Audit           // of all but Committed; of that where an audit found it intact
}

// An Entry is an opened leaf of the log under an anchored checkpoint.
type Entry struct {
	Leaf       []byte          // canonical, as the tree hashes it
	Opening    *commit.Opening // its header names the leaf's index and the log
	Inclusion  []merkle.Hash   // from the leaf to the checkpoint's root
	Checkpoint []byte          // signed note
	After      *receipt.Receipt
}

// An Audit is the log entry of an audit, with its body open, and what it says
// of the version: the finding, or the row's place in the manifest.
type Audit struct {
	Entry    Entry
	Finding  *FindingProof  // of all but Committed
	Manifest *ManifestProof // of Committed
}

// A FindingProof is a finding and its place under the audit's findings root.
type FindingProof struct {
	Finding   []byte // canonical
	Index     uint64
	Inclusion []merkle.Hash
	// Key is the version's key k. It lets the reader compute what any value
	// would have been committed as, and so try values against closed columns:
	// leave it out (nil) where closed columns must resist guessing.
	Key *commit.Key
	// Present opens values that the audit found, in the order of the version's
	// columns; nil if none is shown. It needs Key.
	Present []PresentCell
}

// A PresentCell is a column's value as an audit found it, where it is shown.
type PresentCell struct {
	Open  bool
	Value row.Value
}

// A ManifestProof is a row's place under the audit's manifest root.
type ManifestProof struct {
	Index     uint64
	Inclusion []merkle.Hash
}

// Append appends the canonical encoding. The evidence must be complete, as
// Parse returns it and Verify demands it.
func (e *Evidence) Append(b []byte) []byte {
	b = dcbor.AppendText(dcbor.AppendArray(b, 6), Format)
	b = dcbor.AppendUint(b, uint64(e.Claim))
	b = dcbor.AppendText(b, e.LogKey)
	b = e.Before.Append(b)
	b = e.Version.append(b)
	if e.Audit == nil {
		return dcbor.AppendNull(b)
	}
	b = e.Audit.Entry.append(dcbor.AppendArray(b, 2))
	if e.Audit.Finding != nil {
		return e.Audit.Finding.append(b)
	}
	b = dcbor.AppendUint(dcbor.AppendArray(b, 2), e.Audit.Manifest.Index)
	return appendHashes(b, e.Audit.Manifest.Inclusion)
}

func (e *Entry) append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendArray(b, 5), e.Leaf)
	b = e.Opening.Append(b)
	b = appendHashes(b, e.Inclusion)
	b = dcbor.AppendBytes(b, e.Checkpoint)
	return e.After.Append(b)
}

func (p *FindingProof) append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendArray(b, 5), p.Finding)
	b = appendHashes(dcbor.AppendUint(b, p.Index), p.Inclusion)
	if p.Key == nil {
		b = dcbor.AppendNull(b)
	} else {
		b = dcbor.AppendBytes(b, p.Key[:])
	}
	if p.Present == nil {
		return dcbor.AppendNull(b)
	}
	b = dcbor.AppendArray(b, len(p.Present))
	for _, cell := range p.Present {
		if !cell.Open {
			b = dcbor.AppendNull(b)
			continue
		}
		b = row.AppendCell(dcbor.AppendArray(b, 1), cell.Value)
	}
	return b
}

func appendHashes(b []byte, hashes []merkle.Hash) []byte {
	b = dcbor.AppendArray(b, len(hashes))
	for i := range hashes {
		b = dcbor.AppendBytes(b, hashes[i][:])
	}
	return b
}

// Parse reads an evidence file. It checks the form alone; Verify checks what
// it proves. The result shares the input's memory.
func Parse(b []byte) (*Evidence, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), MaxSize)
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(6)
	if f := r.Text(); r.Err() != nil || f != Format {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, Format)
	}
	e := &Evidence{}
	claim := r.Uint()
	if claim < uint64(Committed) || claim > uint64(LateEntry) {
		r.Fail("unknown claim")
	}
	e.Claim, e.LogKey = Claim(claim), r.Text()
	e.Before = readReceipt(r)
	e.Version = readEntry(r)
	e.Audit = readAudit(r, e.Claim)
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(e.Append(nil), b) {
		return nil, ErrMalformed
	}
	return e, nil
}
