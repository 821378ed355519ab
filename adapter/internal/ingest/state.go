package ingest

import (
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Names of the state that ingest keeps in the record log, written in the same
// batch as the entries that it speaks of.
const (
	positionName = "ingest/position"
	tablePrefix  = "ingest/table/"
	gapsName     = "ingest/gaps"
)

// place is where the stream stands: the position of the last Commit that was
// logged, how many changes of the transaction after it are logged already, and
// the event id of the last of those.
type place struct {
	position tap.Position
	logged   uint64
	eventID  string
}

func (p place) append(b []byte) []byte {
	b = dcbor.AppendBytes(dcbor.AppendArray(b, 3), p.position)
	return dcbor.AppendText(dcbor.AppendUint(b, p.logged), p.eventID)
}

func parsePlace(b []byte) (place, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(3)
	p := place{position: slices.Clone(r.Bytes()), logged: r.Uint(), eventID: r.Text()}
	if len(p.position) == 0 {
		p.position = nil
	}
	return p, r.Done()
}

func readPlace(log *recordlog.Log) (place, error) {
	b, err := log.Get(positionName)
	if err != nil || b == nil {
		return place{}, err
	}
	p, err := parsePlace(b)
	if err != nil {
		return place{}, fmt.Errorf("read the stream's place: %w", err)
	}
	return p, nil
}

// TableState is what ingest knows of one table.
type TableState struct {
	// Baselined says that the table was taken in whole: every row that is live
	// in the source has a version.
	Baselined bool
	Since     int64 // when that was first so, ms since 1970 UTC: the table is protected since then
	// Suspect says that changes may be missing: the table must be verified. Cause
	// is the leaf of the gap or schema entry that says why.
	Suspect bool
	Cause   uint64
	// After is the key up to which the first snapshot has come.
	After []byte
	// Columns and Key are the table's shape as it was last covered; empty if it never
	// was.
	Columns []byte
	Key     []uint64
	// Refused says why the tap cannot cover the table; empty if it can.
	Refused string
}

func (s *TableState) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 8), flag(s.Baselined))
	b = dcbor.AppendInt(b, s.Since)
	b = dcbor.AppendUint(b, flag(s.Suspect))
	b = dcbor.AppendUint(b, s.Cause)
	b = dcbor.AppendBytes(b, s.After)
	b = dcbor.AppendBytes(b, s.Columns)
	b = dcbor.AppendArray(b, len(s.Key))
	for _, k := range s.Key {
		b = dcbor.AppendUint(b, k)
	}
	return dcbor.AppendText(b, s.Refused)
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func parseTableState(b []byte) (TableState, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(8)
	s := TableState{Baselined: r.Uint() == 1, Since: r.Int(), Suspect: r.Uint() == 1, Cause: r.Uint(),
		After: slices.Clone(r.Bytes()), Columns: slices.Clone(r.Bytes())}
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		s.Key = append(s.Key, r.Uint())
	}
	s.Refused = r.Text()
	return s, r.Done()
}

// setShape records the shape of t and reports whether it is another one than
// was last seen.
func (s *TableState) setShape(t *tap.Table) (changed bool) {
	known := len(s.Columns) != 0
	refused := s.Refused != t.Refused
	s.Refused = t.Refused
	if t.Refused != "" {
		return known && refused // the shape by which its rows are recorded stays known
	}
	columns := commit.AppendColumns(nil, t.Columns)
	key := make([]uint64, len(t.Key))
	for i, k := range t.Key {
		key[i] = uint64(k)
	}
	changed = known && (refused || !slices.Equal(s.Columns, columns) || !slices.Equal(s.Key, key))
	s.Columns, s.Key = columns, key
	return changed
}

// Tables returns what is known of every table, by name.
func Tables(log *recordlog.Log) (map[string]TableState, error) {
	states := make(map[string]TableState)
	err := log.Each(tablePrefix, func(name string, value []byte) error {
		s, err := parseTableState(value)
		if err != nil {
			return fmt.Errorf("read state of table %s: %w", name[len(tablePrefix):], err)
		}
		states[name[len(tablePrefix):]] = s
		return nil
	})
	return states, err
}

// Gaps counts the gaps that were ever recorded.
func Gaps(log *recordlog.Log) (uint64, error) {
	b, err := log.Get(gapsName)
	if err != nil || b == nil {
		return 0, err
	}
	return parseGaps(b)
}

func parseGaps(b []byte) (uint64, error) {
	r := dcbor.NewReader(b)
	n := r.Uint()
	if err := r.Done(); err != nil {
		return 0, fmt.Errorf("read the number of gaps: %w", err)
	}
	return n, nil
}

// countGap adds one to the number of gaps.
func countGap(b *recordlog.Batch) error {
	held, err := b.Get(gapsName)
	if err != nil {
		return err
	}
	var n uint64
	if held != nil {
		if n, err = parseGaps(held); err != nil {
			return err
		}
	}
	b.Set(gapsName, dcbor.AppendUint(nil, n+1))
	return nil
}

// KeyColumns returns the columns of a table's key, as last seen.
func (i *Ingest) KeyColumns(table string) ([]row.Column, error) {
	b, err := i.log.Get(tablePrefix + table)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, tap.ErrTable
	}
	s, err := parseTableState(b)
	if err != nil {
		return nil, fmt.Errorf("read state of table %s: %w", table, err)
	}
	if len(s.Columns) == 0 {
		return nil, tap.ErrTable
	}
	columns, err := commit.ParseColumns(s.Columns)
	if err != nil {
		return nil, fmt.Errorf("read columns of table %s: %w", table, err)
	}
	key := make([]row.Column, len(s.Key))
	for n, k := range s.Key {
		key[n] = columns[k]
	}
	return key, nil
}

// InTransaction reports whether the log ends inside a transaction of the source:
// some of its changes are logged, its end is not.
func InTransaction(log *recordlog.Log) (bool, error) {
	p, err := readPlace(log)
	return p.logged > 0, err
}
