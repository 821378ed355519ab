package mysql

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

// A lexeme is a piece of a statement.
type lexeme struct {
	kind lexemeKind
	text string // without quotes; a sign is one byte
}

type lexemeKind uint8

const (
	lexWord   lexemeKind = iota // a keyword, an identifier without quotes, or a number
	lexQuoted                   // an identifier in quotes
	lexString
	lexSign
)

// sqlMode is how the session read its statements.
type sqlMode struct {
	ansiQuotes  bool // "a" is an identifier
	noBackslash bool // a backslash in a string stands for itself
	emptyIsNull bool // the string without characters is NULL
	// unknown says that the mode is not known, or that the text may be in a
	// character set whose characters hold the bytes of signs.
	unknown bool
	charset string // of the text, empty if that is not known
}

// Codes of the variables that stand with a statement in the log, and bits of
// sql_mode.
const (
	variableFlags    = 0
	variableMode     = 1
	variableStep     = 3
	variableCharset  = 4
	variableCatalog  = 6
	modeANSIQuotes   = 4
	modeNoBackslash  = 1 << 20
	modeEmptyIsNull  = 1 << 32
	lengthMode       = 8
	lengthCharset    = 6
	lengthShortValue = 4
)

// readMode reads the mode from the variables that stand with a statement.
func readMode(variables []byte, charsets map[uint64]string) sqlMode {
	m := sqlMode{unknown: true}
	for len(variables) > 0 {
		code, rest := variables[0], variables[1:]
		length := 0
		switch code {
		case variableFlags, variableStep:
			length = lengthShortValue
		case variableMode:
			length = lengthMode
		case variableCharset:
			length = lengthCharset
		case variableCatalog:
			if len(rest) > 0 {
				length = 1 + int(rest[0])
			}
		default:
			return m
		}
		if len(rest) < max(length, 1) {
			return m
		}
		switch code {
		case variableMode:
			bits := binary.LittleEndian.Uint64(rest)
			m.ansiQuotes, m.noBackslash = bits&modeANSIQuotes != 0, bits&modeNoBackslash != 0
			m.emptyIsNull = bits&modeEmptyIsNull != 0
		case variableCharset:
			m.charset = charsets[uint64(binary.LittleEndian.Uint16(rest))]
			m.unknown = !plainCharset(m.charset)
			return m
		}
		variables = rest[length:]
	}
	return m
}

// plainCharset reports whether no byte below 0x80 is part of a longer character.
func plainCharset(name string) bool {
	return slices.Contains([]string{"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"}, name)
}

// scanLexemes splits a statement. Comments are left out, except those that some
// servers execute (/*! … */). Sure says that the server read it the same way.
func scanLexemes(query []byte, mode sqlMode) (list []lexeme, sure bool) {
	sure = !mode.unknown
	for len(query) > 0 {
		c := query[0]
		switch {
		case bytes.HasPrefix(query, []byte("/*!")), bytes.HasPrefix(query, []byte("/*M!")):
			query, sure = bytes.TrimLeft(query[3:], "!0123456789"), false
		case bytes.HasPrefix(query, []byte("/*")):
			query = cutAfter(query[2:], "*/")
		case isLineComment(query):
			query = cutAfter(query, "\n")
		case c == '\'' || c == '"' || c == '`':
			kind := lexString
			if c == '`' || c == '"' && (mode.ansiQuotes || mode.unknown) {
				kind = lexQuoted
			}
			text, rest, ended := quoted(query, kind == lexString && !mode.noBackslash || mode.unknown && c != '`')
			list, query, sure = append(list, lexeme{kind, text}), rest, sure && ended && utf8.ValidString(text)
		case isWordByte(c):
			end := 1
			for end < len(query) && isWordByte(query[end]) {
				end++
			}
			text := string(query[:end])
			list, query, sure = append(list, lexeme{lexWord, text}), query[end:], sure && utf8.ValidString(text)
		default:
			if !isSpace(c) {
				list = append(list, lexeme{lexSign, string(c)})
			}
			query = query[1:]
		}
	}
	return list, sure
}

