// Package cause keeps what the source told of rows that changed without changes
// of their own, and works out how a row must stand because of it.
//
// A source tells rules, not rows: "rows that referred to this one went with it",
// "the table was emptied", "this column has another name". The record log holds
// digests of a row's values and no values, so which rows a rule concerns is found
// by asking a version whether it was committed with a given value (Version.Had):
// the values that a rule speaks of are known, for the row that caused it was
// told whole.
//
// What comes out is exact. A row that a rule concerns must be gone, or hold
// these values in these columns; that it is as before is as wrong as any other
// difference. Only where the source is not sure that a rule was in force, or
// where a row was read while the rule was being told, are both right.
//
// A rule concerns versions older than its own place in the log. So it may be
// forgotten once every row that it concerns was looked at and has a newer
// version: until then the values that it speaks of are kept, and no longer.
package cause

import (
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A Step is one rule that was carried out on a table, at one place in the log.
type Step struct {
	Table string
	// Leaf is the place that the step stands at: it concerns versions before it.
	Leaf uint64
	// Entry is the entry of the log that tells it: Leaf itself, or a later one
	// where the step was found to follow from another one.
	Entry uint64
	// Sure says that the rule was in force. If it may not have been, the rows
	// that it concerns may also stand as if it was not.
	Sure bool
	// One of these: rows that a statement took away, or what a foreign key did.
	Removed *tap.Removal
	Link    *Link
}

// A Link is what following a foreign key did to the rows that refer.
type Link struct {
	Name    string
	Columns []string // that refer
	Effect  Effect
	Changes []Change
}

// Effect is what becomes of a row that a link concerns.
type Effect uint8

// The effects. Codes are part of the format.
const (
	Gone     Effect = 1 // it is deleted
	Nulled   Effect = 2 // its columns become null
	Replaced Effect = 3 // its columns get new cells
)

// String returns the effect as a person calls it.
func (e Effect) String() string {
	switch e {
	case Gone:
		return "deleted"
	case Nulled:
		return "set to null"
	case Replaced:
		return "changed with the row that they refer to"
	}
	return "unknown"
}

// A Change is one row that was referred to: what it held in the columns that a
// link refers to, and what it holds since if the effect is Replaced.
type Change struct{ Old, New []row.Value }

// stepFormat is the version of a step's encoding.
const stepFormat = 1

// ErrFormat says that a stored step was written by another version of this
// program.
var ErrFormat = errors.New("stored rule has an unknown format")

// Append appends the encoding: [1, table, leaf, entry, sure, removal or null,
// link or null].
func (s *Step) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 7), stepFormat)
	b = dcbor.AppendUint(dcbor.AppendText(b, s.Table), s.Leaf)
	b = dcbor.AppendUint(b, s.Entry)
	b = dcbor.AppendUint(b, flag(s.Sure))
	if s.Removed == nil {
		b = dcbor.AppendNull(b)
	} else {
		b = appendRemoval(b, s.Removed)
	}
	if s.Link == nil {
		return dcbor.AppendNull(b)
	}
	return s.Link.append(b)
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func appendRemoval(b []byte, r *tap.Removal) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 4), flag(r.All))
	b = row.AppendCells(dcbor.AppendText(b, r.Column), r.Values)
	b = dcbor.AppendArray(b, 2*len(r.Ranges))
	for _, one := range r.Ranges {
		b = row.AppendCell(row.AppendCell(b, one.From), one.To)
	}
	return b
}

func (l *Link) append(b []byte) []byte {
	b = dcbor.AppendText(dcbor.AppendArray(b, 4), l.Name)
	b = appendTexts(b, l.Columns)
	b = dcbor.AppendUint(b, uint64(l.Effect))
	b = dcbor.AppendArray(b, len(l.Changes))
	for _, c := range l.Changes {
		b = row.AppendCells(row.AppendCells(dcbor.AppendArray(b, 2), c.Old), c.New)
	}
	return b
}

func appendTexts(b []byte, list []string) []byte {
	b = dcbor.AppendArray(b, len(list))
	for _, text := range list {
		b = dcbor.AppendText(b, text)
	}
	return b
}

func readTexts(r *dcbor.Reader) (list []string) {
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		list = append(list, r.Text())
	}
	return list
}

// ParseStep reads what Append wrote. It shares no memory with b.
func ParseStep(b []byte) (*Step, error) {
	r := dcbor.NewReader(slices.Clone(b))
	r.ArrayOf(7)
	if f := r.Uint(); r.Err() == nil && f != stepFormat {
		return nil, fmt.Errorf("%w: %d, this program knows %d", ErrFormat, f, stepFormat)
	}
	s := &Step{Table: r.Text(), Leaf: r.Uint(), Entry: r.Uint(), Sure: r.Uint() == 1}
	if r.Next() == dcbor.KindNull {
		r.Null()
	} else {
		s.Removed = readRemoval(r)
	}
	if r.Next() == dcbor.KindNull {
		r.Null()
	} else {
		s.Link = readLink(r)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse a rule: %w", err)
	}
	return s, s.check()
}

func readRemoval(r *dcbor.Reader) *tap.Removal {
	r.ArrayOf(4)
	out := &tap.Removal{All: r.Uint() == 1, Column: r.Text(), Values: row.ReadCells(r, nil)}
	bounds := row.ReadCells(r, nil)
	for i := 0; i+1 < len(bounds); i += 2 {
		out.Ranges = append(out.Ranges, tap.Range{From: bounds[i], To: bounds[i+1]})
	}
	return out
}

func readLink(r *dcbor.Reader) *Link {
	r.ArrayOf(4)
	l := &Link{Name: r.Text(), Columns: readTexts(r), Effect: Effect(min(r.Uint(), 255))}
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		r.ArrayOf(2)
		l.Changes = append(l.Changes, Change{Old: row.ReadCells(r, nil), New: row.ReadCells(r, nil)})
	}
	return l
}

// check refuses a step that says nothing, or what could not be worked out.
func (s *Step) check() error {
	switch {
	case (s.Removed == nil) == (s.Link == nil):
		return errors.New("a rule is of a removal or of a link")
	case s.Link == nil:
		return nil
	case s.Link.Effect < Gone || s.Link.Effect > Replaced || len(s.Link.Columns) == 0:
		return fmt.Errorf("rule %s has an unknown effect or no columns", s.Link.Name)
	}
	for _, c := range s.Link.Changes {
		if len(c.Old) != len(s.Link.Columns) || s.Link.Effect == Replaced && len(c.New) != len(c.Old) {
			return fmt.Errorf("rule %s speaks of other columns than it has values", s.Link.Name)
		}
	}
	return nil
}

// Size is how many values the step holds: what bounds them is their number.
func (s *Step) Size() int {
	if s.Link == nil {
		return 1
	}
	return len(s.Link.Changes)
}

// takes reports whether a removal takes a row with the given cell in its
// column.
func takes(r *tap.Removal, cell row.Value) bool {
	for _, v := range r.Values {
		if compare(cell, v) == 0 {
			return true
		}
	}
	for _, one := range r.Ranges {
		if (one.From.IsNull() || compare(cell, one.From) >= 0) && (one.To.IsNull() || compare(cell, one.To) < 0) {
			return true
		}
	}
	return false
}
