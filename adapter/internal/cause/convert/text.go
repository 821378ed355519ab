package convert

import (
	"encoding/hex"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// recode returns v in every other character set that can hold it.
func recode(v row.Value) []row.Value {
	var out []row.Value
	switch v.Type() {
	case row.Text, row.Enum:
		text, ok := Decode(v)
		if !ok {
			return nil
		}
		for _, name := range charsets() {
			if b, ok := encode(name, text); ok && name != v.Charset() {
				out = append(out, characters(v.Type(), name, b))
			}
		}
	case row.Set:
		labels, ok := decodeLabels(v)
		if !ok {
			return nil
		}
		for _, name := range charsets() {
			if set, ok := encodeLabels(name, labels); ok && name != v.Charset() {
				out = append(out, set)
			}
		}
	}
	return out
}

func characters(t row.Type, charset string, b []byte) row.Value {
	if t == row.Enum {
		return row.NewEnum(charset, b)
	}
	return row.NewText(charset, b)
}

// backToText returns the texts that could have become v.
func backToText(v row.Value) []row.Value {
	var out []row.Value
	switch v.Type() {
	case row.Bytes: // the same bytes, without the character set's name
		for _, name := range charsets() {
			out = append(out, row.NewText(name, v.Raw()))
		}
		return out
	case row.Enum:
		return ofEach(row.Text, decodeOne(v))
	case row.Set:
		labels, ok := decodeLabels(v)
		if !ok {
			return nil
		}
		return ofEach(row.Text, []string{strings.Join(labels, ",")})
	}
	return ofEach(row.Text, texts(v))
}

// backToLabels returns the enumeration values or sets that could have become v.
func backToLabels(v row.Value, to row.Type) []row.Value {
	if v.Type() != row.Text {
		return nil
	}
	list := decodeOne(v)
	if len(list) == 0 {
		return nil
	}
	if to == row.Enum {
		out := ofEach(row.Enum, list)
		for _, name := range charsets() {
			if list[0] == "" {
				out = append(out, row.NewEnumError(name))
			}
		}
		return out
	}
	var labels []string
	if list[0] != "" {
		labels = strings.Split(list[0], ",")
	}
	var out []row.Value
	for _, name := range charsets() {
		if set, ok := encodeLabels(name, labels); ok {
			out = append(out, set)
		}
	}
	return out
}

// ofEach returns each text in each character set that can hold it.
func ofEach(t row.Type, list []string) []row.Value {
	var out []row.Value
	for _, name := range charsets() {
		for _, text := range list {
			if b, ok := encode(name, text); ok {
				out = append(out, characters(t, name, b))
			}
		}
	}
	return out
}

func decodeOne(v row.Value) []string {
	if text, ok := Decode(v); ok {
		return []string{text}
	}
	return nil
}

func decodeLabels(v row.Value) ([]string, bool) {
	labels := make([]string, 0, 8)
	for _, label := range v.Labels() {
		text, ok := Decode(row.NewText(v.Charset(), label))
		if !ok {
			return nil, false
		}
		labels = append(labels, text)
	}
	return labels, true
}

func encodeLabels(charset string, labels []string) (row.Value, bool) {
	raw := make([][]byte, len(labels))
	for i, label := range labels {
		b, ok := encode(charset, label)
		if !ok {
			return row.Null(), false
		}
		raw[i] = b
	}
	return row.NewSet(charset, raw), true
}

// formatUUID writes 16 bytes as a database writes a UUID.
func formatUUID(b []byte) string {
	text := hex.EncodeToString(b)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func parseUUID(text string) row.Value {
	b, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(b) != 16 || formatUUID(b) != strings.ToLower(text) {
		return row.Null()
	}
	return valid(row.NewUUID(b))
}
