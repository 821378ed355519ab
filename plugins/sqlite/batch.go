package sqlite

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// maxBytes is roughly the most bytes of rows that one read transaction
// collects; a single larger row is read alone.
const maxBytes = 16 << 20

// batch is what one look at the database found, in one read transaction.
type batch struct {
	catalog *catalog
	lost    string // why changes may be missing in all tables
	from    place  // where the batch starts
	at      place  // where it ends
	time    time.Time
	changes []tap.Change
	more    bool
}

// collect reads the rows that a history names, each key once: as often as it
// changed, it is one row now.
func collect(ctx context.Context, q querier, c *catalog, h history) (*batch, error) {
	b := &batch{catalog: c, lost: h.lost, from: h.from, at: h.from, more: h.more}
	seen := make(map[string]int)
	var last []int64 // per change, the id of the last row that names it
	size := 0
	for i := range h.rows {
		r := &h.rows[i]
		if size > maxBytes {
			b.more = true
			break
		}
		b.at, b.time = place{r.id, r.token}, r.at
		t := c.tables[r.table]
		if t == nil || t.table.Refused != "" || hasNull(t, r) {
			continue
		}
		key := r.key[:len(t.table.Key)]
		name := r.table + "\x00" + string(row.AppendKey(nil, key))
		if n, ok := seen[name]; ok {
			last[n], b.changes[n].EventID, b.changes[n].Time = r.id, eventID(r.id), r.at
			continue
		}
		cells, n, err := t.cells.fetch(ctx, q, key)
		if err != nil {
			return nil, err
		}
		size += n
		seen[name] = len(last)
		last = append(last, r.id)
		b.changes = append(b.changes, change(t.table, r, key, cells))
	}
	b.sort(last)
	return b, nil
}

// hasNull reports whether a change is of a row with null in its key. Such a
// row refuses its whole table, unless it is gone by now.
func hasNull(t *covered, r *outboxRow) bool {
	for i := range t.table.Key {
		if r.key[i].IsNull() {
			return true
		}
	}
	return false
}

// doubts reports whether a change may have altered which tables can be
// covered: only a row with null in its key does that, coming or going.
func doubts(c *catalog, h history) bool {
	for i := range h.rows {
		t := c.tables[h.rows[i].table]
		if t != nil && (t.table.Refused != "" || hasNull(t, &h.rows[i])) {
			return true
		}
	}
	return false
}

func change(t *tap.Table, r *outboxRow, key, cells []row.Value) tap.Change {
	c := tap.Change{Table: t, Op: tap.Put, After: cells, EventID: eventID(r.id), Time: r.at}
	if cells == nil {
		c.Op, c.Key = tap.Delete, key
	}
	return c
}

// sort puts the changes in the order of the last rows that name them.
func (b *batch) sort(last []int64) {
	order := make([]int, len(last))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(last[i], last[j]) })
	sorted := make([]tap.Change, len(order))
	for i, n := range order {
		sorted[i] = b.changes[n]
	}
	b.changes = sorted
}
