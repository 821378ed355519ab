package sweep_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// database is a table that a test changes at will, recorded or not, also while
// it is read. It stands in for a tap, whose reads no test could hold.
type database struct {
	t     *testing.T
	log   *recordlog.Log
	table *tap.Table
	mu    sync.Mutex // one read at a time: the next chunk is read while rows are fetched
	rows  map[int64]string
	reads int
	// during is called within the n-th read, after the rows were read and before
	// the fence; may be nil.
	during func(n int)
	// most is how many keys a fetch looks for; 0 means all.
	most int
	// assurance is what the log says of its versions.
	assurance tap.Assurance
}

func newDatabase(t *testing.T) *database {
	return &database{t: t, log: logtest.New(t), table: logtest.Table(), rows: make(map[int64]string), assurance: tap.EveryVersion}
}

// record changes a row and logs that; an empty value is a delete.
func (d *database) record(id int64, v string) uint64 {
	d.forge(id, v)
	return logtest.RecordAs(d.t, d.log, d.table, d.assurance, id, v)
}

// forge changes a row, unrecorded.
func (d *database) forge(id int64, v string) {
	if d.rows[id] = v; v == "" {
		delete(d.rows, id)
	}
}

func (d *database) window(read func()) recordlog.Window {
	d.mu.Lock()
	defer d.mu.Unlock()
	w := recordlog.Window{From: d.log.Size()}
	read()
	if d.reads++; d.during != nil {
		d.during(d.reads)
	}
	w.To = d.log.Size()
	return w
}

// Scan implements sweep.Source.
func (d *database) Scan(_ context.Context, _ string, after []row.Value, limit int) (tap.Chunk, recordlog.Window, error) {
	chunk := tap.Chunk{Table: d.table, Last: true}
	w := d.window(func() {
		for _, id := range slices.SortedFunc(maps.Keys(d.rows), cmp.Compare) {
			if after != nil {
				if last, _ := after[0].Int64(); id <= last {
					continue
				}
			}
			if len(chunk.Rows) == limit {
				chunk.Last = false
				return
			}
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: logtest.Cells(id, d.rows[id])})
		}
	})
	return chunk, w, nil
}

// Fetch implements sweep.Source.
func (d *database) Fetch(_ context.Context, _ string, keys [][]row.Value) (tap.Chunk, recordlog.Window, error) {
	chunk := tap.Chunk{Table: d.table}
	if d.most > 0 && len(keys) > d.most {
		keys, chunk.Unread = keys[:d.most], keys[d.most:]
	}
	w := d.window(func() {
		for _, k := range keys {
			id, _ := k[0].Int64()
			if v, ok := d.rows[id]; ok {
				chunk.Rows = append(chunk.Rows, tap.Row{Cells: logtest.Cells(id, v)})
			}
		}
	})
	return chunk, w, nil
}

