package patients_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/emrbchain/emrbchain/adapter/internal/patients"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/crypto/vid"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

const mrn = "https://north.example/mrn"

// world is a log with an index of patients over the table people, and visits of
// theirs.
type world struct {
	t        testing.TB
	dir      string
	options  recordlog.Options
	log      *recordlog.Log
	p        *patients.Patients
	recorder *rows.Recorder
	set      patients.Options
}

var (
	people = &tap.Table{Name: "people", Key: []int{0}, Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "patient", Type: row.Int},
		{Name: "nhs", Type: row.Any}, {Name: "number", Type: row.Any}, {Name: "kind", Type: row.Int}, {Name: "voided", Type: row.Int},
		{Name: "first", Type: row.Any}, {Name: "last", Type: row.Any}, {Name: "born", Type: row.Date}, {Name: "sex", Type: row.Any}}}
	results = &tap.Table{Name: "results", Key: []int{0}, Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "visit", Type: row.Int}}}
	remarks = &tap.Table{Name: "remarks", Key: []int{0}, Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "result", Type: row.Int}}}
	visits  = &tap.Table{Name: "visits", Key: []int{0}, Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "patient", Type: row.Int}}}
)

var mappings = []rows.Mapping{{Table: "people", Patient: "patient"}, {Table: "visits", Patient: "patient"},
	{Table: "results", Patient: "visit", To: "visits"}, {Table: "remarks", Patient: "result", To: "results"}}

// person is a row of people.
type person struct {
	id, patient      int64
	nhs, number      row.Value
	kind, voided     int64
	first, last, sex string
	born             string
}

func text(s string) row.Value { return row.NewText("utf8", []byte(s)) }

func (p person) cells(t testing.TB) []row.Value {
	born := row.Null()
	if p.born != "" {
		var err error
		if born, err = row.NewDate([]byte(p.born)); err != nil {
			t.Fatal(err)
		}
	}
	return []row.Value{row.NewInt(p.id), row.NewInt(p.patient), p.nhs, p.number, row.NewInt(p.kind), row.NewInt(p.voided),
		text(p.first), text(p.last), born, text(p.sex)}
}

func rules() patients.Table {
	return patients.Table{Name: "people", Where: []patients.Where{{Column: "voided", Values: []string{"0"}}},
		Identifiers: []patients.Identifier{{Column: "nhs", System: vid.EnglandNHS},
			{Column: "number", System: mrn, Where: []patients.Where{{Column: "kind", Values: []string{"1", "2"}}}}}}
}

func newWorld(t testing.TB) *world {
	wrapping, err := keys.NewWrapping(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	site, err := vid.GenerateSite(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	systems, err := vid.NewSystems(mrn)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "log"),
		options: recordlog.Options{Wrapping: wrapping, OwnerRows: true, Reserve: 1, Logger: zerolog.Nop()},
		set:     patients.Options{Site: site, Systems: systems, Derivers: []vid.Deriver{epoch(t, 1)}, Tables: []patients.Table{rules()}}}
	if err := recordlog.Create(w.dir, merkle.Origin("test-chain", "00112233445566778899aabbccddeeff", 0), w.options); err != nil {
		t.Fatal(err)
	}
	w.open()
	t.Cleanup(func() { _ = w.log.Close() }) // a test's log
	return w
}

