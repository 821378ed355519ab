package dcbor

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// oracle encodes and decodes with fxamacker/cbor under RFC 8949, section 4.2.1.
type oracle struct {
	encoder cbor.EncMode
	decoder cbor.DecMode
}

func newOracle(t testing.TB) oracle {
	t.Helper()
	e := cbor.CoreDetEncOptions()
	e.TagsMd = cbor.TagsForbidden
	encoder, err := e.EncMode()
	if err != nil {
		t.Fatal(err)
	}
	d := cbor.DecOptions{IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, UTF8: cbor.UTF8RejectInvalid,
		MaxNestedLevels: 32, DupMapKey: cbor.DupMapKeyEnforcedAPF}
	decoder, err := d.DecMode()
	if err != nil {
		t.Fatal(err)
	}
	return oracle{encoder, decoder}
}

// accepts reports whether b is one value of the profile in deterministic form:
// it decodes, holds nothing outside the profile, and encodes to b again.
func (o oracle) accepts(b []byte) bool {
	var v any
	if o.decoder.Unmarshal(b, &v) != nil || !inProfile(v) {
		return false
	}
	again, err := o.encoder.Marshal(v)
	return err == nil && bytes.Equal(again, b)
}

func inProfile(v any) bool {
	switch v := v.(type) {
	case nil, uint64, int64, []byte, string:
		return true
	case big.Int:
		return v.Sign() < 0 // an integer from -2^64 to below -2^63
	case []any:
		for _, e := range v {
			if !inProfile(e) {
				return false
			}
		}
		return true
	}
	return false
}

// appendAny appends a value with the functions of this package.
func appendAny(b []byte, v any) []byte {
	switch v := v.(type) {
	case uint64:
		return AppendUint(b, v)
	case int64:
		return AppendInt(b, v)
	case []byte:
		return AppendBytes(b, v)
	case string:
		return AppendText(b, v)
	case []any:
		b = AppendArray(b, len(v))
		for _, e := range v {
			b = appendAny(b, e)
		}
		return b
	}
	return AppendNull(b)
}

// anyValue generates values of the profile, up to a depth.
func anyValue(depth int) *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil), rapid.Uint64().AsAny(), rapid.Int64().AsAny(), rapid.Uint64Range(20, 300).AsAny(),
		rapid.SampledFrom([]any{uint64(math.MaxUint64), int64(math.MinInt64), int64(-1), uint64(1 << 16), uint64(1<<32 - 1)}),
		rapid.SliceOf(rapid.Byte()).AsAny(), rapid.String().AsAny(), rapid.SliceOfN(rapid.Byte(), 250, 300).AsAny(),
	)
	if depth == 0 {
		return leaf
	}
	return rapid.OneOf(leaf, rapid.SliceOfN(anyValue(depth-1), 0, 30).AsAny())
}

func TestAppendEqualsOracle(t *testing.T) {
	o := newOracle(t)
	rapid.Check(t, func(t *rapid.T) {
		v := anyValue(3).Draw(t, "value")
		want, err := o.encoder.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendAny(nil, v); !bytes.Equal(got, want) {
			t.Fatalf("%x, the oracle has %x", got, want)
		}
		r := NewReader(want)
		if raw := r.Raw(); r.Done() != nil || !bytes.Equal(raw, want) {
			t.Fatalf("%x refused: %v", want, r.Err())
		}
	})
}

// The Reader accepts exactly what the oracle calls deterministic and within
// the profile.
func FuzzReaderAcceptsExactlyCanonical(f *testing.F) {
	for _, s := range []string{"f6", "00", "17", "1817", "1818", "1900ff", "190100", "1a0000ffff", "1b00000000ffffffff",
		"1bffffffffffffffff", "3bffffffffffffffff", "20", "40", "4100", "5800", "60", "61ff", "62c3a9", "80", "8100", "98188080",
		"9f00ff", "5f4100ff", "a0", "c000", "f4", "f5", "f7", "f90000", "fb7ff0000000000000", "f800", "8281808280", "1c", "",
		strings.Repeat("81", 15) + "00", strings.Repeat("81", 20) + "00"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	o := newOracle(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader(b)
		raw := r.Raw()
		err := r.Done()
		if err != nil && strings.Contains(err.Error(), "nested too deeply") {
			return
		}
		if err != nil && !errors.Is(err, ErrNotCanonical) {
			t.Errorf("error of another kind: %v", err)
		}
		if accepted := o.accepts(b); (err == nil) != accepted {
			t.Fatalf("%x: %v, the oracle accepts: %v", b, err, accepted)
		}
		if err == nil && !bytes.Equal(raw, b) {
			t.Fatalf("%x read as %x", b, raw)
		}
	})
}