func (d *database) sweep(o sweep.Options) *sweep.Result {
	d.t.Helper()
	r, err := sweep.Run(d.t.Context(), d, d.log, "t", o)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// deviations writes what was found, one line each.
func deviations(t *testing.T, r *sweep.Result) (list []string) {
	t.Helper()
	for _, d := range r.Deviations {
		key, err := row.ParseKey(d.Key)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := key[0].Int64()
		word := map[sweep.Kind]string{sweep.Altered: "altered", sweep.Deleted: "deleted", sweep.Inserted: "inserted",
			sweep.Stale: "stale", sweep.Busy: "busy", sweep.Lost: "lost"}[d.Kind]
		list = append(list, fmt.Sprintf("%s %d %v", word, id, d.Columns))
	}
	slices.Sort(list)
	return list
}

func expect(t *testing.T, r *sweep.Result, want ...string) {
	t.Helper()
	if diff := gocmp.Diff(want, deviations(t, r)); diff != "" {
		t.Errorf("deviations (-want +got):\n%s", diff)
	}
}

// However many of the keys a fetch looks for.
func TestEveryDeviationIsNamed(t *testing.T) {
	for i, chunk := range []int{1, 3, 100, 100, 100} {
		d := newDatabase(t)
		d.most = max(0, i-2)
		for id := range int64(8) {
			d.record(id, "v")
		}
		d.record(2, "w")
		d.record(3, "")
		d.record(4, "")
		d.forge(0, "forged")
		d.forge(1, "")
		d.forge(2, "v")
		d.forge(3, "v")
		d.forge(4, "another")
		d.forge(9, "new")
		r := d.sweep(sweep.Options{ChunkRows: chunk})
		expect(t, r, "altered 0 [v]", "deleted 1 []", "inserted 4 []", "inserted 9 []", "stale 2 [v]", "stale 3 []")
		if r.Intact != 3 || r.Read != 8 || r.Known != 6 || !r.AnyIntact {
			t.Errorf("chunks of %d: %+v", chunk, r)
		}
	}
}

// Recorded work at every point of a sweep is never taken for tampering.
func TestRecordedWorkIsNoDeviation(t *testing.T) {
	d := newDatabase(t)
	for id := range int64(10) {
		d.record(id, "v")
	}
	next := 0
	d.during = func(int) {
		for range 3 {
			next++
			switch id := int64(next % 11); {
			case d.rows[id] == "":
				d.record(id, fmt.Sprintf("again %d", next))
			case next%4 == 0:
				d.record(id, "")
			default:
				d.record(id, fmt.Sprintf("v%d", next))
			}
		}
	}
	for range 20 {
		expect(t, d.sweep(sweep.Options{ChunkRows: 3, Retries: 50}))
	}
}

// A row that changes at each reading is as one of the versions that it had, or
// it was changed unrecorded: changing it often hides nothing.
func TestAForgeryOfARowThatNeverRestsIsFound(t *testing.T) {
	for _, c := range []struct {
		name    string
		between func(d *database, n int) // before the reading's fence
		want    string
	}{
		{"altered", func(d *database, n int) {
			d.record(1, fmt.Sprintf("logged %d", n))
			d.forge(1, fmt.Sprintf("forged %d", n))
		}, "altered 1 [v]"},
		{"put back", func(d *database, n int) {
			d.record(1, fmt.Sprintf("logged %d", n))
			d.forge(1, "first")
		}, "stale 1 [v]"},
		{"deleted", func(d *database, n int) {
			d.record(1, fmt.Sprintf("logged %d", n))
			d.forge(1, "")
		}, "deleted 1 []"},
		{"put back once it was deleted", func(d *database, n int) {
			d.record(1, "logged")
			d.record(1, "")
			d.forge(1, fmt.Sprintf("forged %d", n))
		}, "inserted 1 []"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDatabase(t)
			d.record(1, "first")
			d.record(1, "second")
			c.between(d, 0)
			d.during = func(n int) { c.between(d, n) }
			expect(t, d.sweep(sweep.Options{}), c.want)
		})
	}
}

// A row that is deleted and inserted at each reading may rightly be missing from it.
func TestARowThatComesAndGoesIsBusyWhereItIsNotRead(t *testing.T) {
	d := newDatabase(t)
	d.record(1, "first")
	d.record(2, "v")
	d.forge(1, "")
	d.during = func(n int) {
		d.record(1, "")
		d.record(1, fmt.Sprintf("again %d", n))
		d.forge(1, "")
	}
	expect(t, d.sweep(sweep.Options{}), "busy 1 []")
}

// restless moves the row 1 to another key before each fetch, and the log is told.
type restless struct {
	*database
	book *cause.Book
	id   int64
}

func (r *restless) Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, recordlog.Window, error) {
	v := r.rows[r.id]
	r.forge(r.id, "")
	r.forge(r.id+10, v)
	leaf := r.record(2, "v") // gives the step a place in the log
	change := cause.Change{Old: []row.Value{row.NewInt(r.id)}, New: []row.Value{row.NewInt(r.id + 10)}}
	r.book.Add(cause.Step{Table: table, Leaf: leaf, Entry: leaf, Sure: true,
		Link: &cause.Link{Name: "f", Columns: []string{"id"}, Effect: cause.Replaced, Changes: []cause.Change{change}}})
	r.id += 10
	return r.database.Fetch(ctx, table, keys)
}

