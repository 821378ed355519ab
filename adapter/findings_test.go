package adapter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// findings are those that a test expects to be open.
type findings struct {
	t       *testing.T
	sidecar *sidecartest.Sidecar
	open    map[string]bool
}

func newFindings(t *testing.T, s *sidecartest.Sidecar) *findings {
	return &findings{t: t, sidecar: s, open: make(map[string]bool)}
}

// expect audits and demands that exactly the wanted findings are new: verdict,
// table, key and the sorted columns, each with the moments that it must have.
func (f *findings) expect(want ...string) {
	f.t.Helper()
	report := f.sidecar.Audit()
	for _, w := range want {
		f.open[w] = true
	}
	got := make(map[string]bool)
	for _, one := range report.Findings {
		line := findingLine(one)
		got[line] = true
		if !f.open[line] {
			f.t.Errorf("unexpected finding: %q: %s", line, one.Detail)
		}
		if one.FirstSeenBad == nil || one.Version > 0 && one.LastSeenGood == nil {
			f.t.Errorf("finding without both moments: %+v", one)
		}
		if one.LastSeenGood != nil && one.LastSeenGood.Time.After(one.FirstSeenBad.Time) {
			f.t.Errorf("last seen good after first seen bad: %+v", one)
		}
	}
	for w := range f.open {
		if !got[w] {
			f.t.Errorf("not found: %q; counts %v, not covered %v", w, report.Counts, report.Covered.NotCovered)
		}
	}
	if f.t.Failed() {
		f.t.FailNow()
	}
}

func findingLine(f api.Finding) string {
	columns := slices.Sorted(slices.Values(f.Columns))
	return f.Verdict + " " + f.Table + " " + f.Key + " " + strings.Join(columns, ",")
}
