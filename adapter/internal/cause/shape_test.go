package cause_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func columns(names ...string) (list []row.Column) {
	for _, name := range names {
		list = append(list, row.Column{Name: name, Type: row.Int})
	}
	return list
}

// A shape is the same after it was stored, with what new columns hold.
func TestAStoredShapeIsTheSame(t *testing.T) {
	null, five := row.Null(), row.NewInt(5)
	want := &cause.Shape{Table: "t", Leaf: 7, Columns: columns("id", "v"), Converted: true, Key: []string{"id"}, FormerKey: []string{"v"},
		Moved: []tap.Moved{{From: "a"}, {From: "b", To: "c"}, {To: "d"}, {To: "e", Holds: &null}, {To: "v", Holds: &five}}}
	got, err := cause.ParseShape(want.Append(nil))
	if diff := cmp.Diff(want, got, cmp.Comparer(row.Equal)); err != nil || diff != "" {
		t.Errorf("(-want +got)\n%s: %v", diff, err)
	}
}

// A stream that is behind tells statements with the definitions of later ones: what
// was told before a row was read holds whatever columns it came with.
func TestShapesWithLaterDefinitionsHold(t *testing.T) {
	five := row.NewInt(5)
	book := cause.NewBook()
	book.SetColumnsTold(true)
	for _, s := range []*cause.Shape{
		{Leaf: 10, Columns: columns("id", "v"), Moved: []tap.Moved{{From: "u", To: "v"}, {To: "n", Holds: &five}}},
		{Leaf: 20, Columns: columns("id", "v", "n"), Moved: []tap.Moved{{From: "n"}}},
		{Leaf: 30, Columns: columns("id", "v"), Moved: []tap.Moved{{To: "n", Holds: &five}}},
	} {
		s.Table = "t"
		book.AddShape(s)
	}
	w := recordlog.Window{From: 40, To: 40}
	if a := book.Arrived("t", 1, "n", columns("id", "v", "n"), w); !a.Told || a.Holds == nil || !row.Equal(*a.Holds, five) {
		t.Errorf("the column that came again: %+v", a)
	}
	if at, dropped := book.Place("t", 15, "n", columns("id", "v"), w); at >= 0 || !dropped {
		t.Errorf("the column that went: place %d, dropped %t", at, dropped)
	}
	// Of what was told while a row was read, only that holds which it shows.
	book.AddShape(&cause.Shape{Table: "t", Leaf: 50, Columns: columns("id", "n"), Moved: []tap.Moved{{From: "v"}}})
	for from, want := range map[uint64]int{45: 1, 60: -1} {
		if at, _ := book.Place("t", 15, "v", columns("id", "v"), recordlog.Window{From: from, To: 60}); at != want {
			t.Errorf("read from %d on: place %d", from, at)
		}
	}
}

// A column is followed back to where it came, through its other names and past
// what came and went of the same name.
func TestAColumnArrivedWhereItCame(t *testing.T) {
	five, six := row.NewInt(5), row.NewInt(6)
	shapes := []*cause.Shape{
		{Leaf: 10, Columns: columns("id", "v"), Moved: []tap.Moved{{To: "v", Holds: &five}}},
		{Leaf: 20, Columns: columns("id", "w"), Moved: []tap.Moved{{From: "v", To: "w"}}},
		{Leaf: 30, Columns: columns("id", "w", "v"), Moved: []tap.Moved{{To: "v", Holds: &six}}},
		{Leaf: 40, Columns: columns("id", "w", "v"), Moved: []tap.Moved{{}}},
		{Leaf: 50, Columns: columns("id", "w", "v", "u"), Moved: []tap.Moved{{To: "u"}}},
		{Leaf: 60, Columns: columns("id", "u"), Moved: []tap.Moved{{From: "w"}, {From: "v"}}},
	}
	book := cause.NewBook()
	book.SetColumnsTold(true)
	for _, s := range shapes {
		s.Table = "t"
		book.AddShape(s)
	}
	for _, c := range []struct {
		name   string
		before uint64
		told   bool
		holds  *row.Value
	}{
		{"v", 11, true, &five}, {"w", 11, false, nil}, {"w", 21, true, &five}, {"v", 21, false, nil}, {"w", 31, true, &five},
		{"v", 31, true, &six}, {"v", 41, true, &six}, {"V", 51, true, &six}, {"x", 31, false, nil}, {"x", 51, true, nil},
		{"u", 61, true, nil}, {"w", 61, false, nil}, {"v", 61, false, nil},
	} {
		a := book.Arrived("t", 1, c.name, columns("other"), recordlog.Window{To: c.before})
		if a.Told != c.told || !cmp.Equal(a.Holds, c.holds, cmp.Comparer(row.Equal)) {
			t.Errorf("%s before %d: %+v", c.name, c.before, a)
		}
	}
	want := []cause.Newcomer{{Name: "u", Leaf: 50}}
	if diff := cmp.Diff(want, book.Untold("t")); diff != "" {
		t.Errorf("untold: (-want +got)\n%s", diff)
	}
}
