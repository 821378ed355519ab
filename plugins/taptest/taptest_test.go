package taptest_test

import (
	"testing"

	"github.com/emrbchain/emrbchain/plugins/internal/memtap"
	"github.com/emrbchain/emrbchain/plugins/tap"
	"github.com/emrbchain/emrbchain/plugins/taptest"
)

func TestReferenceTapOfEveryVersionConforms(t *testing.T) {
	h := harness(tap.EveryVersion, plain)
	remotely(t, &h)
	taptest.Subtests(t, h)
}

func TestReferenceTapOfLastVersionConforms(t *testing.T) {
	h := harness(tap.LastVersion, plain)
	if !testing.Short() {
		remotely(t, &h)
	}
	taptest.Subtests(t, h)
}

// TestTapThatMergesTransactionsConforms: of assurance last version, rows may be
// told as they are later, and waiting transactions as one.
func TestTapThatMergesTransactionsConforms(t *testing.T) {
	taptest.Subtests(t, harness(tap.LastVersion, func(t *memtap.Tap) tap.Tap {
		t.Merge = true
		return t
	}))
}

// TestReferenceTapOfScanOnlyConforms runs the cases that need no changes; those
// that do are skipped, not passed.
func TestReferenceTapOfScanOnlyConforms(t *testing.T) {
	report := taptest.Run(t.Context(), harness(tap.ScanOnly, plain))
	if !report.OK() {
		t.Fatal(report)
	}
	for _, result := range report.Results {
		if result.Case == "commit-order" && result.Verdict != taptest.Skipped {
			t.Errorf("%s is %s", result.Case, result.Verdict)
		}
	}
}
