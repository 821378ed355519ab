package convert

import (
	"bytes"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// midnight is the time of a datetime that was made of a date.
const midnight = "T00:00:00"

// toMoment is of dates and datetimes. Timestamps are left out: what they become
// depends on the time zone of the session that altered the table.
func toMoment(v row.Value, to row.Type) row.Value {
	switch {
	case v.Type() == row.DateTime && to == row.Date:
		date, ok := bytes.CutSuffix(v.Raw(), []byte(midnight))
		if !ok {
			return row.Null()
		}
		return valid(row.NewDate(date))
	case v.Type() == row.Date && to == row.DateTime:
		return valid(row.NewDateTime([]byte(string(v.Raw()) + midnight)))
	case v.Type() == row.Int && to == row.Date:
		return dateOf(digits(v))
	}
	return row.Null()
}

// dateNumber is a date as the number YYYYMMDD.
func dateNumber(v row.Value) row.Value {
	return parseInt(strings.ReplaceAll(string(v.Raw()), "-", ""))
}

// dateOf is the date of the eight digits YYYYMMDD.
func dateOf(text string) row.Value {
	if len(text) != 8 {
		return row.Null()
	}
	return valid(row.NewDate([]byte(text[:4] + "-" + text[4:6] + "-" + text[6:])))
}

// fromText reads a cell of another type from the text that it was turned into.
func fromText(v row.Value, to row.Type) []row.Value {
	text, ok := Decode(v)
	if !ok {
		return nil
	}
	var cell row.Value
	switch to {
	case row.Int:
		cell = parseInt(text)
	case row.Bits, row.Bool:
		cell = toBits(parseInt(text), to)
	case row.Decimal:
		if digitsFirst(text) {
			cell = valid(row.NewDecimal([]byte(text)))
		}
	case row.Float32, row.Float64:
		if digitsFirst(text) && !strings.ContainsAny(text, "xX_") {
			cell = parseFloat(text, to)
		}
	case row.Date:
		cell = valid(row.NewDate([]byte(text)))
	case row.Time:
		cell = valid(row.NewTime([]byte(text)))
	case row.DateTime:
		cell = valid(row.NewDateTime([]byte(text)))
	case row.UUID:
		cell = parseUUID(text)
	}
	if cell.IsNull() {
		return nil
	}
	return []row.Value{cell}
}

// digitsFirst reports whether a number is written as a database writes it: an
// integer part without needless zeros.
func digitsFirst(text string) bool {
	text = strings.TrimPrefix(text, "-")
	if text == "" || text[0] < '0' || text[0] > '9' {
		return false
	}
	return text[0] != '0' || len(text) == 1 || text[1] == '.' || text[1] == 'e'
}

// maxFraction is how many fraction digits a database keeps of a moment, and up
// to how many zeros are tried behind a number's.
const maxFraction = 6

// texts returns how a cell may have been written before it was read from text.
func texts(v row.Value) []string {
	raw := string(v.Raw())
	switch v.Type() {
	case row.Int, row.Bits, row.Bool:
		return []string{digits(v)}
	case row.Decimal:
		return withZeros(raw)
	case row.Float32, row.Float64:
		return withZeros(plain(v))
	case row.Date:
		return []string{raw, strings.ReplaceAll(raw, "-", "")}
	case row.Time:
		return withZeros(raw)
	case row.DateTime:
		return datetimeTexts(raw)
	case row.UUID:
		text := formatUUID(v.Raw())
		return []string{text, strings.ToUpper(text)}
	}
	return nil
}

func datetimeTexts(raw string) []string {
	spaced := strings.Replace(raw, "T", " ", 1)
	list := append(withZeros(spaced), withZeros(raw)...)
	if date, ok := strings.CutSuffix(raw, midnight); ok {
		list = append(list, date)
	}
	return list
}

// withZeros returns a number or time with more and more zeros behind it.
func withZeros(text string) []string {
	list := []string{text}
	fraction := 0
	if point := strings.IndexByte(text, '.'); point >= 0 {
		fraction = len(text) - point - 1
	} else {
		text += "."
	}
	for ; fraction < maxFraction; fraction++ {
		text += "0"
		list = append(list, text)
	}
	return list
}
