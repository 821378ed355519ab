package ingest

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// eventFormat is the version of the bodies of gap and schema entries.
const eventFormat = 1

// gap records that changes may be missing, and marks the tables concerned.
func (a *applier) gap(g tap.Gap) error {
	body := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 3), eventFormat), g.Reason)
	body = dcbor.AppendArray(body, len(g.Tables))
	for _, t := range g.Tables {
		body = dcbor.AppendText(body, t)
	}
	index, err := a.batch.AppendEvent(commit.Gap, body)
	if err != nil {
		return fmt.Errorf("record a gap: %w", err)
	}
	if err := countGap(a.batch); err != nil {
		return fmt.Errorf("count a gap: %w", err)
	}
	concerned := g.Tables
	if len(concerned) == 0 {
		for name := range a.states {
			concerned = append(concerned, name)
		}
	}
	for _, name := range concerned {
		if state, ok := a.states[name]; ok {
			state.Suspect, state.Cause = true, index
			a.setState(a.batch, name, state)
		}
	}
	if len(g.Position) == 0 && len(g.Tables) == 0 {
		a.place = place{}
		a.batch.Set(positionName, nil)
	}
	a.wake = true
	a.options.Logger.Warn().Str("event", "gap").Str("reason", g.Reason).Strs("tables", g.Tables).
		Msg("changes may be missing; the tables concerned will be verified")
	return nil
}

// schema records that a table has another shape.
func (a *applier) schema(c *tap.SchemaChange) error {
	index, err := appendSchema(a.batch, c.Table, c.Statement, c.Rewritten)
	if err != nil {
		return err
	}
	if c.Table.Refused == "" {
		if err := a.recorder.CheckTable(c.Table); err != nil {
			return err
		}
	}
	state := a.states[c.Table.Name]
	if changed := state.setShape(c.Table); changed || c.Rewritten {
		state.Suspect, state.Cause = true, index
	}
	if c.Rewritten && c.Table.Refused == "" {
		a.setReshape(a.batch, c.Table, index)
	}
	a.tables[c.Table.Name] = c.Table
	a.setState(a.batch, c.Table.Name, state)
	a.wake = true
	return nil
}

func appendSchema(b *recordlog.Batch, t *tap.Table, statement string, rewritten bool) (uint64, error) {
	body := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 6), eventFormat), t.Name)
	body = dcbor.AppendText(body, statement)
	body = dcbor.AppendUint(body, flag(rewritten))
	body = commit.AppendColumns(body, t.Columns)
	body = dcbor.AppendText(body, t.Refused)
	index, err := b.AppendEvent(commit.Schema, body)
	if err != nil {
		return 0, fmt.Errorf("record a schema change: %w", err)
	}
	return index, nil
}

// checkBefore compares the row as it was before a change with its last
// version. That they differ means that the row was changed unrecorded.
func (a *applier) checkBefore(c *tap.Change) error {
	if c.Before == nil {
		return nil
	}
	key := row.AppendKey(nil, c.Table.KeyOf(c.Before))
	head, known, err := a.batch.Head(c.Table.Name, key)
	if err != nil {
		return fmt.Errorf("look up row: %w", err)
	}
	if !known && !a.states[c.Table.Name].Baselined {
		return nil
	}
	if !known || head.Deleted {
		return a.broken(c, key, nil, rows.Comparison{}, "the source changed a row that the log does not know")
	}
	e, err := a.batch.Entry(head.Index)
	if err != nil {
		return fmt.Errorf("read the row's last version: %w", err)
	}
	d, err := a.comparer.Differences(e, c.Table, c.Before)
	if err != nil || d.State == rows.Equal {
		return err
	}
	return a.broken(c, key, e, d, "the row had other values before a recorded change than its last version")
}

// checkAbsent checks that a row that the source inserts was not there.
func (a *applier) checkAbsent(c *tap.Change) error {
	key := row.AppendKey(nil, c.Table.KeyOf(c.After))
	head, known, err := a.batch.Head(c.Table.Name, key)
	if err != nil || !known || head.Deleted {
		return err
	}
	e, err := a.batch.Entry(head.Index)
	if err != nil {
		return fmt.Errorf("read the row's last version: %w", err)
	}
	return a.broken(c, key, e, rows.Comparison{}, "the source inserted a row that was there: it was deleted unrecorded")
}

// broken records that a row's history does not fit together, as an entry and
// as a finding.
func (a *applier) broken(c *tap.Change, key []byte, e *recordlog.Entry, d rows.Comparison, detail string) error {
	f := findings.Finding{Verdict: findings.HistoryBroken, Table: c.Table.Name, Key: key, Leaf: commit.NoPrevious,
		Columns: d.Columns, Present: d.Present, Detail: detail, FirstBad: findings.Moment{Time: a.options.Now().UnixMilli()}}
	if e != nil {
		f.Version, f.Leaf, f.LastGood.Time = e.Header.Version, e.Header.Index, min(e.Leaf.Time, f.FirstBad.Time)
	}
	return enter(a.log, a.batch, commit.Break, f)
}

// enter opens a finding and binds it by an entry of the log.
func enter(log *recordlog.Log, b *recordlog.Batch, op commit.Op, f findings.Finding) error {
	if _, err := b.AppendEvent(op, f.Append(nil)); err != nil {
		return fmt.Errorf("record a finding: %w", err)
	}
	_, err := findings.Open(log, b, f)
	return err
}
