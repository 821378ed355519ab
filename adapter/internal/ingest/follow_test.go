package ingest_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func (b *bench) runFamily(f *family) {
	b.t.Helper()
	b.mapped(rows.Mapping{Table: "parents"}, rows.Mapping{Table: "children"}, rows.Mapping{Table: "grandchildren"})
	ctx, cancel := context.WithCancel(b.t.Context())
	b.ended, b.cancel = make(chan error, 1), cancel
	go func() { b.ended <- b.ingest.Run(ctx, f) }()
	b.t.Cleanup(cancel)
	b.settled(slices.Sorted(maps.Keys(f.tables))...)
}

// reached waits until a position is acknowledged and all that was told is settled.
func (b *bench) reached(f *family, position string) {
	b.t.Helper()
	deadline := time.After(time.Minute)
	for p := tap.Position(nil); string(p) != position; {
		select {
		case p = <-f.acks:
		case err := <-b.ended:
			b.t.Fatalf("the attachment ended: %v", err)
		case <-deadline:
			b.t.Fatalf("position %q was not acknowledged", position)
		}
	}
	b.until(func() bool {
		tables, _ := b.ingest.Book().Pending()
		return len(tables) == 0
	})
	b.settled(slices.Sorted(maps.Keys(f.tables))...)
}

// deviating lists what is wrong: the open findings and what a sweep of every
// table finds besides.
func (b *bench) deviating(f *family) map[string]bool {
	b.t.Helper()
	found := make(map[string]bool)
	name := func(table string, encoded []byte) string {
		key, err := row.ParseKey(encoded)
		if err != nil {
			b.t.Fatal(err)
		}
		return table + " " + key[0].Display()
	}
	err := findings.Each(b.log, func(one *findings.Finding) error {
		found[name(one.Table, one.Key)] = true
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	for table := range f.tables {
		r, err := sweep.Run(b.t.Context(), b.ingest, b.log, table, sweep.Options{Book: b.ingest.Book()})
		if err != nil {
			b.t.Fatal(err)
		}
		for _, d := range r.Deviations {
			found[name(table, d.Key)] = true
		}
	}
	return found
}

// clan puts some rows of a family in place.
func clan(f *family) {
	for id := range int64(3) {
		f.put("parents", number(id), note("parent"))
	}
	for id := range int64(6) {
		f.put("children", number(10+id), number(id%3), number((id+1)%3), note("child"))
		f.put("grandchildren", number(20+id), number(10+id), note("grandchild"))
	}
}

func TestRowsThatGoWithAnotherAreGoneRightly(t *testing.T) {
	b, f := newBench(t, 0), newFamily()
	b.runFamily(f)
	f.transaction("p1", func() { clan(f) })
	b.reached(f, "p1")
	from := b.log.Size()
	f.transaction("p2", func() { f.remove("parents", 0) })
	b.reached(f, "p2")
	if found := b.deviating(f); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	want := []string{"delete 0/2 stream e16", "consequence", "consequence", "delete 10/2 scan ", "update 12/2 scan ",
		"delete 13/2 scan ", "update 15/2 scan ", "consequence", "delete 20/2 scan ", "delete 23/2 scan "}
	got := b.entries(from)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("entries %q, want %q", got, want)
	}
	b.stop()
}

// An edit past the log is found whatever a rule did to the same row or to others.
func TestARuleExplainsNothingButItself(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(*family)
		want          []string
	}{
		"other row deleted":       {before: func(f *family) { delete(f.rows["children"], 11) }, want: []string{"children 11"}},
		"other row altered":       {before: func(f *family) { f.rows["grandchildren"][21][2] = note("forged") }, want: []string{"grandchildren 21"}},
		"altered beside set null": {before: func(f *family) { f.rows["children"][12][3] = note("forged") }, want: []string{"children 12"}},
		"put back whole": {after: func(f *family) {
			f.rows["children"][10] = []row.Value{number(10), number(0), number(1), note("child")}
		}, want: []string{"children 10"}},
		"set null undone": {after: func(f *family) {
			f.rows["children"][12][2] = number(0)
		}, want: []string{"children 12"}},
		"grandchild put back": {after: func(f *family) {
			f.rows["grandchildren"][20] = []row.Value{number(20), number(10), note("grandchild")}
		}, want: []string{"grandchildren 20"}},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			b, f := newBench(t, 0), newFamily()
			b.runFamily(f)
			f.transaction("p1", func() { clan(f) })
			b.reached(f, "p1")
			f.transaction("p2", func() {
				if c.before != nil {
					copied(f)
					c.before(f)
				}
				f.remove("parents", 0)
				if c.after != nil {
					copied(f)
					c.after(f)
				}
			})
			b.reached(f, "p2")
			found := b.deviating(f)
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v", got, c.want)
			}
			b.stop()
		})
	}
}

