package order

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Format is the format string at the head of an order file.
const Format = "emrbchain/order/v1"

// A File is an order as it travels: with the opening of the patient's digest, and
// signed on its way back.
type File struct {
	Order  *Order
	Salt   [SaltSize]byte // of all kinds but Correct
	Cell   []byte         // the patient's key, a canonical cell; the same
	Signed *Signed        // nil before it was signed
}

// Append appends the canonical encoding: ["emrbchain/order/v1", order, [salt, cell] or
// null, [order, officer, at, signature] or null].
func (f *File) Append(b []byte) []byte {
	b = dcbor.AppendText(dcbor.AppendArray(b, 4), Format)
	b = dcbor.AppendBytes(b, f.Order.Append(nil))
	if f.Order.Kind == Correct {
		b = dcbor.AppendNull(b)
	} else {
		b = dcbor.AppendBytes(dcbor.AppendBytes(dcbor.AppendArray(b, 2), f.Salt[:]), f.Cell)
	}
	if f.Signed == nil {
		return dcbor.AppendNull(b)
	}
	return f.Signed.append(b)
}

// ParseFile reads an order file. What it opens is what the order says, and if it is
// signed, then by the officer that it names.
func ParseFile(b []byte) (*File, error) {
	if len(b) > maxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrMalformed, len(b), maxSize)
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(4)
	if s := r.Text(); r.Err() != nil || s != Format {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, Format)
	}
	encoded := bytes.Clone(r.Bytes())
	f := new(File)
	opened := r.Next() != dcbor.KindNull
	if opened {
		r.ArrayOf(2)
		r.Fixed(f.Salt[:])
		f.Cell = bytes.Clone(r.Bytes())
	} else {
		r.Null()
	}
	if r.Next() != dcbor.KindNull {
		f.Signed = readSigned(r)
	} else {
		r.Null()
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var err error
	if f.Order, err = Parse(encoded); err != nil {
		return nil, err
	}
	return f, f.check(encoded, opened)
}

func (f *File) check(encoded []byte, opened bool) error {
	switch {
	case opened == (f.Order.Kind == Correct):
		return fmt.Errorf("%w: what it is about is missing", ErrMalformed)
	case opened && PatientDigest(f.Salt, f.Cell) != f.Order.Patient:
		return fmt.Errorf("%w: the patient is not the one of the order", ErrMalformed)
	}
	if opened {
		if _, err := parseCell(f.Cell); err != nil {
			return fmt.Errorf("%w: the patient's key: %w", ErrMalformed, err)
		}
	}
	if f.Signed == nil {
		return nil
	}
	if !bytes.Equal(f.Signed.Order, encoded) {
		return fmt.Errorf("%w: it is of another order", ErrSignature)
	}
	_, err := f.Signed.Verify()
	return err
}

// Words tells the order to the officer. It names the patient.
func (f *File) Words(when func(ms int64) string) string {
	var b strings.Builder
	o := f.Order
	fmt.Fprintf(&b, "Order %s, prepared %s, for the log\n  %q\n\n", hex.EncodeToString(o.ID[:]), when(o.Prepared), o.Log)
	switch o.Kind {
	case Erase:
		fmt.Fprintf(&b, "ERASE the patient with the key %s.\n", f.patient())
		b.WriteString("Every key that opens the patient's commitments is destroyed. Nothing can prove or\n" +
			"disprove the patient's records before that any more. This cannot be undone.\n")
	case Hold:
		fmt.Fprintf(&b, "HOLD the patient with the key %s: no order erases the patient until a release.\n", f.patient())
	case Release:
		fmt.Fprintf(&b, "RELEASE the hold of the patient with the key %s.\n", f.patient())
	case Correct:
		fmt.Fprintf(&b, "CORRECTED: the row %s of table %q. Later audits take for a correction, and for\nnothing else, that it was found\n",
			shownKey(o.Key), o.Table)
		for i := range o.Found {
			b.WriteString("  " + o.Found[i].words() + "\n")
		}
	}
	fmt.Fprintf(&b, "\nReason: %q\n", o.Reason)
	if f.Signed != nil {
		signer := Officer{Key: f.Signed.Officer}
		fmt.Fprintf(&b, "Signed %s by key %s.\n", when(f.Signed.At), signer.ID())
	}
	return b.String()
}

func (f *File) patient() string {
	v, err := parseCell(f.Cell)
	if err != nil {
		return "(malformed)"
	}
	return v.Display()
}

func (f *Found) words() string {
	text := fmt.Sprintf("%q", f.Verdict)
	if f.Version > 0 {
		text += fmt.Sprintf(", against version %d", f.Version)
	}
	if len(f.Columns) > 0 {
		text += fmt.Sprintf(", in the columns %q", f.Columns)
	}
	return text
}

func shownKey(key []byte) string {
	cells, err := row.ParseKey(key)
	if err != nil {
		return "(malformed)"
	}
	shown := make([]string, len(cells))
	for i, c := range cells {
		shown[i] = c.Display()
	}
	return strings.Join(shown, ", ")
}

func parseCell(b []byte) (row.Value, error) {
	r := dcbor.NewReader(b)
	v := row.ReadCell(r)
	return v, r.Done()
}
