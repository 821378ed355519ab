package mysql

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// end takes the last event of a transaction and hands it over. What must stand
// before its changes (gaps, schema changes) carries the position before it, so
// that a host that stops in between is told again.
func (s *stream) end(ctx context.Context, event *replication.BinlogEvent) error {
	x := &s.open
	x.time = eventTime(event.Header)
	defer func() { x.gtid = gtid{} }()
	ended := x.ended(event.Header)
	if s.unverified {
		s.point.offset = ended
		s.tap.fences.deliver(s.point, x.gtid)
		return s.readAgain(x)
	}
	if x.xa.prepared {
		if err := s.prepare(x); err != nil {
			return err
		}
	}
	if err := s.announce(ctx, x); err != nil {
		return err
	}
	s.tap.fences.deliver(logPoint{file: s.point.file, offset: ended}, x.gtid)
	if x.xa.completed && !x.rows.empty() {
		s.tap.fences.deliverXA(x.xa.xid)
	}
	if err := s.changes(x); err != nil {
		return err
	}
	s.at.resolve(x.resolves)
	s.at.advance(x.gtid, x.sum())
	if !x.gtid.isMySQL() {
		s.at.point = x.start
	}
	s.point.offset = ended
	if x.rows.empty() && len(x.gaps)+len(x.statements) == 0 {
		s.moved = true
		return s.reportProgress(x.time)
	}
	if err := x.rows.clear(); err != nil {
		return err
	}
	return s.commit(x.time)
}

// announce tells gaps and shapes that a transaction brings.
func (s *stream) announce(ctx context.Context, x *transaction) error {
	for _, g := range x.gaps {
		g.Position = s.at.encode()
		if err := s.sink.Gap(g); err != nil {
			return err
		}
	}
	for _, statement := range x.statements {
		if err := s.redefine(ctx, statement); err != nil {
			return err
		}
	}
	for _, shape := range x.rows.shapes {
		if err := s.tell(tap.SchemaChange{Table: shape.table, Statement: "found in the log"}); err != nil {
			return err
		}
	}
	return nil
}

// redefine reads the definitions of the tables that a statement concerns anew.
// If the stream is behind, they may already be of a later shape; rows of
// another shape are told when they come.
func (s *stream) redefine(ctx context.Context, statement *statement) error {
	for _, name := range s.tap.tables {
		if !statement.concerns(tableName(name)) {
			continue
		}
		does := statement.effect(name, s.tap.folded)
		if does.emptied && s.mayBeHidden(statement, name) {
			does = uncertain
		}
		if does.elsewhere && !statement.keys() {
			continue
		}
		former := s.known[name]
		d, err := s.define(ctx, name)
		if err != nil {
			return err
		}
		clear(s.shapes)
		change := tap.SchemaChange{Table: s.tap.shapes.intern(d.table()), Statement: statement.title,
			Rewritten: does.rewritten || statement.keys(), Moved: does.movedIn(d)}
		if statement.lexemes == nil && former != nil {
			change.Moved = statement.newColumns(former, d)
		}
		late := former == nil || former.by.covers(s.open.gtid)
		switch {
		case does.swapped && late: // what it was is not known
			change.Moved = []tap.Moved{{}}
		case does.swapped:
			change.Moved = exchanged(s.covered[name], change.Table)
		}
		if statement.temporary && !does.swapped {
			change.Moved = seenMoves(change.Moved, s.covered[name], change.Table, late)
		}
		switch {
		case does.emptied:
			change.Removed = &tap.Removal{All: true}
		case does.exchanged:
			change.Removed = d.whole()
		case len(does.parted) > 0:
			change.Removed = s.unparted(former, d, &does)
			change.Rewritten = change.Rewritten || change.Removed == nil
		case statement.keepsParts():
			s.keepParts(former, d)
		}
		if late { // the table may have had another shape until then
			delete(s.told, name)
		}
		if err := s.tell(change); err != nil {
			return err
		}
	}
	return nil
}

