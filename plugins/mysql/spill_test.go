package mysql

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestARowListGivesBackWhatWasAdded and not undone: whatever of it was spilled,
// and when.
func TestARowListGivesBackWhatWasAdded(t *testing.T) {
	directory := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		shapes := []*shape{{table: &tap.Table{Name: "a"}}, {table: &tap.Table{Name: "b"}}, {table: &tap.Table{Name: "c"}, lasting: true}}
		var list rowList
		for range 2 { // a list that was cleared is as good as new
			var want []rowEvent
			var numbers []int // of those wanted
			for range rapid.IntRange(0, 20).Draw(t, "events") {
				r := rowEvent{shape: rapid.SampledFrom(shapes).Draw(t, "shape"), op: tap.Op(rapid.IntRange(1, 3).Draw(t, "op")),
					body: rapid.SliceOfN(rapid.Byte(), 1, 400).Draw(t, "body"), time: time.Unix(int64(rapid.Uint32().Draw(t, "time")), 0).UTC()}
				want, numbers = append(want, r), append(numbers, list.count)
				list.add(r)
				if rapid.IntRange(0, 4).Draw(t, "spill") == 0 {
					if err := list.spill(directory); err != nil {
						t.Fatal(err)
					}
				}
				if from := rapid.IntRange(0, 3*list.count).Draw(t, "undone"); from < list.count && !inUndone(&list, from) {
					list.undo(from)
					want, numbers = withoutUndone(want, numbers, from)
				}
			}
			var got []rowEvent
			if err := list.each(func(r *rowEvent) error { got = append(got, *r); return nil }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(rowEvent{}), cmp.Comparer(func(a, b *shape) bool { return a == b })); diff != "" {
				t.Fatalf("events (-added +given back):\n%s", diff)
			}
			if err := list.clear(); err != nil || !list.empty() || list.memory != 0 {
				t.Fatalf("after clear: %v, %+v", err, list)
			}
		}
	})
	left, err := os.ReadDir(directory)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// inUndone reports whether a place is among what was undone, where no savepoint
// is left.
func inUndone(l *rowList, at int) bool {
	return slices.ContainsFunc(l.undone, func(u undone) bool { return u.from < at && at < u.before })
}

// withoutUndone returns what is left, by undoing from a number on.
func withoutUndone(events []rowEvent, numbers []int, from int) (left []rowEvent, of []int) {
	for i, r := range events {
		if numbers[i] < from || r.shape.lasting {
			left, of = append(left, r), append(of, numbers[i])
		}
	}
	return left, of
}

// TestASpillFileHoldsNoRowInTheClear and has no name.
func TestASpillFileHoldsNoRowInTheClear(t *testing.T) {
	directory := t.TempDir()
	list := &rowList{}
	list.add(rowEvent{shape: &shape{}, op: tap.Insert, body: []byte("a patient's name, a patient's name")})
	if err := list.spill(directory); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = list.clear() }()
	raw := make([]byte, list.file.size)
	if _, err := list.file.file.ReadAt(raw, 0); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("patient")) {
		t.Error("the file shows what the row holds")
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("the file has a name: %v, %v", left, err)
	}
}

func TestADamagedSpillFileIsAnError(t *testing.T) {
	list := &rowList{}
	list.add(rowEvent{shape: &shape{}, op: tap.Insert, body: []byte("row")})
	if err := list.spill(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = list.clear() }()
	if err := list.file.file.Truncate(list.file.size - 1); err != nil {
		t.Fatal(err)
	}
	err := list.each(func(*rowEvent) error { return nil })
	if !errors.Is(err, errSpilled) {
		t.Errorf("each = %v, want %v", err, errSpilled)
	}
}

// TestADirectoryThatTakesNoSpillIsNamedWithItsMend: at the start already.
func TestADirectoryThatTakesNoSpillIsNamedWithItsMend(t *testing.T) {
	for _, directory := range []string{filepath.Join(t.TempDir(), "none"), "/proc"} {
		var setup *tap.SetupError
		if err := checkSpillDirectory(directory); !errors.As(err, &setup) || !strings.Contains(err.Error(), directory) {
			t.Errorf("check of %s: %v", directory, err)
		}
		list := &rowList{}
		list.add(rowEvent{shape: &shape{}, body: []byte("row")})
		err := list.spill(directory)
		if err == nil || !strings.Contains(err.Error(), directory) || !strings.Contains(err.Error(), "spill_directory") {
			t.Errorf("spill to %s: %v", directory, err)
		}
	}
}
