package commit

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// ErrOpening says that an opening does not lead to the commitment.
var ErrOpening = errors.New("opening does not match the commitment")

// An Opening opens the header of one commitment and some of its columns.
type Opening struct {
	Header     []byte // canonical, as it was hashed
	HeaderSalt Salt
	KeyDigest  Digest
	Columns    []OpenColumn // column i of the header at i
}

// An OpenColumn is one column of an Opening: opened with its salt and value,
// or closed, showing its digest alone.
type OpenColumn struct {
	Open   bool
	Salt   Salt
	Value  row.Value
	Digest Digest // of a closed column
}

// Open opens a version: the header, and the columns for which show returns
// true. digests are the version's column digests, used for closed columns.
// values may be nil when no column is shown.
func (c *Committer) Open(k Key, h *Header, values []row.Value, digests []Digest, show func(i int) bool) (*Opening, error) {
	if len(digests) != len(h.Columns) || values != nil && len(values) != len(digests) {
		return nil, fmt.Errorf("%w: %d digests for %d columns", ErrColumns, len(digests), len(h.Columns))
	}
	c.derive(k, len(digests)+1)
	o := &Opening{Header: h.Append(nil), KeyDigest: KeyDigest(k), Columns: make([]OpenColumn, len(digests))}
	copy(o.HeaderSalt[:], c.salt(len(digests)))
	for i := range digests {
		if values == nil || !show(i) {
			o.Columns[i].Digest = digests[i]
			continue
		}
		o.Columns[i] = OpenColumn{Open: true, Value: values[i]}
		copy(o.Columns[i].Salt[:], c.salt(i))
	}
	return o, nil
}

// ColumnDigest returns the digest of one column: SHA-256(0x10 ‖ salt ‖
// cbor([name, cell])).
func ColumnDigest(salt Salt, name string, v row.Value) Digest {
	b := append([]byte{prefixColumn}, salt[:]...)
	return sha256.Sum256(appendColumn(b, name, v))
}

// Salts returns the salts of a version of n columns, so that whoever is shown
// k can compute what any value would have been committed as: one per column,
// the header's last.
func Salts(k Key, n int) []Salt {
	var c Committer
	c.derive(k, n+1)
	salts := make([]Salt, n+1)
	for i := range salts {
		copy(salts[i][:], c.salt(i))
	}
	return salts
}

// Verify checks that the opening leads to the commitment want, and returns the
// header that it opens. A header has unique names and exactly one digest per
// column, so no commitment opens in two ways.
func (o *Opening) Verify(want Digest) (*Header, error) {
	h, err := ParseHeader(o.Header)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpening, err)
	}
	if len(o.Columns) != len(h.Columns) {
		return nil, fmt.Errorf("%w: %d digests for %d columns", ErrOpening, len(o.Columns), len(h.Columns))
	}
	digests, err := o.digests(h)
	if err != nil {
		return nil, err
	}
	b := append([]byte{prefixHeader}, o.HeaderSalt[:]...)
	root := appendRoot(nil, sha256.Sum256(append(b, o.Header...)), o.KeyDigest, digests)
	if got := sha256.Sum256(root); subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		return nil, ErrOpening
	}
	return h, nil
}

// digests returns the digest of every column, computed of those that are open.
func (o *Opening) digests(h *Header) ([]Digest, error) {
	digests := make([]Digest, len(o.Columns))
	var b []byte
	for i, c := range o.Columns {
		digests[i] = c.Digest
		if !c.Open {
			continue
		}
		if !c.Value.Fits(h.Columns[i].Type) {
			return nil, fmt.Errorf("%w: column %q opened as %s", ErrOpening, h.Columns[i].Name, c.Value.Type())
		}
		b = append(append(b[:0], prefixColumn), c.Salt[:]...)
		b = appendColumn(b, h.Columns[i].Name, c.Value)
		digests[i] = sha256.Sum256(b)
	}
	return digests, nil
}

// Append appends the canonical encoding: [header, salt, key digest, columns],
// a closed column as its digest, an open one as [salt, cell].
func (o *Opening) Append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendArray(b, 4), o.Header)
	b = dcbor.AppendBytes(b, o.HeaderSalt[:])
	b = dcbor.AppendBytes(b, o.KeyDigest[:])
	b = dcbor.AppendArray(b, len(o.Columns))
	for _, c := range o.Columns {
		if !c.Open {
			b = dcbor.AppendBytes(b, c.Digest[:])
			continue
		}
		b = dcbor.AppendBytes(dcbor.AppendArray(b, 2), c.Salt[:])
		b = row.AppendCell(b, c.Value)
	}
	return b
}

// ReadOpening reads an opening; a malformed one fails the Reader.
func ReadOpening(r *dcbor.Reader) *Opening {
	r.ArrayOf(4)
	o := &Opening{Header: r.Bytes()}
	r.Fixed(o.HeaderSalt[:])
	r.Fixed(o.KeyDigest[:])
	n := r.Array()
	if n > MaxColumns {
		r.Fail("too many columns")
	}
	for ; n > 0 && r.Err() == nil; n-- {
		var c OpenColumn
		if r.Next() == dcbor.KindArray {
			r.ArrayOf(2)
			c.Open = true
			r.Fixed(c.Salt[:])
			c.Value = row.ReadCell(r)
		} else {
			r.Fixed(c.Digest[:])
		}
		o.Columns = append(o.Columns, c)
	}
	return o
}
