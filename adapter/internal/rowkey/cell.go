package rowkey

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// parsePlain reads a cell that is written without quotes.
func parsePlain(text string, c Column) (row.Value, error) {
	switch c.Type {
	case row.Any:
		return parseAny(text), nil
	case row.Int:
		return parseInt(text)
	case row.Bits:
		n, err := strconv.ParseUint(text, 10, 64)
		return checked(row.NewBits(n), err, "a whole number")
	case row.Bool:
		b, err := strconv.ParseBool(text)
		return checked(row.NewBool(b), err, "true or false")
	case row.Float32:
		f, err := strconv.ParseFloat(text, 32)
		return checked(row.NewFloat32(float32(f)), err, "a number")
	case row.Float64:
		f, err := strconv.ParseFloat(text, 64)
		return checked(row.NewFloat64(f), err, "a number")
	case row.Bytes:
		b, err := parseHex(text)
		return checked(row.NewBytes(b), err, "bytes as 0x and hex digits")
	case row.UUID:
		return parseUUID(text)
	case row.Text, row.Enum:
		return parseText(text, c)
	case row.Set:
		return row.Value{}, wrong(`write {"cell":"…"} as a finding shows it`)
	}
	return parseNormal(text, c.Type)
}

func checked(v row.Value, err error, form string) (row.Value, error) {
	if err != nil {
		return row.Value{}, wrong("write %s", form)
	}
	return v, nil
}

func parseInt(text string) (row.Value, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return row.NewInt(n), nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return checked(row.NewUint(n), err, "a whole number")
}

func parseAny(text string) row.Value {
	if v, err := parseInt(text); err == nil {
		return v
	}
	if b, err := parseHex(text); err == nil {
		return row.NewBytes(b)
	}
	return row.NewText("utf8", []byte(text))
}

func parseHex(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	if !ok {
		return nil, ErrKey
	}
	return hex.DecodeString(digits)
}

func parseUUID(text string) (row.Value, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimPrefix(text, "0x"), "-", ""))
	if err == nil {
		var v row.Value
		if v, err = row.NewUUID(b); err == nil {
			return v, nil
		}
	}
	return row.Value{}, wrong("write a UUID: 32 hex digits, dashes allowed")
}

// parseText takes UTF-8 for a column in UTF-8. For any other character set only
// ASCII is certain to be the same bytes.
func parseText(text string, c Column) (row.Value, error) {
	charset := c.Charset
	if charset == "" {
		charset = "utf8"
	}
	if charset != "utf8" && strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
		return row.Value{}, wrong(`the column's character set is %s; write {"cell":"…"} as a finding shows it`, charset)
	}
	if c.Type == row.Enum {
		return row.NewEnum(charset, []byte(text)), nil
	}
	return row.NewText(charset, []byte(text)), nil
}

func parseNormal(text string, t row.Type) (row.Value, error) {
	makers := map[row.Type]func([]byte) (row.Value, error){
		row.Decimal: row.NewDecimal, row.Date: row.NewDate, row.Time: row.NewTime,
		row.DateTime: row.NewDateTime, row.Timestamp: row.NewTimestamp,
	}
	maker, ok := makers[t]
	if !ok {
		return row.Value{}, wrong("its column has an unknown type")
	}
	v, err := maker([]byte(text))
	if err != nil {
		return row.Value{}, wrong("%s", strings.TrimPrefix(err.Error(), row.ErrInvalid.Error()+": "))
	}
	return v, nil
}

// parseJSON reads a cell of an array.
func parseJSON(cell json.RawMessage, c Column) (row.Value, error) {
	switch cell[0] {
	case 'n':
		return row.Null(), nil
	case '{':
		return parseCanonical(cell, c)
	case '"':
		var text string
		if err := json.Unmarshal(cell, &text); err != nil {
			return row.Value{}, wrong("the text is not JSON")
		}
		if c.Type == row.Any {
			return row.NewText("utf8", []byte(text)), nil
		}
		return parsePlain(text, c)
	case 't', 'f':
		return parseTyped(string(cell), c, row.Bool, row.Bool)
	case '[':
		return row.Value{}, wrong("a cell is no array")
	}
	natural := row.Int
	if bytes.ContainsAny(cell, ".eE") {
		natural = row.Float64
	}
	return parseTyped(string(cell), c, natural, row.Int, row.Bits, row.Decimal, row.Float32, row.Float64)
}

// parseTyped reads a cell that JSON gives a type: the natural one in a column
// of any type, else one of those that the column may have.
func parseTyped(text string, c Column, natural row.Type, allowed ...row.Type) (row.Value, error) {
	if c.Type == row.Any {
		return parsePlain(text, Column{Type: natural})
	}
	for _, t := range allowed {
		if c.Type == t {
			return parsePlain(text, c)
		}
	}
	return row.Value{}, wrong("a %s is written in quotes", c.Type)
}

func parseCanonical(cell json.RawMessage, c Column) (row.Value, error) {
	var form map[string]string
	if json.Unmarshal(cell, &form) != nil || len(form) != 1 {
		return row.Value{}, wrong(`an object must be {"cell":"…"}`)
	}
	b, err := hex.DecodeString(form["cell"])
	if err != nil {
		return row.Value{}, wrong(`{"cell":"…"} holds hex digits`)
	}
	r := dcbor.NewReader(b)
	v := row.ReadCell(r)
	if r.Done() != nil || !v.Fits(c.Type) {
		return row.Value{}, wrong(`{"cell":"…"} is not the canonical encoding of a %s`, c.Type)
	}
	return v, nil
}
