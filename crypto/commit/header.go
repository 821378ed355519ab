package commit

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Op says what a leaf records: a row version or an event. Codes are part of
// the format.
type Op uint8

// The operations. Codes below 16 are row versions.
const (
	Insert Op = 1
	Update Op = 2
	Delete Op = 3

	Pad    Op = 16 // fills a checkpoint up to its bucket
	Gap    Op = 17 // changes may be missing between two positions
	Break  Op = 18 // a before-image is not the last version
	Schema Op = 19 // a table's columns changed
	Audit  Op = 20 // an audit ran: coverage, manifest root, report digest
	Start  Op = 21 // the sidecar started: versions, configuration digest
	// GapChange says that a row was found changed by a scan that followed a gap
	// or a schema change, and was entered as it is now: a finding until closed.
	GapChange Op = 22
)

var opNames = map[Op]string{Insert: "insert", Update: "update", Delete: "delete", Pad: "pad", Gap: "gap",
	Break: "break", Schema: "schema", Audit: "audit", Start: "start", GapChange: "gap change"}

// String returns the op's name.
func (o Op) String() string {
	if s, ok := opNames[o]; ok {
		return s
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// IsRow reports whether the op records a row version.
func (o Op) IsRow() bool { return o < 16 }

// Origin says how a version was seen.
type Origin uint8

// The origins of row versions; None is for events.
const (
	None     Origin = 0
	Stream   Origin = 1 // delivered by the source's change stream with its values
	Snapshot Origin = 2 // read when the table was first taken in
	Scan     Origin = 3 // read by a later scan
	Fetch    Origin = 4 // named by the stream, values read afterwards
)

// String returns the origin's name.
func (o Origin) String() string {
	return nameOf([]string{"none", "stream", "snapshot", "scan", "fetch"}, uint8(o))
}

// Assurance is what the tap promised when the version was recorded.
type Assurance uint8

// The assurances, from weakest to strongest.
const (
	ScanOnly     Assurance = 1
	LastVersion  Assurance = 2
	EveryVersion Assurance = 3
)

// String returns the assurance in the words of the documentation.
func (a Assurance) String() string {
	return nameOf([]string{"unknown", "scan only", "last version", "every version"}, uint8(a))
}

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

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

// AppendColumns appends the ordered list of (name, type).
func AppendColumns(b []byte, columns []row.Column) []byte {
	b = dcbor.AppendArray(b, len(columns))
	for _, c := range columns {
		b = dcbor.AppendUint(dcbor.AppendText(dcbor.AppendArray(b, 2), c.Name), uint64(c.Type))
	}
	return b
}

// ParseHeader reads a canonical header, and refuses an unknown profile and two
// columns of one name.
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
	return h, nil
}

// ParseColumns reads a column list as AppendColumns writes it.
func ParseColumns(b []byte) ([]row.Column, error) {
	r := dcbor.NewReader(b)
	columns, err := readColumns(r)
	if err != nil {
		return nil, err
	}
	return columns, r.Done()
}

func readColumns(r *dcbor.Reader) ([]row.Column, error) {
	n := r.Array()
	if n > MaxColumns {
		return nil, fmt.Errorf("%w: %d columns, at most %d", ErrColumns, n, MaxColumns)
	}
	columns := make([]row.Column, 0, n)
	seen := make(map[string]bool, n)
	for range n {
		r.ArrayOf(2)
		c := row.Column{Name: r.Text(), Type: row.Type(smallUint(r))}
		if r.Err() != nil {
			break
		}
		if seen[c.Name] {
			return nil, fmt.Errorf("%w: two columns named %q", ErrColumns, c.Name)
		}
		if !c.Type.Valid() {
			return nil, fmt.Errorf("%w: unknown type code %d", ErrColumns, c.Type)
		}
		seen[c.Name] = true
		columns = append(columns, c)
	}
	return columns, r.Err()
}

func smallUint(r *dcbor.Reader) uint8 {
	v := r.Uint()
	if v > 255 {
		r.Fail("code above 255")
	}
	return uint8(v)
}
