package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A doubt is a change that does not follow from the row's last version, while
// rules were told of other tables that may yet turn out to concern the row: which
// rows those took, and so what else went with them, settle has not found yet. It
// becomes a finding unless a rule from before it explains it by then. So does a
// row whose key another one has by now, though nobody deleted it: the table was given
// a key of other columns, or a rule gave rows other keys. It must be found under
// another key, or be gone by what was told.
type doubt struct {
	leaf    uint64 // the log's size when the change came
	version uint64 // leaf of the last version
	table   *tap.Table
	before  []row.Value // as the row was; nil: it was not there
	finding findings.Finding
}

const doubtPrefix = "ingest/doubt/"

// doubtFormat is the version of a doubt's encoding.
const doubtFormat = 1

func (d *doubt) name() string {
	name := binary.BigEndian.AppendUint64([]byte(doubtPrefix), d.leaf)
	return string(append(dcbor.AppendText(name, d.table.Name), d.finding.Key...))
}

// append appends the encoding: [1, leaf, version, table, columns, key, cells or
// null, finding].
func (d *doubt) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 8), doubtFormat)
	b = dcbor.AppendUint(dcbor.AppendUint(b, d.leaf), d.version)
	b = dcbor.AppendText(b, d.table.Name)
	b = dcbor.AppendBytes(b, commit.AppendColumns(nil, d.table.Columns))
	b = dcbor.AppendArray(b, len(d.table.Key))
	for _, at := range d.table.Key {
		b = dcbor.AppendUint(b, uint64(at))
	}
	if d.before == nil {
		b = dcbor.AppendNull(b)
	} else {
		b = row.AppendCells(b, d.before)
	}
	return dcbor.AppendBytes(b, d.finding.Append(nil))
}

func parseDoubt(b []byte) (*doubt, error) {
	r := dcbor.NewReader(slices.Clone(b))
	r.ArrayOf(8)
	if f := r.Uint(); r.Err() == nil && f != doubtFormat {
		return nil, fmt.Errorf("doubt of format %d, this program knows %d", f, doubtFormat)
	}
	d := &doubt{leaf: r.Uint(), version: r.Uint(), table: &tap.Table{Name: r.Text()}}
	columns := r.Bytes()
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		d.table.Key = append(d.table.Key, int(r.Uint()))
	}
	if r.Next() == dcbor.KindNull {
		r.Null()
	} else {
		d.before = row.ReadCells(r, []row.Value{})
	}
	encoded := r.Bytes()
	if err := r.Done(); err != nil {
		return nil, err
	}
	var err error
	if d.table.Columns, err = commit.ParseColumns(columns); err != nil {
		return nil, err
	}
	finding, err := findings.Parse(encoded)
	if err != nil {
		return nil, err
	}
	d.finding = *finding
	return d, nil
}

func readDoubts(log *recordlog.Log) (list []*doubt, err error) {
	err = log.Each(doubtPrefix, func(_ string, value []byte) error {
		d, err := parseDoubt(value)
		if err != nil {
			return fmt.Errorf("read a doubt: %w", err)
		}
		list = append(list, d)
		return nil
	})
	return list, err
}

// mayFollow reports whether rules that were told of other tables may turn out to
// concern rows of a table, because those refer to them by more than the rules
// speak of.
func (s *session) mayFollow(table string) bool {
	return s.refersTo(table, func(ref *tap.Reference) bool { return s.book.Size(ref.Table) > 0 })
}

// refersTo reports whether a table refers to others by a reference of which a
// condition holds, also by way of others.
func (s *session) refersTo(table string, holds func(*tap.Reference) bool) bool {
	seen := map[string]bool{table: true}
	queue := []string{table}
	for len(queue) > 0 {
		t := s.tables[queue[0]]
		queue = queue[1:]
		if t == nil {
			continue
		}
		for i := range t.References {
			ref := &t.References[i]
			if ref.OnDelete == tap.NoAction && ref.OnUpdate == tap.NoAction {
				continue
			}
			if holds(ref) {
				return true
			}
			if !seen[ref.Table] {
				seen[ref.Table] = true
				queue = append(queue, ref.Table)
			}
		}
	}
	return false
}

