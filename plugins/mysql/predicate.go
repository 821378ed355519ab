package mysql

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// errKey says that a value cannot stand in the table's key.
var errKey = errors.New("not a key of this table")

// A predicate is SQL with its parameters.
type predicate struct {
	sql  strings.Builder
	args []any
}

// after adds "the key is greater than", in the expanded form: InnoDB reads a
// range of the index for it, and the whole index for (a, b) > (?, ?).
func (p *predicate) after(d *definition, key []row.Value) error {
	p.sql.WriteByte('(')
	for last := range d.key {
		if last > 0 {
			p.sql.WriteString(" OR ")
		}
		p.sql.WriteByte('(')
		for i := 0; i <= last; i++ {
			operator := " = "
			if i == last {
				operator = " > "
			}
			if i > 0 {
				p.sql.WriteString(" AND ")
			}
			if err := p.compare(&d.columns[d.key[i]], operator, key[i]); err != nil {
				return err
			}
		}
		p.sql.WriteByte(')')
	}
	p.sql.WriteByte(')')
	return nil
}

// oneOf adds "the key is one of these". A key that cannot be one of the table's,
// such as a label that its ENUM no longer has, names no row and is left out.
// It reports whether any key is left.
func (p *predicate) oneOf(d *definition, keys [][]row.Value) bool {
	found := false
	for _, key := range keys {
		var one predicate
		if one.equal(d, key) != nil {
			continue
		}
		if found {
			p.sql.WriteString(" OR ")
		}
		found = true
		p.sql.WriteString(one.sql.String())
		p.args = append(p.args, one.args...)
	}
	return found
}

// equal adds "the key is this one".
func (p *predicate) equal(d *definition, key []row.Value) error {
	p.sql.WriteByte('(')
	for i, at := range d.key {
		if i > 0 {
			p.sql.WriteString(" AND ")
		}
		if err := p.compare(&d.columns[at], " = ", key[i]); err != nil {
			return err
		}
	}
	p.sql.WriteByte(')')
	return nil
}

// compare adds a comparison of a column with a value, written so that the
// server compares by the column's own type and collation.
func (p *predicate) compare(c *column, operator string, v row.Value) error {
	expression, arg, err := c.operand(v)
	if err != nil {
		return err
	}
	p.sql.WriteString(quoteName(c.name))
	p.sql.WriteString(operator)
	p.sql.WriteString(expression)
	p.args = append(p.args, arg)
	return nil
}

// operand returns the SQL and the parameter of a key value.
func (c *column) operand(v row.Value) (expression string, arg any, err error) {
	if !v.Fits(c.kind.valueType()) || v.IsNull() {
		return "", nil, errKey
	}
	switch c.kind {
	case kindInt, kindYear:
		n, _ := v.Int64()
		return "?", n, nil
	case kindUint, kindBit:
		return "?", unsigned(v), nil
	case kindFloat:
		f, err := strconv.ParseFloat(v.Display(), 32)
		return "?", f, err
	case kindDouble:
		f, err := strconv.ParseFloat(v.Display(), 64)
		return "?", f, err
	case kindDecimal:
		return "CAST(? AS " + c.declaredDecimal() + ")", rawArgument(v), nil
	case kindText:
		return c.textOperand(v)
	case kindBytes, kindBinary:
		return "CAST(? AS BINARY)", rawArgument(v), nil
	case kindEnum:
		return c.enumOperand(v)
	case kindUUID:
		return "CAST(? AS UUID)", uuidText(v.Raw()), nil
	case kindInet6, kindInet4:
		address, ok := netip.AddrFromSlice(v.Raw())
		return "CAST(? AS " + strings.ToUpper(c.declared) + ")", address.String(), expect(ok)
	}
	return "?", rawArgument(v), nil
}

// rawArgument returns a value's bytes as a parameter, never nil, which would be
// NULL.
func rawArgument(v row.Value) []byte { return append([]byte{}, v.Raw()...) }

// declaredDecimal returns DECIMAL(p,s) of the column.
func (c *column) declaredDecimal() string {
	end := strings.IndexByte(c.declared, ')')
	return c.declared[:end+1]
}

// textOperand hands the column's own bytes over without conversion. UTF-8 is
// what the connection speaks; bytes of other sets travel as hex, for the server
// converts any other parameter, whatever it is cast to.
func (c *column) textOperand(v row.Value) (string, any, error) {
	if v.Charset() != charsetTag(c.charset) {
		return "", nil, errKey
	}
	if v.Charset() == "utf8" {
		return "?", rawArgument(v), nil
	}
	return "CONVERT(UNHEX(?) USING " + c.charset + ") COLLATE " + c.collation, hex.EncodeToString(v.Raw()), nil
}

func (c *column) enumOperand(v row.Value) (string, any, error) {
	if row.Equal(v, row.NewEnumError(v.Charset())) {
		return "?", int64(0), nil
	}
	labels, ok := c.enumLabels()
	for i, label := range labels {
		if ok && label == string(v.Raw()) {
			return "?", int64(i + 1), nil
		}
	}
	return "", nil, errKey
}

// uuidText writes a UUID in its usual form.
func uuidText(b []byte) string {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, 36)
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = append(text, digits[c>>4], digits[c&15])
	}
	return string(text)
}