// copied gives every row memory of its own, so that an edit changes no event.
func copied(f *family) {
	for _, rows := range f.rows {
		for id, cells := range rows {
			rows[id] = slices.Clone(cells)
		}
	}
}

// Whatever the source does by its rules, honest work is never a finding, and a
// row that ends otherwise than honest work would have left it always is.
func TestHonestWorkIsNoFindingAndAnEditIsOne(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := newBench(t, rapid.IntRange(1, 4).Draw(r, "chunk"))
		real, honest := newFamily(), newFamily()
		honest.told = false
		b.runFamily(real)
		steps := rapid.IntRange(1, 12).Draw(r, "transactions")
		edit := rapid.IntRange(-1, steps-1).Draw(r, "edit at")
		both := func(do func(f *family)) { do(real); do(honest) }
		real.transaction("p", func() { both(clan) })
		if rapid.Bool().Draw(r, "settle first") {
			b.reached(real, "p")
		}
		edited := ""
		for n := range steps {
			real.transaction(fmt.Sprint("p", n), func() {
				for range rapid.IntRange(1, 4).Draw(r, "changes") {
					both(work(r))
				}
			})
			if n == edit {
				edited = forge(r, real)
			}
		}
		b.reached(real, fmt.Sprint("p", steps-1))
		found := b.deviating(real)
		for row := range found {
			if row != edited {
				r.Errorf("%s is found, and %q was edited", row, edited)
			}
		}
		if edited != "" && differs(real, honest, edited) && !found[edited] {
			r.Errorf("%s was edited and is not found", edited)
		}
		b.stop()
		_ = b.log.Close() // many logs of one test
	})
}

// work draws one change by name; it is the same for every family.
func work(r *rapid.T) func(*family) {
	parent, other := rapid.Int64Range(0, 4).Draw(r, "parent"), rapid.Int64Range(0, 4).Draw(r, "other")
	child, grand := rapid.Int64Range(10, 17).Draw(r, "child"), rapid.Int64Range(20, 27).Draw(r, "grandchild")
	text := note(rapid.StringMatching(`[a-c]`).Draw(r, "note"))
	switch rapid.IntRange(0, 6).Draw(r, "work") {
	case 0:
		return func(f *family) { f.remove("parents", parent) }
	case 1:
		return func(f *family) { f.rename(parent, other) }
	case 2:
		return func(f *family) { f.remove("children", child) }
	case 3:
		return func(f *family) {
			if f.rows["parents"][parent] != nil && f.rows["parents"][other] != nil {
				f.put("children", number(child), number(parent), number(other), text)
			}
		}
	case 4:
		return func(f *family) {
			if f.rows["children"][child] != nil {
				f.put("grandchildren", number(grand), number(child), text)
			}
		}
	case 5:
		return func(f *family) { f.remove("grandchildren", grand) }
	}
	return func(f *family) {
		if f.rows["parents"][parent] == nil {
			f.put("parents", number(parent), text)
		}
	}
}

// forge edits a row past the log and returns its name; empty if there is none.
func forge(r *rapid.T, f *family) string {
	edited := ""
	f.unrecorded(func() {
		table := rapid.SampledFrom([]string{"parents", "children", "grandchildren"}).Draw(r, "edited table")
		ids := slices.Sorted(maps.Keys(f.rows[table]))
		if len(ids) == 0 {
			return
		}
		id := rapid.SampledFrom(ids).Draw(r, "edited row")
		edited = fmt.Sprint(table, " ", id)
		if table == "grandchildren" && rapid.Bool().Draw(r, "deleted") {
			delete(f.rows[table], id)
			return
		}
		cells := slices.Clone(f.rows[table][id])
		cells[len(cells)-1] = note("forged")
		f.rows[table][id] = cells
	})
	return edited
}

func differs(a, b *family, name string) bool {
	var table string
	var id int64
	_, _ = fmt.Sscan(name, &table, &id) // made by forge
	return !slices.EqualFunc(a.rows[table][id], b.rows[table][id], row.Equal)
}
