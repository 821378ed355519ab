package memtap

import (
	"context"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Survey implements tap.Surveyor.
func (t *Tap) Survey(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
	if len(q.Config.Tables) == 0 {
		for _, table := range t.Known {
			q.Config.Tables = append(q.Config.Tables, table.Name)
		}
	}
	beside := New(t.Backend, t.Assurance, t.Known...)
	var found tap.Survey
	var setup *tap.SetupError
	switch err := beside.Open(ctx, q.Config); {
	case errors.As(err, &setup):
		for _, p := range setup.Problems {
			found.Checks = append(found.Checks, tap.Check{Thing: p.Thing, State: tap.CheckFail, Reason: p.Reason, Mend: p.Mend})
		}
		return found, nil
	case err != nil:
		return found, err
	}
	found.Checks = append(found.Checks, tap.Check{Thing: "source", State: tap.CheckOK, Found: beside.name})
	for _, table := range beside.covered {
		surveyed, err := beside.look(ctx, table, q.SampleRows)
		if err != nil {
			return found, err
		}
		found.Tables = append(found.Tables, surveyed)
	}
	return found, nil
}

func (t *Tap) look(ctx context.Context, table tap.Table, rows int) (tap.SurveyedTable, error) {
	out := tap.SurveyedTable{Table: table, Engine: "memory"}
	view, err := t.Backend.View(ctx, table.Name)
	if err != nil {
		return out, fmt.Errorf("read table: %w", err)
	}
	out.EstimatedRows = uint64(len(view.Rows))
	if rows == 0 {
		return out, nil
	}
	out.Sample = &tap.Sample{}
	for _, image := range view.Rows[:min(rows, len(view.Rows))] {
		out.Sample.Rows++
		out.Sample.Bytes += uint64(len(row.AppendCells(nil, image.Cells())))
	}
	return out, nil
}
