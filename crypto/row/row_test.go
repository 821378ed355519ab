package row

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Different cells never have the same bytes, and the same cell written
// otherwise always has.
func TestInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyMeaning().Draw(t, "a"), anyMeaning().Draw(t, "b")
		same := a.name == b.name
		if bytes.Equal(AppendCell(nil, a.value), AppendCell(nil, b.value)) != same {
			t.Fatalf("%s and %s: %x, %x", a.name, b.name, AppendCell(nil, a.value), AppendCell(nil, b.value))
		}
		if Equal(a.value, b.value) != same {
			t.Fatalf("Equal of %s and %s is %v", a.name, b.name, !same)
		}
	})
}

// The same holds of whole rows: where one cell ends is in the bytes.
func TestRowsAreInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(label string) (cells []Value, name string) {
			for _, m := range rapid.SliceOfN(anyMeaning(), 0, 3).Draw(t, label) {
				cells, name = append(cells, m.value), name+fmt.Sprintf("%d %s;", len(m.name), m.name)
			}
			return cells, name
		}
		a, nameA := draw("a")
		b, nameB := draw("b")
		if bytes.Equal(AppendKey(nil, a), AppendKey(nil, b)) != (nameA == nameB) {
			t.Fatalf("%s and %s", nameA, nameB)
		}
	})
}

func TestEveryCellReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyMeaning().Draw(t, "cell")
		b := AppendCell(nil, m.value)
		r := dcbor.NewReader(b)
		v := ReadCell(r)
		if err := r.Done(); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
		if !Equal(v, m.value) || !bytes.Equal(AppendCell(nil, v), b) || v.Type() != m.value.Type() || v.Charset() != m.value.Charset() {
			t.Fatalf("%s read back as %s", m.name, v.Display())
		}
	})
}

// What the Reader accepts is what AppendCell writes, byte for byte.
func FuzzEveryAcceptedCellEncodesToItself(f *testing.F) {
	for _, v := range readVectors(f).Cells {
		f.Add(unhex(f, v.Cell))
	}
	for _, v := range readVectors(f).Refused {
		f.Add(unhex(f, v.Cell))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := dcbor.NewReader(b)
		v := ReadCell(r)
		if r.Done() != nil {
			return
		}
		if again := AppendCell(nil, v); !bytes.Equal(again, b) {
			t.Fatalf("%x encodes to %x", b, again)
		}
		_, _, _ = v.Display(), v.Raw(), v.Labels()
		if !v.Fits(v.Type()) || !v.Fits(Any) {
			t.Fatal("a cell does not fit its own type")
		}
	})
}

// Two decimals have the same bytes exactly if they are the same number.
func FuzzDecimalIsItsNumber(f *testing.F) {
	for _, s := range []string{"0|-0", "1|1.0", "042.10|42.1", "-0.00|0", "1.|1", ".5|0.5", "1e3|1000", "+1|1", "10|1"} {
		a, b, _ := strings.Cut(s, "|")
		f.Add(a, b)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		x, errX := NewDecimal([]byte(a))
		y, errY := NewDecimal([]byte(b))
		if errX != nil || errY != nil {
			return
		}
		p, okP := new(big.Rat).SetString(a)
		q, okQ := new(big.Rat).SetString(b)
		if !okP || !okQ {
			t.Fatalf("%q or %q is no number and was accepted", a, b)
		}
		if Equal(x, y) != (p.Cmp(q) == 0) {
			t.Fatalf("%q and %q: %s, %s", a, b, x.Display(), y.Display())
		}
	})
}

func TestNormalForms(t *testing.T) {
	for _, c := range []struct {
		make     func([]byte) (Value, error)
		in, want string // want is empty where it must be refused
	}{
		{NewDecimal, "042.10", "42.1"}, {NewDecimal, "-0.00", "0"}, {NewDecimal, "-0.10", "-0.1"}, {NewDecimal, "100", "100"},
		{NewDecimal, "", ""}, {NewDecimal, "-", ""}, {NewDecimal, "1.", ""}, {NewDecimal, ".5", ""}, {NewDecimal, "+1", ""},
		{NewDecimal, "1e3", ""}, {NewDecimal, "1 ", ""}, {NewDecimal, "--1", ""}, {NewDecimal, "1.2.3", ""}, {NewDecimal, "NaN", ""},
		{NewDate, "2024-02-30", "2024-02-30"}, {NewDate, "0000-00-00", "0000-00-00"}, {NewDate, "2024-2-3", ""}, {NewDate, "24-02-03", ""},
		{NewTime, "10:00:00.500", "10:00:00.5"}, {NewTime, "10:00:00.000", "10:00:00"}, {NewTime, "-838:59:59", "-838:59:59"},
		{NewTime, "-00:00:00.0", "00:00:00"}, {NewTime, "-00:00:00.1", "-00:00:00.1"}, {NewTime, "0010:00:00", ""}, {NewTime, "1:00:00", ""},
		{NewTime, "10:00", ""}, {NewTime, "10:00:0", ""}, {NewTime, "--10:00:00", ""}, {NewTime, "10:00:00.", "10:00:00"},
		{NewDateTime, "2024-01-02 03:04:05.600", "2024-01-02T03:04:05.6"}, {NewDateTime, "2024-01-02T03:04:05", "2024-01-02T03:04:05"},
		{NewDateTime, "2024-01-02", ""}, {NewDateTime, "2024-01-02T103:04:05", ""}, {NewDateTime, "2024-01-02T03:04:05Z", ""},
		{NewDateTime, "2024-01-02t03:04:05", ""}, {NewTimestamp, "2024-01-02 03:04:05.000", "2024-01-02T03:04:05"},
		{NewTimestamp, "2024-01-02T03:04:05+01:00", ""}, {NewUUID, "0123456789abcdef", "0123456789abcdef"}, {NewUUID, "short", ""},
	} {
		in := []byte(c.in)
		v, err := c.make(in)
		if c.want == "" {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%q accepted as %s", c.in, v.Display())
			}
			continue
		}
		if err != nil || string(v.Raw()) != c.want {
			t.Errorf("%q: %q %v, want %q", c.in, v.Raw(), err, c.want)
		}
		if string(in) != c.in {
			t.Errorf("%q was altered in place", c.in)
		}
		if again, err := c.make(v.Raw()); err != nil || !Equal(again, v) {
			t.Errorf("the normal form of %q is not its own normal form", c.in)
		}
	}
}

