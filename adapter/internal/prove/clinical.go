package prove

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/clinical"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// late makes evidence that a version was entered late, if the last audit holds it
// for that and the chain's own time bears it out; nil if not.
func (p *proof) late(e *recordlog.Entry, cells []row.Value) (*evidence.Evidence, error) {
	f, err := p.lastFinding(func(f *evidence.Finding) bool {
		return f.Verdict == evidence.VerdictLateEntry && f.Leaf == e.Header.Index
	})
	if err != nil || f == nil {
		return nil, err
	}
	out := &evidence.Evidence{Claim: evidence.LateEntry, LogKey: p.LogKey}
	if err := p.fill(out, e, cells, all); err != nil {
		return nil, err
	}
	anchor, err := rules.ParseAnchor(out.Before.Value)
	if err != nil {
		return nil, fmt.Errorf("read the anchor before leaf %d: %w", e.Header.Index, err)
	}
	for i, c := range e.Header.Columns {
		if c.Name != f.finding.Columns[0] {
			continue
		}
		if date, ok := cells[i].LatestMoment(); !ok || date >= anchor.Time {
			return nil, nil
		}
	}
	return out, p.audited(out, f)
}

// final finds the one cell of a version whose values are gone that is still known:
// that by which it said that it was final.
func (p *proof) final(ctx context.Context, f *found, key []row.Value) (cells []row.Value, show func(int) bool, err error) {
	if f.finding.Verdict != evidence.VerdictChangedAfterFinal || p.Rules == nil {
		return nil, all, nil
	}
	r := p.Rules(p.table)
	if r == nil || r.Final.Column == "" {
		return nil, all, nil
	}
	reading := clinical.Reading{Table: &tap.Table{}}
	chunk, _, err := p.Rows.Fetch(ctx, p.table, [][]row.Value{key})
	if err != nil && !errors.Is(err, tap.ErrTable) {
		return nil, nil, err
	}
	if len(chunk.Rows) > 0 {
		reading = clinical.Reading{Table: chunk.Table, Cells: [][]row.Value{chunk.Rows[0].Cells}}
	}
	columns := f.versions.Header.Columns
	cell, ok, err := r.FinalCell(rows.NewComparer(p.Log), f.versions, reading)
	if err != nil || !ok {
		return nil, all, err
	}
	i := slices.IndexFunc(columns, func(c row.Column) bool { return c.Name == r.Final.Column })
	cells = make([]row.Value, len(columns))
	cells[i] = cell
	return cells, func(column int) bool { return column == i }, nil
}
