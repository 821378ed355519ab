// Package authority tells which deviations an officer has ordered: it reads officers'
// keys and orders from the record log's entries, and checks every signature each
// time. Named state only says where to look, so that who can write it without an
// officer's key changes no verdict.
//
// An officer's key counts from the anchor on that covers its entry: one that somebody
// with power over the host puts on record today signs for nothing that was before.
package authority

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/order"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// ErrUnauthorised says that an entry carries no order that counts. The wrapping error
// says why.
var ErrUnauthorised = errors.New("no officer ordered it")

const (
	officerPrefix = "officer/"   // public key: leaf
	orderPrefix   = "order/"     // id of an order that was carried out: leaf
	correctPrefix = "corrected/" // finding's name: leaf
)

// Log is what is read.
type Log interface {
	findings.Log
	Entry(leaf uint64) (*recordlog.Entry, error)
}

// An Officer is an officer's key on record.
type Officer struct {
	order.Officer
	Leaf  uint64 // of the entry
	Since int64  // its time, ms since 1970 UTC
}

// Register puts an officer's key on record, unless it is.
func Register(b *recordlog.Batch, o order.Officer) error {
	name := officerPrefix + string(o.Key[:])
	if held, err := b.Get(name); err != nil || held != nil {
		return err
	}
	leaf, err := b.AppendEvent(commit.Officer, o.Append(nil))
	if err == nil {
		b.Set(name, dcbor.AppendUint(nil, leaf))
	}
	return err
}

// Officers returns the officers on record, the oldest first.
func Officers(log Log) (officers []Officer, err error) {
	err = log.Each(officerPrefix, func(name string, _ []byte) error {
		o, err := find(log, name[len(officerPrefix):])
		if err == nil {
			officers = append(officers, *o)
		}
		return err
	})
	slices.SortFunc(officers, func(a, b Officer) int { return int(a.Leaf) - int(b.Leaf) })
	return officers, err
}

// find returns the officer of a public key.
func find(log Log, key string) (*Officer, error) {
	leaf, err := leafAt(log, officerPrefix+key)
	if err != nil {
		return nil, err
	}
	if leaf == commit.NoPrevious {
		return nil, fmt.Errorf("%w: the key that signed is not on record", ErrUnauthorised)
	}
	e, err := log.Entry(leaf)
	if err != nil {
		return nil, fmt.Errorf("read an officer's entry: %w", err)
	}
	if e.Header.Op != commit.Officer {
		return nil, fmt.Errorf("%w: leaf %d puts no officer on record", ErrUnauthorised, leaf)
	}
	o, err := order.ParseOfficer(e.Body)
	if err != nil || string(o.Key[:]) != key {
		return nil, fmt.Errorf("%w: leaf %d is of another key", ErrUnauthorised, leaf)
	}
	return &Officer{Officer: *o, Leaf: leaf, Since: e.Leaf.Time}, nil
}

// leafAt reads a leaf from named state; commit.NoPrevious if there is none.
func leafAt(log findings.Log, name string) (uint64, error) {
	value, err := log.Get(name)
	if err != nil || value == nil {
		return commit.NoPrevious, err
	}
	r := dcbor.NewReader(value)
	leaf := r.Uint()
	if err := r.Done(); err != nil {
		return 0, fmt.Errorf("read where an order stands: %w", err)
	}
	return leaf, nil
}

// Reader reads orders that were carried out.
type Reader struct {
	Log
	// Before returns the size of the newest anchor that does not cover a leaf; 0 if
	// there is none.
	Before func(leaf uint64) (size uint64, err error)
}

// Carried is an order that was carried out and counts.
type Carried struct {
	Leaf    uint64
	Time    int64 // of the entry, ms since 1970 UTC
	Order   *order.Order
	Body    *order.Body
	Officer Officer
}

// Check returns the order of a signature, if the officer is on record and the key
// counts for what stands at a leaf.
func (r Reader) Check(s *order.Signed, leaf uint64) (*order.Order, *Officer, error) {
	o, err := s.Verify()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnauthorised, err)
	}
	officer, err := find(r.Log, string(s.Officer[:]))
	if err != nil {
		return nil, nil, err
	}
	size, err := r.Before(leaf)
	if err != nil {
		return nil, nil, err
	}
	if officer.Leaf >= size {
		return nil, nil, fmt.Errorf("%w: the key of %q was put on record at leaf %d and was not anchored before",
			ErrUnauthorised, officer.Name, officer.Leaf)
	}
	return o, officer, nil
}

// Carried reads the order that an entry carries, which must be of the kind that its
// op says and of this log. ErrUnauthorised says that it does not count.
func (r Reader) Carried(leaf uint64) (*Carried, error) {
	e, err := r.Entry(leaf)
	if err != nil {
		return nil, fmt.Errorf("read an order's entry: %w", err)
	}
	body, err := order.ParseBody(e.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: leaf %d: %w", ErrUnauthorised, leaf, err)
	}
	o, officer, err := r.Check(body.Signed, leaf)
	if err != nil {
		return nil, err
	}
	if o.Log != e.Header.Log || OpOf(o.Kind) != e.Header.Op {
		return nil, fmt.Errorf("%w: the order at leaf %d is of another log or kind", ErrUnauthorised, leaf)
	}
	return &Carried{Leaf: leaf, Time: e.Leaf.Time, Order: o, Body: body, Officer: *officer}, nil
}