func isLineComment(b []byte) bool {
	return b[0] == '#' || bytes.HasPrefix(b, []byte("--")) && (len(b) == 2 || isSpace(b[2]) || b[2] < ' ')
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// isWordByte accepts what an identifier without quotes may hold.
func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func cutAfter(b []byte, mark string) []byte {
	_, rest, _ := bytes.Cut(b, []byte(mark))
	return rest
}

// quoted returns the text between quotes and what follows. A doubled quote
// stands for itself; a backslash, where that escapes, changes what follows.
func quoted(b []byte, escapes bool) (text string, rest []byte, ended bool) {
	var out []byte
	quote := b[0]
	for i := 1; i < len(b); i++ {
		switch {
		case b[i] == '\\' && escapes && i+1 < len(b):
			i++
			out = append(out, escaped(b[i])...)
		case b[i] != quote:
			out = append(out, b[i])
		case i+1 < len(b) && b[i+1] == quote:
			i++
			out = append(out, quote)
		default:
			return string(out), b[i+1:], true
		}
	}
	return string(out), nil, false
}

// escaped returns what a character after a backslash stands for.
func escaped(c byte) []byte {
	switch c {
	case '0':
		return []byte{0}
	case 'b':
		return []byte{'\b'}
	case 'n':
		return []byte{'\n'}
	case 'r':
		return []byte{'\r'}
	case 't':
		return []byte{'\t'}
	case 'Z':
		return []byte{26}
	case '%', '_':
		return []byte{'\\', c}
	}
	return []byte{c}
}

// asWords returns the identifiers and keywords. A string in double quotes may be
// an identifier where the mode is not known, so it stands among them then.
func asWords(list []lexeme) words {
	var out words
	for _, l := range list {
		if l.kind == lexWord || l.kind == lexQuoted {
			out = append(out, word{text: strings.ToLower(l.text), quoted: l.kind == lexQuoted})
		}
	}
	return out
}

// innerLexemes returns the statement that SET STATEMENT … FOR runs.
func innerLexemes(list []lexeme) []lexeme {
	r := scanner{list: list}
	if !r.take("set") || !r.take("statement") {
		return list
	}
	for !r.done() {
		if r.take("for") {
			return r.list
		}
		r.skip()
	}
	return nil
}

// A scanner reads lexemes one after the other.
type scanner struct{ list []lexeme }

func (r *scanner) done() bool { return len(r.list) == 0 }

func (r *scanner) skip() { r.list = r.list[min(1, len(r.list)):] }

// at reports whether the next lexemes are these words, without quotes, or signs.
func (r *scanner) at(texts ...string) bool {
	for i, text := range texts {
		if i >= len(r.list) || r.list[i].kind != lexWord && r.list[i].kind != lexSign || !strings.EqualFold(r.list[i].text, text) {
			return false
		}
	}
	return true
}

// take passes over words if they are next.
func (r *scanner) take(texts ...string) bool {
	if !r.at(texts...) {
		return false
	}
	r.list = r.list[len(texts):]
	return true
}

// takeOne passes over the next word if it is one of these.
func (r *scanner) takeOne(texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return r.take(text) })
}

// name reads an identifier.
func (r *scanner) name() (string, bool) {
	if r.done() || r.list[0].kind != lexWord && r.list[0].kind != lexQuoted || r.list[0].text == "" {
		return "", false
	}
	text := r.list[0].text
	r.skip()
	return text, true
}

// table reads the name of a table, in a default database unless it names one.
func (r *scanner) table(database string) (schema, table string, ok bool) {
	first, ok := r.name()
	if !ok {
		return "", "", false
	}
	if !r.take(".") {
		return database, first, true
	}
	second, ok := r.name()
	return first, second, ok
}

// parts splits what is left at the commas that stand in no parentheses.
func (r *scanner) parts() (parts []scanner, ok bool) {
	depth, start := 0, 0
	for i, l := range r.list {
		if l.kind != lexSign {
			continue
		}
		switch l.text {
		case "(":
			depth++
		case ")":
			depth--
		case ",":
			if depth == 0 {
				parts, start = append(parts, scanner{r.list[start:i]}), i+1
			}
		}
		if depth < 0 {
			return nil, false
		}
	}
	return append(parts, scanner{r.list[start:]}), depth == 0
}
