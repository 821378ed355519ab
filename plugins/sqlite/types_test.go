package sqlite

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// typeRows are cells of every storage class under every kind of declaration,
// as TYPES.md lists them, with the value that they must be.
var typeRows = []struct {
	declared, literal string
	want              func(charset string) row.Value
}{
	{"", "NULL", constant(row.Null())},
	{"INTEGER", "9223372036854775807", constant(row.NewInt(math.MaxInt64))},
	{"INTEGER", "-9223372036854775808", constant(row.NewInt(math.MinInt64))},
	{"BOOLEAN", "1", constant(row.NewInt(1))},
	{"DATETIME", "1700000000", constant(row.NewInt(1700000000))},
	{"REAL", "5", constant(row.NewFloat64(5))},
	{"REAL", "0.1", constant(row.NewFloat64(0.1))},
	{"REAL", "9e999", constant(row.NewFloat64(math.Inf(1)))},
	{"REAL", "-9e999", constant(row.NewFloat64(math.Inf(-1)))},
	{"REAL", "9e999 - 9e999", constant(row.Null())}, // not a number
	{"REAL", "-0.0", constant(row.NewFloat64(0))},   // stored as the integer 0
	{"", "-0.0", constant(row.NewFloat64(math.Copysign(0, -1)))},
	{"", "5e-324", constant(row.NewFloat64(math.SmallestNonzeroFloat64))},
	{"NUMERIC", "'12.50'", constant(row.NewFloat64(12.5))},
	{"DECIMAL(10,2)", "'7'", constant(row.NewInt(7))},
	{"TEXT", "''", text("")},
	{"TEXT", "7", text("7")},
	{"TEXT", "'张伟 é 😀'", text("张伟 é 😀")},
	{"VARCHAR(3)", "'longer   '", text("longer   ")},
	{"DATE", "'2024-02-30'", text("2024-02-30")},
	{"DATE", "'2024-01-01'", text("2024-01-01")},
	{"TIMESTAMP", "'2024-01-01 10:00:00.500'", text("2024-01-01 10:00:00.500")},
	{"TIME", "'10:00'", text("10:00")},
	{"INTEGER", "'not a number'", text("not a number")},
	{"", "'a' || char(0) || 'b'", text("a\x00b")},
	{"BLOB", "x''", constant(row.NewBytes(nil))},
	{"BLOB", "x'00ff'", constant(row.NewBytes([]byte{0, 255}))},
	{"TEXT", "x'616263'", constant(row.NewBytes([]byte("abc")))},
	{"JSON", `'{"a": 1}'`, text(`{"a": 1}`)},
}

func constant(v row.Value) func(string) row.Value {
	return func(string) row.Value { return v }
}

func text(s string) func(string) row.Value {
	return func(charset string) row.Value { return row.NewText(charset, encodeText(charset, s)) }
}

// encodeText writes s as a database of the charset stores it.
func encodeText(charset, s string) []byte {
	if charset == "utf8" {
		return []byte(s)
	}
	var b []byte
	for _, r := range s {
		units := []rune{r}
		if r > 0xffff {
			units = []rune{0xd800 + (r-0x10000)>>10, 0xdc00 + (r-0x10000)&0x3ff}
		}
		for _, u := range units {
			if charset == "utf16le" {
				b = append(b, byte(u), byte(u>>8))
			} else {
				b = append(b, byte(u>>8), byte(u))
			}
		}
	}
	return b
}

var encodings = map[string]string{"UTF-8": "utf8", "UTF-16le": "utf16le", "UTF-16be": "utf16be"}

// typeTable creates a table k with a column per typeRows, and fills one row.
func typeTable() (create, insert string) {
	create, insert = "CREATE TABLE k (id TEXT PRIMARY KEY", "INSERT INTO k VALUES ('é'"
	for i, r := range typeRows {
		create += fmt.Sprintf(", c%d %s", i, r.declared)
		insert += ", " + r.literal
	}
	return create + ")", insert + ")"
}

// The same cell gives the same bytes by scan, fetch and stream, and they are
// the bytes that TYPES.md says, in every encoding.
func TestSameCellSameBytes(t *testing.T) {
	create, insert := typeTable()
	for encoding, charset := range encodings {
		t.Run(encoding, func(t *testing.T) {
			e := newEMR(t, "PRAGMA encoding = '"+encoding+"'", create)
			e.install(DefaultKeep)
			x := e.open("k")
			s := stream(t, x, nil)
			e.exec(insert)
			s.settle()
			id := row.NewText(charset, encodeText(charset, "é"))
			chunk, err := x.Fetch(t.Context(), "k", [][]row.Value{{id}})
			if err != nil || len(chunk.Rows) != 1 {
				t.Fatalf("fetch: %d rows, %v", len(chunk.Rows), err)
			}
			for i, r := range typeRows {
				want := r.want(charset)
				if got := chunk.Rows[0].Cells[i+1]; !row.Equal(got, want) {
					t.Errorf("%s %s: %s, want %s", r.declared, r.literal, got.Display(), want.Display())
				}
			}
			want := map[string]string{"k " + display([]row.Value{id}): display(chunk.Rows[0].Cells)}
			if diff := cmp.Diff(want, contents(t, x, "k", 3)); diff != "" {
				t.Errorf("scan: %s", diff)
			}
			if diff := cmp.Diff(want, s.rows); diff != "" {
				t.Errorf("stream: %s", diff)
			}
		})
	}
}

// Text that is not valid in its encoding keeps its bytes, as a key too.
func TestInvalidTextKeepsItsBytes(t *testing.T) {
	for encoding, charset := range encodings {
		e := newEMR(t, "PRAGMA encoding = '"+encoding+"'", "CREATE TABLE k (id TEXT PRIMARY KEY, c TEXT)")
		e.install(DefaultKeep)
		x := e.open("k")
		s := stream(t, x, nil)
		e.exec("INSERT INTO k VALUES (CAST(x'ffd8ff00' AS TEXT), CAST(x'00dc0000c328' AS TEXT))")
		s.settle()
		id := row.NewText(charset, []byte{0xff, 0xd8, 0xff, 0x00})
		want := map[string]string{"k " + display([]row.Value{id}): display([]row.Value{id,
			row.NewText(charset, []byte{0x00, 0xdc, 0x00, 0x00, 0xc3, 0x28})})}
		if diff := cmp.Diff(want, contents(t, x, "k", 3)); diff != "" {
			t.Errorf("%s: scan: %s", encoding, diff)
		}
		if diff := cmp.Diff(want, s.rows); diff != "" {
			t.Errorf("%s: stream: %s", encoding, diff)
		}
	}
}

func TestGeneratedColumnsAreLeftOut(t *testing.T) {
	e := newEMR(t, "CREATE TABLE k (id INTEGER PRIMARY KEY, a, b AS (a + 1), c AS (a + 2) STORED, d)", "INSERT INTO k (id, a, d) VALUES (1, 2, 3)")
	e.install(DefaultKeep)
	x := e.open("k")
	chunk, err := x.Scan(t.Context(), "k", nil, 5)
	if err != nil || len(chunk.Table.Columns) != 3 || len(chunk.Table.Notes) != 2 {
		t.Fatalf("%+v %v", chunk.Table, err)
	}
	want := display([]row.Value{row.NewInt(1), row.NewInt(2), row.NewInt(3)})
	if got := display(chunk.Rows[0].Cells); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
