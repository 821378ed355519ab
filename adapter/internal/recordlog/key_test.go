package recordlog

import (
	"bytes"
	"math"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// FuzzOrderedKey: every canonical key leads to an ordered form and back, and
// nothing else that leads back is another key.
func FuzzOrderedKey(f *testing.F) {
	for _, n := range []int64{math.MinInt64, -257, -256, -25, -24, -1, 0, 23, 24, 255, 256, math.MaxInt64} {
		f.Add(intKey(n))
		f.Add(row.AppendKey(nil, []row.Value{row.NewText("utf8", []byte("a")), row.NewInt(n), row.Null()}))
	}
	f.Add(row.AppendKey(nil, []row.Value{row.NewUint(math.MaxUint64), row.NewBytes(nil)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if back, err := appendCanonical(nil, b); err == nil {
			again, err := appendOrdered(nil, back)
			if err == nil && !bytes.Equal(again, b) && isCanonicalKey(back) {
				t.Fatalf("ordered forms %x and %x of one key %x", b, again, back)
			}
		}
		ordered, err := appendOrdered(nil, b)
		if err != nil {
			if isCanonicalKey(b) {
				t.Fatalf("canonical key %x refused: %v", b, err)
			}
			return
		}
		back, err := appendCanonical(nil, ordered)
		if err != nil || !bytes.Equal(back, b) {
			t.Fatalf("key %x came back as %x: %v", b, back, err)
		}
	})
}

func isCanonicalKey(b []byte) bool {
	r := dcbor.NewReader(b)
	row.ReadCells(r, nil)
	return r.Done() == nil
}

func TestIntegerKeysAreInNumericOrder(t *testing.T) {
	var last []byte
	for _, v := range []row.Value{
		row.NewInt(math.MinInt64), row.NewInt(math.MinInt64 + 1), row.NewInt(-70000), row.NewInt(-257), row.NewInt(-256), row.NewInt(-25), row.NewInt(-24),
		row.NewInt(-1), row.NewInt(0), row.NewInt(23), row.NewInt(24), row.NewInt(255), row.NewInt(256), row.NewInt(65536),
		row.NewInt(math.MaxInt64), row.NewUint(math.MaxInt64 + 1), row.NewUint(math.MaxUint64),
	} {
		ordered, err := appendOrdered(nil, row.AppendKey(nil, []row.Value{v}))
		if err != nil || bytes.Compare(last, ordered) >= 0 {
			t.Errorf("%s: %x after %x: %v", v.Display(), ordered, last, err)
		}
		last = ordered
	}
}
