// Package findings keeps the register of open findings in the record log's
// named state, and the body of the log entry that each of them is bound by.
//
// A finding is one deviation: a row that is not as the log says, or a history
// that does not fit together. It opens when it is first seen and stays open,
// with that first moment, until a named person closes it; that the row looks
// right again later does not close it. Ingest opens findings while it streams
// and repairs gaps; audits open theirs and report all that are open.
package findings

import (
	"crypto/sha256"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Verdict is what is said of a row, in the words that people read.
type Verdict string

// The verdicts. Those down to Corrected are not findings.
const (
	Intact         Verdict = "intact"
	NotYetAnchored Verdict = "not yet anchored"
	NotCovered     Verdict = "not covered"
	// So are these: an officer ordered it.
	Erased    Verdict = "erased (authorised)"
	Corrected Verdict = "corrected (authorised)"

	Altered        Verdict = "altered"
	Deleted        Verdict = "deleted"
	UnloggedInsert Verdict = "unlogged insert"
	Stale          Verdict = "stale"
	Restored       Verdict = "restored to T"
	HistoryBroken  Verdict = "history broken"
	ChangedInGap   Verdict = "changed in a gap"
	Unverifiable   Verdict = "unverifiable"
	// TableLost is of a whole table, and has no key: it was covered, and its rows on
	// record cannot be read any more.
	TableLost Verdict = "table lost"

	// Of recorded changes: the row is as the log says, and that is the matter.
	LateEntry         Verdict = "late entry"
	ChangedAfterFinal Verdict = "changed after final"
)

// Deviates reports whether the verdict says that a row is not as its last version
// recorded it. Others speak of its history.
func (v Verdict) Deviates() bool {
	switch v {
	case Altered, Deleted, UnloggedInsert, Stale, Restored, ChangedInGap, Unverifiable:
		return true
	}
	return false
}

// A Moment is a point in time, with the height of the block that anchors it
// where there is one.
type Moment struct {
	Time   int64 // ms since 1970 UTC; 0 if there is none
	Height int64 // 0 if not anchored
}

// A Finding is one deviation of one row.
type Finding struct {
	Verdict  Verdict
	Table    string
	Key      []byte // canonical
	Version  uint64 // the row's version that it speaks of; 0 if it has none
	Leaf     uint64 // that version's leaf, or commit.NoPrevious
	Columns  []string
	Present  []commit.Digest // digests of the row as read, under that version's salts
	LastGood Moment          // last known as the log says
	FirstBad Moment          // first seen as it is
	Detail   string          // a sentence for a person, without values
}

// format is the version of the encoding.
const format = 1

const prefix = "finding/"

// ID names a finding in the register: one per row, verdict, version and values
// found. An alteration that follows another one does not hide behind it.
func (f *Finding) ID() string { return f.name() }

// name is where a finding stands in the named state.
func (f *Finding) name() string {
	b := dcbor.AppendText([]byte(rowPrefix(f.Table, f.Key)), string(f.Verdict))
	found := f.PresentDigest()
	return string(dcbor.AppendBytes(dcbor.AppendUint(b, f.Leaf), found[:]))
}

// PresentDigest is SHA-256 over the digests of the values found.
func (f *Finding) PresentDigest() [sha256.Size]byte {
	found := sha256.New()
	for i := range f.Present {
		found.Write(f.Present[i][:]) // never fails
	}
	return [sha256.Size]byte(found.Sum(nil))
}

func rowPrefix(table string, key []byte) string {
	return prefix + string(dcbor.AppendBytes(dcbor.AppendText(nil, table), key))
}

// Log reads named state.
type Log interface {
	Get(name string) ([]byte, error)
	Each(prefix string, fn func(name string, value []byte) error) error
}

// Open enters a finding in the register, unless it is there: then the finding
// that was first seen stays, and is returned.
func Open(log Log, b *recordlog.Batch, f Finding) (Finding, error) {
	held, err := log.Get(f.name())
	if err != nil {
		return f, fmt.Errorf("look up finding: %w", err)
	}
	if held == nil {
		b.Set(f.name(), f.Append(nil))
		return f, nil
	}
	first, err := Parse(held)
	if err != nil {
		return f, fmt.Errorf("read finding: %w", err)
	}
	return *first, nil
}

// Each calls fn for every open finding, those of a row together.
func Each(log Log, fn func(*Finding) error) error { return each(log, prefix, fn) }

// OfRow calls fn for every open finding of one row.
func OfRow(log Log, table string, key []byte, fn func(*Finding) error) error {
	return each(log, rowPrefix(table, key), fn)
}

func each(log Log, prefix string, fn func(*Finding) error) error {
	return log.Each(prefix, func(_ string, value []byte) error {
		f, err := Parse(value)
		if err != nil {
			return fmt.Errorf("read finding: %w", err)
		}
		return fn(f)
	})
}

// Append appends the canonical encoding; it is also the body of the log entry
// that binds the finding.
func (f *Finding) Append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 13), format)
	b = dcbor.AppendText(b, string(f.Verdict))
	b = dcbor.AppendText(b, f.Table)
	b = dcbor.AppendBytes(b, f.Key)
	b = dcbor.AppendUint(b, f.Version)
	b = dcbor.AppendUint(b, f.Leaf)
	b = dcbor.AppendArray(b, len(f.Columns))
	for _, c := range f.Columns {
		b = dcbor.AppendText(b, c)
	}
	b = dcbor.AppendArray(b, len(f.Present))
	for _, d := range f.Present {
		b = dcbor.AppendBytes(b, d[:])
	}
	for _, n := range []int64{f.LastGood.Time, f.LastGood.Height, f.FirstBad.Time, f.FirstBad.Height} {
		b = dcbor.AppendInt(b, n)
	}
	return dcbor.AppendText(b, f.Detail)
}

// Parse reads a finding.
func Parse(b []byte) (*Finding, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(13)
	if v := r.Uint(); r.Err() == nil && v != format {
		return nil, fmt.Errorf("finding of format %d, this program knows %d", v, format)
	}
	f := &Finding{Verdict: Verdict(r.Text()), Table: r.Text(), Key: r.Bytes(), Version: r.Uint(), Leaf: r.Uint()}
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		f.Columns = append(f.Columns, r.Text())
	}
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		var d commit.Digest
		r.Fixed(d[:])
		f.Present = append(f.Present, d)
	}
	f.LastGood = Moment{Time: r.Int(), Height: r.Int()}
	f.FirstBad = Moment{Time: r.Int(), Height: r.Int()}
	f.Detail = r.Text()
	return f, r.Done()
}
