package commit

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// NoPrevious is Header.Previous of a row's first version and of events.
const NoPrevious = ^uint64(0)

// Header says which version a commitment is of. Evidence always opens it.
type Header struct {
	Log       string // origin of the log: names chain, log and incarnation
	Index     uint64 // leaf index
	Op        Op
	Seen      Origin
	Assurance Assurance
	Table     string // empty for events
	Key       []byte // canonical key (package row); empty for events
	Version   uint64 // 1, 2, 3 … per row; 0 for events
	Previous  uint64 // leaf index of the row's previous version, or NoPrevious
	EventID   string // the source's own name of the change, if it has one
	EventTime int64  // the source's time of the change, µs since 1970 UTC; 0 if unknown
	Columns   []row.Column
	// EncodedColumns is AppendColumns(nil, Columns) where the caller keeps it
	// ready; nil means that Append encodes Columns itself.
	EncodedColumns []byte
}

const headerFields = 13

// Append appends the canonical encoding of h.
func (h *Header) Append(b []byte) []byte {
	b = dcbor.AppendArray(b, headerFields)
	b = dcbor.AppendUint(b, Profile)
	b = dcbor.AppendText(b, h.Log)
	b = dcbor.AppendUint(b, h.Index)
	b = dcbor.AppendUint(b, uint64(h.Op))
	b = dcbor.AppendUint(b, uint64(h.Seen))
	b = dcbor.AppendUint(b, uint64(h.Assurance))
	b = dcbor.AppendText(b, h.Table)
	b = dcbor.AppendBytes(b, h.Key)
	b = dcbor.AppendUint(b, h.Version)
	if h.Previous == NoPrevious {
		b = dcbor.AppendNull(b)
	} else {
		b = dcbor.AppendUint(b, h.Previous)
	}
	b = dcbor.AppendText(b, h.EventID)
	b = dcbor.AppendInt(b, h.EventTime)
	if h.EncodedColumns != nil {
		return append(b, h.EncodedColumns...)
	}
	return AppendColumns(b, h.Columns)
}

// ErrHeader says that a header is of no version and of no event: what it must
// have is missing, or it has what it must not have.
var ErrHeader = errors.New("header is malformed")

// check refuses a header that ParseHeader would refuse for what it says. The
// form of Key is left to ParseHeader, and the columns to CheckColumns.
func (h *Header) check() error {
	switch {
	case !utf8.ValidString(h.Log) || !utf8.ValidString(h.Table) || !utf8.ValidString(h.EventID):
		return fmt.Errorf("%w: text is not valid UTF-8", ErrHeader)
	case h.Log == "":
		return fmt.Errorf("%w: no log", ErrHeader)
	case h.Op.IsRow():
		return h.checkRow()
	case h.Table != "" || len(h.Key) > 0 || h.Version != 0 || h.Previous != NoPrevious || h.Seen != None || h.Assurance != 0:
		return fmt.Errorf("%w: an event has no row, no version and no origin", ErrHeader)
	}
	return nil
}

func (h *Header) checkRow() error {
	switch {
	case h.Op < Insert || h.Op > Delete:
		return fmt.Errorf("%w: unknown operation %d", ErrHeader, uint8(h.Op))
	case h.Table == "" || len(h.Key) == 0:
		return fmt.Errorf("%w: a row version has a table and a key", ErrHeader)
	case h.Version == 0 || (h.Version == 1) != (h.Previous == NoPrevious):
		return fmt.Errorf("%w: version 1 has no previous one, every other has", ErrHeader)
	case h.Previous != NoPrevious && h.Previous >= h.Index:
		return fmt.Errorf("%w: the previous version comes before", ErrHeader)
	case h.Seen < Stream || h.Seen > Fetch || h.Assurance < ScanOnly || h.Assurance > EveryVersion:
		return fmt.Errorf("%w: unknown origin or assurance", ErrHeader)
	}
	return nil
}

// ParseHeader reads a canonical header. It refuses an unknown profile, what
// check refuses, a key that is no array of cells, and two columns of one name.
func ParseHeader(b []byte) (*Header, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(headerFields)
	if p := r.Uint(); r.Err() == nil && p != Profile {
		return nil, fmt.Errorf("header of profile %d, this program knows %d", p, Profile)
	}
	h := &Header{Log: r.Text(), Index: r.Uint()}
	h.Op, h.Seen, h.Assurance = Op(smallUint(r)), Origin(smallUint(r)), Assurance(smallUint(r))
	h.Table, h.Key, h.Version = r.Text(), r.Bytes(), r.Uint()
	if r.Next() == dcbor.KindNull {
		r.Null()
		h.Previous = NoPrevious
	} else if h.Previous = r.Uint(); h.Previous == NoPrevious {
		r.Fail("previous index out of range")
	}
	h.EventID, h.EventTime = r.Text(), r.Int()
	columns, err := readColumns(r)
	if err != nil {
		return nil, err
	}
	h.Columns = columns
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("parse header: %w", err)
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	if key, err := row.ParseKey(h.Key); h.Op.IsRow() && (err != nil || len(key) == 0) {
		return nil, fmt.Errorf("%w: key is no array of cells", ErrHeader)
	}
	return h, nil
}
