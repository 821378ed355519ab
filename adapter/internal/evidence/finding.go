package evidence

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Verdicts of findings that evidence can be made of. An audit has more; they
// are about rows without a committed version, or about no values.
const (
	VerdictAltered       = "altered"
	VerdictDeleted       = "deleted"
	VerdictStale         = "stale"
	VerdictRestored      = "restored to T"
	VerdictHistoryBroken = "history broken"
	VerdictChangedInGap  = "changed in a gap"

	VerdictLateEntry         = "late entry"
	VerdictChangedAfterFinal = "changed after final"
)

// findingFormat is the version of the finding's format.
const findingFormat = 1

// A Moment is a time, and the height of the block that fixed it.
type Moment struct {
	Time   Millis `json:"time"`   // 0 if there is none
	Height int64  `json:"height"` // 0 if none
}

// A Finding is one deviation as an audit reports it. Its canonical bytes are a
// leaf of the tree under AuditBody.FindingsRoot.
type Finding struct {
	Salt    [16]byte // random, so that one finding's neighbours cannot be guessed
	Verdict string
	Table   string
	Key     []byte // canonical key of the row
	Leaf    uint64 // leaf index of the version that it compares with, or commit.NoPrevious
	Version uint64 // that version's number; 0 if there is none
	Columns []string
	// Present holds the digests of the values found, one per column of the
	// version, under the salts of that version's key: they can be compared with
	// the committed ones and hide the values as well. Nil: the row was not
	// there, or the finding is not about values.
	Present  []commit.Digest
	LastGood Moment // last seen as committed
	FirstBad Millis // first seen otherwise
	Detail   string // a sentence for a person; never a value
}

// Append appends the canonical encoding: [1, salt, verdict, table, key, leaf
// or null, version, [column], [digest] or null, [time, height], first bad,
// detail].
func (f *Finding) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 12), findingFormat)
	b = dcbor.AppendBytes(b, f.Salt[:])
	b = dcbor.AppendText(dcbor.AppendText(b, f.Verdict), f.Table)
	b = dcbor.AppendBytes(b, f.Key)
	if f.Leaf == commit.NoPrevious {
		b = dcbor.AppendNull(b)
	} else {
		b = dcbor.AppendUint(b, f.Leaf)
	}
	b = dcbor.AppendUint(b, f.Version)
	b = dcbor.AppendArray(b, len(f.Columns))
	for _, c := range f.Columns {
		b = dcbor.AppendText(b, c)
	}
	b = appendDigests(b, f.Present)
	b = dcbor.AppendInt(dcbor.AppendInt(dcbor.AppendArray(b, 2), int64(f.LastGood.Time)), f.LastGood.Height)
	return dcbor.AppendText(dcbor.AppendInt(b, int64(f.FirstBad)), f.Detail)
}

func appendDigests(b []byte, digests []commit.Digest) []byte {
	if digests == nil {
		return dcbor.AppendNull(b)
	}
	b = dcbor.AppendArray(b, len(digests))
	for i := range digests {
		b = dcbor.AppendBytes(b, digests[i][:])
	}
	return b
}

// ParseFinding reads a canonical finding. It shares the input's memory.
func ParseFinding(b []byte) (*Finding, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(12)
	if v := r.Uint(); r.Err() == nil && v != findingFormat {
		return nil, fmt.Errorf("finding of format %d, this program knows %d", v, findingFormat)
	}
	f := &Finding{Leaf: commit.NoPrevious}
	r.Fixed(f.Salt[:])
	f.Verdict, f.Table, f.Key = r.Text(), r.Text(), r.Bytes()
	if r.Next() == dcbor.KindNull {
		r.Null()
	} else if f.Leaf = r.Uint(); f.Leaf == commit.NoPrevious {
		r.Fail("leaf index out of range")
	}
	f.Version = r.Uint()
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		f.Columns = append(f.Columns, r.Text())
	}
	f.Present = readDigests(r)
	r.ArrayOf(2)
	f.LastGood = Moment{Time: Millis(r.Int()), Height: r.Int()}
	f.FirstBad, f.Detail = Millis(r.Int()), r.Text()
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse finding: %w", err)
	}
	return f, nil
}

func readDigests(r *dcbor.Reader) []commit.Digest {
	if r.Next() == dcbor.KindNull {
		r.Null()
		return nil
	}
	n := r.Array()
	if n > commit.MaxColumns {
		r.Fail("too many columns")
	}
	digests := []commit.Digest{}
	for ; n > 0 && r.Err() == nil; n-- {
		var d commit.Digest
		r.Fixed(d[:])
		digests = append(digests, d)
	}
	return digests
}
