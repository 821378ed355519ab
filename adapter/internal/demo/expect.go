package demo

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// finding is what an audit should name.
type finding struct{ verdict, table, key, columns string }

// findingSet is what was found so far: findings stay open.
type findingSet map[finding]bool

func named(f api.Finding) finding {
	columns := append([]string(nil), f.Columns...)
	sort.Strings(columns)
	return finding{f.Verdict, f.Table, f.Key, strings.Join(columns, ",")}
}

// expect audits a hospital and compares the findings with those before and the
// one expected now: no more, no less.
func (s *show) expect(ctx context.Context, h *hospital, want finding) (string, error) {
	report, err := h.control.Audit(ctx, api.AuditRequest{})
	if err != nil {
		return "", err
	}
	s.pastAudit[want] = true
	var hit *api.Finding
	for i, f := range report.Findings {
		if !s.pastAudit[named(f)] {
			return "", fmt.Errorf("expected %s, found also: %s", describeOne(want), describe(report.Findings[i:i+1]))
		}
		if named(f) == want {
			hit = &report.Findings[i]
		}
	}
	if hit == nil {
		return "", fmt.Errorf("%w: expected %s, found: %s", errNotFound, describeOne(want), describe(report.Findings))
	}
	if hit.FirstSeenBad == nil || hit.LastSeenGood == nil && want.verdict != "unlogged insert" {
		return "", fmt.Errorf("the finding lacks a moment: %s", describe(report.Findings))
	}
	return "expected and found: " + sentence(*hit), nil
}

func describeOne(f finding) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", f.table, f.key, f.verdict, f.columns))
}

func describe(found []api.Finding) string {
	if len(found) == 0 {
		return "nothing"
	}
	lines := make([]string, 0, len(found))
	for _, f := range found {
		lines = append(lines, describeOne(named(f)))
		if len(lines) == 8 && len(found) > 9 {
			lines = append(lines, fmt.Sprintf("and %d more", len(found)-8))
			break
		}
	}
	return strings.Join(lines, "; ")
}

// sentence says a finding as a person would.
func sentence(f api.Finding) string {
	b := fmt.Sprintf("%s %s is %s", f.Table, f.Key, f.Verdict)
	if len(f.Columns) > 0 {
		b += " (" + strings.Join(f.Columns, ", ") + ")"
	}
	if f.LastSeenGood != nil {
		b += ", last seen good " + f.LastSeenGood.Time.Format(time.TimeOnly)
		if f.LastSeenGood.Height != 0 {
			b += fmt.Sprintf(" (block %d)", f.LastSeenGood.Height)
		}
	}
	if f.FirstSeenBad != nil {
		b += ", first seen bad " + f.FirstSeenBad.Time.Format(time.TimeOnly)
	}
	return b
}
