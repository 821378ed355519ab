package adapter

import (
	"context"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/audit"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
)

// The verdicts on a whole audit.
const (
	verdictIntact   = "intact"
	verdictFindings = "findings"
	verdictPart     = "intact in part" // and some tables were not read
	verdictNothing  = "not covered"    // nothing could be read
	verdictFailed   = "incomplete"     // a covered table could not be read
)

// describe writes a report for people and machines.
func (s *Sidecar) describe(ctx context.Context, r *audit.Report, since *time.Time) (*api.AuditReport, error) {
	out := &api.AuditReport{Verdict: verdictIntact, Counts: make(map[string]uint64, len(r.Counts)),
		Covered:  api.Covered{Tables: []api.CoveredTable{}, NotCovered: []api.NotCovered{}},
		Findings: []api.Finding{}, Authorised: []api.Finding{}}
	for verdict, n := range r.Counts {
		out.Counts[string(verdict)] = n
	}
	if t := r.ProtectedSince(); t != 0 {
		moment := when(t)
		out.ProtectedSince = &moment
	}
	describeCoverage(out, r)
	for _, f := range r.Findings {
		if since != nil && when(f.FirstBad.Time).Before(*since) {
			continue
		}
		described, err := s.describeFinding(ctx, f)
		if err != nil {
			return nil, err
		}
		out.Findings = append(out.Findings, described)
	}
	for _, f := range r.Authorised {
		described, err := s.describeFinding(ctx, f)
		if err != nil {
			return nil, err
		}
		out.Authorised = append(out.Authorised, described)
	}
	switch {
	case len(out.Findings) > 0:
		out.Verdict = verdictFindings
	case len(r.Failed()) > 0:
		out.Verdict = verdictFailed
	case len(out.Covered.Tables) == 0:
		out.Verdict = verdictNothing
	case len(out.Covered.Tables) < len(r.Covered):
		out.Verdict = verdictPart
	}
	return out, s.describeLog(out, r)
}

// describeCoverage says what was read and what not.
func describeCoverage(out *api.AuditReport, r *audit.Report) {
	for _, c := range r.Covered {
		if c.Refused != "" {
			out.Covered.NotCovered = append(out.Covered.NotCovered, api.NotCovered{Table: c.Table, Failed: c.Failed, Reason: c.Refused})
			continue
		}
		out.Covered.Tables = append(out.Covered.Tables, api.CoveredTable{Name: c.Table, Rows: c.Read, OldestRead: when(c.ReadAt)})
	}
	busy := make(map[string]uint64)
	for _, f := range r.NotCovered {
		busy[f.Table]++
	}
	for _, c := range r.Covered {
		if n := busy[c.Table]; n > 0 {
			out.Covered.NotCovered = append(out.Covered.NotCovered, api.NotCovered{Table: c.Table, Rows: n,
				Reason: "busy: these rows changed faster than they could be read"})
		}
	}
}

// describeLog says which log was audited, and which anchor covers the audit's
// own entry, if one does yet.
func (s *Sidecar) describeLog(out *api.AuditReport, r *audit.Report) error {
	checkpoint, err := s.checkpoint(r.Entry + 1)
	if err != nil {
		return err
	}
	out.Checkpoint = &checkpoint
	_, after, ok, err := s.anchoring.Around(r.Entry)
	if err != nil || !ok {
		return err
	}
	out.Chain = &api.Moment{Time: when(after.Time), Height: after.Height}
	return nil
}

func (s *Sidecar) describeFinding(ctx context.Context, f findings.Finding) (api.Finding, error) {
	var key string
	if len(f.Key) > 0 {
		var err error
		if key, err = s.writeKey(ctx, f.Table, f.Key); err != nil {
			return api.Finding{}, err
		}
	}
	out := api.Finding{Verdict: string(f.Verdict), Table: f.Table, Key: key, Version: f.Version, Columns: f.Columns, Detail: f.Detail}
	if out.Columns == nil {
		out.Columns = []string{}
	}
	if f.LastGood.Time != 0 {
		out.LastSeenGood = &api.Moment{Time: when(f.LastGood.Time), Height: f.LastGood.Height}
	}
	if f.FirstBad.Time != 0 {
		out.FirstSeenBad = &api.Seen{Time: when(f.FirstBad.Time)}
	}
	return out, nil
}
