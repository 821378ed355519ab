package mysql

import (
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// An effect is what a statement says that it does to one table.
type effect struct {
	// rewritten says that rows may be others since, or that the statement cannot
	// be read with certainty; it then says nothing else.
	rewritten bool
	moved     []tap.Moved
	initials  map[string]initial // of new columns, by their lower-case names
	emptied   bool               // all rows are gone
	parted    []string           // partitions whose rows are gone
	dropped   bool               // so are the partitions
	exchanged bool               // all rows may have gone to a partition of another table
	swapped   bool               // another table may have the name
	elsewhere bool               // it is of another table alone
}

var uncertain = effect{rewritten: true}

// effect reads what a statement does to a table. Folded says that the server
// takes names of tables that differ in case for the same.
func (s *statement) effect(name string, folded bool) effect {
	if s.class == statementIndex {
		return effect{}
	}
	if s.lexemes == nil {
		return uncertain
	}
	schema, table := tableName(name)
	t := target{database: s.database, schema: schema, table: table, folded: folded}
	r := scanner{s.lexemes}
	switch {
	case r.take("alter"):
		out := t.alter(r)
		if s.mode.emptyIsNull || slices.Contains(s.names, "primary") { // a default may mean NULL, or NULL a zero
			out.initials = nil
		}
		return out
	case r.take("truncate"):
		r.take("table")
		return t.emptiedBy(r, "wait", "nowait")
	case r.take("drop"):
		return t.drop(r)
	case r.take("create", "or", "replace", "table"):
		return t.emptiedBy(r, "")
	case r.take("create", "table"):
		return t.create(r)
	case r.take("rename"):
		return t.rename(r)
	}
	return uncertain
}

// A target is the table that is asked about.
type target struct {
	database      string // the session's default
	schema, table string
	folded        bool
}

func (t *target) same(a, b string) bool { return a == b || t.folded && strings.EqualFold(a, b) }

// is reads a table's name and reports whether it is the target's.
func (t *target) is(r *scanner) (is, ok bool) {
	schema, table, ok := r.table(t.database)
	return ok && t.same(schema, t.schema) && t.same(table, t.table), ok
}

// emptiedBy reads the name of the one table whose rows go, before the end or one
// of some words; before anything if that is the empty one.
func (t *target) emptiedBy(r scanner, ends ...string) effect {
	is, ok := t.is(&r)
	if !ok || ends[0] != "" && !r.done() && !r.takeOne(ends...) {
		return uncertain
	}
	return effect{emptied: is, rewritten: !is}
}

// create reads CREATE TABLE, which may name a table to make another one like it.
func (t *target) create(r scanner) effect {
	r.take("if", "not", "exists")
	if is, ok := t.is(&r); is || !ok {
		return uncertain
	}
	return effect{elsewhere: true}
}

// drop reads DROP DATABASE and DROP TABLE.
func (t *target) drop(r scanner) effect {
	switch {
	case r.takeOne("database", "schema"):
		r.take("if", "exists")
		name, ok := r.name()
		if !ok || !r.done() {
			return uncertain
		}
		return effect{emptied: t.same(name, t.schema)}
	case !r.takeOne("table", "tables"):
		return uncertain
	}
	r.take("if", "exists")
	out := effect{}
	for {
		is, ok := t.is(&r)
		if !ok {
			return uncertain
		}
		out.emptied = out.emptied || is
		if !r.take(",") {
			break
		}
	}
	if r.takeOne("restrict", "cascade"); !r.done() && !r.at("wait") && !r.at("nowait") {
		return uncertain
	}
	return out
}

// rename reads RENAME TABLE: another table may have the name since.
func (t *target) rename(r scanner) effect {
	if !r.takeOne("table", "tables") {
		return uncertain
	}
	r.take("if", "exists")
	out := effect{}
	for {
		is, ok := t.is(&r)
		to, readable := false, ok && r.take("to")
		if readable {
			to, readable = t.is(&r)
		}
		if !readable {
			return uncertain
		}
		out.swapped = out.swapped || is || to
		out.rewritten = out.swapped
		if r.done() {
			return out
		}
		if !r.take(",") {
			return uncertain
		}
	}
}

// movedIn returns the columns that move, with what new ones hold in a table that
// is of a definition since.
func (e *effect) movedIn(d *definition) []tap.Moved {
	for n := range e.moved {
		m := &e.moved[n]
		if m.From != "" {
			continue
		}
		initial := e.initials[strings.ToLower(m.To)]
		m.Holds = initial.column(m.To, d).holds(initial)
	}
	return e.moved
}

// exchanged are the columns that came with a table which has the name of another
// since, and those that went with the former one.
func exchanged(former, now *tap.Table) (moved []tap.Moved) {
	if former == nil || now.Refused != "" {
		return nil
	}
	for _, c := range former.Columns {
		if !hasColumn(now, c.Name) {
			moved = append(moved, tap.Moved{From: c.Name})
		}
	}
	for _, c := range now.Columns {
		if !hasColumn(former, c.Name) {
			moved = append(moved, tap.Moved{To: c.Name})
		}
	}
	return moved
}

// newColumns are the columns that a statement which cannot be read may have
// added: it speaks of adding, and names a column that was not there.
func (s *statement) newColumns(former, now *definition) (moved []tap.Moved) {
	if !slices.Contains(s.names, "add") {
		return nil
	}
	for i := range now.columns {
		c := &now.columns[i]
		if c.omitted == "" && former.find(c.name) < 0 && slices.Contains(s.names, strings.ToLower(c.name)) {
			moved = append(moved, tap.Moved{To: c.name})
		}
	}
	return moved
}
