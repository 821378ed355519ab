package recordlog

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// orderedKeys are keys of every form, in the order in which a manifest of
// evidence wants its rows: ascending canonical bytes.
func orderedKeys() [][]byte {
	var keys [][]byte
	for _, v := range []row.Value{
		row.NewInt(math.MinInt64), row.NewInt(-70000), row.NewInt(-257), row.NewInt(-256), row.NewInt(-25), row.NewInt(-24),
		row.NewInt(-1), row.NewInt(0), row.NewInt(23), row.NewInt(24), row.NewInt(255), row.NewInt(256), row.NewInt(65536),
		row.NewInt(math.MaxInt64), row.NewUint(math.MaxInt64 + 1), row.NewUint(math.MaxUint64),
		row.Null(), row.NewBytes(nil), row.NewText("utf8", []byte("a")), row.NewText("utf8", []byte("ab")),
	} {
		keys = append(keys, row.AppendKey(nil, []row.Value{v}), row.AppendKey(nil, []row.Value{v, row.NewInt(-7)}))
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

// TestHeadsComeInTheOrderOfCanonicalKeys, negative integers included: the
// manifest of an audit refuses any other order.
func TestHeadsComeInTheOrderOfCanonicalKeys(t *testing.T) {
	l, _ := newTestLog(t, testOptions(t))
	m, want := newMaker(1), orderedKeys()
	must(t, l.Update(func(b *Batch) error {
		for i := range want {
			key := want[(i*7+3)%len(want)] // 7 and the number of keys have no common factor
			if _, err := m.add(b, OwnerName{Kind: OwnerLog}, "visits", key, commit.Insert); err != nil {
				return err
			}
		}
		return nil
	}))
	var got [][]byte
	must(t, l.Heads(t.Context(), "visits", func(key []byte, _ Head) error {
		got = append(got, key)
		return nil
	}))
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

// TestIntegerKeysFromZeroUpAreInNumericOrder, which keeps rows together that
// the source keeps together.
func TestIntegerKeysFromZeroUpAreInNumericOrder(t *testing.T) {
	var last []byte
	for _, n := range []uint64{0, 1, 23, 24, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64} {
		key, err := appendHeadKey(nil, 1, row.AppendKey(nil, []row.Value{row.NewUint(n)}))
		if err != nil || bytes.Compare(last, key) >= 0 {
			t.Errorf("%d: %x after %x: %v", n, key, last, err)
		}
		last = key
	}
}

func TestKeysThatAreNotCanonicalAreRefused(t *testing.T) {
	for _, key := range [][]byte{nil, {0xf6}, {0x81}, {0x81, 0x18, 0x01}, append(intKey(1), 0)} {
		if _, err := appendHeadKey(nil, 1, key); err == nil {
			t.Errorf("%x is accepted", key)
		}
	}
}
