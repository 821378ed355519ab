package ingest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// eventFormat is the version of the body of gap entries.
const eventFormat = 1

// gap takes a gap that the tap told.
func (a *applier) gap(g tap.Gap) error {
	if err := a.session.gap(a.batch, g); err != nil {
		return err
	}
	if len(g.Position) == 0 && len(g.Tables) == 0 {
		a.place = place{}
		a.batch.Set(positionName, nil)
	}
	return nil
}

// gap records that changes may be missing, and marks the tables concerned.
func (s *session) gap(b *recordlog.Batch, g tap.Gap) error {
	body := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 3), eventFormat), g.Reason)
	body = dcbor.AppendArray(body, len(g.Tables))
	for _, t := range g.Tables {
		body = dcbor.AppendText(body, t)
	}
	index, err := b.AppendEvent(commit.Gap, body)
	if err != nil {
		return fmt.Errorf("record a gap: %w", err)
	}
	if err := countGap(b); err != nil {
		return fmt.Errorf("count a gap: %w", err)
	}
	for _, name := range s.concerned(g.Tables) {
		if state, ok := s.states[name]; ok {
			state.Suspect, state.Cause = true, index
			s.setState(b, name, state)
			s.opened(b, name, index)
			s.setThere(b, name, there{key: s.book.Key(name)})
		}
	}
	s.wake()
	s.options.Logger.Warn().Str("event", "gap").Str("reason", g.Reason).Strs("tables", g.Tables).
		Msg("changes may be missing; the tables concerned will be verified")
	return nil
}

// concerned lists the tables that a gap of some may concern: those, and all whose
// rows go or change with theirs. No names mean all tables.
func (s *session) concerned(names []string) []string {
	var all []string
	if len(names) == 0 {
		for name := range s.states {
			all = append(all, name)
		}
		return all
	}
	return s.withReferring(names)
}

// withReferring lists tables, and all whose rows go or change with theirs.
func (s *session) withReferring(names []string) []string {
	all := slices.Clone(names)
	for i := 0; i < len(all); i++ {
		for name, t := range s.tables {
			refers := slices.ContainsFunc(t.References, func(r tap.Reference) bool {
				return r.Table == all[i] && (r.OnDelete != tap.NoAction || r.OnUpdate != tap.NoAction)
			})
			if refers && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// schema records that a table has another shape, or that rows of it went.
func (a *applier) schema(told *tap.SchemaChange) error {
	c := *told
	c.Table = a.numberer.Table(c.Table)
	known := a.there[c.Table.Name]
	c.Moved = known.namedMoves(&c)
	return a.shaped(&c, known)
}

func (a *applier) shaped(c *tap.SchemaChange, known there) error {
	index, err := appendSchema(a.batch, c)
	if err != nil {
		return err
	}
	if c.Table.Refused == "" {
		if err := a.checkTable(c.Table); err != nil {
			return err
		}
	}
	former := a.book.Key(c.Table.Name)
	if c.Removed != nil && c.Removed.All && rows.NumberedKey(former) {
		if err := a.buryAll(c.Table.Name); err != nil {
			return err
		}
	} else if c.Removed != nil {
		a.addRule(a.batch, cause.Step{Table: c.Table.Name, Leaf: index, Entry: index,
			Sure: c.Removed.All || !c.Rewritten, Removed: c.Removed})
	}
	rekeyed, err := a.reshaped(c, index)
	if err != nil {
		return err
	}
	a.setThere(a.batch, c.Table.Name, known.after(c, a.book.Key(c.Table.Name)))
	state := a.states[c.Table.Name]
	if changed := state.setShape(c.Table); changed || rekeyed || c.Rewritten || len(c.Moved) > 0 || c.Removed != nil && c.Removed.All {
		state.Suspect, state.Cause = true, index
		if err := a.reforming(c.Table, former, index); err != nil {
			return err
		}
	}
	a.tables[c.Table.Name] = c.Table
	setReferences(a.batch, c.Table)
	a.setState(a.batch, c.Table.Name, state)
	a.wake = true
	return nil
}

// schemaFormat is the version of the body of schema entries: [3, table,
// statement, rewritten, columns, refused, removed, moved]. Which rows were removed
// is told as all, some or none, without values. Each column that moved has three
// places: its names before and since, and 1 if the source told what rows hold in a
// new one, which is not told here.
const schemaFormat = 3

func appendSchema(b *recordlog.Batch, c *tap.SchemaChange) (uint64, error) {
	body := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 8), schemaFormat), c.Table.Name)
	body = dcbor.AppendText(body, c.Statement)
	body = dcbor.AppendUint(body, flag(c.Rewritten))
	body = commit.AppendColumns(body, c.Table.Columns)
	body = dcbor.AppendText(body, c.Table.Refused)
	switch {
	case c.Removed == nil:
		body = dcbor.AppendText(body, "none")
	case c.Removed.All:
		body = dcbor.AppendText(body, "all")
	default:
		body = dcbor.AppendText(body, "some")
	}
	body = dcbor.AppendArray(body, 3*len(c.Moved))
	for _, m := range c.Moved {
		body = dcbor.AppendText(dcbor.AppendText(body, m.From), m.To)
		body = dcbor.AppendUint(body, flag(m.Holds != nil))
	}
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
	if !known || head.Deleted || head.Index < a.book.Barrier(c.Table.Name) {
		if renamed, err := a.renamed(c, head); err != nil || renamed {
			return err
		}
		if adopted, err := a.adopted(c, head); err != nil || adopted {
			return err
		}
	}
	if !a.states[c.Table.Name].Baselined && (!known || head.Deleted && rows.Numbered(c.Table)) {
		return nil
	}
	if !known || head.Deleted {
		return a.broken(c, key, nil, rows.Comparison{}, "the source changed a row that the log does not know")
	}
	e, err := a.batch.Entry(head.Index)
	if err != nil {
		return fmt.Errorf("read the row's last version: %w", err)
	}
	d, err := a.comparer.Differences(e, c.Table, c.Before, a.batch.Next())
	if errors.Is(err, recordlog.ErrKeyLost) {
		return nil // nothing can be said; audits tell why
	}
	if err != nil || d.State == rows.Equal {
		return err
	}
	switch renamed, err := a.renamed(c, head); {
	case err != nil || renamed:
		return err
	case d.State == rows.Kept:
		return a.broken(c, key, e, rows.Comparison{}, "the row was as its last version before a recorded change, "+
			"though by what the source told it must have been gone or otherwise")
	}
	return a.doubted(c, key, e, d, c.Before, "the row had other values before a recorded change than its last version")
}

