package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A row without a key has another one in the log once its table's columns are
// others, or it is given one of its own, and the same the other way round. Which
// row had which is found by what its version was committed to: the table is read, and
// what is found is recorded as gone under the one and there under the other. What is
// not found keeps the key that it had, for the table's verification to say that it is
// gone. Rows that the stream changes before that are looked for when it does.

// reformPrefix names, per table, the state that holds the leaf of the change since
// which rows may have other keys: a row of a version before it may have another.
const reformPrefix = "ingest/reform/"

func readReforms(log *recordlog.Log) (map[string]uint64, error) {
	reforms := make(map[string]uint64)
	err := log.Each(reformPrefix, func(name string, value []byte) error {
		r := dcbor.NewReader(value)
		reforms[name[len(reformPrefix):]] = r.Uint()
		return r.Done()
	})
	if err != nil {
		return nil, fmt.Errorf("read since when rows have other keys: %w", err)
	}
	return reforms, nil
}

// setReform says that rows of a table may have other keys since a leaf, or, with 0,
// that each has been given the one that it has now.
func (s *session) setReform(b *recordlog.Batch, table string, leaf uint64) {
	if leaf == 0 {
		delete(s.reforms, table)
		b.Set(reformPrefix+table, nil)
		return
	}
	s.reforms[table] = leaf
	b.Set(reformPrefix+table, dcbor.AppendUint(nil, leaf))
}

// reforming takes note that a table's rows may have other keys since a leaf. Those of
// a table that is not taken in are read anew.
func (a *applier) reforming(t *tap.Table, former []string, leaf uint64) error {
	if !rows.NumberedKey(former) && !rows.Numbered(t) || former == nil || t.Refused != "" {
		return nil
	}
	if a.states[t.Name].Baselined {
		a.setReform(a.batch, t.Name, leaf)
		return nil
	}
	return a.buryAll(t.Name)
}

// reform gives the rows of a table the keys that they have now.
func (s *session) reform(ctx context.Context, table string) error {
	for range wholeReadings {
		s.mu.Lock()
		leaf, pending := s.reforms[table]
		s.mu.Unlock()
		if !pending {
			return nil
		}
		r := &reformer{session: s, tableName: table, since: leaf}
		err := r.run(ctx)
		if err == nil {
			return nil
		}
		if !errors.Is(err, errReadAnew) {
			return fmt.Errorf("find which rows have other keys in %s: %w", table, err)
		}
	}
	return fmt.Errorf("find which rows have other keys in %s: in each of %d readings %w", table, wholeReadings, errReadAnew)
}

// A reformer is one try to give rows the keys that they have now.
type reformer struct {
	*session
	tableName string
	since     uint64
	table     *tap.Table // as it was read
	window    recordlog.Window
	unknown   [][]row.Value   // rows that no version has the key of
	named     map[string]bool // the keys of all rows, where they are numbered
	moves     []moving
}

// moving is a row that was found under another key.
type moving struct {
	former []byte
	leaf   uint64 // of the version that it had
	cells  []row.Value
}