// tell gives the sink a table's shape if it is another than the last one, or if
// its rows or columns may have changed.
func (s *stream) tell(change tap.SchemaChange) error {
	t := change.Table
	if s.told[t.Name] == t && !change.Rewritten && change.Removed == nil && len(change.Moved) == 0 {
		return nil
	}
	s.setTold(t)
	change.Position = s.at.encode()
	return s.sink.Schema(change)
}

// setTold notes how a table was told last.
func (s *stream) setTold(t *tap.Table) {
	s.told[t.Name] = t
	if t.Refused == "" {
		s.covered[t.Name] = t
	}
}

// changes hands the rows of a transaction over, numbered from 1.
func (s *stream) changes(x *transaction) error {
	ids := eventIDs{prefix: x.gtid.String() + "/"}
	return x.rows.each(func(r *rowEvent) error {
		following := s.following(r)
		change := tap.Change{Table: r.shape.table, Time: r.time}
		for body := r.body; len(body) > 0; {
			change.Op, change.EventID, change.Followed = r.op, ids.take(), tap.NotFollowed
			change.Before, change.After = nil, nil
			s.memory.clear()
			var err error
			if body, err = r.next(&s.memory, body, &change); err != nil {
				return fmt.Errorf("read transaction %s, table %s: %w", x.gtid, r.shape.table.Name, err)
			}
			if !settle(&change) {
				continue
			}
			if change.Op != tap.Insert {
				change.Followed = following
			}
			if err := s.sink.Change(change); err != nil {
				return err
			}
		}
		return nil
	})
}

// eventIDs names the changes of a transaction by its GTID and their number in it,
// from 1. It makes ever more names at once, as parts of one text.
type eventIDs struct {
	prefix string
	last   uint64 // number that a name was made for
	text   string // of the names that were made last
	starts [mostIDs + 1]int32
	next   int // the first that was not taken, of
	made   int // so many
}

const mostIDs = 64 // made at once

func (e *eventIDs) take() string {
	if e.next == e.made {
		e.make()
	}
	id := e.text[e.starts[e.next]:e.starts[e.next+1]]
	e.next++
	return id
}

func (e *eventIDs) make() {
	e.next, e.made = 0, int(min(e.last+1, mostIDs))
	text := make([]byte, 0, 2048)
	for i := range e.made {
		e.last++
		text = strconv.AppendUint(append(text, e.prefix...), e.last, 10)
		e.starts[i+1] = int32(len(text))
	}
	e.text = string(text)
}

// next reads one change and returns the bytes behind it.
func (r *rowEvent) next(m *memory, body []byte, change *tap.Change) ([]byte, error) {
	cells, body, err := r.shape.image(m, body)
	if err != nil {
		return nil, err
	}
	switch r.op {
	case tap.Insert:
		change.After = cells
	case tap.Delete:
		change.Before = cells
	case tap.Update:
		change.Before = cells
		change.After, body, err = r.shape.afterImage(m, body, cells)
	}
	return body, err
}

// commit ends a transaction of the sink at the present position.
func (s *stream) commit(at time.Time) error {
	s.lastCommit, s.moved = time.Now(), false
	return s.sink.Commit(tap.Commit{Position: s.at.encode(), Time: at})
}

// reportProgress tells now and then how far the stream is, though nothing of it
// concerned tapped tables.
func (s *stream) reportProgress(at time.Time) error {
	if !s.moved || time.Since(s.lastCommit) < progress {
		return nil
	}
	return s.commit(at)
}

// passFences emits the fences that the stream has passed.
func (s *stream) passFences() error {
	if s.open.open() || s.unverified {
		return nil
	}
	return s.emitFences(s.tap.fences.passed(s.point))
}

// emitFences emits fences, and puts those back that the sink did not take.
func (s *stream) emitFences(passed []fence) error {
	for i, f := range passed {
		if err := s.sink.Fence(tap.Fence{ID: f.id, Position: s.at.encode()}); err != nil {
			s.tap.fences.restore(passed[i:])
			return err
		}
	}
	return nil
}
