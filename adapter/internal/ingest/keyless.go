package ingest

import (
	"context"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// wholeRows bounds how many rows a table without a key may have: it is read whole,
// and held in memory.
const wholeRows = 100_000

// wholeReadings bounds how often such a table is read, one reading after the other,
// because its rows changed meanwhile: other tables wait.
const wholeReadings = 300

// numbered reports whether a table's rows have no key of their own, as far as the
// stream has told.
func (s *session) numbered(table string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tables[table]
	return t != nil && rows.Numbered(t)
}

// Numbered reports so of the attached tap's tables.
func (i *Ingest) Numbered(table string) bool {
	i.mu.Lock()
	s := i.session
	i.mu.Unlock()
	return s != nil && s.numbered(table)
}

// readWhole reads a table without a key. How many rows that takes is known only
// then, so those who read after it wait the longer.
func (i *Ingest) readWhole(ctx context.Context, table string) (tap.Chunk, recordlog.Window, error) {
	return i.read(ctx, 1, func(t tap.Tap) (tap.Chunk, error) { return t.Scan(ctx, table, nil, wholeRows) })
}

// fetchWhole reads rows of a table without a key by the keys that they have in the
// log.
func (i *Ingest) fetchWhole(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, recordlog.Window, error) {
	chunk, w, err := i.readWhole(ctx, table)
	if err != nil {
		return chunk, w, err
	}
	wanted := make(map[string]bool, len(keys))
	for _, key := range keys {
		wanted[string(row.AppendKey(nil, key))] = true
	}
	found := chunk.Rows[:0]
	for _, r := range chunk.Rows {
		if wanted[string(row.AppendKey(nil, chunk.Table.KeyOf(r.Cells)))] {
			found = append(found, r)
		}
	}
	clear(chunk.Rows[len(found):])
	chunk.Rows = found
	return chunk, w, nil
}

// acceptWhole records the rows of a table without a key that the log lacks. How
// many equal rows there are it can tell only where the stream told nothing of such
// rows while the table was read: the stream keeps the numbers of those right from
// then on, and the others are left for another reading. Left holds those that
// earlier readings have left, nil before the first; what is returned are those left
// now.
func (s *session) acceptWhole(chunk tap.Chunk, w recordlog.Window, left map[string]bool) (map[string]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	still := make(map[string]bool)
	err := s.log.Update(func(b *recordlog.Batch) error {
		if s.book.Reshaped(chunk.Table.Name, w.From) {
			return errReadAnew
		}
		err := b.Heads(chunk.Table.Name, func(key []byte, h recordlog.Head) error {
			if digest := rows.DigestOf(key); digest != "" && h.Index >= w.From && (left == nil || left[digest]) {
				still[digest] = true
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for rows that changed meanwhile: %w", err)
		}
		for _, r := range chunk.Rows {
			key := chunk.Table.KeyOf(r.Cells)
			encoded := row.AppendKey(nil, key)
			if digest := rows.DigestOf(encoded); still[digest] || left != nil && !left[digest] {
				continue
			}
			v := rows.Version{Table: chunk.Table, Op: commit.Insert, Seen: commit.Snapshot, Key: key, Cells: r.Cells}
			if err := s.acceptNumbered(b, v, encoded); err != nil {
				return err
			}
		}
		if err := addTaken(b, chunk.Table.Name, true, len(chunk.Rows)); err != nil {
			return err
		}
		if len(still) == 0 {
			state := s.states[chunk.Table.Name]
			state.Baselined, state.After, state.Since = true, nil, s.options.Now().UnixMilli()
			s.setState(b, chunk.Table.Name, state)
		}
		return nil
	})
	return still, err
}

// acceptNumbered records a row unless the log has it.
func (s *session) acceptNumbered(b *recordlog.Batch, v rows.Version, key []byte) error {
	head, known, err := b.Head(v.Table.Name, key)
	if err != nil {
		return fmt.Errorf("look up row: %w", err)
	}
	if known && !head.Deleted {
		return nil
	}
	_, err = s.recorder.Record(b, v)
	return err
}

// buryAll records that all rows of a table without a key are gone that the log has.
// Later ones take their numbers, so it cannot wait until the table is read.
func (a *applier) buryAll(table string) error {
	return a.batch.Heads(table, func(encoded []byte, h recordlog.Head) error {
		if h.Deleted {
			return nil
		}
		key, err := row.ParseKey(encoded)
		if err != nil {
			return fmt.Errorf("read a row's key: %w", err)
		}
		_, err = a.recorder.Record(a.batch, rows.Version{Table: &tap.Table{Name: table}, Op: commit.Delete, Seen: commit.Scan, Key: key})
		return err
	})
}
