// Package rows is the one place that turns a tap's row into an owner and a
// commitment, and that compares a row as it was read with what the record log
// holds of it. Ingest, the sweeps, proofs and sharing all come here, so that
// the same row can never be hashed in two ways.
//
// Whose a row is comes from the configured mapping: a patient, by the value of
// one column; or whose another table's row is that a column refers to, and so on
// along a path of tables; or the table itself where the rows are nobody's. What
// leads there are the rows that were recorded, never a query to the source. The
// owner of a deleted row is that of its last version.
//
// A patient's key may stand in columns of several types, and as text: 7 is the
// same patient everywhere. Null, 0 and empty text say that no patient is known:
// such a row has a key of its own. So have the rows that refer to a row which is
// not recorded yet, together. Once the patient is known, new versions come under
// the patient's key, and the other key is linked to it: Linked finds every key
// that must be destroyed with a patient's. Where a row goes from one patient to
// another, or a row on its path does, its versions stay under the keys that they
// were committed under, and later ones come under the new patient's.
package rows

import (
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Mapping says whose the rows of one table are.
type Mapping struct {
	Table string
	// Patient is the column whose value is the patient's key in this EMR; empty
	// when the rows are nobody's.
	Patient string
	// To is the table that Patient refers to instead, by its key of one column:
	// a row is whose that table's row is.
	To string
}

// A Version is a row version to be recorded.
type Version struct {
	Table     *tap.Table
	Op        commit.Op
	Seen      commit.Origin
	Key       []row.Value
	Cells     []row.Value // nil for a delete
	EventID   string
	EventTime int64 // µs since 1970 UTC; 0 if unknown
}

// Recorder records row versions in a log. It keeps buffers and is not safe for
// concurrent use.
type Recorder struct {
	log       string
	assurance commit.Assurance
	mappings  map[string]Mapping
	shapes    map[*tap.Table]*shape
	key       []byte
	index     index
	observer  Observer // nil: none
}

// An Observer learns how rows stand, in the batch that records them.
type Observer interface {
	// Observes reports whether it wants the rows of a table.
	Observes(table string) bool
	// Row says how a row stands. Key is the row's, canonical; cells are nil once it
	// is gone; patient is the key of the patient whom it names, one canonical cell,
	// nil if it names none. They are valid during the call.
	Row(b *recordlog.Batch, t *tap.Table, key []byte, cells []row.Value, patient []byte) error
}

// shape is what the recorder keeps of a table's description.
type shape struct {
	encoded []byte // AppendColumns of the columns
	patient int    // index of the patient column, or -1
	to      string // the table that it refers to; empty: it holds the patient's key
	leads   bool   // other tables' rows refer to this one's
}

// NewRecorder returns a Recorder for a log of the given origin, fed by a tap of
// the given assurance.
func NewRecorder(origin string, assurance tap.Assurance, mappings []Mapping) *Recorder {
	r := &Recorder{log: origin, assurance: commit.Assurance(assurance),
		mappings: make(map[string]Mapping, len(mappings)), shapes: make(map[*tap.Table]*shape), index: newIndex()}
	for _, m := range mappings {
		r.mappings[m.Table] = m
	}
	return r
}

// Observe gives the rows of the tables that o observes to it, as they are recorded
// or indexed from now on.
func (r *Recorder) Observe(o Observer) { r.observer = o }

// CheckTable says why a table cannot be recorded as it is mapped, or nil.
func (r *Recorder) CheckTable(t *tap.Table) error {
	_, err := r.shape(t)
	return err
}

func (r *Recorder) shape(t *tap.Table) (*shape, error) {
	if s, ok := r.shapes[t]; ok {
		return s, nil
	}
	m, ok := r.mappings[t.Name]
	if !ok {
		return nil, fmt.Errorf("table %s is not in the configuration", t.Name)
	}
	columns, _ := own(t, nil)
	if err := commit.CheckColumns(columns); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	s := &shape{encoded: commit.AppendColumns(nil, columns), patient: -1, to: m.To}
	if m.Patient != "" {
		s.patient = slices.IndexFunc(t.Columns, func(c row.Column) bool { return c.Name == m.Patient })
		if s.patient < 0 {
			return nil, fmt.Errorf("table %s has no column %q that the configuration names as the patient; "+
				"name an existing column or set nobody: true", t.Name, m.Patient)
		}
	}
	var err error
	if s.leads, err = r.leads(t); err != nil {
		return nil, err
	}
	r.shapes[t] = s
	return s, nil
}

// leads reports whether other tables' rows refer to those of t. What they refer
// to must name one row, and so one patient.
func (r *Recorder) leads(t *tap.Table) (bool, error) {
	if !r.Leads(t.Name) || len(t.Key) == 1 {
		return r.Leads(t.Name), nil
	}
	for _, m := range r.mappings {
		if m.To == t.Name {
			return false, fmt.Errorf("table %s has no key of one column, so the column %q of %s does not lead to one row of it; "+
				"in the patient of %s name a table whose key is one column, or a column that holds the patient's own key",
				t.Name, m.Patient, m.Table, m.Table)
		}
	}
	return false, nil
}

// Record appends the version to the batch as the successor of the row's latest
// one, and returns its leaf index.
func (r *Recorder) Record(b *recordlog.Batch, v Version) (uint64, error) {
	s, err := &shape{patient: -1}, error(nil)
	if v.Op != commit.Delete { // of a table that is gone too
		if s, err = r.shape(v.Table); err != nil {
			return 0, err
		}
	}
	r.key = row.AppendKey(r.key[:0], v.Key)
	head, known, err := b.Head(v.Table.Name, r.key)
	if err != nil {
		return 0, fmt.Errorf("look up row: %w", err)
	}
	whose, err := r.whose(b, s, v, head, known)
	if err != nil {
		return 0, fmt.Errorf("find the row's owner: %w", err)
	}
	e := r.entry(b.Next(), b.Time(), s, v, head, known)
	e.Owner = whose.id
	_, cells := own(v.Table, v.Cells)
	if err := b.Append(e, whose.owner.VersionKey(r.log, e.Header.Index), cells); err != nil {
		return 0, fmt.Errorf("record a row of %s: %w", v.Table.Name, err)
	}
	if err := r.note(b, s, v, whose); err != nil {
		return 0, err
	}
	return e.Header.Index, r.tell(b, s, v.Table, v.Cells)
}

// tell tells the observer how the row of r.key stands.
func (r *Recorder) tell(b *recordlog.Batch, s *shape, t *tap.Table, cells []row.Value) error {
	if r.observer == nil || !r.observer.Observes(t.Name) {
		return nil
	}
	var patient []byte
	if cells != nil && s.patient >= 0 && s.to == "" {
		if who, ok := identity(cells[s.patient]); ok {
			patient = row.AppendCell(nil, who)
		}
	}
	if err := r.observer.Row(b, t, r.key, cells, patient); err != nil {
		return fmt.Errorf("index the identifiers of a row of %s: %w", t.Name, err)
	}
	return nil
}

func (r *Recorder) entry(index uint64, now int64, s *shape, v Version, head recordlog.Head, known bool) *recordlog.Entry {
	e := &recordlog.Entry{Leaf: commit.Leaf{Op: v.Op, Time: now}, Header: commit.Header{
		Log: r.log, Index: index, Op: v.Op, Seen: v.Seen, Assurance: r.assurance,
		Table: v.Table.Name, Key: slices.Clone(r.key), Version: 1, Previous: commit.NoPrevious,
		EventID: v.EventID, EventTime: v.EventTime,
	}}
	if known {
		e.Header.Version, e.Header.Previous = head.Version+1, head.Index
	}
	if v.Op != commit.Delete {
		e.Header.Columns, _ = own(v.Table, nil)
		e.Header.EncodedColumns = s.encoded
	}
	return e
}