// OpOf is the op of the entry of an order that was carried out.
func OpOf(k order.Kind) commit.Op {
	return map[order.Kind]commit.Op{order.Erase: commit.Erase, order.Hold: commit.Hold,
		order.Release: commit.Release, order.Correct: commit.Correct}[k]
}

// Words say who ordered it, when and why.
func (c *Carried) Words() string {
	return fmt.Sprintf("by order %s of %s (key %s), signed %s, leaf %d; reason: %s", hex.EncodeToString(c.Order.ID[:4]), c.Officer.Name,
		c.Officer.ID(), time.UnixMilli(c.Body.Signed.At).UTC().Format(time.DateTime), c.Leaf, c.Order.Reason)
}

// Erased returns the order at a leaf, if it is an erasure of another leaf.
func (r Reader) Erased(leaf, erased uint64) (*Carried, error) {
	c, err := r.Carried(leaf)
	if err != nil {
		return nil, err
	}
	if _, ok := slices.BinarySearch(c.Body.Leaves, erased); c.Order.Kind != order.Erase || !ok {
		return nil, fmt.Errorf("%w: the order at leaf %d does not erase leaf %d", ErrUnauthorised, leaf, erased)
	}
	return c, nil
}

// Corrected returns the order by which a finding is a correction, and what it says of
// it; nil if there is none.
func (r Reader) Corrected(f *findings.Finding) (*Carried, *order.Found, error) {
	leaf, err := leafAt(r.Log, correctPrefix+f.ID())
	if err != nil || leaf == commit.NoPrevious {
		return nil, nil, err
	}
	c, err := r.Carried(leaf)
	if errors.Is(err, ErrUnauthorised) {
		return nil, nil, nil // the finding stays one
	}
	if err != nil {
		return nil, nil, err
	}
	if c.Order.Kind != order.Correct || c.Order.Table != f.Table || string(c.Order.Key) != string(f.Key) {
		return nil, nil, nil
	}
	for i := range c.Order.Found {
		if is(&c.Order.Found[i], f) {
			return c, &c.Order.Found[i], nil
		}
	}
	return nil, nil, nil
}

// is reports whether an order speaks of a finding.
func is(o *order.Found, f *findings.Finding) bool {
	return o.Verdict == string(f.Verdict) && o.Leaf == f.Leaf && o.Version == f.Version && o.Present == f.PresentDigest()
}

// Found is what an order says of a finding; row is the digest of the row as it
// stands, for one without digests.
func Found(f *findings.Finding, row *[order.DigestSize]byte) order.Found {
	o := order.Found{Verdict: string(f.Verdict), Leaf: f.Leaf, Version: f.Version, Columns: f.Columns, Present: f.PresentDigest()}
	if f.Present == nil {
		o.Row = row
	}
	return o
}

// CarriedOut returns the leaf of an order that was carried out; ok is false if it was
// not.
func CarriedOut(log findings.Log, o *order.Order) (leaf uint64, ok bool, err error) {
	leaf, err = leafAt(log, orderPrefix+string(o.ID[:]))
	return leaf, leaf != commit.NoPrevious, err
}

// Enter appends the entry of an order that is carried out by the batch.
func Enter(b *recordlog.Batch, o *order.Order, body *order.Body, corrected ...*findings.Finding) (uint64, error) {
	leaf, err := b.AppendEvent(OpOf(o.Kind), body.Append(nil))
	if err != nil {
		return 0, fmt.Errorf("enter the order: %w", err)
	}
	b.Set(orderPrefix+string(o.ID[:]), dcbor.AppendUint(nil, leaf))
	for _, f := range corrected {
		b.Set(correctPrefix+f.ID(), dcbor.AppendUint(nil, leaf))
	}
	return leaf, nil
}

// RowDigest is HMAC-SHA-256 under a secret of the log over a row, [[column, cell]];
// nil if there is no row.
func RowDigest(secret [commit.KeySize]byte, t *tap.Table, cells []row.Value) *[order.DigestSize]byte {
	if cells == nil {
		return nil
	}
	b := dcbor.AppendArray(nil, len(cells))
	for i := range cells {
		b = dcbor.AppendText(dcbor.AppendArray(b, 2), t.Columns[i].Name)
		b = row.AppendCell(b, cells[i])
	}
	mac := hmac.New(sha256.New, secret[:])
	mac.Write(b)
	return (*[order.DigestSize]byte)(mac.Sum(nil))
}

// SecretPurpose is of the secret of RowDigest (recordlog.Batch.Secret).
const SecretPurpose = "corrections/v1"
