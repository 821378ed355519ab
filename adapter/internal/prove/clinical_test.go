package prove_test

import (
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
)

// find has the next audit hold a finding of a version.
func (h *hospital) find(f evidence.Finding, id int64, leaf uint64) {
	h.t.Helper()
	e, err := h.log.Entry(leaf)
	h.must(err)
	f.Table, f.Key, f.Leaf, f.Version, f.FirstBad = "t", logtest.Key(id), leaf, e.Header.Version, evidence.Millis(leaf+1)
	h.found = append(h.found, f.Append(nil))
}

// A late entry is proven by the date that it gives and the chain's own time. One
// that the chain's time does not bear out is proven as what it is: committed.
func TestALateEntryIsProven(t *testing.T) {
	h := newHospital(t)
	late := evidence.Finding{Verdict: evidence.VerdictLateEntry, Columns: []string{"v"}}
	h.find(late, 1, h.record(1, "2020-01-05"))
	h.find(late, 2, h.record(2, "2099-01-05"))
	h.enterAudit(1, 2)
	h.anchor()
	for id, want := range map[int64]evidence.Claim{1: evidence.LateEntry, 2: evidence.Committed} {
		got, err := h.prove(id, 0)
		h.must(err)
		if got.Claim != want || !got.Columns[1].Open {
			t.Errorf("row %d: claim %s, want %s, columns %+v", id, got.Claim, want, got.Columns)
		}
	}
}

// Of a version that was final and whose values are gone, the evidence shows the
// one cell that said so, and that the change gave other values; or deleted it.
func TestAChangeAfterFinalIsProven(t *testing.T) {
	h := newHospital(t)
	changed, deleted := h.record(1, "final"), h.record(2, "signed")
	h.record(1, "reopened")
	h.record(2, "")
	e, err := h.log.Entry(changed)
	h.must(err)
	d, err := rows.NewComparer(h.log).Differences(e, h.table, logtest.Cells(1, "reopened"), h.log.Size())
	h.must(err)
	h.find(evidence.Finding{Verdict: evidence.VerdictChangedAfterFinal, Columns: d.Columns, Present: d.Present}, 1, changed)
	h.find(evidence.Finding{Verdict: evidence.VerdictChangedAfterFinal}, 2, deleted)
	h.enterAudit(1)
	h.anchor()
	got, err := h.prove(1, 0)
	h.must(err)
	if c := got.Columns[1]; got.Claim != evidence.Altered || got.Version != 1 || c.Value != `"final"` || c.Present != `"reopened"` || got.Columns[0].Open {
		t.Errorf("changed: %+v", got)
	}
	gone, err := h.prove(2, 0)
	h.must(err)
	if gone.Claim != evidence.Deleted || gone.Version != 1 || gone.Columns[1].Value != `"signed"` {
		t.Errorf("deleted: %+v", gone)
	}
	if latest, err := h.prove(1, 2); err != nil || latest.Claim != evidence.Committed || latest.Version != 2 {
		t.Errorf("the version after it: %+v, %v", latest, err)
	}
}
