package rowkey_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/adapter/internal/rowkey"
	"github.com/emrbchain/emrbchain/crypto/row"
)

func text(s string) row.Value { return row.NewText("utf8", []byte(s)) }

func must(v row.Value, err error) row.Value {
	if err != nil {
		panic(err)
	}
	return v
}

func columns(types ...row.Type) []rowkey.Column {
	c := make([]rowkey.Column, len(types))
	for i, t := range types {
		c[i].Type = t
	}
	return c
}

// Each line is a key as a person writes it and what it means; the last field is
// how Format writes it, where that differs.
func TestWrittenKeys(t *testing.T) {
	uuid := slices.Repeat([]byte{0xab}, 16)
	for _, c := range []struct {
		text    string
		columns []rowkey.Column
		key     []row.Value
		format  string
	}{
		{"42", columns(row.Int), []row.Value{row.NewInt(42)}, ""},
		{"-42", columns(row.Int), []row.Value{row.NewInt(-42)}, ""},
		{"18446744073709551615", columns(row.Int), []row.Value{row.NewUint(math.MaxUint64)}, ""},
		{"42", columns(row.Text), []row.Value{text("42")}, ""},
		{"42", columns(row.Any), []row.Value{row.NewInt(42)}, ""},
		{`["42"]`, columns(row.Any), []row.Value{text("42")}, ""},
		{"0x00ff", columns(row.Any), []row.Value{row.NewBytes([]byte{0, 255})}, ""},
		{"0x00ff", columns(row.Text), []row.Value{text("0x00ff")}, ""},
		{"0x00ff", columns(row.Bytes), []row.Value{row.NewBytes([]byte{0, 255})}, ""},
		{"0x", columns(row.Bytes), []row.Value{row.NewBytes(nil)}, ""},
		{"MRN/42 b", columns(row.Any), []row.Value{text("MRN/42 b")}, ""},
		{`["a",42]`, columns(row.Text, row.Int), []row.Value{text("a"), row.NewInt(42)}, ""},
		{` ["a"]`, columns(row.Text), []row.Value{text(` ["a"]`)}, `[" [\"a\"]"]`},
		{`["[a]"]`, columns(row.Text), []row.Value{text("[a]")}, ""},
		{`[""]`, columns(row.Text), []row.Value{text("")}, ""},
		{`[".."]`, columns(row.Text), []row.Value{text("..")}, ""},
		{`["a<b&c"]`, columns(row.Text), []row.Value{text("a<b&c")}, "a<b&c"},
		{"ab-" + strings.Repeat("ab", 15), columns(row.UUID), []row.Value{must(row.NewUUID(uuid))}, "0x" + strings.Repeat("ab", 16)},
		{"2026-11-23", columns(row.Date), []row.Value{must(row.NewDate([]byte("2026-11-23")))}, ""},
		{"2026-11-23 10:30:00", columns(row.DateTime), []row.Value{must(row.NewDateTime([]byte("2026-11-23T10:30:00")))}, "2026-11-23T10:30:00"},
		{"042.10", columns(row.Decimal), []row.Value{must(row.NewDecimal([]byte("42.1")))}, "42.1"},
		{"true", columns(row.Bool), []row.Value{row.NewBool(true)}, ""},
		{"[1.5,2e0,null,true]", columns(row.Any, row.Any, row.Any, row.Any),
			[]row.Value{row.NewFloat64(1.5), row.NewFloat64(2), row.Null(), row.NewBool(true)}, ""},
		{"NaN", columns(row.Float64), []row.Value{row.NewFloat64(math.NaN())}, ""},
	} {
		got, err := rowkey.Parse(c.text, c.columns)
		if err != nil || !slices.EqualFunc(got, c.key, row.Equal) {
			t.Errorf("%s: %v, %v", c.text, got, err)
			continue
		}
		if c.format == "" {
			c.format = c.text
		}
		if written := rowkey.Format(got, c.columns); written != c.format {
			t.Errorf("%s is written as %s, want %s", c.text, written, c.format)
		}
	}
}

