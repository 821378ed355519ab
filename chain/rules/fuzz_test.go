package rules_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/chain/rules"
)

// seedTxs are transactions of every kind, good and refused.
func seedTxs(t testing.TB, l *tree) [][]byte {
	return [][]byte{
		nil, {0x80}, {0x83, 1, 0x60, 4},
		newTree(t, chainID, logB, 0, 9).register(t, "birch", memberKey(2)).Append(nil),
		l.register(t, "alder", memberKey(1)).Append(nil),
		l.anchor(t, 6, 8).Append(nil),
		l.anchor(t, 0, 4).Append(nil),
		l.beat(t, 0, 1900).Append(nil),
		l.beat(t, 7, -1).Append(nil),
		publish(t, contactOf(t, "alder", 1), memberKey(1)).Append(nil),
		publish(t, contactOf(t, "birch", 2), memberKey(1)).Append(nil),
	}
}

// FuzzParse: what is parsed has one encoding, the one that was read.
func FuzzParse(f *testing.F) {
	l := newTree(f, chainID, logA, 0, 7).grow(f, "a", "b", "c", "d", "e", "f", "g", "h")
	for _, tx := range seedTxs(f, l) {
		f.Add(tx)
	}
	f.Fuzz(func(t *testing.T, tx []byte) {
		parsed, err := rules.Parse(tx)
		if err != nil {
			if _, ok := rules.RefusalOf(err); !ok {
				t.Fatalf("parse fails without a code: %v", err)
			}
			return
		}
		if !bytes.Equal(parsed.Append(nil), tx) {
			t.Fatalf("parsed %x, encodes to %x", tx, parsed.Append(nil))
		}
	})
}

// FuzzApply: no bytes make the rules panic or fail without a code, and a
// refusal writes nothing. Nobody without a key gets further than a repeat.
func FuzzApply(f *testing.F) {
	s, l := newState(f), newTree(f, chainID, logA, 0, 7)
	must(f, s, 1, l.register(f, "alder", memberKey(1)), rules.InfoRegistered)
	l.grow(f, "a", "b", "c", "d", "e", "f", "g", "h")
	must(f, s, 2, l.anchor(f, 0, 4), rules.InfoAnchored)
	must(f, s, 3, l.anchor(f, 4, 6), rules.InfoAnchored)
	seeds := seedTxs(f, l)
	for _, tx := range seeds {
		f.Add(tx)
	}
	f.Fuzz(func(t *testing.T, tx []byte) {
		w := &recorder{State: rules.NewOverlay(s), writes: map[string]string{}}
		r, err := rules.Apply(w, at(2000), tx)
		if err == nil {
			if len(w.writes) > 0 && !slices.ContainsFunc(seeds, func(seed []byte) bool { return bytes.Equal(seed, tx) }) {
				t.Fatalf("accepted as %q without a key: %x", r.Info, tx)
			}
			return
		}
		if _, ok := rules.RefusalOf(err); !ok || len(w.writes) > 0 {
			t.Fatalf("refused with %v after %d writes", err, len(w.writes))
		}
	})
}