func epoch(t testing.TB, number uint16) *vid.Keyed {
	k, err := vid.GenerateKeyed(rand.Reader, number)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open opens the log and the index, as at a start.
func (w *world) open() {
	w.t.Helper()
	var err error
	if w.log != nil {
		w.must(w.log.Close())
	}
	w.log, err = recordlog.Open(w.dir, w.options)
	w.must(err)
	w.must(w.log.PrepareOwnerRows())
	w.set.Mappings = mappings
	w.p, err = patients.New(w.log, w.set)
	w.must(err)
	w.recorder = rows.NewRecorder(w.log.Origin(), tap.EveryVersion, mappings)
	w.recorder.Observe(w.p)
}

// put records rows as they stand, in one batch; gone are keys of deleted ones.
func (w *world) put(table *tap.Table, all ...[]row.Value) {
	w.t.Helper()
	w.must(w.log.Update(func(b *recordlog.Batch) error {
		for _, cells := range all {
			if err := w.record(b, table, cells[0], cells); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (w *world) record(b *recordlog.Batch, table *tap.Table, key row.Value, cells []row.Value) error {
	head, known, err := b.Head(table.Name, row.AppendKey(nil, []row.Value{key}))
	if err != nil {
		return err
	}
	v := rows.Version{Table: table, Op: commit.Update, Seen: commit.Stream, Key: []row.Value{key}, Cells: cells}
	switch {
	case cells == nil:
		v.Op = commit.Delete
	case !known || head.Deleted:
		v.Op = commit.Insert
	}
	_, err = w.recorder.Record(b, v)
	return err
}

func (w *world) person(p person) { w.t.Helper(); w.put(people, p.cells(w.t)) }

// reread gives all recorded rows to the index, as a sweep does.
func (w *world) reread(all ...person) {
	w.t.Helper()
	w.must(w.log.Update(func(b *recordlog.Batch) error {
		for _, p := range all {
			if err := w.recorder.Index(b, people, p.cells(w.t)); err != nil {
				return err
			}
		}
		w.p.SetWhole(b, "people")
		return nil
	}))
}

// find returns the keys of the patients that an identifier leads to, weak ones in
// brackets.
func (w *world) find(system, value string) string {
	w.t.Helper()
	id, err := w.p.Normalize(system, value)
	w.must(err)
	return w.findID(id)
}

func (w *world) findID(id vid.Identifier) string {
	w.t.Helper()
	found, err := w.p.Find(context.Background(), w.p.Roots(id))
	w.must(err)
	var out []string
	for _, m := range found.Matches {
		key, err := rows.FormatPatient(m.Patient)
		w.must(err)
		if !m.Strong {
			key = "(" + key + ")"
		}
		out = append(out, key)
	}
	if found.Ambiguous() {
		out = append(out, "ambiguous")
	}
	return strings.Join(out, " ")
}

func (w *world) want(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: found %q, want %q", what, got, want)
	}
}

// dump is all that the index holds, but for what is sealed with random nonces.
func (w *world) dump() map[string]string {
	all := map[string]string{}
	w.must(w.log.Each("patients/", func(name string, value []byte) error {
		if strings.HasPrefix(name, "patients/id/") {
			value = nil
		}
		all[name] = string(value)
		return nil
	}))
	return all
}

func TestAPatientIsFoundByTheRowAsItStands(t *testing.T) {
	w := newWorld(t)
	w.person(person{id: 1, patient: 7, nhs: text("943 476 5919"), number: text("A-1"), kind: 1})
	w.want("as typed otherwise", w.find(vid.EnglandNHS, "943-476-5919"), "7")
	w.want("by a rule per value", w.find(mrn, "a1"), "7")
	w.person(person{id: 1, patient: 7, nhs: text("4010232137"), number: text("A-1"), kind: 3})
	w.want("an identifier that changed", w.find(vid.EnglandNHS, "9434765919"), "")
	w.want("the new one", w.find(vid.EnglandNHS, "4010232137"), "7")
	w.want("one of another kind now", w.find(mrn, "A1"), "")
	w.person(person{id: 1, patient: 8, nhs: text("4010232137")})
	w.want("the row of another patient now", w.find(vid.EnglandNHS, "4010232137"), "8")
	w.person(person{id: 2, patient: 9, nhs: row.NewInt(4010232137)})
	w.want("two with one identifier", w.find(vid.EnglandNHS, "4010232137"), "8 9 ambiguous")
	w.person(person{id: 2, patient: 9, nhs: row.NewInt(4010232137), voided: 1})
	w.want("a row that is voided", w.find(vid.EnglandNHS, "4010232137"), "8")
	w.person(person{id: 3, patient: 0, nhs: text("9434765919")})
	w.want("a row without a patient", w.find(vid.EnglandNHS, "9434765919"), "")
	w.must(w.log.Update(func(b *recordlog.Batch) error { return w.record(b, people, row.NewInt(1), nil) }))
	w.want("a row that was deleted", w.find(vid.EnglandNHS, "4010232137"), "")
}

func TestWeakIdentityIsOffUnlessConfiguredAndNeverStrong(t *testing.T) {
	w := newWorld(t)
	one := person{id: 1, patient: 7, nhs: text("9434765919"), first: "Großmann", last: "Ann", born: "1980-02-29", sex: "F"}
	w.person(one)
	id, err := vid.Demographic("GROSSMANN ann", "1980-02-29", "female")
	w.must(err)
	w.want("off", w.findID(id), "")
	w.set.Tables[0].Weak = patients.Weak{Name: []string{"first", "last"}, BirthDate: "born", Sex: "sex"}
	w.open()
	if lacking, err := w.p.Lacking(); err != nil || len(lacking) != 1 {
		t.Fatalf("with other rules nothing is to be read anew: %v, %v", lacking, err)
	}
	w.reread(one)
	w.want("on", w.findID(id), "(7)")
	w.want("the strong one", w.find(vid.EnglandNHS, "9434765919"), "7")
	w.person(person{id: 2, patient: 8, first: "Großmann", last: "Ann", born: "1980-02-29", sex: "female"})
	w.want("two", w.findID(id), "(7) (8) ambiguous")
	for _, p := range []person{{id: 3, patient: 9, first: "Ann", born: "0000-00-00", sex: "F"}, {id: 3, patient: 9, first: "Ann", sex: "F"}, {id: 3, patient: 9, born: "1980-02-29"}} {
		w.person(p)
	}
	if counts, err := w.p.RefusedCounts(); err != nil || len(counts) != 0 {
		t.Errorf("who lacks a part is refused: %v, %v", counts, err)
	}
}

func TestWhatIsNoIdentifierIsCountedAndItsRowNamedWithoutTheValue(t *testing.T) {
	w := newWorld(t)
	const bad = "9434765918"
	w.person(person{id: 1, patient: 7, nhs: text(bad), number: row.NewBytes([]byte("x")), kind: 1})
	w.person(person{id: 2, patient: 8, nhs: text(bad)})
	w.person(person{id: 2, patient: 8, nhs: text(bad), first: "of no account"})
	w.want("a mistyped one", w.find(mrn, "x"), "")
	counts, err := w.p.RefusedCounts()
	w.must(err)
	if diff := cmp.Diff(map[string]int64{vid.EnglandNHS: 2, mrn: 1}, counts); diff != "" {
		t.Error(diff)
	}
	refused, more, err := w.p.Refused(10)
	w.must(err)
	if len(refused) != 2 || more || strings.Contains(fmt.Sprintf("%q", refused), bad) {
		t.Errorf("refused: %q", refused)
	}
	if one, more, err := w.p.Refused(1); err != nil || len(one) != 1 || !more {
		t.Errorf("one of two: %d, %t, %v", len(one), more, err)
	}
	w.person(person{id: 1, patient: 7, nhs: text("9434765919")})
	w.must(w.log.Update(func(b *recordlog.Batch) error { return w.record(b, people, row.NewInt(2), nil) }))
	if counts, err := w.p.RefusedCounts(); err != nil || len(counts) != 0 {
		t.Errorf("of what was mended and deleted is left %v, %v", counts, err)
	}
	if refused, _, err := w.p.Refused(10); err != nil || len(refused) != 0 {
		t.Errorf("of what was mended and deleted is left %q, %v", refused, err)
	}
}

func TestTextOfAnyCharacterSetIsDecodedAndALossyOneRefused(t *testing.T) {
	w := newWorld(t)
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("门诊１７号")
	w.must(err)
	for n, c := range []struct {
		cell  row.Value
		typed string
	}{
		{row.NewText("latin1", []byte("M\xfcnchen-\x80")), "münchen€"},
		{row.NewText("gbk", []byte(gbk)), "门诊17号"},
		{row.NewText("utf16le", []byte("Ä\x00"[1:]+"")), ""},
		{row.NewText("utf16le", []byte{0xc4, 0, '7', 0}), "ä7"},
		{row.NewText("latin1", []byte("a\x81")), ""},         // no character of Windows-1252
		{row.NewText("gbk", []byte("a\xff")), ""},            // no character of GBK
		{row.NewText("utf8", []byte("M\xfcnchen")), ""},      // Latin-1 in a column of UTF-8
		{row.NewText("ascii", []byte("M\xc3\xbcnchen")), ""}, // not ASCII
		{row.NewText("dec8", []byte("a")), ""},               // not known
	} {
		w.person(person{id: int64(n), patient: int64(100 + n), number: c.cell, kind: 2})
		refused, _, err := w.p.Refused(100)
		w.must(err)
		isRefused := slices.ContainsFunc(refused, func(r patients.RefusedRow) bool {
			return string(r.Key) == string(row.AppendKey(nil, []row.Value{row.NewInt(int64(n))}))
		})
		if isRefused != (c.typed == "") {
			t.Errorf("%d: refused: %t", n, isRefused)
		}
		if c.typed != "" {
			w.want(c.typed, w.find(mrn, c.typed), fmt.Sprint(100+n))
		}
	}
}

func TestTheIndexIsTheSameHoweverARowWasSeen(t *testing.T) {
	all := []person{{id: 1, patient: 7, nhs: text("943 476 5919"), number: text("A-1"), kind: 1}, {id: 2, patient: 8, nhs: text("4010232137")},
		{id: 3, patient: 9, nhs: text("123")}, {id: 4, patient: 8, number: text("b"), kind: 2}}
	w := newWorld(t)
	for _, p := range all { // by the stream, with a former version of each
		before := p
		before.nhs, before.patient = text("4505577104"), 66
		w.person(before)
		w.person(p)
	}
	w.must(w.log.Update(func(b *recordlog.Batch) error { w.p.SetWhole(b, "people"); return nil }))
	streamed := w.dump()
	var ids int
	for name := range streamed {
		if strings.HasPrefix(name, "patients/id/") {
			ids++
		}
	}
	if ids != 4 {
		t.Fatalf("%d ids stand in the index", ids)
	}
	w.reread(all...)
	if diff := cmp.Diff(streamed, w.dump()); diff != "" {
		t.Errorf("read again:\n%s", diff)
	}
	// Dropped, and taken in anew from the same rows.
	w.must(patients.Forget(w.log))
	w.open()
	w.reread(all...)
	again := w.dump()
	if len(again) != len(streamed) {
		t.Fatalf("%d states, were %d", len(again), len(streamed))
	}
	for _, one := range []map[string]string{streamed, again} { // these hold the epoch's random stamp
		maps.DeleteFunc(one, func(name, _ string) bool {
			return strings.HasPrefix(name, "patients/epoch/") || strings.HasPrefix(name, "patients/table/") || strings.HasPrefix(name, "patients/row/")
		})
	}
	if diff := cmp.Diff(streamed, again); diff != "" {
		t.Errorf("taken in anew:\n%s", diff)
	}
}

func TestTwoEpochsOverlapAndTheOldOneIsDropped(t *testing.T) {
	w := newWorld(t)
	old, next := w.set.Derivers[0], epoch(t, 2)
	one, two := person{id: 1, patient: 7, nhs: text("9434765919")}, person{id: 2, patient: 8, nhs: text("4010232137")}
	w.reread()
	w.person(one)
	w.person(two)
	id, err := w.p.Normalize(vid.EnglandNHS, "9434765919")
	w.must(err)
	in := func(d vid.Deriver) string {
		found, err := w.p.Find(context.Background(), []patients.Root{{Epoch: d.Epoch(), Root: d.Root(id)}})
		w.must(err)
		return fmt.Sprintf("%d, incomplete %t", len(found.Matches), found.Incomplete)
	}
	w.want("one epoch", in(old), "1, incomplete false")
	w.set.Derivers = []vid.Deriver{next, old}
	w.open()
	w.want("old, before the table is read", in(old), "1, incomplete true")
	w.want("new, before the table is read", in(next), "0, incomplete true")
	w.reread(one, two)
	w.want("old, in the overlap", in(old), "1, incomplete false")
	w.want("new, in the overlap", in(next), "1, incomplete false")
	if roots := w.p.Roots(id); len(roots) != 2 || roots[0].Epoch != 1 || roots[1].Epoch != 2 {
		t.Errorf("roots of %d epochs", len(roots))
	}
	w.set.Derivers = []vid.Deriver{next}
	w.open()
	w.want("old, dropped", in(old), "0, incomplete false")
	w.want("new, alone", in(next), "1, incomplete false")
	for name := range w.dump() {
		if strings.HasPrefix(name, "patients/id/\x00\x01") {
			t.Errorf("an id of the old epoch is left")
		}
	}
	// The old one comes back: what was dropped is made again.
	w.set.Derivers = []vid.Deriver{old, next}
	w.open()
	w.want("old, back", in(old), "0, incomplete true")
	w.reread(one, two)
	w.want("old, back and read", in(old), "1, incomplete false")
	// The same number with another key is another epoch.
	other := epoch(t, 1)
	w.set.Derivers = []vid.Deriver{other}
	w.open()
	w.want("another key", in(other), "0, incomplete true")
	w.reread(one, two)
	w.want("another key, read", in(other), "1, incomplete false")
	w.want("the former key", in(old), "0, incomplete false")
}

func TestATableThatIsNotConfiguredAnyMoreLeavesTheIndex(t *testing.T) {
	w := newWorld(t)
	w.person(person{id: 1, patient: 7, nhs: text("9434765919")})
	w.person(person{id: 2, patient: 7, nhs: text("1")})
	w.set.Tables[0].Name = "others"
	w.open()
	w.want("a table that is gone", w.find(vid.EnglandNHS, "9434765919"), "")
	for name := range w.dump() {
		if strings.HasPrefix(name, "patients/row/") || strings.HasPrefix(name, "patients/refused/") || strings.HasPrefix(name, "patients/count/") {
			t.Errorf("%q is left", name)
		}
	}
}

func TestAnotherSiteKeyIsRefused(t *testing.T) {
	w := newWorld(t)
	set := w.set
	var err error
	set.Site, err = vid.GenerateSite(rand.Reader)
	w.must(err)
	if _, err := patients.New(w.log, set); !errors.Is(err, patients.ErrSite) {
		t.Errorf("another site's key: %v", err)
	}
}

func patient(t testing.TB, key string) []byte {
	cell, ok := rows.ParsePatient(key)
	if !ok {
		t.Fatalf("%q is no key", key)
	}
	return cell
}

func (w *world) rowsOf(key string) string {
	w.t.Helper()
	var out []string
	w.must(w.p.Rows(context.Background(), patient(w.t, key), func(table string, key []byte) error {
		cells, err := row.ParseKey(key)
		out = append(out, table+cells[0].Display())
		return err
	}))
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestLookUpsFollowMergesAndTheirEnd(t *testing.T) {
	w := newWorld(t)
	w.person(person{id: 1, patient: 7, nhs: text("9434765919")})
	w.person(person{id: 2, patient: 8, nhs: text("4010232137")})
	w.person(person{id: 3, patient: 9, nhs: text("9434765919")})
	visit := func(id, patient int64) []row.Value { return []row.Value{row.NewInt(id), row.NewInt(patient)} }
	w.put(visits, visit(1, 7), visit(2, 8), visit(3, 9), visit(4, 7))
	w.want("before", w.find(vid.EnglandNHS, "9434765919"), "7 9 ambiguous")
	w.want("rows before", w.rowsOf("8"), "people2 visits2")
	size := w.log.Size()
	leaf, err := w.p.Merge(patient(t, "9"), patient(t, "7"))
	w.must(err)
	if e, err := w.log.Entry(leaf); err != nil || leaf != size || e.Header.Op != commit.Merge {
		t.Fatalf("the merge is no entry: %v", err)
	}
	w.want("merged", w.find(vid.EnglandNHS, "9434765919"), "7")
	_, err = w.p.Merge(patient(t, "7"), patient(t, "8"))
	w.must(err)
	w.open() // it survives a restart
	w.want("merged twice", w.find(vid.EnglandNHS, "9434765919"), "8")
	const all = "people1 people2 people3 visits1 visits2 visits3 visits4"
	w.want("rows of all, from the last", w.rowsOf("8"), all)
	w.want("rows of all, from the first", w.rowsOf("9"), all)
	for name, pair := range map[string][2]string{"a circle": {"8", "9"}, "itself": {"8", "8"}, "merged already": {"7", "9"}} {
		if _, err := w.p.Merge(patient(t, pair[0]), patient(t, pair[1])); !errors.Is(err, patients.ErrMerge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.p.Merge(patient(t, "8"), patient(t, "70")); !errors.Is(err, patients.ErrPatient) {
		t.Errorf("a patient who is not there: %v", err)
	}
	leaf, from, err := w.p.Unmerge(patient(t, "7"))
	w.must(err)
	if e, err := w.log.Entry(leaf); err != nil || e.Header.Op != commit.Unmerge || string(from) != string(patient(t, "8")) {
		t.Errorf("the end of the merge is no entry: %v", err)
	}
	w.want("unmerged", w.find(vid.EnglandNHS, "9434765919"), "7")
	w.want("rows after", w.rowsOf("8"), "people2 visits2")
	if _, _, err := w.p.Unmerge(patient(t, "7")); !errors.Is(err, patients.ErrMerge) {
		t.Errorf("unmerged twice: %v", err)
	}
	w.put(visits, visit(2, 7))
	w.want("a row that went to another", w.rowsOf("8"), "people2")
	w.must(w.log.Update(func(b *recordlog.Batch) error { return w.record(b, visits, row.NewInt(1), nil) }))
	w.want("and one that was deleted", w.rowsOf("7"), "people1 people3 visits2 visits3 visits4")
}

// TestARowBelowOneThatWentToAnotherPatientIsTheirs: its latest version is under the
// former patient's key, and is given to nobody on that account.
func TestARowBelowOneThatWentToAnotherPatientIsTheirs(t *testing.T) {
	w := newWorld(t)
	w.set.Tables = []patients.Table{{Name: "none"}}
	w.open()
	two := func(id, to int64) []row.Value { return []row.Value{row.NewInt(id), row.NewInt(to)} }
	w.put(remarks, two(1000, 100)) // before what it is of
	w.put(visits, two(1, 7), two(2, 8), two(3, 9))
	w.put(results, two(100, 1), two(200, 2))
	w.put(remarks, two(1001, 100), two(2000, 200))
	way := map[string][]row.Value{"results100": two(100, 1), "results200": two(200, 2), "remarks1000": two(1000, 100), "remarks1001": two(1001, 100), "remarks2000": two(2000, 200)}
	owned := func(key string) string {
		t.Helper()
		var out []string
		w.must(w.p.Rows(context.Background(), patient(t, key), func(table string, rowKey []byte) error {
			cells, err := row.ParseKey(rowKey)
			if err != nil || table == "visits" {
				return err
			}
			name := table + cells[0].Display()
			owns, err := w.p.Owns(patient(t, key), map[string]*tap.Table{"results": results, "remarks": remarks}[table], way[name])
			if owns {
				out = append(out, name)
			}
			return err
		}))
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	const seven = "remarks1000 remarks1001 results100"
	w.want("7's", owned("7"), seven)
	w.want("8's", owned("8"), "remarks2000 results200")
	w.put(visits, two(1, 8)) // it was 8's
	w.want("7's, of whom the visit was not", owned("7"), "")
	w.want("8's, with that visit", owned("8"), "remarks1000 remarks1001 remarks2000 results100 results200")
	w.put(results, two(100, 3)) // of 9's visit
	way["results100"] = two(100, 3)
	w.want("8's again", owned("8"), "remarks2000 results200")
	w.want("9's", owned("9"), seven)
	_, err := w.p.Merge(patient(t, "9"), patient(t, "7"))
	w.must(err)
	w.want("7's, who is 9", owned("7"), seven)
}

func TestAnIdThatWasGivenOutIsLinkedLater(t *testing.T) {
	w := newWorld(t)
	w.person(person{id: 1, patient: 7, nhs: text("9434765919")})
	l, leaf, err := w.p.NewLocal()
	w.must(err)
	if e, err := w.log.Entry(leaf); err != nil || e.Header.Op != commit.Patient {
		t.Errorf("no entry: %v", err)
	}
	show := func() string {
		found, known, err := w.p.Show(context.Background(), l)
		w.must(err)
		return fmt.Sprintf("known %t, %d", known, len(found.Matches))
	}
	w.want("nobody yet", show(), "known true, 0")
	if _, err := w.p.Link(l, patient(t, "70")); !errors.Is(err, patients.ErrPatient) {
		t.Errorf("a patient who is not there: %v", err)
	}
	_, err = w.p.Link(l, patient(t, "7"))
	w.must(err)
	w.want("linked", show(), "known true, 1")
	if _, err := w.p.Link(l, patient(t, "7")); !errors.Is(err, patients.ErrLocal) {
		t.Errorf("linked twice: %v", err)
	}
	l.ID[0]++
	w.want("one that was never given out", show(), "known false, 0")
	if _, err := w.p.Link(l, patient(t, "7")); !errors.Is(err, patients.ErrLocal) {
		t.Errorf("linked although never given out: %v", err)
	}
	id, err := w.p.Normalize(vid.EnglandNHS, "9434765919")
	w.must(err)
	locals, err := w.p.Locals(id)
	w.must(err)
	l = locals[0]
	w.want("an id of an identifier", show(), "known true, 1")
}

func TestRowsRecordedBeforeAreIndexedByOwner(t *testing.T) {
	w := newWorld(t)
	w.options.OwnerRows = false
	w.open()
	w.person(person{id: 1, patient: 7, nhs: text("9434765919")})
	w.options.OwnerRows = true
	w.open()
	w.want("recorded without the index", w.rowsOf("7"), "people1")
	w.options.OwnerRows = false
	w.open()
	w.person(person{id: 2, patient: 7})
	w.options.OwnerRows = true
	w.open()
	w.want("recorded while it was off", w.rowsOf("7"), "people1 people2")
}

// TestNothingOnDiskSaysWhoAPatientIs searches the log's directory for what was put
// in, in every form that it may take; what must be there shows that the search
// finds what is.
func TestNothingOnDiskSaysWhoAPatientIs(t *testing.T) {
	w := newWorld(t)
	w.set.Tables[0].Weak = patients.Weak{Name: []string{"first", "last"}, BirthDate: "born", Sex: "sex"}
	w.open()
	var all []person
	for n := range 300 { // enough that the index has tables as well as a journal
		all = append(all, person{id: int64(n), patient: int64(n + 1), number: text(fmt.Sprintf("PLANTED%04d", n)), kind: 1,
			first: "Wilhelmina", last: fmt.Sprintf("Plantagenet%04d", n), born: "1949-12-31", sex: "F"})
	}
	for _, p := range all {
		w.person(p)
	}
	l, _, err := w.p.NewLocal()
	w.must(err)
	id, err := w.p.Normalize(mrn, "PLANTED0042")
	w.must(err)
	root := w.p.Roots(id)[0].Root
	w.want("found", w.findID(id), "43")
	w.must(w.log.Close())
	for name, secret := range map[string]string{"root": string(root[:]), "identifier": "PLANTED0042", "name": "Wilhelmina", "folded name": "wilhelmina", "family name": "lantagenet",
		"birth date": "1949-12-31", "any identifier": "PLANTED", "epoch's key": string(vid.FormatKeyed(w.set.Derivers[0].(*vid.Keyed)))[40:80]} {
		if file := holding(t, w.dir, secret); file != "" {
			t.Errorf("the %s stands in %s", name, file)
		}
	}
	for name, there := range map[string]string{"name of a state": "patients/row/", "column": "voided", "id given out": string(l.ID[:])} {
		if holding(t, w.dir, there) == "" {
			t.Errorf("the control, a %s, is not found", name)
		}
	}
	w.log, err = recordlog.Open(w.dir, w.options) // for the cleanup
	w.must(err)
}

func holding(t testing.TB, dir, what string) (file string) {
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), what) {
			file = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return file
}