// resolve looks at the doubts from before a place in the log with what is known
// by now. Explained ones go; if last is set, the others become findings.
func (s *session) resolve(before uint64, last bool) (progress bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.doubts, func(d *doubt) bool { return d.leaf < before }) {
		return false, nil
	}
	var rest []*doubt
	err = s.log.Update(func(b *recordlog.Batch) error {
		f := &follower{session: s, batch: b}
		for _, d := range s.doubts {
			if d.leaf >= before {
				rest = append(rest, d)
				continue
			}
			explained, err := f.explains(d)
			if err != nil {
				return err
			}
			if !explained && (!last || d.before == nil && s.states[d.table.Name].Suspect) {
				rest = append(rest, d)
				continue
			}
			if !explained {
				if err := enter(s.log, b, commit.Break, d.finding); err != nil {
					return err
				}
			}
			b.Set(d.name(), nil)
			s.missing(d, false)
			progress = true
		}
		return f.flush()
	})
	if err == nil {
		s.doubts = rest
	}
	if progress {
		s.announce()
	}
	return progress, err
}

// overtaken reports whether a doubt is of a row that has another key since, and
// whose former one another row was inserted with.
func (s *session) overtaken(d *doubt) bool {
	rekeyed := s.book.Barrier(d.table.Name)
	return d.before == nil && d.version < rekeyed && rekeyed <= d.leaf
}

// displaced notes that a row has the key which the log has for another one, of
// which a version is the last.
func (s *session) displaced(b *recordlog.Batch, t *tap.Table, key []row.Value, version uint64) error {
	e, err := b.Entry(version)
	if err != nil {
		return fmt.Errorf("read the row's last version: %w", err)
	}
	d := &doubt{leaf: b.Next(), version: version, table: t}
	d.finding, err = s.broke(t, row.AppendKey(nil, key), e, rows.Comparison{}, "another row has this key by what the source told, "+
		"and under no other one this row is there: it was deleted unrecorded")
	if err != nil {
		return err
	}
	s.doubt(b, d)
	return nil
}

// doubt keeps a doubt.
func (s *session) doubt(b *recordlog.Batch, d *doubt) {
	b.Set(d.name(), d.append(nil))
	s.doubts = append(s.doubts, d)
	s.missing(d, true)
}

// missing tells the book whether a doubt is of a row that is missed.
func (s *session) missing(d *doubt, yes bool) {
	if d.before == nil {
		s.book.SetMissed(d.version, yes)
	}
}

// missed returns the versions of a table's rows that must be found under another
// key than they had.
func (s *session) missed(table string) (versions []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.doubts {
		if d.table.Name == table && d.before == nil {
			versions = append(versions, d.version)
		}
	}
	return versions
}

// inDoubt reports whether changes of a table from before a place in the log are in
// doubt.
func (i *Ingest) inDoubt(table string, before uint64) bool {
	i.mu.Lock()
	s := i.session
	i.mu.Unlock()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.doubts, func(d *doubt) bool { return d.table.Name == table && d.leaf < before })
}

// caughtUp ends the doubt of a row of which a version was found under another key.
func (s *session) caughtUp(b *recordlog.Batch, version uint64) {
	s.doubts = slices.DeleteFunc(s.doubts, func(d *doubt) bool {
		found := d.before == nil && d.version == version
		if found {
			b.Set(d.name(), nil)
			s.missing(d, false)
		}
		return found
	})
}

// explains reports whether what was told explains a doubt, and follows what that
// means for the rows that refer to it.
func (f *follower) explains(d *doubt) (bool, error) {
	e, err := f.batch.Entry(d.version)
	if err != nil {
		return false, fmt.Errorf("read the row's last version: %w", err)
	}
	c := rows.NewComparer(f.batch)
	c.Accept(f.book)
	if d.before != nil {
		found, err := c.Differences(e, d.table, d.before, d.leaf)
		if errors.Is(err, recordlog.ErrKeyLost) {
			return true, nil // nothing can be said any more; audits tell why
		}
		if err != nil || found.State != rows.Equal {
			return false, err
		}
		return true, f.derive(found.Standing)
	}
	gone, moved, err := c.Gone(e, recordlog.Window{From: d.leaf, To: d.leaf})
	if err == nil && !gone.Equal && (moved != nil || f.overtaken(d)) { // it may have gone later, and before it was found
		now := f.batch.Next()
		gone, _, err = c.Gone(e, recordlog.Window{From: now, To: now})
	}
	if errors.Is(err, recordlog.ErrKeyLost) {
		return true, nil
	}
	if err != nil || !gone.Equal {
		return false, err
	}
	return true, f.derive(gone)
}