// Widening a column leaves the bytes of its cells as they were.
func TestWideningKeepsBytes(t *testing.T) {
	pairs := [][2]Value{
		{NewInt(7), NewUint(7)},
		{must(NewDecimal([]byte("2.5"))), must(NewDecimal([]byte("0002.5000")))},
		{must(NewTime([]byte("10:00:00"))), must(NewTime([]byte("10:00:00.000000")))},
		{must(NewDateTime([]byte("2024-01-02 03:04:05"))), must(NewDateTime([]byte("2024-01-02T03:04:05.000")))},
	}
	for _, p := range pairs {
		if !bytes.Equal(AppendCell(nil, p[0]), AppendCell(nil, p[1])) {
			t.Errorf("%s and %s differ", p[0].Display(), p[1].Display())
		}
	}
}

// No verb, and no error, shows a cell.
func TestCellsStayOutOfLogs(t *testing.T) {
	secret := "Ada Lovelace"
	v := NewText("utf8", []byte(secret))
	if s := fmt.Sprintf("%v %s", v, v); strings.Contains(s, "Ada") {
		t.Errorf("printed as %s", s)
	}
	for _, make := range []func([]byte) (Value, error){NewDecimal, NewDate, NewTime, NewDateTime, NewTimestamp, NewUUID} {
		if _, err := make([]byte(secret)); err == nil || strings.Contains(err.Error(), "Ada") {
			t.Errorf("error %v", err)
		}
	}
}

func TestAccessors(t *testing.T) {
	if n, ok := NewInt(-1).Int64(); n != -1 || !ok {
		t.Error("int64 of -1")
	}
	if _, ok := NewUint(math.MaxUint64).Int64(); ok {
		t.Error("int64 of 2^64-1")
	}
	if _, ok := NewText("utf8", nil).Int64(); ok {
		t.Error("int64 of a text")
	}
	if f, ok := NewFloat32(1.5).Float(); f != 1.5 || !ok {
		t.Error("float of 1.5")
	}
	if _, ok := NewInt(1).Float(); ok {
		t.Error("float of an int")
	}
	if !NewInt(1).Fits(Any) || NewInt(1).Fits(Text) || !Null().Fits(Text) {
		t.Error("fits")
	}
	if labels := NewSet("utf8", [][]byte{[]byte("a"), {}}).Labels(); len(labels) != 2 || len(labels[1]) != 0 {
		t.Error("labels")
	}
}

func TestEncodingAllocatesNothing(t *testing.T) {
	cells := []Value{NewInt(1), NewText("utf8", []byte("text")), must(NewDecimal([]byte("1.5"))), NewFloat64(2), Null(), NewEnumError("utf8")}
	b := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(20, func() { AppendCells(b, cells) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDetachedValuesAreTheirOwn(t *testing.T) {
	memory := []byte("abcdef")
	cells := []Value{NewText("utf8", memory[:2]), NewInt(1), Null(), NewBytes(memory[2:2]), NewBytes(memory[2:])}
	want := AppendCells(nil, cells)
	Detach(cells)
	copy(memory, "......")
	if got := AppendCells(nil, cells); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if raw := cells[0].Raw(); cap(raw) != len(raw) {
		t.Error("a value may grow into the next one")
	}
}

// TestAValueFitsRegisters: a larger one goes through memory wherever it is made,
// which costs decoders of many rows more than all else that they do.
func TestAValueFitsRegisters(t *testing.T) {
	if size, most := unsafe.Sizeof(Value{}), 4*unsafe.Sizeof(uintptr(0)); size > most {
		t.Errorf("a value has %d bytes, more than %d", size, most)
	}
}

// TestReplace leaves nothing of the value that was there before.
func TestReplace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := anyMeaning().Draw(t, "v"), anyMeaning().Draw(t, "w")
		v.value.Replace(w.value)
		if !Equal(v.value, w.value) || !bytes.Equal(AppendCell(nil, v.value), AppendCell(nil, w.value)) {
			t.Error("they differ")
		}
	})
}

// FuzzParseKey: a key has one encoding, the one that was read.
func FuzzParseKey(f *testing.F) {
	f.Add(AppendKey(nil, []Value{NewInt(-7), NewText("utf8", []byte("a"))}))
	f.Add(AppendKey(nil, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := ParseKey(b); err == nil && !bytes.Equal(AppendKey(nil, key), b) {
			t.Errorf("%x is read as a key that is written otherwise", b)
		}
	})
}
