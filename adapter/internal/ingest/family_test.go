package ingest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A family is a database of three tables that follows foreign keys by itself, as
// MariaDB does, and tells a tap of nothing but the rows that were changed by
// name. It stands in for a server, whose rules the tests of the real one show.
//
//	parents(id, note)
//	children(id, parent → parents.id cascade, other → parents.id set null, note)
//	grandchildren(id, child → children.id cascade, note)
type family struct {
	mu     sync.Mutex // a change and what the stream tells of it are one step for reads
	tables map[string]*tap.Table
	rows   map[string]map[int64][]row.Value
	events chan func(tap.Sink) error
	acks   chan tap.Position
	number int
	fence  uint64
	sure   tap.Following
	told   bool // changes are told
}

func newFamily() *family {
	column := func(names ...string) (list []row.Column) {
		for _, name := range names {
			t := row.Int
			if name == "note" {
				t = row.Text
			}
			list = append(list, row.Column{Name: name, Type: t})
		}
		return list
	}
	parent := func(name, column string, on tap.Action) tap.Reference {
		return tap.Reference{Name: name, Columns: []string{column}, Table: "parents", Of: []string{"id"}, OnDelete: on, OnUpdate: on}
	}
	return &family{
		tables: map[string]*tap.Table{
			"parents": {Name: "parents", Key: []int{0}, Columns: column("id", "note")},
			"children": {Name: "children", Key: []int{0}, Columns: column("id", "parent", "other", "note"),
				References: []tap.Reference{parent("mother", "parent", tap.Cascade), parent("friend", "other", tap.SetNull)}},
			"grandchildren": {Name: "grandchildren", Key: []int{0}, Columns: column("id", "child", "note"),
				References: []tap.Reference{{Name: "line", Columns: []string{"child"}, Table: "children", Of: []string{"id"},
					OnDelete: tap.Cascade, OnUpdate: tap.Cascade}}},
		},
		rows:   map[string]map[int64][]row.Value{"parents": {}, "children": {}, "grandchildren": {}},
		events: make(chan func(tap.Sink) error, 10_000), acks: make(chan tap.Position, 10_000), sure: tap.Followed, told: true,
	}
}

func number(n int64) row.Value { return row.NewInt(n) }

func note(s string) row.Value { return row.NewText("utf8", []byte(s)) }

// tell sends a change of a row, with the row as it was and is.
func (f *family) tell(table string, op tap.Op, before, after []row.Value) {
	if !f.told {
		return
	}
	f.number++
	c := tap.Change{Table: f.tables[table], Op: op, Before: before, After: after, EventID: fmt.Sprint("e", f.number)}
	if before != nil {
		c.Followed = f.sure
	}
	f.events <- func(s tap.Sink) error { return s.Change(c) }
}

// put inserts or replaces a row, and tells it.
func (f *family) put(table string, cells ...row.Value) {
	id, _ := cells[0].Int64()
	before, op := f.rows[table][id], tap.Update
	if before == nil {
		op = tap.Insert
	}
	f.rows[table][id] = cells
	f.tell(table, op, before, cells)
}

// remove deletes a row and follows the references to it.
func (f *family) remove(table string, id int64) {
	before := f.rows[table][id]
	if before == nil {
		return
	}
	delete(f.rows[table], id)
	f.tell(table, tap.Delete, before, nil)
	f.follow(table, id, nil)
}

// rename gives a parent another id.
func (f *family) rename(from, to int64) {
	before := f.rows["parents"][from]
	if before == nil || f.rows["parents"][to] != nil {
		return
	}
	after := []row.Value{number(to), before[1]}
	delete(f.rows["parents"], from)
	f.rows["parents"][to] = after
	f.tell("parents", tap.Update, before, after)
	now := number(to)
	f.follow("parents", from, &now)
}

// follow does to the rows that refer to a row what the references say, and
// tells nothing.
func (f *family) follow(table string, id int64, now *row.Value) {
	for _, child := range []string{"children", "grandchildren"} {
		for _, ref := range f.tables[child].References {
			if ref.Table != table {
				continue
			}
			at := slices.IndexFunc(f.tables[child].Columns, func(c row.Column) bool { return c.Name == ref.Columns[0] })
			for key, cells := range f.rows[child] {
				if !row.Equal(cells[at], number(id)) {
					continue
				}
				switch {
				case ref.OnDelete == tap.SetNull:
					f.rows[child][key] = slices.Replace(slices.Clone(cells), at, at+1, row.Null())
				case now != nil:
					f.rows[child][key] = slices.Replace(slices.Clone(cells), at, at+1, *now)
				default:
					delete(f.rows[child], key)
					f.follow(child, key, nil)
				}
			}
		}
	}
}

// transaction runs changes and commits them under a position.
func (f *family) transaction(position string, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.events <- func(s tap.Sink) error { return s.Commit(tap.Commit{Position: tap.Position(position)}) }
}

// unrecorded changes rows past the stream.
func (f *family) unrecorded(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = false
	do()
	f.told = true
}

var _ tap.Tap = (*family)(nil)

// Describe implements tap.Tap.
func (f *family) Describe() tap.Description {
	return tap.Description{Name: "family", Assurance: tap.EveryVersion, Scan: true, Fetch: true, BeforeImages: true}
}

// Open implements tap.Tap.
func (f *family) Open(context.Context, tap.Config) error { return nil }

// Close implements tap.Tap.
func (f *family) Close() error { return nil }

// Tables implements tap.Tap.
func (f *family) Tables(context.Context) (list []tap.Table, err error) {
	for _, name := range slices.Sorted(maps.Keys(f.tables)) {
		list = append(list, *f.tables[name])
	}
	return list, nil
}

// Stream implements tap.Tap.
func (f *family) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	if from == nil {
		if err := sink.Commit(tap.Commit{Position: tap.Position("now")}); err != nil {
			return err
		}
	}
	for {
		select {
		case send := <-f.events:
			if err := send(sink); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ack implements tap.Tap.
func (f *family) Ack(_ context.Context, p tap.Position) error {
	f.acks <- p
	return nil
}

// Scan implements tap.Tap.
func (f *family) Scan(_ context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	least := int64(-1 << 62)
	if after != nil {
		least, _ = after[0].Int64()
		least++
	}
	chunk := tap.Chunk{Table: f.tables[table], Last: true}
	for _, id := range slices.Sorted(maps.Keys(f.rows[table])) {
		if id < least {
			continue
		}
		if len(chunk.Rows) == limit {
			chunk.Last = false
			break
		}
		chunk.Rows = append(chunk.Rows, tap.Row{Cells: f.rows[table][id]})
	}
	return f.fenced(chunk), nil
}

// Fetch implements tap.Tap.
func (f *family) Fetch(_ context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chunk := tap.Chunk{Table: f.tables[table]}
	for _, k := range keys {
		id, _ := k[0].Int64()
		if cells, ok := f.rows[table][id]; ok {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: cells})
		}
	}
	return f.fenced(chunk), nil
}

func (f *family) fenced(chunk tap.Chunk) tap.Chunk {
	f.fence++
	id := f.fence
	f.events <- func(s tap.Sink) error { return s.Fence(tap.Fence{ID: id}) }
	chunk.Fence = id
	return chunk
}
