package sqlite

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// maxChunk is the most rows that one Scan reads, whatever it is asked for, so
// that its read transaction stays short.
const maxChunk = 10_000

// Scan implements tap.Tap.
func (t *Tap) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	var chunk tap.Chunk
	err := t.snapshot(ctx, func(q querier, c *catalog) error {
		covered, err := c.find(table)
		if err != nil {
			return err
		}
		head, err := fenceHead(ctx, q, c)
		if err != nil {
			return err
		}
		chunk, err = covered.scan(ctx, q, after, min(max(limit, 1), maxChunk))
		if err == nil {
			chunk.Fence = t.fence(head)
		}
		return err
	})
	return chunk, err
}

// Fetch implements tap.Tap.
func (t *Tap) Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
	var chunk tap.Chunk
	err := t.snapshot(ctx, func(q querier, c *catalog) error {
		covered, err := c.find(table)
		if err != nil {
			return err
		}
		head, err := fenceHead(ctx, q, c)
		if err != nil {
			return err
		}
		chunk.Table = covered.table
		size := 0
		for i, key := range keys {
			if size > maxBytes {
				chunk.Unread = keys[i:]
				break
			}
			cells, n, err := covered.cells.fetch(ctx, q, key)
			if err != nil {
				return err
			}
			if cells != nil {
				size += n
				chunk.Rows = append(chunk.Rows, tap.Row{Cells: cells})
			}
		}
		chunk.Fence = t.fence(head)
		return nil
	})
	return chunk, err
}

func (c *catalog) find(table string) (*covered, error) {
	t, ok := c.tables[table]
	if !ok {
		return nil, fmt.Errorf("%w: %s is not among the configured tables", tap.ErrTable, table)
	}
	if t.missing != "" {
		return nil, fmt.Errorf("%w: %s", tap.ErrTable, table)
	}
	if t.table.Refused != "" {
		return nil, fmt.Errorf("%w: %s: %s", tap.ErrTable, table, t.table.Refused)
	}
	return t, nil
}

// scan reads a chunk of rows in the order of the key as SQLite has it.
func (t *covered) scan(ctx context.Context, q querier, after []row.Value, limit int) (tap.Chunk, error) {
	query, arguments, err := t.cells.scanQuery(after, limit+1)
	if err != nil {
		return tap.Chunk{}, err
	}
	rows, err := q.QueryContext(ctx, query, arguments...)
	if err != nil {
		return tap.Chunk{}, fmt.Errorf("scan %s: %w", t.table.Name, err)
	}
	defer rows.Close()
	chunk := tap.Chunk{Table: t.table}
	for size := 0; rows.Next(); {
		if len(chunk.Rows) == limit || size > maxBytes {
			return chunk, nil
		}
		cells, n, err := scanCells(rows, t.cells.charset, len(t.table.Columns))
		if err != nil {
			return tap.Chunk{}, fmt.Errorf("scan %s: %w", t.table.Name, err)
		}
		for i, v := range t.table.KeyOf(cells) {
			if v.IsNull() {
				return tap.Chunk{}, fmt.Errorf("%w: %s: %s", tap.ErrTable, t.table.Name, nullKey(t.table.Columns[t.table.Key[i]].Name))
			}
		}
		size += n
		chunk.Rows = append(chunk.Rows, tap.Row{Cells: cells})
	}
	chunk.Last = true
	return chunk, rows.Err()
}

// scanQuery pages by key: rows after a key, in key order.
func (c *cellReader) scanQuery(after []row.Value, limit int) (query string, arguments []any, err error) {
	key := strings.Join(c.keyColumns(), ", ")
	query = "SELECT " + c.list + " FROM " + identifier(c.table.Name)
	if after != nil {
		var placeholders []string
		if placeholders, arguments, err = c.parameters(after); err != nil {
			return "", nil, err
		}
		query += " WHERE (" + key + ") > (" + strings.Join(placeholders, ", ") + ")"
	}
	return query + " ORDER BY " + key + " LIMIT " + strconv.Itoa(limit), arguments, nil
}

// fenceHead returns the outbox id that the stream must have passed before it
// has delivered every change that this transaction sees.
func fenceHead(ctx context.Context, q querier, c *catalog) (int64, error) {
	if c.outbox.problem != "" {
		return 0, nil // no changes are delivered; a Gap has said so
	}
	end, err := readEnds(ctx, q)
	return end.head, err
}

// fence registers a fence and wakes the stream.
func (t *Tap) fence(head int64) uint64 {
	id := t.fences.add(head)
	select {
	case t.wake <- struct{}{}:
	default: // it is awake already
	}
	return id
}

// fences are those that the stream has still to deliver.
type fences struct {
	mutex   sync.Mutex
	last    uint64
	waiting []waitingFence
}

type waitingFence struct {
	id   uint64
	head int64
}

func (f *fences) add(head int64) uint64 {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.last++
	f.waiting = append(f.waiting, waitingFence{f.last, head})
	return f.last
}

// list returns the waiting fences. The stream takes it before it looks at the
// database, so that what it finds is never older than what they stand for.
func (f *fences) list() []waitingFence {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return append([]waitingFence(nil), f.waiting...)
}

// remove drops a fence that was delivered.
func (f *fences) remove(id uint64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for i, w := range f.waiting {
		if w.id == id {
			f.waiting = append(f.waiting[:i], f.waiting[i+1:]...)
			return
		}
	}
}
