package tap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func everyVersion() tap.Description {
	return tap.Description{Name: "x", Assurance: tap.EveryVersion, BeforeImages: true}
}

func placed() tap.Commit { return tap.Commit{Position: tap.Position("p")} }

func TestCheckedRefusesWhatBreaksTheContract(t *testing.T) {
	p := tap.Position("p")
	good := insertion(patients(), 1, nil)
	with := func(alter func(*tap.Change)) tap.Change {
		c := good
		alter(&c)
		return c
	}
	refused := patients()
	refused.Refused = "no key"
	for _, test := range []struct {
		name   string
		of     tap.Description
		events []any
		reason string
	}{
		{"change before now is known", everyVersion(), []any{good}, "tells where now is"},
		{"fence before now is known", everyVersion(), []any{tap.Fence{Position: p}}, "tells where now is"},
		{"commit without position", everyVersion(), []any{tap.Commit{}}, "has no position"},
		{"fence without position", everyVersion(), []any{placed(), tap.Fence{}}, "has no position"},
		{"fence inside", everyVersion(), []any{placed(), good, tap.Fence{Position: p}}, "inside a transaction"},
		{"gap inside", everyVersion(), []any{placed(), good, tap.Gap{Position: p, Reason: "r"}}, "inside a transaction"},
		{"gap without reason", everyVersion(), []any{placed(), tap.Gap{Position: p}}, "no reason"},
		{"schema inside", everyVersion(), []any{placed(), good, tap.SchemaChange{Position: p, Table: patients()}}, "inside a transaction"},
		{"a part that is not of the key", everyVersion(), []any{placed(), tap.SchemaChange{Position: p, Table: patients(),
			Removed: &tap.Removal{Column: "name", Values: []row.Value{row.NewInt(1)}}}}, "not of the key"},
		{"a part of another type", everyVersion(), []any{placed(), tap.SchemaChange{Position: p, Table: patients(),
			Removed: &tap.Removal{Column: "id", Values: []row.Value{row.NewText("utf8", []byte("1"))}}}}, "another type"},
		{"all and some", everyVersion(), []any{placed(), tap.SchemaChange{Position: p, Table: patients(),
			Removed: &tap.Removal{All: true, Column: "id"}}}, "all rows and some"},
		{"a column moved twice", everyVersion(), []any{placed(), tap.SchemaChange{Position: p, Table: patients(),
			Moved: []tap.Moved{{From: "a", To: "b"}, {From: "a"}}}}, "moved twice"},
		{"what a column holds that is not new", everyVersion(), []any{placed(), tap.SchemaChange{Position: p, Table: patients(),
			Moved: []tap.Moved{{From: "a", To: "name", Holds: holding(row.Null())}}}}, "not new"},
		{"a new column that holds another type", everyVersion(), []any{placed(), tap.SchemaChange{Position: p, Table: patients(),
			Moved: []tap.Moved{{To: "id", Holds: holding(row.NewBool(true))}}}}, "its type does not"},
		{"references of an insert", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.Followed = tap.Followed })}, "as it was"},
		{"references followed in an unknown way", everyVersion(), []any{placed(), with(func(c *tap.Change) {
			c.Op, c.Before, c.Followed = tap.Update, c.After, 9
		})}, "as it was"},
		{"schema without table", everyVersion(), []any{placed(), tap.SchemaChange{Position: p}}, "no table"},
		{"no table", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.Table = nil })}, "no table"},
		{"refused table", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.Table = refused })}, "refused"},
		{"no event id", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.EventID = "" })}, "event id"},
		{"no image", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.After = nil })}, "insert or put"},
		{"unknown op", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.Op = 9 })}, "operation is unknown"},
		{"put", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.Op = tap.Put })}, "tells insert from update"},
		{"update without before", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.Op = tap.Update })}, "Describe promises"},
		{"no key and no row as it was", tap.Description{Assurance: tap.EveryVersion}, []any{placed(), with(func(c *tap.Change) { c.Table = keyless() })}, "no key"},
		{"no key and not every version", tap.Description{Assurance: tap.LastVersion, BeforeImages: true}, []any{placed(),
			with(func(c *tap.Change) { c.Table = keyless() })}, "no key"},
		{"no key and rows removed by it", everyVersion(), []any{placed(), tap.SchemaChange{Position: p, Table: keyless(),
			Removed: &tap.Removal{Column: "id", Values: []row.Value{row.NewInt(1)}}}}, "not of the key"},
		{"short row", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.After = c.After[:1] })}, "1 cells, the table 2"},
		{"wrong type", everyVersion(), []any{placed(), with(func(c *tap.Change) { c.After = []row.Value{row.NewBool(true), row.Null()} })}, "type int"},
		{"changes of scan only", tap.Description{Assurance: tap.ScanOnly}, []any{placed(), good}, "scan only"},
		{"long key", tap.Description{Assurance: tap.LastVersion}, []any{placed(), tap.Change{Table: patients(), Op: tap.Delete,
			EventID: "e", Key: patient(1, nil)}}, "key 1 columns"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sink := tap.Checked(&collected{}, test.of, nil)
			var err error
			for i, e := range test.events {
				if err = put(sink, e); err != nil && i < len(test.events)-1 {
					t.Fatalf("event %d: %v", i, err)
				}
			}
			var broken *tap.ContractError
			if !errors.As(err, &broken) || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("got %v, want %q", err, test.reason)
			}
		})
	}
}

func TestCheckTableNamesWhatIsWrong(t *testing.T) {
	columns := []row.Column{{Name: "id", Type: row.Int}, {Name: "name", Type: row.Text}}
	for _, test := range []struct {
		table *tap.Table
		want  string
	}{
		{&tap.Table{Columns: columns, Key: []int{0}}, "name of a table"},
		{&tap.Table{Name: "\xff", Columns: columns, Key: []int{0}}, "name of a table"},
		{&tap.Table{Name: "t"}, "no columns"},
		{&tap.Table{Name: "t", Columns: columns}, ""},
		{&tap.Table{Name: "t", Columns: columns, References: []tap.Reference{{Name: "r", Columns: []string{"id"}, Table: "u", Of: []string{"id"}}}}, "unseen"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{2}}, "not there"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{-1}}, "not there"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{0, 0}}, "twice"},
		{&tap.Table{Name: "t", Columns: append(slices.Clone(columns), columns[0]), Key: []int{0}}, "one name"},
		{&tap.Table{Name: "t", Columns: []row.Column{{Name: "x", Type: 99}}, Key: []int{0}}, "no known type"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{0}, References: []tap.Reference{{Name: "r", Columns: []string{"id"}, Table: "u"}}}, "as many"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{0}, References: []tap.Reference{{Name: "r", Columns: []string{"x"}, Table: "u", Of: []string{"id"}}}}, "not there"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{0}, References: []tap.Reference{{Columns: []string{"id"}, Table: "u", Of: []string{"id"}}}}, "empty"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{0}, References: []tap.Reference{{Name: "r", Columns: []string{"id"}, Table: "u",
			Of: []string{"id"}, OnDelete: 9}}}, "unknown action"},
		{&tap.Table{Name: "t", Columns: columns, Key: []int{1, 0}}, ""},
		{&tap.Table{Name: "t", Refused: "it has no key"}, ""},
	} {
		err := tap.CheckTable(test.table)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

// keyless are patients that no key names.
func keyless() *tap.Table {
	t := *patients()
	t.Key = nil
	return &t
}

func holding(v row.Value) *row.Value { return &v }