// renamed records that a row which the source changes had been given another key.
// It reports false if the log has no such row that is as it was before the change.
// Held is what the log has under the key.
func (a *applier) renamed(c *tap.Change, held recordlog.Head) (bool, error) {
	next := a.batch.Next()
	former, err := a.comparer.Former(c.Table, c.Before, recordlog.Window{From: next, To: next})
	if errors.Is(err, recordlog.ErrKeyLost) {
		return false, nil
	}
	if err != nil || !former.Former || former.State != rows.Equal {
		return false, err
	}
	h := &former.Entry.Header
	old, err := row.ParseKey(h.Key)
	if err != nil {
		return false, fmt.Errorf("read a row's key: %w", err)
	}
	if err := a.rekey(a.batch, c.Table, c.Before, old, former.Head.Index == h.Index, held); err != nil {
		return false, err
	}
	a.caughtUp(a.batch, h.Index)
	return true, a.derive(former.Standing)
}

// checkAbsent checks that a row that the source inserts was not there. If it is
// gone by what the source told, its deletion is recorded first.
func (a *applier) checkAbsent(c *tap.Change) error {
	cells := c.Table.KeyOf(c.After)
	key := row.AppendKey(nil, cells)
	head, known, err := a.batch.Head(c.Table.Name, key)
	if err != nil || !known || head.Deleted {
		return err
	}
	e, err := a.batch.Entry(head.Index)
	if err != nil {
		return fmt.Errorf("read the row's last version: %w", err)
	}
	next := a.batch.Next()
	m, moved, err := a.comparer.Gone(e, recordlog.Window{From: next, To: next})
	if errors.Is(err, recordlog.ErrKeyLost) {
		return nil
	}
	if err != nil {
		return err
	}
	if !m.Equal && moved == nil {
		return a.doubted(c, key, e, rows.Comparison{}, nil, "the source inserted a row that was there: it was deleted unrecorded")
	}
	if !m.Equal {
		if err := a.displaced(a.batch, c.Table, cells, head.Index); err != nil {
			return err
		}
	}
	_, err = a.recorder.Record(a.batch, rows.Version{Table: c.Table, Op: commit.Delete, Seen: commit.Scan, Key: cells})
	if err != nil || !m.Equal {
		return err
	}
	return a.derive(m)
}

// doubted is broken, unless what was told of other tables may turn out to
// explain it, or the row may turn out to have another key.
func (a *applier) doubted(c *tap.Change, key []byte, e *recordlog.Entry, d rows.Comparison, before []row.Value, detail string) error {
	if err := a.flush(); err != nil { // what was gathered may lead to it
		return err
	}
	one := &doubt{leaf: a.batch.Next(), version: e.Header.Index, table: c.Table, before: before}
	if !a.mayFollow(c.Table.Name) && !a.overtaken(one) {
		return a.broken(c, key, e, d, detail)
	}
	var err error
	if one.finding, err = a.broke(c.Table, key, e, d, detail); err != nil {
		return err
	}
	a.doubt(a.batch, one)
	return nil
}

// broken records that a row's history does not fit together, as an entry and
// as a finding.
func (a *applier) broken(c *tap.Change, key []byte, e *recordlog.Entry, d rows.Comparison, detail string) error {
	f, err := a.broke(c.Table, key, e, d, detail)
	if err != nil {
		return err
	}
	return enter(a.log, a.batch, commit.Break, f)
}

func (s *session) broke(t *tap.Table, key []byte, e *recordlog.Entry, d rows.Comparison, detail string) (findings.Finding, error) {
	f := findings.Finding{Verdict: findings.HistoryBroken, Table: t.Name, Key: key, Leaf: commit.NoPrevious,
		Columns: d.Columns, Present: d.Present, Detail: detail, FirstBad: findings.Moment{Time: s.options.Now().UnixMilli()}}
	if rows.Numbered(t) {
		f.Detail += rows.NumberedWords
	}
	if e != nil {
		f.Version, f.Leaf = e.Header.Version, e.Header.Index
		var err error
		if f.LastGood, err = s.lastGood(e, f.FirstBad.Time); err != nil {
			return f, err
		}
	}
	return f, nil
}

// enter opens a finding and binds it by an entry of the log.
func enter(log *recordlog.Log, b *recordlog.Batch, op commit.Op, f findings.Finding) error {
	if _, err := b.AppendEvent(op, f.Append(nil)); err != nil {
		return fmt.Errorf("record a finding: %w", err)
	}
	_, err := findings.Open(log, b, f)
	return err
}
