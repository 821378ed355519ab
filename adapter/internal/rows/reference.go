package rows

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// The index of rows that others refer to stands in the log's named state and is
// written with the entries that it follows from. A row stands in it under a
// digest of its table and key, under a secret of the log's own: who reads the
// store cannot tell which row refers to which. What it says of a row is
//
//	[1, 0, owner]       not recorded yet; rows that refer to it have this owner
//	[1, 1, owner]       it is this owner's
//	[1, 2, reference]   it refers to another row, whose it is
//
// Only tables that a path leads through have their rows in it, and a row stays
// in it after its deletion: rows below may still be told.
const (
	referencePrefix  = "owner/row/"
	referencePurpose = "references/v1" // of the secret
	indexFormat      = 1

	kindWaiting = 0
	kindOwner   = 1
	kindRow     = 2
)

// A reference is a keyed digest of a row's table and key.
type reference [recordlog.ReferenceSize]byte

// A lead is what leads from a row to its owner: the owner, or the row that it
// refers to. The zero lead leads nowhere.
type lead struct {
	owner uint64
	to    reference // where owner is 0
}

// held is what the index says of a row.
type held struct {
	waiting uint64 // the owner of rows that refer to it; 0 once it is recorded
	lead    lead
}

// index finds and notes whose the rows are that others refer to.
type index struct {
	mac hash.Hash       // under the log's secret; nil until first needed
	own map[string]bool // by table, whether rows of it have keys of their own
	buf []byte
}

func newIndex() index { return index{own: make(map[string]bool)} }

// reference returns the digest that a row stands under.
func (x *index) reference(b *recordlog.Batch, table string, key row.Value) (at reference, err error) {
	if x.mac == nil {
		secret, err := b.Secret(referencePurpose)
		if err != nil {
			return at, fmt.Errorf("make the secret of the index of rows: %w", err)
		}
		x.mac = hmac.New(sha256.New, secret[:])
	}
	x.buf = appendNamed(x.buf[:0], table, key)
	x.mac.Reset()
	x.mac.Write(x.buf)
	x.buf = x.mac.Sum(x.buf[:0])
	copy(at[:], x.buf)
	return at, nil
}

// appendNamed appends what a reference is the digest of.
func appendNamed(b []byte, table string, key row.Value) []byte {
	return row.AppendCell(dcbor.AppendText(dcbor.AppendArray(b, 2), table), key)
}

// errCircle says that paths lead in a circle, which a configuration is checked
// not to do.
var errCircle = errors.New("the rows that lead to a patient lead in a circle")

// follow goes from row to row until there is an owner. At a row that is not
// recorded yet it is that of all rows that wait for it.
func (x *index) follow(b *recordlog.Batch, l lead, most int) (uint64, *commit.Owner, error) {
	for range most {
		if l.owner != 0 {
			break
		}
		h, err := x.read(b, l.to)
		if err != nil {
			return 0, nil, err
		}
		if h.lead == (lead{}) {
			return x.wait(b, l.to, h)
		}
		l = h.lead
	}
	if l.owner == 0 {
		return 0, nil, errCircle
	}
	return b.Heir(l.owner)
}

// getter reads named state: of a log, or with what a batch changed.
type getter interface {
	Get(name string) ([]byte, error)
}

// resolve goes from row to row until there is an owner, and returns its number; or
// at a row that is not recorded yet that of all rows that wait for it. Both are 0 if
// there is none, or too far off for the tables that there are.
func resolve(log getter, l lead, most int) (owner, waiting uint64, err error) {
	for n := 0; l.owner == 0 && n < most && l != (lead{}); n++ {
		value, err := log.Get(referencePrefix + string(l.to[:]))
		if err != nil || value == nil {
			return 0, 0, err
		}
		h, err := parseHeld(value)
		if err != nil {
			return 0, 0, err
		}
		l, waiting = h.lead, h.waiting
	}
	return l.owner, waiting, nil
}

// wait returns the owner of rows that refer to a row that is not recorded yet.
func (x *index) wait(b *recordlog.Batch, at reference, h held) (uint64, *commit.Owner, error) {
	id, owner, err := b.Owner(recordlog.OwnerName{Kind: recordlog.OwnerReference, Key: at[:]})
	if err == nil && h.waiting == 0 {
		x.write(b, at, held{waiting: id})
	}
	return id, owner, err
}

// note says whose a row is that others may refer to, and links the key of those
// that have waited for it.
func (x *index) note(b *recordlog.Batch, at reference, w whose, most int) error {
	h, err := x.read(b, at)
	if err != nil || h.lead == w.lead {
		return err
	}
	if h.lead != (lead{}) {
		before, waiting, err := resolve(b, h.lead, most) // their keys may be destroyed
		if err != nil {
			return err
		}
		if err := errors.Join(moved(b, w.id, before), moved(b, w.id, waiting)); err != nil {
			return fmt.Errorf("note whose rows may be another's now: %w", err)
		}
	}
	if h.waiting != 0 {
		if err := link(b, h.waiting, w.id); err != nil {
			return fmt.Errorf("link the key of rows that waited: %w", err)
		}
	}
	x.write(b, at, held{lead: w.lead})
	return nil
}

func (x *index) read(b *recordlog.Batch, at reference) (h held, err error) {
	value, err := b.Get(referencePrefix + string(at[:]))
	if err != nil || value == nil {
		return h, err
	}
	return parseHeld(value)
}

func parseHeld(value []byte) (h held, err error) {
	r := dcbor.NewReader(value)
	r.ArrayOf(3)
	if f := r.Uint(); r.Err() == nil && f != indexFormat {
		return h, fmt.Errorf("index of rows of format %d, this program knows %d", f, indexFormat)
	}
	switch r.Uint() {
	case kindWaiting:
		h.waiting = r.Uint()
	case kindOwner:
		h.lead.owner = r.Uint()
	case kindRow:
		r.Fixed(h.lead.to[:])
	default:
		r.Fail("unknown kind")
	}
	if err := r.Done(); err != nil {
		return h, fmt.Errorf("read the index of rows: %w", err)
	}
	return h, nil
}

func (x *index) write(b *recordlog.Batch, at reference, h held) {
	x.buf = dcbor.AppendUint(dcbor.AppendArray(x.buf[:0], 3), indexFormat)
	switch {
	case h.waiting != 0:
		x.buf = dcbor.AppendUint(dcbor.AppendUint(x.buf, kindWaiting), h.waiting)
	case h.lead.owner != 0:
		x.buf = dcbor.AppendUint(dcbor.AppendUint(x.buf, kindOwner), h.lead.owner)
	default:
		x.buf = dcbor.AppendBytes(dcbor.AppendUint(x.buf, kindRow), h.lead.to[:])
	}
	b.Set(referencePrefix+string(at[:]), x.buf)
}
