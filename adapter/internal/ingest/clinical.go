package ingest

import (
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/clinical"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// checkTable says why a table cannot be recorded as it is configured, or nil.
func (s *session) checkTable(t *tap.Table) error {
	if err := s.recorder.CheckTable(t); err != nil {
		return err
	}
	if r := s.rules[t.Name]; r != nil {
		if err := r.Check(t); err != nil {
			return err
		}
	}
	if s.observes(t.Name) {
		return s.options.Identities.CheckTable(t)
	}
	return nil
}

// judged is a version of a table with rules, that is being recorded.
type judged struct {
	*applier
	rules  *clinical.Rules
	change *tap.Change
	rows.Version
	key    []byte
	head   recordlog.Head
	before *recordlog.Entry // the row's version before; nil if it has none
}

// recordJudged records a version, and judges it by its table's rules.
func (a *applier) recordJudged(rules *clinical.Rules, c *tap.Change, v rows.Version) error {
	j := &judged{applier: a, rules: rules, change: c, Version: v, key: row.AppendKey(nil, v.Key)}
	var err error
	var known bool
	if j.head, known, err = a.batch.Head(v.Table.Name, j.key); err != nil {
		return fmt.Errorf("look up row: %w", err)
	}
	if known {
		if j.before, err = a.batch.Entry(j.head.Index); err != nil {
			return fmt.Errorf("read the row's last version: %w", err)
		}
	}
	leaf, err := a.recorder.Record(a.batch, v)
	if err != nil {
		return err
	}
	if err := j.judgeDate(leaf); err != nil {
		return fmt.Errorf("judge a clinical date: %w", err)
	}
	if err := j.judgeFinal(leaf); err != nil {
		return fmt.Errorf("judge a change by the final rule: %w", err)
	}
	return nil
}

// judgeDate opens a finding where the row's clinical date lies long before the
// row was first logged: of a row that is new, or whose date was moved.
func (j *judged) judgeDate(leaf uint64) error {
	date, ok := j.rules.DateIn(j.Table, j.Cells)
	now := j.batch.Time()
	if !ok || !j.rules.Late(date, now) {
		return nil
	}
	allowed := clinical.Days(j.rules.LateAfter)
	f := findings.Finding{Verdict: findings.LateEntry, Table: j.Table.Name, Key: j.key, Version: 1, Leaf: leaf,
		Columns: []string{j.rules.Date}, FirstBad: findings.Moment{Time: now}}
	switch {
	case j.before == nil && j.isNew():
		if !j.rules.Late(date, j.arrival.earliest(now)) {
			return nil
		}
		f.LastGood.Time = j.arrival.absent(now)
		f.Detail = fmt.Sprintf("the row was first logged more than %s after the clinical date that it gives", allowed)
	case j.before != nil && j.Op == commit.Update:
		if late, err := j.movedBack(date); err != nil || !late {
			return err
		}
		f.Version, f.LastGood.Time = j.before.Header.Version+1, min(now, j.before.Leaf.Time)
		f.Detail = fmt.Sprintf("a recorded change moved its clinical date to more than %s before the row was first logged", allowed)
	default:
		return nil
	}
	return enter(j.log, j.batch, commit.LateEntry, f)
}

// isNew reports whether the source says that it has inserted the row just now. A
// tap that only tells how rows stand says so of a table that was taken in.
func (j *judged) isNew() bool {
	return j.Op == commit.Insert && (j.change.Op == tap.Insert ||
		j.change.Op == tap.Put && j.states[j.Table.Name].Baselined)
}

// movedBack reports whether an update has moved the clinical date to long before
// the row was first logged. Nothing is said of a row that was there before it
// was first seen.
func (j *judged) movedBack(date int64) (bool, error) {
	first, err := j.batch.Entry(j.head.First)
	if err != nil {
		return false, err
	}
	since := j.states[j.Table.Name].Since
	inserted := first.Header.Op == commit.Insert && (first.Header.Seen == commit.Stream ||
		first.Header.Seen == commit.Fetch && since != 0 && first.Leaf.Time >= since)
	if !inserted || !j.rules.Late(date, first.Leaf.Time) {
		return false, nil
	}
	same, err := j.sameDate()
	return !same, err
}

// sameDate reports whether the version before had the clinical date that the row
// has now.
func (j *judged) sameDate() (bool, error) {
	for i, c := range j.before.Header.Columns {
		if c.Name == j.rules.Date {
			cells := rows.Project(j.Table, j.Cells, j.before.Header.Columns)
			same, err := j.comparer.Holds(j.before, i, cells[i])
			if errors.Is(err, recordlog.ErrKeyLost) {
				return true, nil // nothing can be said
			}
			return same, err
		}
	}
	return true, nil // it had none that could have been moved
}

// updated returns what an update made of the row, nil if the version is of none. Of
// a row without a key it is the deletion of what the row was.
func (j *judged) updated() []row.Value {
	switch {
	case j.Op == commit.Update:
		return j.Cells
	case rows.Numbered(j.Table) && j.change.Op == tap.Update:
		return j.change.After
	}
	return nil
}

// judgeFinal opens a finding where a version that was final was changed, in what
// may not change in it, or deleted.
func (j *judged) judgeFinal(leaf uint64) error {
	if j.before == nil || j.before.Header.Op == commit.Delete || j.Op == commit.Insert {
		return nil
	}
	f := findings.Finding{Verdict: findings.ChangedAfterFinal, Table: j.Table.Name, Key: j.key,
		Version: j.before.Header.Version, Leaf: j.before.Header.Index}
	done := "deleted the row"
	if cells := j.updated(); cells != nil {
		d, err := j.comparer.Differences(j.before, j.Table, cells, leaf)
		if errors.Is(err, recordlog.ErrKeyLost) {
			return nil
		}
		if err != nil || d.State != rows.Differs || j.rules.Final.MayAllChange(d.Columns) {
			return err
		}
		f.Columns, f.Present = d.Columns, d.Present
		done = fmt.Sprintf("made version %d of it", f.Version+1)
	}
	now := j.batch.Time()
	known := clinical.Reading{Table: j.Table, Cells: [][]row.Value{j.Cells, j.change.Before}}
	why, err := j.rules.SaysFinal(j.comparer, j.before, known, j.arrival.earliest(now))
	if errors.Is(err, recordlog.ErrKeyLost) {
		return nil
	}
	if err != nil || why == "" {
		return err
	}
	f.LastGood.Time, f.FirstBad.Time = min(now, j.before.Leaf.Time), now
	f.Detail = fmt.Sprintf("of version %d %s; a recorded change %s", f.Version, why, done)
	return enter(j.log, j.batch, commit.AfterFinal, f)
}
