package rows_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// keyless is a log of a table whose rows no key names.
type keyless struct {
	t        rapid.TB
	log      *recordlog.Log
	table    *tap.Table
	numberer *rows.Numberer
	recorder *rows.Recorder
}

func newKeyless(t rapid.TB, log *recordlog.Log, name string) *keyless {
	k := &keyless{t: t, log: log, table: &tap.Table{Name: name, Columns: []row.Column{
		{Name: "a", Type: row.Int}, {Name: "b", Type: row.Text}, {Name: "c", Type: row.Int}}}}
	k.recorder = rows.NewRecorder(k.log.Origin(), tap.EveryVersion, []rows.Mapping{{Table: name}})
	k.update(func(b *recordlog.Batch) (err error) {
		k.numberer, err = rows.NewNumberer(b, func(string) bool { return false })
		return err
	})
	return k
}

func (k *keyless) update(fn func(*recordlog.Batch) error) {
	k.t.Helper()
	if err := k.log.Update(fn); err != nil {
		k.t.Fatal(err)
	}
}

// change records a change as the stream's are.
func (k *keyless) change(b *recordlog.Batch, before, after []row.Value) error {
	c := &tap.Change{Table: k.table, Op: tap.Update, Before: before, After: after}
	c, err := k.numberer.Change(b, c)
	if err != nil {
		return err
	}
	v := rows.Version{Table: c.Table, Op: commit.Delete, Seen: commit.Stream}
	if before != nil && after != nil && bytes.Equal(row.AppendKey(nil, c.Table.KeyOf(c.Before)), row.AppendKey(nil, c.Table.KeyOf(c.After))) {
		v.Op, v.Key, v.Cells = commit.Update, c.Table.KeyOf(c.After), c.After
		_, err := k.recorder.Record(b, v)
		return err
	}
	if before != nil {
		v.Key = c.Table.KeyOf(c.Before)
		if _, err := k.recorder.Record(b, v); err != nil {
			return err
		}
	}
	if after != nil {
		v.Op, v.Key, v.Cells = commit.Insert, c.Table.KeyOf(c.After), c.After
		_, err = k.recorder.Record(b, v)
	}
	return err
}

// chunk is the table as a tap reads it.
func (k *keyless) chunk(all [][]row.Value) tap.Chunk {
	c := tap.Chunk{Table: k.table, Last: true}
	for _, cells := range all {
		c.Rows = append(c.Rows, tap.Row{Cells: cells})
	}
	k.numberer.Chunk(&c)
	return c
}

// live counts the rows that the log has.
func (k *keyless) live() (n int) {
	k.t.Helper()
	if err := k.log.Heads(context.Background(), k.table.Name, func(_ []byte, h recordlog.Head) error {
		if !h.Deleted {
			n++
		}
		return nil
	}); err != nil {
		k.t.Fatal(err)
	}
	return n
}

