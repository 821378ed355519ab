package evidence_test

import (
	"fmt"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/chain/receipt"
)

// samples are one file of each kind.
func samples(t testing.TB, validators int) map[string][]byte {
	t.Helper()
	intact := newSample(t, evidence.Committed, validators, change{})
	altered := newSample(t, evidence.Altered, validators, change{})
	deleted := newSample(t, evidence.Deleted, validators, change{})
	return map[string][]byte{
		"committed": intact.evidence(evidence.Committed, "drug", "dose").Append(nil),
		"intact":    intact.intact("all").Append(nil),
		"altered":   altered.evidence(evidence.Altered, "drug").Append(nil),
		"deleted":   deleted.evidence(evidence.Deleted).Append(nil),
	}
}

// sampleTrust is what trusts the samples of a number of validators.
func sampleTrust(t testing.TB, validators int) receipt.Trust {
	return newSample(t, evidence.Committed, validators, change{}).trust
}

func TestAnyChangedByteIsRefused(t *testing.T) {
	masks, validators, step := []byte{0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff}, []int{1, 4}, 1
	if testing.Short() {
		masks, validators, step = []byte{0x20}, []int{1}, 7
	}
	for _, n := range validators {
		trust := sampleTrust(t, n)
		for name, file := range samples(t, n) {
			t.Run(fmt.Sprintf("%s-%d", name, n), func(t *testing.T) {
				t.Parallel()
				refuseChanges(t, file, trust, masks, step)
			})
		}
	}
}

// refuseChanges changes every step-th byte of a file by each of the masks.
func refuseChanges(t *testing.T, file []byte, trust receipt.Trust, masks []byte, step int) {
	if _, err := verify(file, trust); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(file); i += step {
		for _, mask := range masks {
			file[i] ^= mask
			if _, err := verify(file, trust); err == nil {
				t.Errorf("byte %d of %d changed by %#02x: accepted", i, len(file), mask)
			} else if err.Error() == "" {
				t.Errorf("byte %d changed: refused without a reason", i)
			}
			file[i] ^= mask
		}
	}
}

func TestCutOrLengthenedFileIsRefused(t *testing.T) {
	trust := sampleTrust(t, 4)
	for name, file := range samples(t, 4) {
		for n := range file {
			if _, err := verify(file[:n], trust); err == nil {
				t.Errorf("%s: cut to %d bytes: accepted", name, n)
			}
		}
		if _, err := verify(append(file, 0xf6), trust); err == nil {
			t.Errorf("%s: with a byte more: accepted", name)
		}
	}
}

// FuzzVerify looks for a file that is accepted and is none of the samples, or
// that makes the verifier panic.
func FuzzVerify(f *testing.F) {
	good := map[string]bool{}
	for _, file := range samples(f, 1) {
		f.Add(file)
		good[string(file)] = true
	}
	trust := sampleTrust(f, 1)
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := verify(file, trust); err == nil && !good[string(file)] {
			t.Error("accepted a file that nobody made")
		}
	})
}