func TestWhatIsNoKeyIsRefusedWithoutRepeatingIt(t *testing.T) {
	latin := []rowkey.Column{{Type: row.Text, Charset: "latin1"}}
	for _, c := range []struct {
		text    string
		columns []rowkey.Column
		mend    string
	}{
		{"sesame", columns(row.Int), "whole number"},
		{"18446744073709551616", columns(row.Int), "whole number"},
		{"sesame", columns(row.Text, row.Int), "it has 2 columns"},
		{`["sesame"]`, columns(row.Text, row.Int), "1 cells, the key has 2"},
		{`["sesame", 1.5]`, columns(row.Text, row.Int), "column 2"},
		{`["sesame", "x"] 1`, columns(row.Text, row.Int), "JSON array"},
		{`[[1]]`, columns(row.Int), "no array"},
		{`[42]`, columns(row.Text), "a text is written in quotes"},
		{"sesamé", latin, "character set is latin1"},
		{`[{"cell":"00"}]`, columns(row.Text), "canonical"},
		{`[{"cell":"sesame"}]`, columns(row.Text), "hex"},
		{`[{"cel":"00"}]`, columns(row.Text), `{"cell":"…"}`},
		{"2026-1-1", columns(row.Date), "YYYY-MM-DD"},
		{"0xsesame", columns(row.Bytes), "0x and hex"},
		{"abab", columns(row.UUID), "UUID"},
		{"sesame", columns(row.Set), "cell"},
		{"sesame\xff", columns(row.Text), "UTF-8"},
		{strings.Repeat("sesame", 10_000), columns(row.Text), "at most"},
		{"sesame", columns(row.Type(99)), "unknown type"},
	} {
		_, err := rowkey.Parse(c.text, c.columns)
		if !errors.Is(err, rowkey.ErrKey) || !strings.Contains(err.Error(), c.mend) {
			t.Errorf("%.20q: %v, want %q", c.text, err, c.mend)
		} else if strings.Contains(err.Error(), "sesam") {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

func TestColumnsTakeTheCharsetOfARow(t *testing.T) {
	got := rowkey.Columns([]row.Column{{Name: "a", Type: row.Text}, {Name: "b", Type: row.Int}, {Name: "c", Type: row.Any}},
		[]row.Value{row.NewText("latin1", []byte("x")), row.NewInt(1), text("y")})
	want := []rowkey.Column{{Type: row.Text, Charset: "latin1"}, {Type: row.Int}, {}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// values draws any cell that a key may have, of any type and character set.
func values() *rapid.Generator[row.Value] {
	charset := rapid.SampledFrom([]string{"utf8", "latin1", "gbk", "binary-ish"})
	return rapid.OneOf(
		rapid.Just(row.Null()),
		rapid.Map(rapid.Int64(), row.NewInt),
		rapid.Map(rapid.Uint64(), row.NewUint),
		rapid.Map(rapid.Uint64(), row.NewBits),
		rapid.Map(rapid.Bool(), row.NewBool),
		rapid.Map(rapid.Uint32(), func(n uint32) row.Value { return row.NewFloat32(math.Float32frombits(n)) }),
		rapid.Map(rapid.Uint64(), func(n uint64) row.Value { return row.NewFloat64(math.Float64frombits(n)) }),
		rapid.Map(rapid.Int64Range(-10, 10), func(n int64) row.Value { return row.NewFloat64(float64(n)) }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), row.NewBytes),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) row.Value { return must(row.NewUUID(b)) }),
		rapid.Map(rapid.StringMatching(`-?[0-9]{1,20}(\.[0-9]{1,9})?`), func(s string) row.Value { return must(row.NewDecimal([]byte(s))) }),
		rapid.Map(rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9]`), func(s string) row.Value { return must(row.NewDate([]byte(s))) }),
		rapid.Map(rapid.StringMatching(`-?[0-9]{2}:[0-5][0-9]:[0-5][0-9]`), func(s string) row.Value { return must(row.NewTime([]byte(s))) }),
		rapid.Map(rapid.String(), text),
		rapid.Map(rapid.StringMatching(`[\[\]{}".0-9x:a-f -]{0,6}`), text),
		rapid.Custom(func(t *rapid.T) row.Value {
			return row.NewText(charset.Draw(t, "charset"), rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		}),
		rapid.Custom(func(t *rapid.T) row.Value {
			return row.NewEnum(charset.Draw(t, "charset"), []byte(rapid.String().Draw(t, "label")))
		}),
		rapid.Map(charset, row.NewEnumError),
		rapid.Map(rapid.SliceOf(rapid.SliceOf(rapid.Byte())), func(labels [][]byte) row.Value { return row.NewSet("utf8", labels) }),
	)
}

// A key that a report shows can be pasted back, whatever it holds: so two keys
// are never written alike.
func TestWhatFormatWritesParseReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(values(), 1, 4).Draw(t, "key")
		described := make([]rowkey.Column, len(key))
		for i, v := range key {
			if rapid.Bool().Draw(t, "typed") {
				described[i] = rowkey.Column{Type: v.Type(), Charset: v.Charset()}
			}
		}
		written := rowkey.Format(key, described)
		got, err := rowkey.Parse(written, described)
		if err != nil || !slices.EqualFunc(got, key, row.Equal) {
			t.Fatalf("%s: %v", written, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"42", `["a",42]`, "0xff", `[{"cell":"820001"}]`, `[null,true]`, "[1e400]"} {
		f.Add(seed, uint8(1), uint8(0))
	}
	f.Fuzz(func(t *testing.T, written string, a, b uint8) {
		for _, described := range [][]rowkey.Column{columns(row.Type(a % 16)), columns(row.Type(a%16), row.Type(b%16))} {
			key, err := rowkey.Parse(written, described)
			if err != nil {
				continue
			}
			again, err := rowkey.Parse(rowkey.Format(key, described), described)
			if err != nil || !slices.EqualFunc(again, key, row.Equal) {
				t.Fatalf("%q is not read back: %v", written, err)
			}
		}
	})
}

func TestARowIsNamedByItsCells(t *testing.T) {
	table := []row.Column{{Name: "id", Type: row.Int}, {Name: "v", Type: row.Text}, {Name: "w", Type: row.Decimal}}
	cells := []row.Value{row.Null(), row.NewText("latin1", []byte("a")), must(row.NewDecimal([]byte("1.50")))}
	for written, want := range map[string]bool{
		`{"v":"a"}`: true, `{"w":1.5,"id":null}`: true, `{"v":"a","w":"1.50"}`: true,
		`{"v":"b"}`: false, `{"id":0}`: false, `{"v":"a","w":2}`: false, `{"v":null}`: false, `{"v":["a"]}`: false,
	} {
		c, err := rowkey.ParseCells(written, table)
		if err != nil || !rowkey.IsCells(written) || c.Match(cells) != want {
			t.Errorf("%s: %v, want %v", written, err, want)
		}
	}
	for _, written := range []string{`{}`, `{"x":1}`, `{"v":`, `["a"]`} {
		if _, err := rowkey.ParseCells(written, table); !errors.Is(err, rowkey.ErrKey) {
			t.Errorf("%s: %v", written, err)
		}
	}
}
