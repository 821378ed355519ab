package mysql

import "strings"

// enumLabels returns the labels of an ENUM column in order, as the column
// stores them. The server lists them in UTF-8, so ok is false where that may
// differ from the column's own bytes.
func (c *column) enumLabels() (labels []string, ok bool) {
	list, found := strings.CutPrefix(c.declared, "enum(")
	if !found {
		return nil, false
	}
	labels = splitLabels(strings.TrimSuffix(list, ")"))
	for _, label := range labels {
		if charsetTag(c.charset) != "utf8" && !isPlain(label, c.charset) {
			return nil, false
		}
	}
	return labels, true
}

// splitLabels splits 'a','b”c' into a and b'c.
func splitLabels(list string) []string {
	var labels []string
	var label strings.Builder
	inside := false
	for i := 0; i < len(list); i++ {
		switch {
		case list[i] != '\'':
			if inside {
				label.WriteByte(list[i])
			}
		case inside && i+1 < len(list) && list[i+1] == '\'':
			label.WriteByte('\'')
			i++
		default:
			if inside {
				labels = append(labels, label.String())
				label.Reset()
			}
			inside = !inside
		}
	}
	return labels
}

// isPlain reports whether a text is ASCII, without the backslash that is written
// in two ways, in a set that keeps ASCII as it is.
func isPlain(text, charset string) bool {
	switch charset {
	case "ucs2", "utf16", "utf16le", "utf32":
		return false
	}
	for i := 0; i < len(text); i++ {
		if text[i] >= 0x80 || text[i] == '\\' {
			return false
		}
	}
	return true
}
