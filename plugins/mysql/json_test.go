package mysql

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// jsonCases are values in the binary form of MySQL, in hexadecimal, and the texts
// that a server writes of them, as its documentation has both.
func jsonCases() map[string]string {
	return map[string]string{
		"":                      "null",
		"0400":                  "null",
		"0401":                  "true",
		"0402":                  "false",
		"05ffff":                "-1",
		"06ffff":                "65535",
		"0700000080":            "-2147483648",
		"08ffffffff":            "4294967295",
		"090000000000000080":    "-9223372036854775808",
		"0affffffffffffffff":    "18446744073709551615",
		"0b000000000000f03f":    "1.0",
		"0b9a9999999999b93f":    "0.1",
		"0c0568656c6c6f":        `"hello"`,
		"0c00":                  `""`,
		"0c09225c0a0109c3a92f":  "error",
		"0c08225c0a0109c3a92f":  `"\"\\\n\u0001\té\/"`,
		"0200000400":            "[]",
		"0000000400":            "{}",
		"0ff6040402" + "8c22":   "12.34",
		"0ff6040402" + "73dd":   "-12.34",
		"0ff6050402" + "8c2200": "error",
		"0f0f025501":            `"base64:type15:VQE="`,
		"0f0c080000":            "error",
	}
}

func TestJSONOfTheLogIsTheTextOfTheServer(t *testing.T) {
	for digits, text := range jsonCases() {
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeJSON(b)
		if text == "error" {
			if err == nil {
				t.Errorf("%s became %s", digits, got)
			}
			continue
		}
		want, err2 := normalJSON([]byte(text))
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Errorf("%s became %s, %v; the server's %s became %s, %v", digits, got, err, text, want, err2)
		}
	}
}

// TestMomentsInJSON: packed as the server does, as its manual shows them.
func TestMomentsInJSON(t *testing.T) {
	packed := func(year, month, day, hour, minute, second, micro int64) []byte {
		days := (year*13+month)<<5 | day
		return binary.LittleEndian.AppendUint64(nil, uint64((days<<17|hour<<12|minute<<6|second)<<24|micro))
	}
	negative := binary.LittleEndian.AppendUint64(nil, -binary.LittleEndian.Uint64(packed(0, 0, 0, 838, 59, 58, 5)))
	for want, value := range map[string][]byte{
		`"2015-01-15 23:24:25.000000"`: append([]byte{jsonOpaque, 12, 8}, packed(2015, 1, 15, 23, 24, 25, 0)...),
		`"2015-01-15 23:24:25.120000"`: append([]byte{jsonOpaque, 7, 8}, packed(2015, 1, 15, 23, 24, 25, 120000)...),
		`"2015-01-15"`:                 append([]byte{jsonOpaque, 10, 8}, packed(2015, 1, 15, 0, 0, 0, 0)...),
		`"23:24:25.000000"`:            append([]byte{jsonOpaque, 11, 8}, packed(0, 0, 0, 23, 24, 25, 0)...),
		`"-838:59:58.000005"`:          append([]byte{jsonOpaque, 11, 8}, negative...),
	} {
		if got, err := decodeJSON(value); err != nil || string(got) != want {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
}

// A jsonMember is a member of an object; an object is a list of them.
type jsonMember struct {
	key   string
	value any
}

func drawJSON(t *rapid.T, depth int) any {
	kinds := 8
	if depth > 3 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int") >> rapid.IntRange(0, 63).Draw(t, "shift")
	case 3:
		return rapid.Uint64().Draw(t, "uint")
	case 4:
		f := rapid.Float64().Draw(t, "double")
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return 0.5
		}
		return f
	case 5:
		return rapid.String().Draw(t, "string")
	case 6:
		var list []any
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			list = append(list, drawJSON(t, depth+1))
		}
		return list
	}
	var members []jsonMember
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		members = append(members, jsonMember{rapid.String().Draw(t, "key"), drawJSON(t, depth+1)})
	}
	return members
}

// binaryJSON writes a value as the server does, in the large or the small form.
func binaryJSON(v any, large bool) (kind byte, b []byte) {
	number := func(n uint64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, n)[:size] }
	switch v := v.(type) {
	case nil:
		return 4, []byte{0}
	case bool:
		return 4, []byte{map[bool]byte{true: 1, false: 2}[v]}
	case int64:
		switch {
		case v == int64(int16(v)):
			return 5, number(uint64(v), 2)
		case v == int64(int32(v)):
			return 7, number(uint64(v), 4)
		}
		return 9, number(uint64(v), 8)
	case uint64:
		switch {
		case v < 1<<16:
			return 6, number(v, 2)
		case v < 1<<32:
			return 8, number(v, 4)
		}
		return 10, number(v, 8)
	case float64:
		return 11, number(math.Float64bits(v), 8)
	case string:
		return 12, append(binary.AppendUvarint(nil, uint64(len(v))), v...)
	}
	width, kind := 2, byte(0)
	if large {
		width, kind = 4, 1
	}
	members, isObject := v.([]jsonMember)
	if list, ok := v.([]any); ok {
		kind += 2
		for _, e := range list {
			members = append(members, jsonMember{value: e})
		}
	}
	head := 2*width + len(members)*(1+width)
	if isObject {
		head += len(members) * (width + 2)
	}
	var keys, table, tail []byte
	for _, m := range members {
		if isObject {
			keys = append(append(keys, number(uint64(head+len(tail)), width)...), number(uint64(len(m.key)), 2)...)
			tail = append(tail, m.key...)
		}
	}
	for _, m := range members {
		kind, value := binaryJSON(m.value, large)
		table = append(table, kind)
		if kind == 4 || kind == 5 || kind == 6 || large && (kind == 7 || kind == 8) {
			table = append(table, append(value, make([]byte, width-min(width, len(value)))...)[:width]...)
			continue
		}
		table = append(table, number(uint64(head+len(tail)), width)...)
		tail = append(tail, value...)
	}
	b = append(number(uint64(len(members)), width), number(uint64(head+len(tail)), width)...)
	return kind, append(append(append(b, keys...), table...), tail...)
}

