package findings_test

import (
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// A row was last seen good when the last audit listed its version, and by no
// audit that did not read it, found it otherwise, or came before it.
func TestWhenARowWasLastSeenGood(t *testing.T) {
	log := logtest.New(t)
	audit := func(leaf uint64, bits byte, table string) {
		t.Helper()
		if err := log.Update(func(b *recordlog.Batch) error {
			findings.TableAudit{Leaf: leaf, ReadAt: int64(leaf) * 100, From: leaf}.Set(b, table)
			b.Set(findings.ListedName, dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 2), leaf), []byte{bits}))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	var s findings.Sightings
	good := func(leaf uint64, want int64) {
		t.Helper()
		if got, err := s.Good(log, "t", leaf); err != nil || got != want {
			t.Errorf("leaf %d was seen good at %d, not %d: %v", leaf, got, want, err)
		}
	}
	good(1, 0)
	audit(4, 0b1010, "t")
	good(1, 400)
	good(2, 0)
	good(5, 0)
	audit(6, 0b0100, "t")
	good(1, 0)
	good(2, 600)
	audit(7, 0, "u")
	s = findings.Sightings{}
	good(2, 0)
}
