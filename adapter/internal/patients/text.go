package patients

import (
	"bytes"
	"strconv"
	"strings"
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

// charsets are character sets by the names that taps give. MySQL's latin1 is
// Windows' code page 1252.
var charsets = map[string]encoding.Encoding{
	"ascii": encoding.Nop, "utf8": encoding.Nop,
	"latin1": charmap.Windows1252, "latin2": charmap.ISO8859_2, "latin5": charmap.ISO8859_9, "latin7": charmap.ISO8859_13,
	"cp1250": charmap.Windows1250, "cp1251": charmap.Windows1251, "cp1256": charmap.Windows1256, "cp1257": charmap.Windows1257,
	"greek": charmap.ISO8859_7, "hebrew": charmap.ISO8859_8, "koi8r": charmap.KOI8R, "koi8u": charmap.KOI8U, "cp866": charmap.CodePage866,
	"cp850": charmap.CodePage850, "cp852": charmap.CodePage852, "tis620": charmap.Windows874,
	"gbk": simplifiedchinese.GBK, "gb2312": simplifiedchinese.GBK, "gb18030": simplifiedchinese.GB18030, "big5": traditionalchinese.Big5,
	"sjis": japanese.ShiftJIS, "cp932": japanese.ShiftJIS, "ujis": japanese.EUCJP, "eucjpms": japanese.EUCJP, "euckr": korean.EUCKR,
	"ucs2": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "utf16": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	"utf16be": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "utf16le": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf32": utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
}

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
		return decodeText(v.Charset(), v.Raw())
	}
	return "", "a column of type " + v.Type().String() + " holds no text"
}

// decodeText decodes text, and refuses it where a byte is no character of its set:
// two different names must never become one.
func decodeText(charset string, raw []byte) (text, reason string) {
	const lossy = "its bytes are no text of the character set "
	e := charsets[charset]
	if e == nil {
		return "", "the character set " + strconv.Quote(charset) + " is not known here"
	}
	decoded, err := e.NewDecoder().Bytes(raw)
	if err != nil || bytes.ContainsRune(decoded, '\uFFFD') || !utf8.Valid(decoded) || charset == "ascii" && !isASCII(decoded) {
		return "", lossy + charset
	}
	return strings.TrimSpace(string(decoded)), ""
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// dayOf returns the day of a birth date, YYYY-MM-DD; empty for the zero date, which
// says that none is known.
func dayOf(v row.Value) (day, reason string) {
	switch v.Type() {
	case row.Date, row.DateTime:
		day = string(v.Raw()[:min(len(v.Raw()), len("YYYY-MM-DD"))])
	case row.Text:
		if day, reason = decodeText(v.Charset(), v.Raw()); reason != "" {
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
