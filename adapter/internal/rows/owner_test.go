package rows_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// laboratory is a path of four tables: an order is a patient's, a report is of
// an order, a result of a report, a remark of a result.
func laboratory() []rows.Mapping {
	return []rows.Mapping{
		{Table: "orders", Patient: "patient"},
		{Table: "reports", Patient: "order", To: "orders"},
		{Table: "results", Patient: "report", To: "reports"},
		{Table: "remarks", Patient: "result", To: "results"},
	}
}

// shapes are the laboratory's tables, each of a key and what it refers to.
func shapes() map[string]*tap.Table {
	all := make(map[string]*tap.Table)
	for _, m := range laboratory() {
		all[m.Table] = &tap.Table{Name: m.Table, Key: []int{0},
			Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: m.Patient, Type: row.Any}}}
	}
	return all
}

// bench records rows of the laboratory.
type bench struct {
	t        testing.TB
	log      *recordlog.Log
	recorder *rows.Recorder
	shapes   map[string]*tap.Table
}

func newBench(t testing.TB) *bench {
	log := logtest.New(t)
	return &bench{t: t, log: log, recorder: rows.NewRecorder(log.Origin(), tap.EveryVersion, laboratory()), shapes: shapes()}
}

// put records a row as it is now, and returns whose key it came under.
func (b *bench) put(table string, id int64, refers row.Value) (owner uint64) {
	b.t.Helper()
	var index uint64
	err := b.log.Update(func(batch *recordlog.Batch) (err error) {
		index, err = b.record(batch, table, id, refers)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	e, err := b.log.Entry(index)
	if err != nil {
		b.t.Fatal(err)
	}
	return e.Owner
}

func (b *bench) record(batch *recordlog.Batch, table string, id int64, refers row.Value) (uint64, error) {
	key := []row.Value{row.NewInt(id)}
	_, known, err := batch.Head(table, row.AppendKey(nil, key))
	if err != nil {
		return 0, err
	}
	v := rows.Version{Table: b.shapes[table], Op: commit.Insert, Seen: commit.Stream, Key: key, Cells: []row.Value{key[0], refers}}
	if known {
		v.Op = commit.Update
	}
	return b.recorder.Record(batch, v)
}

// linked demands that one owner is found to be another's, or not.
func (b *bench) linked(from, to uint64, want bool) {
	b.t.Helper()
	found, err := rows.Found(b.log, from)
	if err != nil {
		b.t.Fatal(err)
	}
	back, err := rows.Linked(b.log, to)
	if err != nil {
		b.t.Fatal(err)
	}
	if slices.Contains(found, to) != want || slices.Contains(back, from) != want {
		b.t.Errorf("owner %d leads to %v; to %d lead %v; linked should be %v", from, found, to, back, want)
	}
}

func number(n int64) row.Value { return row.NewInt(n) }

func TestARowIsWhoseThePathOfTablesLeadsTo(t *testing.T) {
	b := newBench(t)
	seven := b.put("orders", 1, number(7))
	if got := b.put("reports", 10, number(1)); got != seven {
		t.Errorf("the report is owner %d's, its order owner %d's", got, seven)
	}
	if got := b.put("results", 100, number(10)); got != seven {
		t.Errorf("the result is owner %d's, its order owner %d's", got, seven)
	}
	if eight := b.put("orders", 2, number(8)); b.put("reports", 11, number(2)) != eight || eight == seven {
		t.Error("a report of another order is another patient's")
	}
}

// A row that comes before the one that it refers to has a key that is linked
// once the other has come, over every missing step.
func TestARowBeforeItsParentHasAKeyThatIsLinkedLater(t *testing.T) {
	b := newBench(t)
	result := b.put("results", 100, number(10))
	if again := b.put("results", 101, number(10)); again != result {
		t.Error("rows that wait for the same row have one key")
	}
	report := b.put("reports", 10, number(1))
	if report == result {
		t.Error("a row that others wait for has their key")
	}
	b.linked(result, report, true)
	seven := b.put("orders", 1, number(7))
	b.linked(result, seven, true)
	b.linked(report, seven, true)
	if b.put("results", 102, number(10)) != seven {
		t.Error("what comes after its parents has the patient's key")
	}
	if other := b.put("orders", 2, number(8)); other == seven {
		t.Fatal("one owner for two patients")
	} else {
		b.linked(result, other, false)
	}
}

// Null, 0 and empty text say that a row's patient is not known.
func TestARowWithoutAPatientHasItsOwnKeyThatIsLinkedLater(t *testing.T) {
	for _, none := range []row.Value{row.Null(), number(0), row.NewText("utf8", []byte("  "))} {
		b := newBench(t)
		own := b.put("orders", 1, none)
		if b.put("orders", 2, none) == own {
			t.Error("two rows of unknown patients share a key")
		}
		if b.put("reports", 10, number(1)) != own {
			t.Error("a row is not whose the row that it refers to is")
		}
		seven := b.put("orders", 1, number(7))
		b.linked(own, seven, true)
		eight := b.put("orders", 1, number(8))
		b.linked(own, eight, false)
		loose := b.put("reports", 11, none)
		b.put("reports", 11, number(1))
		b.linked(loose, eight, true)
	}
}

// A patient that changes starts a new key, for the row and for what comes later
// below it; what was committed stays under its key.
func TestAChangedPatientStartsANewKeyAlsoBelow(t *testing.T) {
	b := newBench(t)
	early := b.put("results", 100, number(10))
	seven := b.put("orders", 1, number(7))
	b.put("reports", 10, number(1))
	eight := b.put("orders", 1, number(8))
	if eight == seven {
		t.Fatal("the order's new version is still under the old patient's key")
	}
	if b.put("results", 101, number(10)) != eight || b.put("results", 100, number(10)) != eight || b.put("reports", 10, number(1)) != eight {
		t.Error("a later version below a row is not whose that row is now")
	}
	b.linked(early, seven, true)
	b.linked(early, eight, false)
	b.linked(seven, eight, false)
}

// A patient is the same whatever type the column has that names them.
func TestAPatientIsOneInColumnsOfEveryType(t *testing.T) {
	b := newBench(t)
	decimal, err := row.NewDecimal([]byte("7.00"))
	if err != nil {
		t.Fatal(err)
	}
	seven := b.put("orders", 1, number(7))
	for i, same := range []row.Value{row.NewUint(7), decimal, row.NewText("latin1", []byte("7")),
		row.NewText("utf8", []byte("7 ")), row.NewEnum("utf8", []byte("7")), row.NewBits(7)} {
		if b.put("orders", int64(10+i), same) != seven {
			t.Errorf("%s 7 is another patient than int 7", same.Type())
		}
	}
	for i, other := range []row.Value{row.NewText("utf8", []byte("07")), row.NewText("utf8", []byte("+7")), number(-7), row.NewBytes([]byte("7"))} {
		if b.put("orders", int64(20+i), other) == seven {
			t.Errorf("%s %d is the same patient as int 7", other.Type(), i)
		}
	}
	if b.put("orders", 30, row.NewText("utf8", []byte("MRN-1"))) != b.put("orders", 31, row.NewText("latin1", []byte("MRN-1"))) {
		t.Error("the same letters in two character sets are two patients")
	}
}

// Rows of tables that no path leads through leave nothing in the index.
func TestOnlyTablesOnAPathAreIndexed(t *testing.T) {
	b := newBench(t)
	b.put("remarks", 1000, number(100))
	for id := range int64(5) {
		b.put("remarks", 1001+id, number(100))
	}
	indexed := 0
	err := b.log.Each("owner/", func(string, []byte) error {
		indexed++
		return nil
	})
	if err != nil || indexed != 1 {
		t.Errorf("%d states for six rows that wait for one: %v", indexed, err)
	}
}

func TestAPathThroughATableWithoutAKeyOfOneColumnIsRefused(t *testing.T) {
	r := rows.NewRecorder("o", tap.EveryVersion, laboratory())
	wide := shapes()["orders"]
	wide.Key = []int{0, 1}
	err := r.CheckTable(wide)
	for _, want := range []string{"table orders", `"order" of reports`, "name a table whose key is one column"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

// fact is a row of the property's database: where it points, 0 for nowhere.
type fact struct {
	table  string
	id, to int64
}

// expect follows the facts to a patient; 0 if they do not lead to one.
func expect(facts map[string]map[int64]int64, f fact) int64 {
	tables := []string{"orders", "reports", "results", "remarks"}
	at := f.to
	for i := slices.Index(tables, f.table) - 1; i >= 0 && at != 0; i-- {
		at = facts[tables[i]][at]
	}
	return at
}

// In whatever order the tables of a database are taken in, in whatever batches,
// of which some are lost, each row's key turns out to be its patient's.
func TestOwnersDoNotDependOnTheOrderOfTheSnapshot(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		all, facts := drawFacts(rt)
		order := rapid.Permutation(all).Draw(rt, "order")
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(rt, "batch")
			if rapid.IntRange(0, 3).Draw(rt, "lost") == 0 {
				b.batch(order[:n], errLost)
				b.recorder = rows.NewRecorder(b.log.Origin(), tap.EveryVersion, laboratory())
			}
			b.batch(order[:n], nil)
			order = order[n:]
		}
		b.checkOwners(rt, all, facts)
	})
}

var errLost = errors.New("lost")

func drawFacts(rt *rapid.T) (all []fact, facts map[string]map[int64]int64) {
	facts = make(map[string]map[int64]int64)
	for _, table := range []string{"orders", "reports", "results", "remarks"} {
		facts[table] = make(map[int64]int64)
		for id := range rapid.Int64Range(0, 5).Draw(rt, table) {
			f := fact{table, id + 1, rapid.Int64Range(0, 4).Draw(rt, fmt.Sprintf("%s %d", table, id))}
			all = append(all, f)
			facts[table][f.id] = f.to
		}
	}
	return append(all, fact{"orders", 1000, 1000}), facts // so that there is one row
}

func (b *bench) batch(list []fact, end error) {
	b.t.Helper()
	err := b.log.Update(func(batch *recordlog.Batch) error {
		for _, f := range list {
			if _, err := b.record(batch, f.table, f.id, number(f.to)); err != nil {
				return err
			}
		}
		return end
	})
	if !errors.Is(err, end) {
		b.t.Fatal(err)
	}
}

func (b *bench) checkOwners(rt *rapid.T, all []fact, facts map[string]map[int64]int64) {
	patients := b.patients()
	for _, f := range all {
		if f.id == 1000 {
			continue
		}
		head, _, err := b.log.Head(f.table, row.AppendKey(nil, []row.Value{number(f.id)}))
		if err != nil {
			rt.Fatal(err)
		}
		e, err := b.log.Entry(head.Index)
		if err != nil {
			rt.Fatal(err)
		}
		found, err := rows.Found(b.log, e.Owner)
		if err != nil {
			rt.Fatal(err)
		}
		var got []int64
		for _, owner := range found {
			if p, ok := patients[owner]; ok {
				got = append(got, p)
			}
		}
		want := expect(facts, f)
		if len(got) > 1 || want == 0 && len(got) != 0 || want != 0 && !slices.Equal(got, []int64{want}) {
			rt.Errorf("%s %d is found to be patient %v's, want %d", f.table, f.id, got, want)
		}
	}
}

// patients returns the numbers of the owners that are patients 1 to 4.
func (b *bench) patients() map[uint64]int64 {
	b.t.Helper()
	patients := make(map[uint64]int64)
	err := b.log.Update(func(batch *recordlog.Batch) error {
		for p := range int64(4) {
			id, err := batch.KnownOwner(recordlog.OwnerName{Kind: recordlog.OwnerPatient, Key: row.AppendCell(nil, number(p+1))})
			if err != nil {
				return err
			}
			if id != 0 {
				patients[id] = p + 1
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return patients
}