// TestRowsWithoutAKeyAreAMultiset: whatever is recorded, each row that is there is one
// that the log has, and the log has no other.
func TestRowsWithoutAKeyAreAMultiset(t *testing.T) {
	log, tables := logtest.New(t), 0
	rapid.Check(t, func(r *rapid.T) {
		tables++
		k := newKeyless(r, log, fmt.Sprint("t", tables))
		cells := rapid.Custom(func(r *rapid.T) []row.Value {
			c := []row.Value{row.NewInt(rapid.Int64Range(0, 2).Draw(r, "a")), row.Null(), row.Null()}
			if rapid.Bool().Draw(r, "text") {
				c[1] = row.NewText("utf8", []byte(rapid.SampledFrom([]string{"", "x"}).Draw(r, "b")))
			}
			return c
		})
		var all [][]row.Value
		for range rapid.IntRange(1, 4).Draw(r, "batches") {
			k.update(func(b *recordlog.Batch) error {
				for range rapid.IntRange(1, 15).Draw(r, "changes") {
					var before, after []row.Value
					at := rapid.IntRange(-1, len(all)-1).Draw(r, "row")
					if at >= 0 {
						before = all[at]
						all = slices.Delete(all, at, at+1)
					}
					if at < 0 || rapid.Bool().Draw(r, "update") {
						after = cells.Draw(r, "cells")
						all = append(all, after)
					}
					if err := k.change(b, before, after); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if n := k.live(); n != len(all) {
			r.Fatalf("%d rows are on record, %d are there", n, len(all))
		}
		c := rows.NewComparer(k.log)
		chunk := k.chunk(all)
		for _, one := range chunk.Rows {
			got, err := c.Compare(chunk.Table, one.Cells, recordlog.Window{From: k.log.Size(), To: k.log.Size()})
			if err != nil || got.State != rows.Equal || got.Entry.Header.Columns[0].Name != "a" {
				r.Fatalf("a row that is there: %+v, %v", got, err)
			}
		}
	})
}

// TestTheKeyOfARowWithoutOneIsTheLogs: it is another one in each log, and the same
// whatever columns with nulls stand between.
func TestTheKeyOfARowWithoutOneIsTheLogs(t *testing.T) {
	k, other := newKeyless(t, logtest.New(t), "t"), newKeyless(t, logtest.New(t), "t")
	cells := []row.Value{row.NewInt(1), row.NewText("utf8", []byte("x")), row.Null()}
	digest := func(k *keyless, cells ...row.Value) string {
		c := k.chunk([][]row.Value{cells})
		return rows.DigestOf(row.AppendKey(nil, c.Table.KeyOf(c.Rows[0].Cells)))
	}
	first := digest(k, cells...)
	if len(first) != 16 || first == digest(other, cells...) || first == digest(k, row.NewInt(1), row.NewText("latin1", []byte("x")), row.Null()) {
		t.Errorf("digest %x", first)
	}
	k.table = &tap.Table{Name: "t", Columns: []row.Column{{Name: "new", Type: row.Int}, {Name: "B", Type: row.Text}, {Name: "A", Type: row.Int}}}
	if got := digest(k, row.Null(), cells[1], cells[0]); got != first {
		t.Errorf("among other columns it is %x, not %x", got, first)
	}
	k.table = &tap.Table{Name: "t", Columns: []row.Column{{Name: "b", Type: row.Int}, {Name: "a", Type: row.Text}}}
	if digest(k, cells[0], cells[1]) == first {
		t.Error("the names of columns make no difference")
	}
}

// TestTablesThatCannotBeNumberedAreRefused.
func TestTablesThatCannotBeNumberedAreRefused(t *testing.T) {
	k := newKeyless(t, logtest.New(t), "t")
	k.table.Columns[1].Name = "emrbchain.number"
	if got := k.numberer.Table(k.table); got.Refused == "" {
		t.Error("a column has the name of the key's")
	}
	k.update(func(b *recordlog.Batch) (err error) {
		k.numberer, err = rows.NewNumberer(b, func(string) bool { return true })
		return err
	})
	k.table.Columns[1].Name = "b"
	if got := k.numberer.Table(k.table); got.Refused == "" {
		t.Error("rows of other tables are led through it")
	}
}

// TestRowsAreFoundByWhatTheirVersionsHold: each once, whatever columns came, went or
// have other names, but for those that were edited.
func TestRowsAreFoundByWhatTheirVersionsHold(t *testing.T) {
	const many = 300
	k := newKeyless(t, logtest.New(t), "t")
	var entries []uint64
	k.update(func(b *recordlog.Batch) error {
		for i := range many {
			entries = append(entries, b.Next())
			if err := k.change(b, nil, []row.Value{row.NewInt(int64(i / 2)), row.NewText("utf8", fmt.Append(nil, i%7)), row.NewInt(int64(i))}); err != nil {
				return err
			}
		}
		return nil
	})
	seven := row.NewInt(7)
	k.table = &tap.Table{Name: "t", Columns: []row.Column{{Name: "d", Type: row.Int}, {Name: "b", Type: row.Text}, {Name: "e", Type: row.Int}}}
	book := cause.NewBook()
	book.SetColumnsTold(true)
	book.AddShape(&cause.Shape{Table: "t", Leaf: k.log.Size(), Columns: k.numberer.Table(k.table).Columns,
		Moved: []tap.Moved{{From: "a", To: "e"}, {From: "c"}, {To: "d", Holds: &seven}}})
	var now [][]row.Value
	for i := many - 1; i >= 0; i-- {
		cells := []row.Value{seven, row.NewText("utf8", fmt.Append(nil, i%7)), row.NewInt(int64(i / 2))}
		switch i {
		case 100:
			cells[0] = row.NewInt(8)
		case 101:
			cells[1] = row.NewText("utf8", []byte("edited"))
		}
		now = append(now, cells)
	}
	chunk := k.chunk(now)
	cells := make([][]row.Value, many)
	for i := range cells {
		cells[i] = chunk.Rows[i].Cells
	}
	c := rows.NewComparer(k.log)
	c.Accept(book)
	finder := c.NewFinder(chunk.Table, cells, recordlog.Window{From: k.log.Size() + 1, To: k.log.Size() + 1})
	taken := make(map[int]bool)
	for i, leaf := range entries {
		e, err := k.log.Entry(leaf)
		if err != nil {
			t.Fatal(err)
		}
		at, ok, err := finder.Find(e)
		if err != nil || ok == (i == 100 || i == 101) || ok && (taken[at] || at != many-1-i) {
			t.Fatalf("row %d is found %v at %d, %v", i, ok, at, err)
		}
		if ok {
			taken[at] = true
		}
	}
}
