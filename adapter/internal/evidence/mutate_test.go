package evidence_test

import (
	"fmt"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// samples are one file of each kind.
func samples(t testing.TB, validators int) map[string][]byte {
	t.Helper()
	intact := newSample(t, evidence.Committed, validators, change{})
	altered := newSample(t, evidence.Altered, validators, change{})
	deleted := newSample(t, evidence.Deleted, validators, change{})
	late := newSample(t, evidence.LateEntry, validators, change{values: endedLongAgo})
	final := newSample(t, evidence.Altered, validators, change{finding: afterFinal})
	return map[string][]byte{
		"late-entry":          late.evidence(evidence.LateEntry, "drug", "ended").Append(nil),
		"changed-after-final": final.evidence(evidence.Altered, "drug").Append(nil),
		"committed":           intact.evidence(evidence.Committed, "drug", "dose").Append(nil),
		"intact":              intact.intact("all").Append(nil),
		"altered":             altered.evidence(evidence.Altered, "drug").Append(nil),
		"deleted":             deleted.evidence(evidence.Deleted).Append(nil),
	}
}

// endedLongAgo gives a version a clinical date in the column ended.
func endedLongAgo(values []row.Value) { values[4], _ = row.NewDate([]byte("2026-01-05")) }

func afterFinal(f *evidence.Finding) { f.Verdict = evidence.VerdictChangedAfterFinal }

// sampleTrust is what trusts the samples of a number of validators.
func sampleTrust(t testing.TB, validators int) receipt.Trust {
	return newSample(t, evidence.Committed, validators, change{}).trust
}

func TestAnyChangedByteIsRefused(t *testing.T) {
	for validators, masks := range map[int][]byte{1: {0x01, 0x20, 0x80, 0xff}, 4: {0x02}} {
		step := 1
		if testing.Short() {
			masks, step = masks[:1], 11
		}
		trust := sampleTrust(t, validators)
		for name, file := range samples(t, validators) {
			t.Run(fmt.Sprintf("%s-%d", name, validators), func(t *testing.T) {
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

// FuzzVerify looks for a file that says something else than the samples do
// and is accepted, or that makes the verifier panic. Columns may be closed
// again; nothing else can change.
func FuzzVerify(f *testing.F) {
	trust := sampleTrust(f, 1)
	said := map[string]bool{}
	for _, file := range samples(f, 1) {
		f.Add(file)
		result, err := verify(file, trust)
		if err != nil {
			f.Fatal(err)
		}
		said[statement(result)] = true
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if result, err := verify(file, trust); err == nil && !said[statement(result)] {
			t.Errorf("accepted: %s", statement(result))
		}
	})
}

// statement is what a result says beyond which values it shows.
func statement(r *evidence.Result) string {
	return fmt.Sprint(r.Conclusion(), r.Chain, r.Log, r.Incarnation, r.Index, r.Op, r.Logged, r.After, r.Before)
}
