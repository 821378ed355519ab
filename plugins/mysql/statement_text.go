package mysql

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

const latin1 = "latin1"

// decodeStatement returns a statement's text as UTF-8, and whether that is what
// the server read: a statement stands in the log in its session's character set.
// Other sets than these are not decoded, as no library does it as the server does.
func decodeStatement(query []byte, charset string) (text []byte, sure bool) {
	if charset == "swe7" { // its letters stand in place of ASCII's signs
		return query, false
	}
	if isASCII(query) {
		return query, true
	}
	switch charset {
	case "utf8mb4", "utf8mb3", "utf8":
		return query, true
	case latin1:
		return decodeLatin1(query), true
	}
	return query, false
}

func isASCII(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decodeLatin1 decodes what the server calls latin1: Windows-1252, where the five
// bytes that this leaves open are the control characters of their number.
func decodeLatin1(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	for _, c := range text {
		r := charmap.Windows1252.DecodeByte(c)
		if r == utf8.RuneError {
			r = rune(c)
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}
