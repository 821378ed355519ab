package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// reshapePrefix names, per table, the last change of shape that the source's
// own stream told. It is what explains that a column is gone; a column that
// goes without one was taken away unrecorded.
const reshapePrefix = "ingest/reshape/"

type reshape struct {
	leaf    uint64 // of the schema entry
	columns []row.Column
}

func readReshapes(log *recordlog.Log) (map[string]reshape, error) {
	told := make(map[string]reshape)
	err := log.Each(reshapePrefix, func(name string, value []byte) error {
		r := dcbor.NewReader(value)
		r.ArrayOf(2)
		leaf, encoded := r.Uint(), r.Bytes()
		if err := r.Done(); err != nil {
			return fmt.Errorf("read last shape of table %s: %w", name[len(reshapePrefix):], err)
		}
		columns, err := commit.ParseColumns(encoded)
		if err != nil {
			return fmt.Errorf("read last shape of table %s: %w", name[len(reshapePrefix):], err)
		}
		told[name[len(reshapePrefix):]] = reshape{leaf: leaf, columns: columns}
		return nil
	})
	return told, err
}

func (s *session) setReshape(b *recordlog.Batch, t *tap.Table, leaf uint64) {
	s.reshapes[t.Name] = reshape{leaf: leaf, columns: t.Columns}
	b.Set(reshapePrefix+t.Name, dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 2), leaf),
		commit.AppendColumns(nil, t.Columns)))
}

// dropped is a rows.Dropped for those who hold mu.
func (s *session) dropped(leaf uint64, table, column string) bool {
	r, ok := s.reshapes[table]
	return ok && r.leaf > leaf && !slices.ContainsFunc(r.columns, func(c row.Column) bool { return c.Name == column })
}

// Dropped is a rows.Dropped: it tells what the stream told, while a tap is
// attached.
func (i *Ingest) Dropped(leaf uint64, table, column string) bool {
	i.mu.Lock()
	s := i.session
	i.mu.Unlock()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped(leaf, table, column)
}

// sweep compares a suspect table with the log. A row that is as its version
// says, under other columns, is recorded anew: so are its new columns covered.
func (s *session) sweep(ctx context.Context, table string) (*sweep.Result, error) {
	var held []heldRow
	index := &indexer{session: s}
	result, err := sweep.Run(ctx, s.Ingest, s.log, table, sweep.Options{
		ChunkRows: s.options.ChunkRows,
		Dropped:   s.Dropped,
		Held:      index.held(table),
		Reshaped: func(e *recordlog.Entry, t *tap.Table, cells []row.Value) error {
			if held = append(held, heldRow{e.Header.Index, t, cells}); len(held) < deviationsPerBatch {
				return nil
			}
			defer func() { held = held[:0] }()
			return s.recordReshaped(held)
		},
	})
	if err != nil {
		return nil, err
	}
	return result, errors.Join(s.recordReshaped(held), index.flush())
}

// heldRow is a row as it was read, equal to the version of a leaf.
type heldRow struct {
	leaf  uint64
	table *tap.Table
	cells []row.Value
}

// recordReshaped records rows under their table's new columns, but for those
// that the stream has changed meanwhile.
func (s *session) recordReshaped(held []heldRow) error {
	if len(held) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Update(func(b *recordlog.Batch) error {
		for _, h := range held {
			key := h.table.KeyOf(h.cells)
			head, _, err := b.Head(h.table.Name, row.AppendKey(nil, key))
			if err != nil {
				return fmt.Errorf("look up row: %w", err)
			}
			if head.Index != h.leaf {
				continue
			}
			v := rows.Version{Table: h.table, Op: commit.Update, Seen: commit.Scan, Key: key, Cells: h.cells}
			if _, err := s.recorder.Record(b, v); err != nil {
				return err
			}
		}
		return nil
	})
}
