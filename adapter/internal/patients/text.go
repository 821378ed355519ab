package patients

import (
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/cause/convert"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// textOf returns what a cell says as text in UTF-8, without blanks around it: empty
// for null, and for 0, which says that there is none. The reason, if any, says why it
// cannot be read as text, and nothing of its value.
func textOf(v row.Value) (text, reason string) {
	switch v.Type() {
	case row.Any:
		return "", ""
	case row.Int:
		return v.Display(), ""
	case row.Bits:
		n, _ := v.Int64()
		return strconv.FormatUint(uint64(n), 10), ""
	case row.Bool:
		n, _ := v.Int64()
		return strconv.FormatInt(n, 10), ""
	case row.Decimal:
		return string(v.Raw()), ""
	case row.Text, row.Enum:
		return decodeText(v)
	}
	return "", "a column of type " + v.Type().String() + " holds no text"
}

// decodeText decodes text, and refuses it where a byte is no character of its set:
// two different names must never become one.
func decodeText(v row.Value) (text, reason string) {
	if !convert.Knows(v.Charset()) {
		return "", "the character set " + strconv.Quote(v.Charset()) + " is not known here"
	}
	text, ok := convert.Decode(v)
	if !ok {
		return "", "its bytes are no text of the character set " + v.Charset()
	}
	return strings.TrimSpace(text), ""
}

// dayOf returns the day of a birth date, YYYY-MM-DD; empty for the zero date, which
// says that none is known.
func dayOf(v row.Value) (day, reason string) {
	switch v.Type() {
	case row.Date, row.DateTime:
		day = string(v.Raw()[:min(len(v.Raw()), len("YYYY-MM-DD"))])
	case row.Text:
		if day, reason = decodeText(v); reason != "" {
			return "", reason
		}
	default:
		return "", "a column of type " + v.Type().String() + " holds no date"
	}
	if day == "0000-00-00" {
		return "", ""
	}
	return day, ""
}

// joined joins the parts of a name that there are.
func joined(parts []string) string {
	var there []string
	for _, part := range parts {
		if part != "" {
			there = append(there, part)
		}
	}
	return strings.Join(there, " ")
}
