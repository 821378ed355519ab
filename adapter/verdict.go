package adapter

import (
	"context"
	"net/http"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func assuranceName(a tap.Assurance) string { return commit.Assurance(a).String() }

// RowVerdict reads one row now and says how it stands to the log.
func (s *Sidecar) RowVerdict(ctx context.Context, table, text string) (*api.RowVerdict, error) {
	if err := s.refuseWhilePaused(); err != nil {
		return nil, err
	}
	key, err := s.parseKey(ctx, table, text)
	if err != nil {
		return nil, err
	}
	out := &api.RowVerdict{Table: table, Key: text, ReadAt: s.options.Now().UTC(), Columns: []string{}}
	d, err := s.auditor.Row(ctx, table, key)
	if err != nil {
		return nil, problem(err)
	}
	encoded := row.AppendKey(nil, key)
	head, known, err := s.log.Head(table, encoded)
	if err != nil {
		return nil, err
	}
	if !known && d == nil {
		return nil, api.NewProblem(http.StatusNotFound, "there is no such row in the source or the log", "check table and key")
	}
	if known {
		index := head.Index
		out.Leaf, out.Version = &index, head.Version
	}
	if d != nil {
		return out, s.describeDeviation(ctx, out, *d)
	}
	return out, s.describeIntact(out, head.Index)
}

func (s *Sidecar) describeDeviation(ctx context.Context, out *api.RowVerdict, f findings.Finding) error {
	described, err := s.describeFinding(ctx, f)
	if err != nil {
		return err
	}
	out.Verdict, out.Columns, out.Detail = described.Verdict, described.Columns, described.Detail
	out.LastSeenGood, out.FirstSeenBad = described.LastSeenGood, described.FirstSeenBad
	return nil
}

func (s *Sidecar) describeIntact(out *api.RowVerdict, leaf uint64) error {
	out.Verdict = string(findings.NotYetAnchored)
	at, ok, err := anchors{s.log, s.anchoring}.Covering(leaf)
	if err != nil || !ok {
		return err
	}
	out.Verdict = string(findings.Intact)
	out.Anchored = &api.Moment{Time: when(at.Time), Height: at.Height}
	return nil
}
