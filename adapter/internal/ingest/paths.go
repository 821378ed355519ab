package ingest

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// inSteps orders tables by how far they are from the patient: what leads other
// rows is taken in before them.
func (s *session) inSteps(tables []string) {
	steps := rows.Steps(s.options.Mappings)
	slices.SortFunc(tables, func(a, b string) int {
		return cmp.Or(cmp.Compare(steps[a], steps[b]), cmp.Compare(a, b))
	})
}

// meetPath looks whether the rows of a table are in the indexes that they belong
// in: a table that leads others in that of rows, one that says who patients are in
// that of identities. A table that was recorded before it was known to belong there
// becomes suspect: it is read again, and indexed.
func (s *session) meetPath(b *recordlog.Batch, t *tap.Table, state *TableState) error {
	if t.Refused != "" || state.Suspect {
		return nil
	}
	lacking, err := s.lacking(b, t.Name)
	if err != nil || lacking == "" {
		return err
	}
	recorded, err := s.anyRow(t.Name)
	if err != nil {
		return err
	}
	if !recorded {
		s.setIndexed(b, t.Name)
		return nil
	}
	state.Suspect = true
	state.Cause, err = appendSchema(b, &tap.SchemaChange{Table: t, Statement: lacking})
	return err
}

// observes reports whether a table says who patients are.
func (s *session) observes(table string) bool {
	return s.options.Identities != nil && s.options.Identities.Observes(table)
}

// indexed reports whether a table's rows belong in an index.
func (s *session) indexed(table string) bool { return s.recorder.Leads(table) || s.observes(table) }

// lacking says for what a table's recorded rows are not indexed yet; empty if they
// are, or need not be.
func (s *session) lacking(b *recordlog.Batch, table string) (string, error) {
	if s.recorder.Leads(table) {
		if indexed, err := rows.Indexed(b, table); err != nil || !indexed {
			return "rows of other tables are led to their patient through it from here on", err
		}
	}
	if s.observes(table) {
		if whole, err := s.options.Identities.Whole(b, table); err != nil || !whole {
			return "patients are found by its columns, in this way, from here on", err
		}
	}
	return "", nil
}

// setIndexed says that all recorded rows of a table are in the indexes that they
// belong in.
func (s *session) setIndexed(b *recordlog.Batch, table string) {
	if s.recorder.Leads(table) {
		rows.SetIndexed(b, table)
	}
	if s.observes(table) {
		s.options.Identities.SetWhole(b, table)
	}
}

// anyRow reports whether any row of a table was ever recorded.
func (s *session) anyRow(table string) (bool, error) {
	one := errors.New("one is enough")
	err := s.log.Heads(context.Background(), table, func([]byte, recordlog.Head) error { return one })
	if errors.Is(err, one) {
		return true, nil
	}
	return false, err
}

// heldRow is a row as it was read, equal to the version of a leaf.
type heldRow struct {
	leaf  uint64
	table *tap.Table
	cells []row.Value
}

// indexer puts the rows of a table in the index that are recorded already.
type indexer struct {
	*session
	rows []heldRow
}

// held returns the function that a sweep gives a table's rows to; nil where they
// need not be indexed.
func (x *indexer) held(table string) func(leaf uint64, t *tap.Table, cells []row.Value) error {
	if !x.indexed(table) {
		return nil
	}
	return func(leaf uint64, t *tap.Table, cells []row.Value) error {
		if x.rows = append(x.rows, heldRow{leaf, t, cells}); len(x.rows) < deviationsPerBatch {
			return nil
		}
		return x.flush()
	}
}

// flush indexes what is held, but for rows that the stream has changed since.
func (x *indexer) flush() error {
	defer func() { x.rows = x.rows[:0] }()
	if len(x.rows) == 0 {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.log.Update(func(b *recordlog.Batch) error {
		for _, h := range x.rows {
			head, _, err := b.Head(h.table.Name, row.AppendKey(nil, h.table.KeyOf(h.cells)))
			if err != nil {
				return err
			}
			if head.Index != h.leaf {
				continue
			}
			if err := x.recorder.Index(b, h.table, h.cells); err != nil {
				return err
			}
		}
		return nil
	})
}
