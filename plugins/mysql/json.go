package mysql

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A JSON value of MySQL stands in the log in a binary form (jsonb.go), and comes
// as text from a SELECT. Both become one text: members in the order in which the
// server keeps them, ", " and ": " between values, strings with the fewest
// escapes, and numbers by their value, for how the server writes doubles is
// nowhere promised. So 1, 1.0 and 1e0, which MySQL holds for equal, are one.

// jsonCharset is the character set of all JSON values.
const jsonCharset = "utf8"

var errJSON = errors.New("a JSON value is not in a known form")

// normalJSON makes a text that the server wrote the one of this package.
func normalJSON(text []byte) ([]byte, error) {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		var err error
		switch c := text[0]; {
		case c == ' ':
			text = text[1:]
		case c == ',' || c == ':':
			out, text = append(out, c, ' '), text[1:]
		case c == '[' || c == ']' || c == '{' || c == '}':
			out, text = append(out, c), text[1:]
		case c == '"':
			var value []byte
			value, text, err = unquoteJSON(text)
			out = appendJSONString(out, value)
		case c == '-' || '0' <= c && c <= '9':
			end := 1
			for end < len(text) && bytes.IndexByte([]byte("+-.0123456789eE"), text[end]) >= 0 {
				end++
			}
			out, err = appendJSONNumber(out, text[:end])
			text = text[end:]
		default:
			out, text, err = takeJSONWord(out, text)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func takeJSONWord(out, text []byte) (written, rest []byte, err error) {
	for _, word := range []string{"null", "true", "false"} {
		if rest, ok := bytes.CutPrefix(text, []byte(word)); ok {
			return append(out, word...), rest, nil
		}
	}
	return nil, nil, errJSON
}

// appendJSONString writes a string as the server does.
func appendJSONString(out, value []byte) []byte {
	const digits, short = "0123456789abcdef", "\b\f\n\r\t"
	out = append(out, '"')
	for _, c := range value {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= 0x20:
			out = append(out, c)
		default:
			if i := bytes.IndexByte([]byte(short), c); i >= 0 {
				out = append(out, '\\', "bfnrt"[i])
				continue
			}
			out = append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(out, '"')
}

// unquoteJSON reads a string from the front of a text.
func unquoteJSON(text []byte) (value, rest []byte, err error) {
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return value, text[i+1:], nil
		case c != '\\':
			value = append(value, c)
		default:
			var length int
			if value, length = appendEscaped(value, text[i+1:]); length == 0 {
				return nil, nil, errJSON
			}
			i += length
		}
	}
	return nil, nil, errJSON
}

// appendEscaped writes what stands behind a backslash, and returns how long that
// was, 0 if it is not whole.
func appendEscaped(value, text []byte) (written []byte, length int) {
	if len(text) == 0 {
		return nil, 0
	}
	if i := bytes.IndexByte([]byte(`"\/bfnrt`), text[0]); i >= 0 {
		return append(value, "\"\\/\b\f\n\r\t"[i]), 1
	}
	first, ok := unit(text)
	if !ok {
		return nil, 0
	}
	if !utf16.IsSurrogate(first) {
		return utf8.AppendRune(value, first), 5
	}
	if len(text) < 6 || text[5] != '\\' {
		return nil, 0
	}
	second, ok := unit(text[6:])
	if r := utf16.DecodeRune(first, second); ok && r != utf8.RuneError {
		return utf8.AppendRune(value, r), 11
	}
	return nil, 0
}

// unit reads uXXXX.
func unit(text []byte) (rune, bool) {
	if len(text) < 5 || text[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return rune(n), err == nil
}

// Powers of ten between which numbers are written without an exponent.
const (
	leastPlain = -6
	mostPlain  = 21
)

// appendJSONNumber writes a number by its value.
func appendJSONNumber(out, text []byte) ([]byte, error) {
	text, negative := bytes.CutPrefix(text, []byte("-"))
	mantissa, exponent, hasExponent := bytes.Cut(bytes.ToLower(text), []byte("e"))
	power := 0
	if hasExponent {
		var err error
		if power, err = strconv.Atoi(string(exponent)); err != nil || power < -1e6 || power > 1e6 {
			return nil, errJSON
		}
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits := append(bytes.Clone(whole), fraction...)
	if len(whole) == 0 || bytes.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) {
		return nil, errJSON
	}
	power += len(whole) // the value is 0.digits times ten to the power
	trimmed := bytes.TrimLeft(digits, "0")
	power -= len(digits) - len(trimmed)
	trimmed = bytes.TrimRight(trimmed, "0")
	if len(trimmed) == 0 {
		return append(out, '0'), nil
	}
	if negative {
		out = append(out, '-')
	}
	return appendDigits(out, trimmed, power), nil
}

// appendDigits writes 0.digits times ten to a power.
func appendDigits(out, digits []byte, power int) []byte {
	switch {
	case power > mostPlain || power <= leastPlain:
		out = append(out, digits[0])
		if len(digits) > 1 {
			out = append(append(out, '.'), digits[1:]...)
		}
		return strconv.AppendInt(append(out, 'e'), int64(power-1), 10)
	case power <= 0:
		out = append(out, '0', '.')
		out = append(out, bytes.Repeat([]byte{'0'}, -power)...)
		return append(out, digits...)
	case power >= len(digits):
		return append(append(out, digits...), bytes.Repeat([]byte{'0'}, power-len(digits))...)
	}
	return append(append(append(out, digits[:power]...), '.'), digits[power:]...)
}