func (r *reformer) run(ctx context.Context) error {
	if err := r.readAll(ctx); err != nil {
		return err
	}
	if err := r.find(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Update(func(b *recordlog.Batch) error {
		if r.book.Reshaped(r.tableName, r.window.From) {
			return errReadAnew
		}
		if err := r.checkNumbers(b); err != nil {
			return err
		}
		for i := range r.moves {
			if err := r.checkUnchanged(b, &r.moves[i]); err != nil {
				return err
			}
		}
		for i := range r.moves {
			if err := r.move(b, &r.moves[i]); err != nil {
				return err
			}
		}
		r.setReform(b, r.tableName, 0)
		return nil
	})
}

// readAll reads the whole table, in as many parts as it takes, and keeps the rows that
// no version has the key of.
func (r *reformer) readAll(ctx context.Context) error {
	r.named = make(map[string]bool)
	var after []row.Value
	for {
		chunk, w, err := r.Scan(ctx, r.tableName, after, r.options.ChunkRows)
		if err != nil {
			return err
		}
		if r.table == nil {
			r.table, r.window = chunk.Table, w
		}
		if !slices.Equal(r.table.Columns, chunk.Table.Columns) || !slices.Equal(r.table.Key, chunk.Table.Key) {
			return errReadAnew
		}
		r.window.To = w.To
		if err := r.keep(chunk.Rows); err != nil || chunk.Last || len(chunk.Rows) == 0 {
			return err
		}
		after = chunk.Table.KeyOf(chunk.Rows[len(chunk.Rows)-1].Cells)
	}
}

func (r *reformer) keep(read []tap.Row) error {
	for _, one := range read {
		key := row.AppendKey(nil, r.table.KeyOf(one.Cells))
		head, known, err := r.log.Head(r.tableName, key)
		if err != nil {
			return fmt.Errorf("look up row: %w", err)
		}
		if rows.Numbered(r.table) {
			r.named[string(key)] = true
		}
		if !known || head.Deleted || head.Index < r.book.Barrier(r.tableName) {
			r.unknown = append(r.unknown, one.Cells)
		}
	}
	return nil
}

// find looks for the versions whose keys no row has among the rows whose keys no
// version has.
func (r *reformer) find(ctx context.Context) error {
	orphans, err := r.orphans(ctx)
	if err != nil || len(r.unknown) == 0 {
		return err
	}
	comparer := rows.NewComparer(r.log)
	comparer.Accept(r.book)
	finder := comparer.NewFinder(r.table, r.unknown, r.window)
	for _, one := range orphans {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := r.log.Entry(one.leaf)
		if err != nil {
			return err
		}
		at, found, err := finder.Find(e)
		if err != nil {
			return err
		}
		if found {
			one.cells = r.unknown[at]
			r.moves = append(r.moves, one)
		}
	}
	return nil
}

// orphans returns the live versions from before the change whose keys no row has, in
// the order of the log.
func (r *reformer) orphans(ctx context.Context) (list []moving, err error) {
	barrier := r.book.Barrier(r.tableName)
	err = r.log.Heads(ctx, r.tableName, func(key []byte, h recordlog.Head) error {
		kept := h.Index >= barrier && (r.named[string(key)] || !rows.Numbered(r.table) && rows.DigestOf(key) == "")
		if !h.Deleted && h.Index < r.since && !kept {
			list = append(list, moving{former: key, leaf: h.Index})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b moving) int { return cmp.Compare(a.leaf, b.leaf) })
	return list, err
}

// checkNumbers checks that the stream has changed none of the rows that are equal to
// one that has another key, since they were read: their numbers would be others.
func (r *reformer) checkNumbers(b *recordlog.Batch) error {
	if !rows.Numbered(r.table) {
		return nil
	}
	moved := make(map[string]bool)
	for i := range r.moves {
		moved[rows.DigestOf(row.AppendKey(nil, r.table.KeyOf(r.moves[i].cells)))] = true
	}
	for key := range r.named {
		if !moved[rows.DigestOf([]byte(key))] {
			continue
		}
		head, known, err := b.Head(r.tableName, []byte(key))
		if err != nil {
			return fmt.Errorf("look up row: %w", err)
		}
		if known && head.Index >= r.window.From {
			return errReadAnew
		}
	}
	return nil
}

// checkUnchanged checks that the stream has changed nothing under the keys that a row
// had and has, since it was read: else all is read anew. It is asked before any row is
// moved, for the rows that move may take each other's keys.
func (r *reformer) checkUnchanged(b *recordlog.Batch, m *moving) error {
	head, now, err := r.heads(b, m)
	if err == nil && (head.Index != m.leaf || now.Version > 0 && now.Index >= r.window.From) {
		err = errReadAnew
	}
	return err
}

// heads are what the log has under the keys that a row had and has.
func (r *reformer) heads(b *recordlog.Batch, m *moving) (former, now recordlog.Head, err error) {
	former, _, err = b.Head(r.tableName, m.former)
	if err == nil {
		now, _, err = b.Head(r.tableName, row.AppendKey(nil, r.table.KeyOf(m.cells)))
	}
	if err != nil {
		err = fmt.Errorf("look up row: %w", err)
	}
	return former, now, err
}

// move records that a row has another key. One that moved before may have taken its
// former key over by now.
func (r *reformer) move(b *recordlog.Batch, m *moving) error {
	head, now, err := r.heads(b, m)
	if err != nil {
		return err
	}
	former, err := row.ParseKey(m.former)
	if err != nil {
		return fmt.Errorf("read a row's key: %w", err)
	}
	r.caughtUp(b, m.leaf)
	return r.rekey(b, r.table, m.cells, former, head.Index == m.leaf, now)
}

// adopted finds the row that the source changes among those that have had other keys,
// and records that it has the one that it is changed by. It reports false if there is
// none. Held is what the log has under the key.
func (a *applier) adopted(c *tap.Change, held recordlog.Head) (bool, error) {
	since, pending := a.reforms[c.Table.Name]
	if !pending {
		return false, nil
	}
	next := a.batch.Next()
	finder := a.comparer.NewFinder(c.Table, [][]row.Value{c.Before}, recordlog.Window{From: next, To: next})
	var former []byte
	err := a.batch.Heads(c.Table.Name, func(key []byte, h recordlog.Head) error {
		if h.Deleted || h.Index >= since || former != nil {
			return nil
		}
		e, err := a.batch.Entry(h.Index)
		if err != nil {
			return err
		}
		_, found, err := finder.Find(e)
		if found {
			former = key
		}
		return err
	})
	if err != nil || former == nil {
		return false, err
	}
	old, err := row.ParseKey(former)
	if err != nil {
		return false, fmt.Errorf("read a row's key: %w", err)
	}
	if err := a.rekey(a.batch, c.Table, c.Before, old, true, held); err != nil {
		return true, err
	}
	return true, rows.Renumber(a.batch, c)
}
