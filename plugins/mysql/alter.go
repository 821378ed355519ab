package mysql

import (
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// alter reads what follows ALTER.
func (t *target) alter(r scanner) effect {
	r.take("online")
	if r.takeOne("database", "schema") {
		return effect{} // it sets defaults for tables to come
	}
	if !r.take("table") { // ALTER IGNORE drops rows that do not fit
		return uncertain
	}
	r.take("if", "exists")
	is, ok := t.is(&r)
	if !ok {
		return uncertain
	}
	if !is {
		return t.named(r)
	}
	if r.take("wait") {
		r.skip()
	}
	r.take("nowait")
	out := effect{}
	switch { // these stand alone, and have commas of their own
	case r.at("drop", "partition"), r.at("truncate", "partition"), r.at("exchange", "partition"), r.at("convert", "partition"):
		if !out.alteration(r) {
			return uncertain
		}
		return out
	case len(r.list) > 1 && r.list[1].kind == lexWord && strings.EqualFold(r.list[1].text, "partition") &&
		slices.ContainsFunc(rowsStay, func(word string) bool { return r.at(word) }):
		return uncertain // it should leave the rows as they are; that is looked at
	}
	parts, ok := r.parts()
	for _, part := range parts {
		if part.renamesTable() {
			return effect{rewritten: true, swapped: true}
		}
		if !ok || !out.alteration(part) {
			return uncertain
		}
	}
	if out.movesTwice() {
		return uncertain
	}
	return out
}

// renamesTable reports whether an alteration gives the table another name.
func (r scanner) renamesTable() bool {
	return r.take("rename") && !r.at("column") && !r.at("index") && !r.at("key")
}

// named reads on in an ALTER of another table: rows may go from one to the other.
func (t *target) named(r scanner) effect {
	out := effect{elsewhere: true}
	for !r.done() {
		switch {
		case r.at("exchange", "partition"):
			return effect{rewritten: true, exchanged: true}
		case r.at("convert"), r.at("union"):
			return uncertain
		case r.take("rename"):
			is, ok := t.renamed(r)
			if !ok {
				return uncertain
			}
			if is {
				out = effect{rewritten: true, swapped: true}
			}
		default:
			r.skip()
		}
	}
	return out
}

// renamed reads what follows RENAME in an ALTER TABLE, and reports whether the table
// has the target's name since.
func (t *target) renamed(r scanner) (is, ok bool) {
	if r.takeOne("column", "index", "key") {
		return false, true
	}
	if !r.takeOne("to", "as") {
		r.take("=")
	}
	return t.is(&r)
}

// movesTwice reports whether a column moves twice, which no server does.
func (e *effect) movesTwice() bool {
	seen := make(map[string]bool)
	for _, m := range e.moved {
		from := strings.ToLower(m.From)
		if from != "" && seen[from] {
			return true
		}
		seen[from] = true
	}
	return false
}

// alteration reads one of the alterations of an ALTER TABLE, and reports whether
// it is known.
func (e *effect) alteration(r scanner) bool {
	switch {
	case r.done():
		return true
	case r.take("add"):
		return e.add(r)
	case r.take("drop"):
		return e.drop(r)
	case r.take("change"):
		return e.change(r)
	case r.take("modify"):
		e.rewritten = true
		return true
	case r.take("rename"):
		return e.rename(r)
	case r.take("convert", "to"):
		e.rewritten = true
		return r.at("character") || r.at("charset")
	case r.take("truncate", "partition"):
		return e.part(r)
	case r.take("exchange", "partition"):
		e.rewritten = true // rows of the other table come
		return e.partAnd(r, "with", "table")
	case r.take("convert", "partition"):
		e.dropped = true
		return e.partAnd(r, "to", "table")
	case r.take("alter"), r.at("partition", "by"):
		return true
	}
	return !r.done() && r.list[0].kind == lexWord && slices.Contains(rowsStay, strings.ToLower(r.list[0].text))
}

// rowsStay begin alterations that leave every row and column as it is.
var rowsStay = []string{"algorithm", "analyze", "auto_increment", "avg_row_length", "character", "charset", "check",
	"checksum", "coalesce", "collate", "comment", "default", "delay_key_write", "disable", "enable", "encrypted",
	"encryption_key_id", "engine", "force", "key_block_size", "lock", "max_rows", "min_rows", "optimize", "pack_keys",
	"page_checksum", "page_compressed", "page_compression_level", "rebuild", "remove", "reorganize", "repair", "row_format",
	"stats_auto_recalc", "stats_persistent", "stats_sample_pages", "transactional"}

// add reads what follows ADD.
func (e *effect) add(r scanner) bool {
	if r.at("index") || r.at("key") || r.at("unique") || r.at("fulltext") || r.at("spatial") || r.at("primary") ||
		r.at("constraint") || r.at("foreign") || r.at("check") || r.at("partition") || r.at("period", "for") ||
		r.at("vector", "index") || r.at("vector", "key") || r.at("system", "versioning") {
		return true
	}
	r.take("column")
	perhaps := r.take("if", "not", "exists")
	if r.at("(") {
		return e.addList(r)
	}
	name, ok := r.name()
	if !ok || r.done() || r.list[0].kind != lexWord {
		return false
	}
	if e.moved = append(e.moved, tap.Moved{To: name}); perhaps {
		return true // it may be there, with what rows were given in it
	}
	if e.initials == nil {
		e.initials = make(map[string]initial)
	}
	e.initials[strings.ToLower(name)] = readInitial(r)
	return true
}

// addList reads several definitions in parentheses.
func (e *effect) addList(r scanner) bool {
	if n := len(r.list); n < 2 || r.list[n-1] != (lexeme{lexSign, ")"}) {
		return false
	}
	r.list = r.list[1 : len(r.list)-1]
	parts, ok := r.parts()
	for _, part := range parts {
		if !ok || part.at("(") || !e.add(part) {
			return false
		}
	}
	return ok
}

// drop reads what follows DROP.
func (e *effect) drop(r scanner) bool {
	switch {
	case r.at("primary"), r.at("index"), r.at("key"), r.at("foreign"), r.at("constraint"), r.at("check"), r.at("period", "for"):
		return true
	case r.take("partition"):
		r.take("if", "exists")
		e.dropped = true
		return e.part(r)
	case r.at("system", "versioning"):
		e.rewritten = true
		return true
	}
	r.take("column")
	r.take("if", "exists")
	name, ok := r.name()
	r.takeOne("restrict", "cascade")
	e.moved = append(e.moved, tap.Moved{From: name})
	return ok && r.done()
}

// change reads what follows CHANGE: a column's old name, its new one, and its
// definition.
func (e *effect) change(r scanner) bool {
	r.take("column")
	r.take("if", "exists")
	from, ok := r.name()
	to, both := r.name()
	if !ok || !both || r.done() || r.list[0].kind != lexWord {
		return false
	}
	e.rewritten = true
	if from != to {
		e.moved = append(e.moved, tap.Moved{From: from, To: to})
	}
	return true
}

// rename reads what follows RENAME. A table that is renamed may have had the
// name of another.
func (e *effect) rename(r scanner) bool {
	if r.takeOne("index", "key") {
		return true
	}
	if !r.take("column") {
		return false
	}
	r.take("if", "exists")
	from, ok := r.name()
	if !ok || !r.take("to") {
		return false
	}
	to, ok := r.name()
	e.moved = append(e.moved, tap.Moved{From: from, To: to})
	return ok && r.done()
}

// partAnd reads the name of a partition whose rows go, and words that follow it.
func (e *effect) partAnd(r scanner, words ...string) bool {
	name, ok := r.name()
	e.parted = append(e.parted, name)
	return ok && r.take(words...)
}

// part reads the names of partitions whose rows go.
func (e *effect) part(r scanner) bool {
	if r.take("all") {
		e.emptied = true
		return r.done()
	}
	for {
		name, ok := r.name()
		if !ok {
			return false
		}
		if e.parted = append(e.parted, name); r.done() {
			return true
		}
		if !r.take(",") {
			return false
		}
	}
}