// textJSON writes a value as a server may; doubles in any of some forms.
func textJSON(v any, format byte) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return string(appendJSONString(nil, []byte(v)))
	case float64:
		return strconv.FormatFloat(v, format, -1, 64)
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, textJSON(e, format))
		}
		return "[" + strings.Join(list, ", ") + "]"
	case []jsonMember:
		var list []string
		for _, m := range v {
			list = append(list, textJSON(m.key, format)+": "+textJSON(m.value, format))
		}
		return "{" + strings.Join(list, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// TestBothFormsOfJSONBecomeOneText: whatever the value, and however the server
// writes doubles. Decoding what is cut short fails and does no harm.
func TestBothFormsOfJSONBecomeOneText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawJSON(t, 0)
		kind, b := binaryJSON(v, rapid.Bool().Draw(t, "large"))
		b = append([]byte{kind}, b...)
		text := textJSON(v, rapid.SampledFrom([]byte("efg")).Draw(t, "format"))
		got, err := decodeJSON(b)
		want, err2 := normalJSON([]byte(text))
		if err != nil || err2 != nil || !bytes.Equal(got, want) {
			t.Fatalf("%x became %s, %v; %s became %s, %v", b, got, err, text, want, err2)
		}
		if again, err := normalJSON(want); err != nil || !bytes.Equal(again, want) {
			t.Fatalf("%s became %s, %v", want, again, err)
		}
		_, _ = decodeJSON(b[:rapid.IntRange(0, len(b)).Draw(t, "cut")])
	})
}

// Values that differ must not become one.
func TestJSONNumbersAreToldApartByValue(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0.0": "0", "1": "1", "1.0": "1", "1e0": "1", "10e-1": "1", "100": "100", "1.50": "1.5", "-1.5e3": "-1500",
		"123456789012345678901234567890": "1.2345678901234567890123456789e29", "12345678901234567890.10": "12345678901234567890.1",
		"0.000001": "0.000001", "1e-7": "1e-7", "0.00000012": "1.2e-7", "1e21": "1e21", "1e20": "100000000000000000000",
		"1.7976931348623157e308": "1.7976931348623157e308", "5e-324": "5e-324", "0.1": "0.1",
		"1e": "error", "-": "error", "1.2.3": "error", "1e99999999999": "error",
	} {
		got, err := normalJSON([]byte(text))
		if (err != nil) != (want == "error") || err == nil && string(got) != want {
			t.Errorf("%s became %s, %v; want %s", text, got, err, want)
		}
	}
}

// FuzzJSON: no bytes of the log and no text do harm, and a text that is accepted
// is one of its own form.
func FuzzJSON(f *testing.F) {
	for digits, text := range jsonCases() {
		b, _ := hex.DecodeString(digits)
		f.Add(b)
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeJSON(b)
		once, err := normalJSON(b)
		if err != nil || !json.Valid(b) {
			return
		}
		if twice, err := normalJSON(once); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s became %s, %v", once, twice, err)
		}
	})
}

// TestTheServerWritesDoublesByTheFewestDigits that tell them, which JSON relies
// on: MariaDB, which can be had, writes them by the code that MySQL has.
func TestTheServerWritesDoublesByTheFewestDigits(t *testing.T) {
	s := mariadbtest.Start(t, mariadbtest.Options{})
	s.Exec("CREATE DATABASE emr", "CREATE TABLE emr.d (v DOUBLE)")
	rapid.Check(t, func(t *rapid.T) {
		var values []float64
		for range 200 {
			if f := math.Float64frombits(rapid.Uint64().Draw(t, "bits")); f-f == 0 {
				values = append(values, f, math.Trunc(math.Mod(f, 1e17)), math.Round(math.Mod(f, 1e6)*100)/100)
			}
		}
		for _, f := range values {
			var text string
			if err := s.Admin().QueryRow("SELECT CAST(? AS CHAR)", f).Scan(&text); err != nil {
				t.Fatal(err)
			}
			got, err := normalJSON([]byte(text))
			want, err2 := normalJSON(strconv.AppendFloat(nil, f, 'e', -1, 64))
			if err != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Fatalf("the server writes %v as %s: %s, %v; want %s", f, text, got, err, want)
			}
		}
	})
}
