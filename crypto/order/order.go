// Package order is what an officer orders of a record log by a signature that is
// made elsewhere: to erase a patient, to hold one against erasure and release the
// hold, and to take findings of a row for a correction.
//
// An order is prepared where the log is, carried to the officer as a File, shown in
// plain words, signed, and carried back. It names the log, its incarnation
// included, and has an id, so that it serves once and in one log. The log's entry
// holds the order with its signature, so that whoever reads the log later need not
// believe the host that it was kept on. A patient stands in it by a salted digest,
// whose opening travels in the File alone. SPEC.md beside this file is the format.
package order

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Kind is what is ordered. Codes are part of the format.
type Kind uint8

// The kinds of orders.
const (
	Erase   Kind = 1 // a patient
	Hold    Kind = 2 // keeps a patient from being erased
	Release Kind = 3 // ends a hold
	Correct Kind = 4 // findings of a row are a correction
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case Erase:
		return "erase"
	case Hold:
		return "hold"
	case Release:
		return "release"
	case Correct:
		return "correct"
	}
	return fmt.Sprintf("unknown(%d)", uint8(k))
}

// Sizes in bytes, and bounds.
const (
	IDSize     = 16
	SaltSize   = 16
	DigestSize = sha256.Size

	maxReason  = 2000 // bytes
	maxFound   = 64
	maxColumns = commit.MaxColumns
	maxSize    = 1 << 20 // of a File
)

// Errors of this package.
var (
	// ErrMalformed: the bytes are not what they should be in canonical form.
	ErrMalformed = errors.New("not an order in its canonical form")
	// ErrSignature: the order is not signed, or not by that officer.
	ErrSignature = errors.New("the order's signature does not verify")
)

// An Order is what an officer signs.
type Order struct {
	Log      string       // origin of the log, with its incarnation
	ID       [IDSize]byte // random
	Prepared int64        // ms since 1970 UTC
	Kind     Kind
	Reason   string
	// Patient is PatientDigest of whom an order of any kind but Correct is about.
	Patient [DigestSize]byte
	// Table, Key (canonical) and Found are of Correct.
	Table string
	Key   []byte
	Found []Found
}

// Found is one finding that is a correction, and how the row was found.
type Found struct {
	Verdict string
	Leaf    uint64 // of the version that it speaks of, or commit.NoPrevious
	Version uint64 // 0 if there is none
	Columns []string
	Present [DigestSize]byte // SHA-256 of the digests of the values found
	// Row is a keyed digest of the row as it stood when the order was prepared, of a
	// finding that has no digests; nil otherwise, or if there was no row.
	Row *[DigestSize]byte
}

// PatientDigest is SHA-256 of a label, a salt and the patient's key in the source, a
// canonical cell.
func PatientDigest(salt [SaltSize]byte, cell []byte) [DigestSize]byte {
	b := append([]byte("emrbchain/order/patient/v1\n"), salt[:]...)
	return sha256.Sum256(append(b, cell...))
}

const (
	orderFormat = 1
	orderFields = 7
	foundFields = 6
)

// Append appends the canonical encoding: [1, log, id, prepared, kind, reason, what],
// where what is the patient's digest, or [table, key, [[verdict, leaf or null,
// version, [column], present, row or null]]].
func (o *Order) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, orderFields), orderFormat)
	b = dcbor.AppendBytes(dcbor.AppendText(b, o.Log), o.ID[:])
	b = dcbor.AppendUint(dcbor.AppendInt(b, o.Prepared), uint64(o.Kind))
	b = dcbor.AppendText(b, o.Reason)
	if o.Kind != Correct {
		return dcbor.AppendBytes(b, o.Patient[:])
	}
	b = dcbor.AppendBytes(dcbor.AppendText(dcbor.AppendArray(b, 3), o.Table), o.Key)
	b = dcbor.AppendArray(b, len(o.Found))
	for i := range o.Found {
		b = o.Found[i].append(b)
	}
	return b
}

func (f *Found) append(b []byte) []byte {
	b = dcbor.AppendText(dcbor.AppendArray(b, foundFields), f.Verdict)
	if f.Leaf == commit.NoPrevious {
		b = dcbor.AppendNull(b)
	} else {
		b = dcbor.AppendUint(b, f.Leaf)
	}
	b = dcbor.AppendArray(dcbor.AppendUint(b, f.Version), len(f.Columns))
	for _, c := range f.Columns {
		b = dcbor.AppendText(b, c)
	}
	b = dcbor.AppendBytes(b, f.Present[:])
	if f.Row == nil {
		return dcbor.AppendNull(b)
	}
	return dcbor.AppendBytes(b, f.Row[:])
}

// Parse reads a canonical order.
func Parse(b []byte) (*Order, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(orderFields)
	if v := r.Uint(); r.Err() == nil && v != orderFormat {
		return nil, fmt.Errorf("%w: of format %d, this program knows %d", ErrMalformed, v, orderFormat)
	}
	o := &Order{Log: r.Text()}
	r.Fixed(o.ID[:])
	o.Prepared = r.Int()
	kind := r.Uint()
	if kind < uint64(Erase) || kind > uint64(Correct) {
		r.Fail("unknown kind of order")
	}
	o.Kind, o.Reason = Kind(kind), r.Text()
	if len(o.Reason) > maxReason || o.Reason == "" {
		r.Fail("the reason is empty or too long")
	}
	if o.Kind == Correct {
		o.readCorrection(r)
	} else {
		r.Fixed(o.Patient[:])
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(o.Append(nil), b) {
		return nil, ErrMalformed
	}
	return o, nil
}

func (o *Order) readCorrection(r *dcbor.Reader) {
	r.ArrayOf(3)
	o.Table, o.Key = r.Text(), bytes.Clone(r.Bytes())
	n := r.Array()
	if n == 0 || n > maxFound {
		r.Fail("no findings, or too many")
	}
	for ; n > 0 && r.Err() == nil; n-- {
		o.Found = append(o.Found, readFound(r))
	}
}

func readFound(r *dcbor.Reader) (f Found) {
	r.ArrayOf(foundFields)
	f.Verdict, f.Leaf = r.Text(), commit.NoPrevious
	if r.Next() == dcbor.KindNull {
		r.Null()
	} else if f.Leaf = r.Uint(); f.Leaf == math.MaxUint64 {
		r.Fail("leaf index out of range")
	}
	f.Version = r.Uint()
	n := r.Array()
	if n > maxColumns {
		r.Fail("too many columns")
	}
	for ; n > 0 && r.Err() == nil; n-- {
		f.Columns = append(f.Columns, r.Text())
	}
	r.Fixed(f.Present[:])
	if r.Next() == dcbor.KindNull {
		r.Null()
		return f
	}
	f.Row = new([DigestSize]byte)
	r.Fixed(f.Row[:])
	return f
}