// A row that has another key at each reading, by what the source told before it, was
// not looked for at the one that it has: nothing says that it is gone.
func TestARowThatMovesBeforeEachReadingIsBusy(t *testing.T) {
	d := newDatabase(t)
	d.record(1, "v")
	r := &restless{database: d, book: cause.NewBook(), id: 1}
	r.book.SetKey("t", []string{"id"})
	result, err := sweep.Keys(t.Context(), r, d.log, "t", [][]row.Value{{row.NewInt(1)}}, sweep.Options{Book: r.book})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, result, "busy 1 []")
}

// A source that tells the last version alone may have shown one that it never told.
func TestARowThatNeverRestsIsBusyWhereNotEveryVersionIsTold(t *testing.T) {
	d := newDatabase(t)
	d.assurance = tap.LastVersion
	d.record(1, "v")
	d.record(2, "v")
	d.during = func(n int) {
		d.record(1, fmt.Sprintf("logged %d", n))
		d.forge(1, fmt.Sprintf("read %d", n))
	}
	d.forge(1, "read 0")
	expect(t, d.sweep(sweep.Options{}), "busy 1 []")
}

// A row that is back from between two readings is judged by the second.
func TestASuspectIsReadAgain(t *testing.T) {
	d := newDatabase(t)
	d.record(1, "v")
	d.forge(1, "for a moment")
	d.during = func(int) { d.forge(1, "v") }
	expect(t, d.sweep(sweep.Options{}))
}

func TestKeysReadsTheRowsAskedFor(t *testing.T) {
	d := newDatabase(t)
	d.record(1, "v")
	d.record(2, "v")
	d.forge(1, "forged")
	d.forge(2, "")
	r, err := sweep.Keys(t.Context(), d, d.log, "t", [][]row.Value{{row.NewInt(2)}, {row.NewInt(7)}}, sweep.Options{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, r, "deleted 2 []")
}

// forgetful is a log whose owner keys are gone.
type forgetful struct{ *recordlog.Log }

func (forgetful) OwnerKey(uint64) (*commit.Owner, error) { return nil, recordlog.ErrKeyLost }

func TestARowWhoseKeyIsGoneIsLost(t *testing.T) {
	d := newDatabase(t)
	d.record(1, "v")
	r, err := sweep.Run(t.Context(), d, forgetful{d.log}, "t", sweep.Options{})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, r, "lost 1 []")
}

// A table put back as it once stood is told from single forgeries.
func TestARestoreIsToldByItsCut(t *testing.T) {
	for _, c := range []struct {
		name     string
		after    func(d *database) // recorded, after the copy
		forge    func(d *database) // unrecorded, after it was put back
		restored bool
	}{
		{"changes of all kinds", func(d *database) { d.record(1, "w"); d.record(2, ""); d.record(7, "new") }, func(*database) {}, true},
		{"rows that are merely gone", func(d *database) { d.record(7, "new"); d.record(8, "new") }, func(*database) {}, false},
		{"a single row", func(d *database) { d.record(1, "w") }, func(*database) {}, false},
		{"and a forgery beside it", func(d *database) { d.record(1, "w"); d.record(2, "w") },
			func(d *database) { d.forge(3, "forged") }, false},
		{"and a newer row that stayed", func(d *database) { d.record(1, "w"); d.record(2, "w"); d.record(9, "new") },
			func(d *database) { d.forge(9, "new") }, false},
	} {
		d := newDatabase(t)
		for id := range int64(5) {
			d.record(id, "v")
		}
		last := d.log.Size() - 1
		dump := maps.Clone(d.rows)
		c.after(d)
		d.rows = dump
		c.forge(d)
		cut, restored := sweep.Restored([]*sweep.Result{d.sweep(sweep.Options{})})
		if restored != c.restored {
			t.Errorf("%s: restored %v", c.name, restored)
		}
		if restored && (cut.After > last || cut.Before <= last || cut.Before > last+1) {
			t.Errorf("%s: copied between leaves %d and %d, not after %d", c.name, cut.After, cut.Before, last)
		}
		if restored {
			if when, err := cut.Between(d.log); err != nil || when == "" {
				t.Errorf("%s: %q, %v", c.name, when, err)
			}
		}
	}
}
