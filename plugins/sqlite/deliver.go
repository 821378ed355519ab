package sqlite

import (
	"maps"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// deliver hands a batch over: first what may be missing, then new shapes, then
// the changes, then the fences that were waiting before the look.
func (f *follower) deliver(b *batch, fences []waitingFence) error {
	rewound := b.lost != ""
	f.at = b.from
	if err := f.deliverGaps(b); err != nil {
		return err
	}
	if err := f.deliverShapes(b); err != nil {
		return err
	}
	for _, c := range b.changes {
		if err := f.sink.Change(c); err != nil {
			return err
		}
	}
	if b.at != b.from {
		f.at = b.at
		p, err := f.position(f.at)
		if err != nil {
			return err
		}
		if err := f.sink.Commit(tap.Commit{Position: p, Time: b.time}); err != nil {
			return err
		}
	}
	return f.deliverFences(fences, rewound || b.catalog.outbox.problem != "")
}

// deliverFences delivers those whose reads saw nothing that is still to come.
// After a rewind no id of before means anything, and the Gap has said so.
func (f *follower) deliverFences(fences []waitingFence, all bool) error {
	for _, w := range fences {
		if !all && w.head > f.at.id {
			continue
		}
		p, err := f.position(f.at)
		if err != nil {
			return err
		}
		if err := f.sink.Fence(tap.Fence{ID: w.id, Position: p}); err != nil {
			return err
		}
		f.tap.fences.remove(w.id)
	}
	return nil
}

func (f *follower) position(at place) (tap.Position, error) {
	return position{ID: at.id, Token: at.token, Outbox: f.outbox, Marks: f.marks}.encode()
}

// deliverGaps reports what may be missing: for all tables as one Gap, then for
// each table whose triggers are not what they were.
func (f *follower) deliverGaps(b *batch) error {
	var reasons []string
	if b.lost != "" {
		reasons = append(reasons, b.lost)
	}
	if o := b.catalog.outbox; o.mark != f.outbox {
		reasons = append(reasons, changed(o, "the outbox was restored; what changed in between was not recorded"))
	}
	f.outbox = b.catalog.outbox.mark
	if len(reasons) > 0 {
		f.acceptTriggers(b.catalog)
		if err := f.gap(nil, strings.Join(reasons, "; ")); err != nil {
			return err
		}
	}
	for _, name := range b.catalog.order {
		if err := f.deliverTriggers(name, b.catalog.tables[name]); err != nil {
			return err
		}
	}
	return nil
}

// acceptTriggers takes sound triggers as they are now: the Gap for all tables
// that comes next says what there is to say of them.
func (f *follower) acceptTriggers(c *catalog) {
	for _, name := range c.order {
		if t := c.tables[name]; t.table.Refused == "" && t.problem == "" {
			f.marks = with(f.marks, name, mark{f.marks[name].Shape, t.mark})
		}
	}
}

// deliverTriggers reports that the triggers of a table are not what they were.
func (f *follower) deliverTriggers(name string, t *covered) error {
	was := f.marks[name]
	if t.table.Refused != "" || was.Triggers == t.mark {
		return nil
	}
	f.marks = with(f.marks, name, mark{was.Shape, t.mark})
	reason := changed(t.soundness, "its triggers were dropped and made again; what changed in between was not recorded")
	return f.gap([]string{name}, "table "+name+": "+reason)
}

// changed says why recording stopped, or that it is restored.
func changed(s soundness, restored string) string {
	if s.problem != "" {
		return s.problem + ": changes are not recorded"
	}
	return restored
}

func (f *follower) gap(tables []string, reason string) error {
	p, err := f.position(f.at)
	if err != nil {
		return err
	}
	return f.sink.Gap(tap.Gap{Position: p, Tables: tables, Reason: reason})
}

// with returns a copy of marks with one of them set: positions share none.
func with(marks map[string]mark, name string, m mark) map[string]mark {
	c := make(map[string]mark, len(marks)+1)
	maps.Copy(c, marks)
	c[name] = m
	return c
}

// deliverShapes reports tables whose columns or key are not what they were, or
// that cannot be covered any more, or can again. SQLite's migrations rebuild
// tables, so that any row may have changed with it.
func (f *follower) deliverShapes(b *batch) error {
	for _, name := range b.catalog.order {
		t, was := b.catalog.tables[name], f.marks[name]
		if was.Shape == t.shape {
			continue
		}
		f.marks = with(f.marks, name, mark{t.shape, was.Triggers})
		p, err := f.position(f.at)
		if err != nil {
			return err
		}
		if err := f.sink.Schema(tap.SchemaChange{Position: p, Table: t.table, Rewritten: true}); err != nil {
			return err
		}
	}
	return nil
}
