package rows_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// visits is a table whose rows are a patient's.
func visits() *tap.Table {
	return &tap.Table{Name: "visits", Key: []int{0}, Columns: []row.Column{
		{Name: "id", Type: row.Int}, {Name: "patient", Type: row.Int}, {Name: "note", Type: row.Text}}}
}

// record logs a version of a visit and returns its entry.
func record(t *testing.T, log *recordlog.Log, mapping string, op commit.Op, id int64, patient row.Value) *recordlog.Entry {
	t.Helper()
	recorder := rows.NewRecorder(log.Origin(), tap.EveryVersion, []rows.Mapping{{Table: "visits", Patient: mapping}})
	v := rows.Version{Table: visits(), Op: op, Seen: commit.Stream, Key: []row.Value{row.NewInt(id)}}
	if op != commit.Delete {
		v.Cells = []row.Value{row.NewInt(id), patient, row.NewText("utf8", []byte("note"))}
	}
	var index uint64
	err := log.Update(func(b *recordlog.Batch) (err error) {
		index, err = recorder.Record(b, v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := log.Entry(index)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhoseARowIs(t *testing.T) {
	log := logtest.New(t)
	seven, eight := row.NewInt(7), row.NewInt(8)
	first := record(t, log, "patient", commit.Insert, 1, seven)
	same := record(t, log, "patient", commit.Insert, 2, seven)
	other := record(t, log, "patient", commit.Insert, 3, eight)
	moved := record(t, log, "patient", commit.Update, 1, eight)
	gone := record(t, log, "patient", commit.Delete, 1, row.Null())
	nobody := record(t, log, "", commit.Insert, 4, seven)
	unknown := record(t, log, "patient", commit.Insert, 5, row.Null())
	unknownToo := record(t, log, "patient", commit.Insert, 6, row.Null())
	if first.Owner != same.Owner || first.Owner == other.Owner {
		t.Error("rows of one patient have one owner, of another patient another")
	}
	if moved.Owner != other.Owner || gone.Owner != moved.Owner {
		t.Error("a row goes to the patient that it is of now, and its deletion with its last version")
	}
	if nobody.Owner == first.Owner || unknown.Owner == nobody.Owner || unknown.Owner == unknownToo.Owner {
		t.Error("nobody's rows are the table's; a row of an unknown patient is its own")
	}
}

func TestVersionsFollowEachOther(t *testing.T) {
	log := logtest.New(t)
	seven := row.NewInt(7)
	first := record(t, log, "patient", commit.Insert, 1, seven)
	record(t, log, "patient", commit.Insert, 2, seven)
	second := record(t, log, "patient", commit.Update, 1, seven)
	third := record(t, log, "patient", commit.Delete, 1, seven)
	for n, e := range []*recordlog.Entry{first, second, third} {
		if e.Header.Version != uint64(n+1) || e.Header.Op != e.Leaf.Op || e.Header.Log != log.Origin() {
			t.Errorf("version %d: %+v", n+1, e.Header)
		}
	}
	if first.Header.Previous != commit.NoPrevious || second.Header.Previous != first.Header.Index ||
		third.Header.Previous != second.Header.Index || len(third.Header.Columns) > 0 {
		t.Error("a version does not name the one before it")
	}
}

func TestAMappingThatDoesNotFitIsRefusedByName(t *testing.T) {
	for _, c := range []struct{ mapping, want string }{{"visits/pid", `no column "pid"`}, {"other/patient", "not in the configuration"}} {
		name, column, _ := strings.Cut(c.mapping, "/")
		r := rows.NewRecorder("o", tap.EveryVersion, []rows.Mapping{{Table: name, Patient: column}})
		if err := r.CheckTable(visits()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.mapping, err)
		}
	}
}

func TestHowARowStandsToTheLog(t *testing.T) {
	log, table := logtest.New(t), logtest.Table()
	first := logtest.Record(t, log, table, 1, "a")
	second := logtest.Record(t, log, table, 1, "b")
	third := logtest.Record(t, log, table, 1, "c")
	logtest.Record(t, log, table, 2, "x")
	gone := logtest.Record(t, log, table, 2, "")
	size := log.Size()
	rest := recordlog.Window{From: size, To: size}
	for _, c := range []struct {
		name   string
		id     int64
		v      string
		window recordlog.Window
		state  rows.State
		leaf   uint64 // compared with
	}{
		{"the latest", 1, "c", rest, rows.Equal, third},
		{"older at rest", 1, "b", rest, rows.Differs, third},
		{"other values", 1, "forged", rest, rows.Differs, third},
		{"never logged", 9, "x", rest, rows.Unknown, 0},
		{"deleted and there", 2, "x", rest, rows.Resurrected, gone},
		{"older within the window", 1, "b", recordlog.Window{From: third, To: size}, rows.Equal, second},
		{"the one before the window", 1, "a", recordlog.Window{From: second, To: size}, rows.Equal, first},
		{"too old for the window", 1, "a", recordlog.Window{From: third, To: size}, rows.Hot, third},
		{"other values while it changed", 1, "forged", recordlog.Window{From: first, To: size}, rows.Hot, third},
		{"logged after the window", 1, "a", recordlog.Window{From: first, To: first}, rows.Unknown, 0},
		{"as it was before later versions", 1, "a", recordlog.Window{From: second, To: second}, rows.Equal, first},
	} {
		got, err := rows.NewComparer(log).Compare(table, logtest.Cells(c.id, c.v), c.window)
		if err != nil || got.State != c.state {
			t.Errorf("%s: state %d, want %d: %v", c.name, got.State, c.state, err)
			continue
		}
		if got.Entry != nil && got.Entry.Header.Index != c.leaf || got.Entry == nil && c.state != rows.Unknown {
			t.Errorf("%s: compared with another version than leaf %d", c.name, c.leaf)
		}
		if c.state == rows.Differs && (len(got.Present) != 2 || cmp.Diff([]string{"v"}, got.Columns) != "") {
			t.Errorf("%s: columns %v", c.name, got.Columns)
		}
	}
}

func TestAnOlderVersionIsFoundWithItsSuccessor(t *testing.T) {
	log, table := logtest.New(t), logtest.Table()
	first := logtest.Record(t, log, table, 1, "a")
	second := logtest.Record(t, log, table, 1, "b")
	logtest.Record(t, log, table, 1, "")
	latest := logtest.Record(t, log, table, 1, "d")
	e, err := log.Entry(latest)
	if err != nil {
		t.Fatal(err)
	}
	c := rows.NewComparer(log)
	older, successor, err := c.Older(e, table, logtest.Cells(1, "a"))
	if err != nil || older == nil || older.Header.Index != first || successor.Header.Index != second {
		t.Errorf("found %+v replaced by %+v: %v", older, successor, err)
	}
	if older, _, err := c.Older(e, table, logtest.Cells(1, "never")); older != nil || err != nil {
		t.Errorf("found %+v: %v", older, err)
	}
}

// Columns that a table gained or that moved do not make an old version differ,
// nor does a name in other case. A column that is gone does, unless its loss is
// explained: then the others decide.
func TestOldVersionsAreComparedByTheirOwnColumns(t *testing.T) {
	log, table := logtest.New(t), logtest.Table()
	e, err := log.Entry(logtest.Record(t, log, table, 1, "a"))
	if err != nil {
		t.Fatal(err)
	}
	id, v, w := table.Columns[0], table.Columns[1], row.Column{Name: "w", Type: row.Text}
	upper := row.Column{Name: strings.ToUpper(v.Name), Type: v.Type}
	text := func(s string) row.Value { return row.NewText("utf8", []byte(s)) }
	for _, c := range []struct {
		name    string
		columns []row.Column
		cells   []row.Value
		equal   bool
	}{
		{"gained", []row.Column{id, v, w}, []row.Value{row.NewInt(1), text("a"), text("new")}, true},
		{"moved", []row.Column{w, v, id}, []row.Value{text("new"), text("a"), row.NewInt(1)}, true},
		{"moved and altered", []row.Column{w, v, id}, []row.Value{text("new"), text("forged"), row.NewInt(1)}, false},
		{"respelled", []row.Column{id, upper}, []row.Value{row.NewInt(1), text("a")}, true},
		{"respelled and altered", []row.Column{id, upper}, []row.Value{row.NewInt(1), text("forged")}, false},
		{"lost", []row.Column{id}, []row.Value{row.NewInt(1)}, false},
	} {
		shape := &tap.Table{Name: "t", Columns: c.columns, Key: []int{0}}
		if equal, err := rows.NewComparer(log).Matches(e, shape, c.cells); err != nil || equal != c.equal {
			t.Errorf("%s: equal %v, want %v: %v", c.name, equal, c.equal, err)
		}
	}
	c := rows.NewComparer(log)
	c.Accept(dropping(v.Name))
	for id, want := range map[int64]bool{1: true, 2: false} {
		shape := &tap.Table{Name: "t", Columns: table.Columns[:1], Key: []int{0}}
		if equal, err := c.Matches(e, shape, []row.Value{row.NewInt(id)}); err != nil || equal != want {
			t.Errorf("explained, id %d: equal %v, want %v: %v", id, equal, want, err)
		}
	}
}

// What a new column holds is followed through a conversion, as far as that tells
// the same.
func TestWhatANewColumnHoldsIsConvertedWithIt(t *testing.T) {
	log, table := logtest.New(t), logtest.Table()
	e, err := log.Entry(logtest.Record(t, log, table, 1, "a"))
	if err != nil {
		t.Fatal(err)
	}
	five := row.NewInt(5)
	wider := &tap.Table{Name: "t", Columns: append(slices.Clone(table.Columns), row.Column{Name: "w", Type: row.Text}), Key: []int{0}}
	book := cause.NewBook()
	book.AddShape(&cause.Shape{Table: "t", Leaf: 1000, Moved: []tap.Moved{{To: "w", Holds: &five}}})
	book.AddShape(&cause.Shape{Table: "t", Leaf: 1001, Columns: wider.Columns, Converted: true})
	c := rows.NewComparer(log)
	c.Accept(book)
	for text, want := range map[string]bool{"5": true, "6": false, "": false} {
		cells := []row.Value{row.NewInt(1), row.NewText("utf8", []byte("a")), row.NewText("utf8", []byte(text))}
		if equal, err := c.Matches(e, wider, cells); err != nil || equal != want {
			t.Errorf("%q: equal %v, want %v: %v", text, equal, want, err)
		}
	}
}

// dropping is a book in which the source told that a column of t is gone.
func dropping(column string) *cause.Book {
	book := cause.NewBook()
	book.AddShape(&cause.Shape{Table: "t", Leaf: 1000, Columns: logtest.Table().Columns[:1], Moved: []tap.Moved{{From: column}},
		Key: []string{"id"}, FormerKey: []string{"id"}})
	return book
}

// damagedLog hands out versions with one stored digest changed.
type damagedLog struct{ *recordlog.Log }

func (d damagedLog) Entry(index uint64) (*recordlog.Entry, error) {
	e, err := d.Log.Entry(index)
	if err == nil && len(e.Digests) > 1 {
		e.Digests = append([]commit.Digest(nil), e.Digests...)
		e.Digests[1][0] ^= 1
	}
	return e, err
}

// The log's own copy of the digests, changed to hide an edit, is noticed.
func TestAChangedCopyOfTheDigestsIsNoticed(t *testing.T) {
	log, table := logtest.New(t), logtest.Table()
	leaf := logtest.Record(t, log, table, 1, "a")
	damaged := damagedLog{log}
	e, err := damaged.Entry(leaf)
	if err != nil {
		t.Fatal(err)
	}
	c := rows.NewComparer(damaged)
	if err := c.CheckEntry(e); !errors.Is(err, rows.ErrDamaged) {
		t.Errorf("check: %v", err)
	}
	lost := &tap.Table{Name: "t", Columns: table.Columns[:1], Key: []int{0}}
	c.Accept(dropping(table.Columns[1].Name))
	if _, err := c.Matches(e, lost, []row.Value{row.NewInt(1)}); !errors.Is(err, rows.ErrDamaged) {
		t.Errorf("compare: %v", err)
	}
}
