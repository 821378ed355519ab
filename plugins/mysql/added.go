package mysql

import (
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// An initial is what an ALTER TABLE says that rows which are there hold in a
// column that it adds. The zero initial is not known.
type initial struct {
	kind     initialKind
	text     string
	declared string // the column's type as the statement writes it
}

type initialKind uint8

const (
	initialUnknown initialKind = iota
	initialNull
	initialZero   // NOT NULL without a default: what the type makes of it
	initialNumber // as it is written
	initialString
)

// readInitial reads the definition of a new column. It knows the usual defaults;
// of all others, and of columns that the server fills by itself, it knows nothing.
func readInitial(r scanner) initial {
	if r.at("timestamp") || r.at("serial") {
		return initial{}
	}
	declared, ok := r.declared()
	read := columnWords{}
	for ok && !r.done() {
		ok = read.word(&r)
	}
	if !ok || read.null && read.notNull {
		return initial{}
	}
	value := initial{kind: initialNull}
	switch {
	case read.value.kind != initialUnknown:
		value = read.value
	case read.notNull:
		value.kind = initialZero
	}
	value.declared = declared
	return value
}

// columnWords are those of a column's definition that decide what it holds.
type columnWords struct {
	null, notNull bool
	value         initial // of DEFAULT
}

// word reads what is next in a column's definition, and reports whether it is
// certain what that does to rows.
func (w *columnWords) word(r *scanner) bool {
	switch {
	case r.take("not", "null"):
		w.notNull = true
	case r.take("null"):
		w.null = true
	case r.take("default"):
		w.value = r.literal()
		return w.value.kind != initialUnknown
	case r.takeOne("comment", "collate", "after", "charset"), r.take("character", "set"):
		r.skip()
	default:
		return r.takeOne("unsigned", "signed", "zerofill", "invisible", "compressed", "first")
	}
	return true
}

// declared reads a type and what stands in parentheses behind it.
func (r *scanner) declared() (string, bool) {
	word, ok := r.name()
	if !ok {
		return "", false
	}
	word = strings.ToLower(word)
	if !r.at("(") {
		return word, true
	}
	for depth := 0; !r.done(); {
		switch {
		case r.at("("):
			depth++
		case r.at(")"):
			depth--
		}
		word += r.list[0].text
		if r.skip(); depth == 0 {
			return word, true
		}
	}
	return "", false
}

// literal reads what follows DEFAULT, if that is a plain value.
func (r *scanner) literal() initial {
	if r.done() {
		return initial{}
	}
	switch next := r.list[0]; {
	case next.kind == lexString:
		r.skip()
		if !r.done() && r.list[0].kind == lexString { // strings side by side are one
			return initial{}
		}
		return initial{kind: initialString, text: next.text}
	case r.take("null"):
		return initial{kind: initialNull}
	case r.take("true"):
		return initial{kind: initialNumber, text: "1"}
	case r.take("false"):
		return initial{kind: initialNumber, text: "0"}
	}
	return r.number()
}

// number reads [sign] digits [. digits].
func (r *scanner) number() initial {
	text := ""
	if r.take("-") {
		text = "-"
	}
	whole, ok := r.digits()
	if !ok {
		return initial{}
	}
	text += whole
	if r.take(".") {
		if whole, ok = r.digits(); !ok {
			return initial{}
		}
		text += "." + whole
	}
	return initial{kind: initialNumber, text: text}
}

func (r *scanner) digits() (string, bool) {
	if r.done() || r.list[0].kind != lexWord || !isDigits(r.list[0].text) {
		return "", false
	}
	text := r.list[0].text
	r.skip()
	return text, true
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// valueKind is the kind of the type that a statement declares.
func (i initial) valueKind() kind {
	word, _, _ := strings.Cut(i.declared, "(")
	switch word {
	case "integer", "bool", "boolean":
		return kindInt
	case "json":
		return kindText
	}
	k, _, _ := kindOf(word, word)
	return k
}

// column is the column of a name in a definition, which may be of a later
// statement: the column may be gone by then, or have another type.
func (i initial) column(name string, d *definition) *column {
	at := d.find(name)
	if at < 0 {
		return &column{kind: i.valueKind(), declared: i.declared}
	}
	c := &d.columns[at]
	if i.kind != initialNull && c.kind != i.valueKind() && (c.kind != kindUint || i.valueKind() != kindInt) {
		return &column{omitted: "it is not the one that the statement added"}
	}
	return c
}

// holds returns the cell that an initial is in a column, nil where that is not
// certain: where the server rounds, pads or converts.
func (c *column) holds(i initial) *row.Value {
	cell, ok := row.Null(), true
	switch i.kind {
	case initialNull:
	case initialZero:
		cell, ok = c.zero()
	case initialNumber, initialString:
		cell, ok = c.literal(i)
	default:
		ok = false
	}
	if !ok || c.omitted != "" || c.refused != "" {
		return nil
	}
	return &cell
}

func (c *column) zero() (row.Value, bool) {
	switch c.kind {
	case kindText:
		return row.NewText(charsetTag(c.charset), []byte{}), c.charset != ""
	case kindBytes:
		return row.NewBytes([]byte{}), true
	case kindInt, kindUint, kindDecimal, kindFloat, kindDouble:
		return c.literal(initial{kind: initialNumber, text: "0"})
	}
	return row.Value{}, false
}

func (c *column) literal(i initial) (row.Value, bool) {
	switch c.kind {
	case kindInt, kindUint:
		if n, err := strconv.ParseInt(i.text, 10, 64); err == nil {
			return row.NewInt(n), true
		}
		n, err := strconv.ParseUint(i.text, 10, 64)
		return row.NewUint(n), err == nil
	case kindDecimal:
		_, fraction, _ := strings.Cut(i.text, ".")
		_, scale, _ := strings.Cut(strings.TrimSuffix(c.declaredDecimal(), ")"), ",")
		digits, err := strconv.Atoi(scale)
		if err != nil || len(fraction) > digits {
			return row.Value{}, false
		}
		v, err := row.NewDecimal([]byte(i.text))
		return v, err == nil
	case kindFloat, kindDouble:
		n, err := strconv.ParseInt(i.text, 10, 24)
		if err != nil || strings.Contains(c.declared, "(") {
			return row.Value{}, false
		}
		if c.kind == kindFloat {
			return row.NewFloat32(float32(n)), true
		}
		return row.NewFloat64(float64(n)), true
	}
	if i.kind != initialString {
		return row.Value{}, false
	}
	return c.text(i.text)
}

// text returns the cell that a string is in a column.
func (c *column) text(text string) (row.Value, bool) {
	if !isPlain(text, c.charset) {
		return row.Value{}, false
	}
	var v row.Value
	var err error
	switch {
	case c.kind == kindText && plainCharset(c.charset) && !(strings.HasPrefix(c.declared, "char(") && strings.HasSuffix(text, " ")):
		v = row.NewText(charsetTag(c.charset), []byte(text))
	case c.kind == kindBytes && strings.HasPrefix(c.declared, "varbinary("):
		v = row.NewBytes([]byte(text))
	case c.kind == kindEnum && plainCharset(c.charset):
		v, err = c.enumOf(text)
	case c.kind == kindDate && len(text) == len("2006-01-02"):
		v, err = row.NewDate([]byte(text))
	case c.kind == kindDateTime && len(text) == len("2006-01-02 03:04:05"):
		v, err = row.NewDateTime([]byte(text))
	default:
		return v, false
	}
	return v, err == nil
}

// enumOf returns the cell of an ENUM's label.
func (c *column) enumOf(text string) (row.Value, error) {
	v := row.NewEnum(charsetTag(c.charset), []byte(text))
	_, _, err := c.enumOperand(v)
	return v, err
}
