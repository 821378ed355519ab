package dcbor

import (
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReaderReadsWhatWasAppended(t *testing.T) {
	b := AppendArray(nil, 7)
	b = AppendUint(b, math.MaxUint64)
	b = AppendInt(b, math.MinInt64)
	b = AppendText(b, "é")
	b = AppendTextBytes(b, []byte("a"))
	b = AppendBytes(b, []byte{0xff})
	b = AppendBytes(b, []byte{1, 2})
	b = AppendNull(b)
	r := NewReader(b)
	r.ArrayOf(7)
	if r.Uint() != math.MaxUint64 || r.Int() != math.MinInt64 || r.Text() != "é" || string(r.TextBytes()) != "a" || string(r.Bytes()) != "\xff" {
		t.Error("values differ")
	}
	var fixed [2]byte
	r.Fixed(fixed[:])
	r.Null()
	if err := r.Done(); err != nil || fixed != [2]byte{1, 2} {
		t.Error(err, fixed)
	}
}

// Each is refused by the read that is asked for.
func TestReaderRefuses(t *testing.T) {
	reads := map[string]func(*Reader){
		"uint": func(r *Reader) { r.Uint() }, "int": func(r *Reader) { r.Int() }, "text": func(r *Reader) { r.Text() },
		"bytes": func(r *Reader) { r.Bytes() }, "null": func(r *Reader) { r.Null() }, "array": func(r *Reader) { r.Array() },
		"array of 2": func(r *Reader) { r.ArrayOf(2) }, "fixed 2": func(r *Reader) { r.Fixed(make([]byte, 2)) },
		"raw": func(r *Reader) { r.Raw() },
	}
	for _, c := range []struct{ read, input string }{
		{"uint", ""}, {"uint", "20"}, {"uint", "1817"}, {"uint", "18"}, {"uint", "1c"}, {"uint", "1f"}, {"uint", "0000"},
		{"int", "1b8000000000000000"}, {"int", "3b8000000000000000"}, {"int", "3817"}, {"int", "f6"},
		{"text", "40"}, {"text", "61ff"}, {"text", "62c3"}, {"text", "7f6161ff"}, {"text", "7bffffffffffffffff"},
		{"bytes", "60"}, {"bytes", "42ff"}, {"bytes", "5f4100ff"}, {"bytes", "5bffffffffffffffff00"},
		{"null", "f7"}, {"null", "00"}, {"array", "9f"}, {"array", "81"}, {"array", "9bffffffffffffffff00"},
		{"array of 2", "8100"}, {"fixed 2", "4101"}, {"fixed 2", "43010203"},
		{"raw", "a0"}, {"raw", "c000"}, {"raw", "f4"}, {"raw", "f90000"}, {"raw", "8200"}, {"raw", strings.Repeat("81", 16) + "00"},
	} {
		r := NewReader(unhex(t, c.input))
		reads[c.read](r)
		if err := r.Done(); !errors.Is(err, ErrNotCanonical) {
			t.Errorf("%s of %s: %v", c.read, c.input, err)
		}
	}
}

func TestFirstErrorSticks(t *testing.T) {
	r := NewReader(unhex(t, "0000"))
	r.Text()
	first := r.Err()
	if r.Uint() != 0 || r.Next() != KindInvalid || r.Bytes() != nil || r.Len() != 0 {
		t.Error("a failed Reader reads on")
	}
	r.Fail("of another reason")
	if r.Done() != first {
		t.Errorf("%v, then %v", first, r.Done())
	}
}

// A reader never makes room for what its input only claims.
func TestClaimedLengthsAllocateNothing(t *testing.T) {
	for _, s := range []string{"5b7fffffffffffffff", "9b7fffffffffffffff", "7b7fffffffffffffff", strings.Repeat("9b0000000100000000", 8)} {
		b := unhex(t, s)
		if n := testing.AllocsPerRun(20, func() {
			r := Reader{rest: b}
			r.Raw()
		}); n > 4 { // the error
			t.Errorf("%s: %v allocations", s, n)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 128)
	text := []byte("text")
	if n := testing.AllocsPerRun(20, func() {
		c := AppendArray(b, 5)
		c = AppendUint(c, 1<<40)
		c = AppendInt(c, -1<<40)
		c = AppendBytes(c, text)
		c = AppendTextBytes(c, text)
		AppendNull(c)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
