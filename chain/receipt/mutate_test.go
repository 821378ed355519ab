package receipt_test

import (
	"testing"

	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/chain/receipt/receipttest"
)

func verifyBytes(b []byte, trust receipt.Trust) error {
	r, err := receipt.Parse(b)
	if err != nil {
		return err
	}
	_, err = r.Verify(trust)
	return err
}

func TestAnyChangedByteIsRefused(t *testing.T) {
	masks, step := []byte{0x01, 0x20, 0x80, 0xff}, 1
	if testing.Short() {
		masks, step = []byte{0x20}, 5
	}
	linked := chainOfSets(t)
	linked.Absent, linked.Nil = 1, 0
	small := sampleChain(t, receipttest.Equal(4)...)
	smallTrust := small.Trust(1)
	small.Nil = 1
	for name, sample := range map[string]struct {
		receipt *receipt.Receipt
		trust   receipt.Trust
	}{
		"presence": {small.Receipt([]byte("a/3")), smallTrust},
		"absence":  {small.Receipt([]byte("a/5")), smallTrust},
		"linked":   {linked.Receipt([]byte("a/3")), linked.Trust(1)},
	} {
		good := sample.receipt.Append(nil)
		if err := verifyBytes(good, sample.trust); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i := 0; i < len(good); i += step {
			for _, mask := range masks {
				good[i] ^= mask
				if verifyBytes(good, sample.trust) == nil {
					t.Errorf("%s: byte %d of %d changed by %#02x: accepted", name, i, len(good), mask)
				}
				good[i] ^= mask
			}
		}
		for n := range good {
			if verifyBytes(good[:n], sample.trust) == nil {
				t.Errorf("%s: cut to %d bytes: accepted", name, n)
			}
		}
	}
}
