package convert

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// charsets names the character sets that are tried, as cells name them, the
// usual ones first.
func charsets() []string {
	return []string{"utf8", "latin1", "ascii", "latin2", "latin5", "latin7", "cp1250", "cp1251", "cp1256", "cp1257",
		"gbk", "gb2312", "big5", "sjis", "cp932", "ujis", "eucjpms", "euckr", "tis620", "greek", "hebrew", "koi8r", "koi8u",
		"cp850", "cp852", "cp866", "macroman", "ucs2", "utf16", "utf16le", "utf32"}
}

// codec returns the encoding of a character set; nil for utf8, ascii and latin1,
// which are done here, and for what is not known.
func codec(charset string) encoding.Encoding {
	switch charset {
	case "gbk", "gb2312":
		return simplifiedchinese.GBK
	case "gb18030":
		return simplifiedchinese.GB18030
	case "big5":
		return traditionalchinese.Big5
	case "sjis", "cp932":
		return japanese.ShiftJIS
	case "ujis", "eucjpms":
		return japanese.EUCJP
	case "euckr":
		return korean.EUCKR
	case "ucs2", "utf16", "utf16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "utf16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf32":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	}
	if m := charmapOf(charset); m != nil {
		return m
	}
	return nil
}

func charmapOf(charset string) *charmap.Charmap {
	return map[string]*charmap.Charmap{
		"latin2": charmap.ISO8859_2, "latin5": charmap.ISO8859_9, "latin7": charmap.ISO8859_13,
		"cp1250": charmap.Windows1250, "cp1251": charmap.Windows1251, "cp1256": charmap.Windows1256, "cp1257": charmap.Windows1257,
		"tis620": charmap.Windows874, "greek": charmap.ISO8859_7, "hebrew": charmap.ISO8859_8,
		"koi8r": charmap.KOI8R, "koi8u": charmap.KOI8U, "cp850": charmap.CodePage850, "cp852": charmap.CodePage852,
		"cp866": charmap.CodePage866, "macroman": charmap.Macintosh,
	}[charset]
}

// Knows reports whether the texts of a character set can be decoded.
func Knows(charset string) bool {
	return charset == "utf8" || charset == "ascii" || charset == "latin1" || codec(charset) != nil
}

// Decode returns the characters of a text or label; false where its bytes are
// not what they would be encoded as again.
func Decode(v row.Value) (string, bool) {
	b := v.Raw()
	if v.Type() == row.Enum && row.Equal(v, row.NewEnumError(v.Charset())) {
		return "", false // the error value has no text
	}
	var text string
	switch charset := v.Charset(); charset {
	case "utf8", "ascii":
		text = string(b)
	case "latin1":
		text = latin1Text(b)
	default:
		c := codec(charset)
		if c == nil {
			return "", false
		}
		decoded, err := c.NewDecoder().Bytes(b)
		if err != nil {
			return "", false
		}
		text = string(decoded)
	}
	again, ok := encode(v.Charset(), text)
	return text, ok && bytes.Equal(again, b)
}

// encode returns characters in a character set; false where it cannot hold them.
func encode(charset, text string) ([]byte, bool) {
	if !utf8.ValidString(text) {
		return nil, false
	}
	switch charset {
	case "utf8":
		return []byte(text), true
	case "ascii":
		return []byte(text), isASCII(text)
	case "latin1":
		return latin1Bytes(text)
	}
	c := codec(charset)
	if c == nil {
		return nil, false
	}
	b, err := c.NewEncoder().Bytes([]byte(text))
	if err != nil || charset == "gb2312" && !isGB2312(b) || charset == "ucs2" && !isBasic(text) {
		return nil, false
	}
	back, err := c.NewDecoder().Bytes(b)
	return b, err == nil && string(back) == text
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isBasic reports whether every character is of the basic plane.
func isBasic(text string) bool {
	for _, r := range text {
		if r > 0xffff {
			return false
		}
	}
	return true
}

// isGB2312 reports whether text in GBK is in the part of it that GB2312 is.
func isGB2312(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] < utf8.RuneSelf {
			continue
		}
		if i+1 == len(b) || b[i] < 0xa1 || b[i] > 0xf7 || b[i+1] < 0xa1 {
			return false
		}
		i++
	}
	return true
}

// Databases call latin1 what is Windows-1252, with the five bytes that it leaves
// open standing for the control characters of their numbers.
func latin1Text(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = charmap.Windows1252.DecodeByte(c)
		if runes[i] == utf8.RuneError {
			runes[i] = rune(c)
		}
	}
	return string(runes)
}

func latin1Bytes(text string) ([]byte, bool) {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		c, ok := charmap.Windows1252.EncodeRune(r)
		switch {
		case ok:
			b = append(b, c)
		case r == 0x81 || r == 0x8d || r == 0x8f || r == 0x90 || r == 0x9d:
			b = append(b, byte(r))
		default:
			return nil, false
		}
	}
	return b, true
}
