package mysql

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A statementClass is what a statement in the log means to the tap.
type statementClass uint8

const (
	// statementNone changes no row and no table.
	statementNone statementClass = iota
	// statementBegin begins a transaction of more than one event, of MySQL.
	statementBegin
	// statementCommit and statementRollback end a transaction.
	statementCommit
	statementRollback
	// statementXACommit makes rows visible that an earlier XA PREPARE logged;
	// statementXARollback drops them.
	statementXACommit
	statementXARollback
	// statementTable may change rows and columns of the tables that it names.
	statementTable
	// statementDatabase may do so to all tables of the database that it names.
	statementDatabase
	// statementIndex changes keys of the tables that it names, no rows.
	statementIndex
	// statementTemporary makes a temporary table, which may hide one of its name.
	statementTemporary
	// statementRows changes rows that the log does not show.
	statementRows
	// statementSavepoint sets a savepoint; statementRollbackTo undoes what the
	// transaction changed since.
	statementSavepoint
	statementRollbackTo
)

// A statement is a statement of the log, read as far as the tap must.
type statement struct {
	class statementClass
	// title is the statement's kind in words, such as ALTER TABLE. It never
	// holds a value.
	title string
	// database is the session's default; names are all identifiers, in lower
	// case. A table counts as named when its name is among them: better one
	// table too many than one missed.
	database string
	names    []string
	lexemes  []lexeme // the statement's own, nil if it cannot be read with certainty
	mode     sqlMode
	// illegible says that the names are not known.
	illegible bool
	// temporary says that the session used temporary tables, not which: the name
	// of a table may have stood for one of them.
	temporary bool
}

// concerns reports whether the statement may concern a table.
func (s *statement) concerns(schema, table string) bool {
	schema, table = strings.ToLower(schema), strings.ToLower(table)
	inSchema := slices.Contains(s.names, schema)
	switch s.class {
	case statementDatabase:
		return inSchema || s.illegible
	case statementTable, statementIndex, statementTemporary:
		return s.illegible || slices.Contains(s.names, table) && (inSchema || strings.ToLower(s.database) == schema)
	}
	return s.class == statementRows
}

// keys reports whether the statement may change foreign keys. What it says of
// them is not read: a key that came and went while the tap was behind stands in
// no definition, so that the rows are verified.
func (s *statement) keys() bool {
	return s.class == statementTable && slices.ContainsFunc(s.names, func(name string) bool {
		return name == "foreign" || name == "constraint" || name == "references"
	})
}

// parseStatement reads a statement of the log that ran in a mode of SQL.
func parseStatement(database, query []byte, mode sqlMode) *statement {
	s := &statement{database: string(database), mode: mode}
	text, legible := decodeStatement(query, mode.charset)
	s.illegible = !legible
	list, sure := scanLexemes(text, mode)
	if sure && legible {
		s.lexemes = innerLexemes(list)
	}
	words := asWords(list).inner()
	s.title = words.title()
	s.class = words.classify()
	s.name(words)
	if words.is(0, "create") && mode.charset == latin1 && utf8.Valid(query) {
		s.asUTF8(query)
	}
	return s
}

// asUTF8 reads a statement of a latin1 session as UTF-8: the server writes CREATE
// TABLE … SELECT anew, in UTF-8 whatever the session had. The names of both
// readings count.
func (s *statement) asUTF8(query []byte) {
	list, sure := scanLexemes(query, s.mode)
	s.lexemes = nil
	if sure {
		s.lexemes = innerLexemes(list)
	}
	s.name(asWords(list).inner())
}

func (s *statement) name(words words) {
	for _, w := range words {
		if !slices.Contains(s.names, w.text) {
			s.names = append(s.names, w.text)
		}
	}
}

// A word is an identifier or keyword, in lower case.
type word struct {
	text   string
	quoted bool
}

type words []word

func (w words) is(i int, texts ...string) bool {
	return i < len(w) && !w[i].quoted && slices.Contains(texts, w[i].text)
}

// inner returns the statement that SET STATEMENT … FOR runs.
func (w words) inner() words {
	if !w.is(0, "set") || !w.is(1, "statement") {
		return w
	}
	for i := range w {
		if w.is(i, "for") {
			return w[i+1:]
		}
	}
	return w
}

func (w words) classify() statementClass {
	switch {
	case w.is(0, "analyze") && !w.is(1, "table", "tables", "local", "no_write_to_binlog"):
		return statementRows // ANALYZE runs the statement that follows
	case w.is(0, "begin"), w.is(0, "xa") && w.is(1, "start", "begin"):
		return statementBegin
	case w.is(0, "start", "release"):
		return statementNone
	case w.is(0, "savepoint"):
		return statementSavepoint
	case w.is(0, "rollback") && w.is(1, "to"):
		return statementRollbackTo
	case w.is(0, "commit"):
		return statementCommit
	case w.is(0, "rollback"):
		return statementRollback
	case w.is(0, "xa"):
		switch {
		case w.is(1, "commit"):
			return statementXACommit
		case w.is(1, "rollback"):
			return statementXARollback
		}
		return statementNone
	case w.is(0, "truncate"):
		return statementTable
	case w.is(0, "create", "alter", "drop", "rename"):
		return w.classifyDefinition()
	case w.is(0, "grant", "revoke", "set", "flush", "analyze", "optimize", "repair", "check", "comment"):
		return statementNone
	}
	return statementRows
}

// classifyDefinition finds the kind of object that a statement defines: the
// first word that is one.
func (w words) classifyDefinition() statementClass {
	for i := 1; i < len(w); i++ {
		switch {
		case w.is(i, "table", "tables"):
			return statementTable
		case w.is(i, "database", "schema"):
			return statementDatabase
		case w.is(i, "index"):
			return statementIndex
		case w.is(i, "temporary") && w.is(0, "create"):
			return statementTemporary
		case w.is(i, "temporary", "view", "trigger", "procedure", "function", "event", "user", "role",
			"server", "sequence", "package", "tablespace", "logfile", "resource", "reference", "instance"):
			return statementNone
		}
	}
	return statementRows
}

// title returns the first words up to the kind of object, in capitals.
func (w words) title() string {
	var parts []string
	for i := 0; i < len(w) && i < 4; i++ {
		if w[i].quoted {
			break
		}
		if i > 0 && !w.is(i, "table", "tables", "database", "schema", "index", "unique", "or", "replace", "temporary",
			"commit", "rollback", "prepare") {
			break
		}
		parts = append(parts, strings.ToUpper(w[i].text))
	}
	return strings.Join(parts, " ")
}
