package mysql_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Makers of random SQL literals for the columns whose values are not numbers or
// moments.

// randomText returns up to longest characters as the bytes of a character set,
// its rare ones as often as its usual ones.
func randomText(charset string, longest int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		var b []byte
		for range r.IntN(longest + 1) {
			b = appendCharacter(b, r, charset)
		}
		return fmt.Sprintf("x'%x'", b)
	}
}

func appendCharacter(b []byte, r *rand.Rand, charset string) []byte {
	switch charset {
	case "utf8mb4":
		return utf8.AppendRune(b, randomRune(r, utf8.MaxRune))
	case "utf8mb3":
		return utf8.AppendRune(b, randomRune(r, 0xffff))
	case "ucs2":
		return binary.BigEndian.AppendUint16(b, uint16(randomRune(r, 0xffff)))
	case "utf32":
		return binary.BigEndian.AppendUint32(b, uint32(randomRune(r, utf8.MaxRune)))
	case "utf16", "utf16le":
		for _, unit := range utf16.AppendRune(nil, randomRune(r, utf8.MaxRune)) {
			if charset == "utf16" {
				b = binary.BigEndian.AppendUint16(b, unit)
			} else {
				b = binary.LittleEndian.AppendUint16(b, unit)
			}
		}
		return b
	case "ascii", "swe7":
		return append(b, byte(r.IntN(0x80)))
	}
	if pairs, wide := doubleBytes()[charset]; wide && r.IntN(4) > 0 {
		return append(b, pick(r, pairs[0]), pick(r, pairs[1]))
	} else if wide {
		return append(b, byte(r.IntN(0x80)))
	}
	return append(b, byte(r.IntN(0x100)))
}

// randomRune returns a code point up to highest that is no surrogate, of few
// bytes as often as of many.
func randomRune(r *rand.Rand, highest int) rune {
	for {
		n := rune(r.IntN(min(highest, []int{0x7f, 0x7ff, 0xffff, utf8.MaxRune}[r.IntN(4)]) + 1))
		if !utf16.IsSurrogate(n) {
			return n
		}
	}
}

// doubleBytes gives the ranges of the first and the second byte of the
// characters of two bytes, from and to in turn.
func doubleBytes() map[string][2][]byte {
	japanese := [2][]byte{{0x81, 0x9f, 0xe0, 0xfc}, {0x40, 0x7e, 0x80, 0xfc}}
	high := [2][]byte{{0xa1, 0xfe}, {0xa1, 0xfe}}
	return map[string][2][]byte{
		"gbk":     {{0x81, 0xfe}, {0x40, 0x7e, 0x80, 0xfe}},
		"big5":    {{0xa1, 0xf9}, {0x40, 0x7e, 0xa1, 0xfe}},
		"cp932":   japanese,
		"sjis":    japanese,
		"euckr":   {{0x81, 0xfe}, {0x41, 0x5a, 0x61, 0x7a, 0x81, 0xfe}},
		"gb2312":  {{0xa1, 0xf7}, {0xa1, 0xfe}},
		"ujis":    high,
		"eucjpms": high,
	}
}

// pick returns a byte of one of the ranges.
func pick(r *rand.Rand, ranges []byte) byte {
	i := 2 * r.IntN(len(ranges)/2)
	return ranges[i] + byte(r.IntN(int(ranges[i+1]-ranges[i])+1))
}

// oneOf returns one of some literals, or a number up to most: an index or a
// mask, beyond the last label too.
func oneOf(most int, literals ...string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		if i := r.IntN(len(literals) + 1); i < len(literals) {
			return literals[i]
		}
		return fmt.Sprint(r.IntN(most + 1))
	}
}

func randomYear(r *rand.Rand) string { return fmt.Sprint(1900 + r.IntN(257)) }

func randomTwoDigits(r *rand.Rand) string { return fmt.Sprintf("'%02d'", r.IntN(100)) }

func randomInet6(r *rand.Rand) string {
	groups := make([]string, 8)
	for i := range groups {
		groups[i] = fmt.Sprintf("%x", r.Uint32()>>16>>r.IntN(17))
	}
	return "'" + strings.Join(groups, ":") + "'"
}

func randomInet4(r *rand.Rand) string {
	return fmt.Sprintf("'%d.%d.%d.%d'", r.IntN(256), r.IntN(256), r.IntN(256), r.IntN(2)*r.IntN(256))
}

func randomJSON(r *rand.Rand) string {
	return fmt.Sprintf(`'{"n": %g,  "a":[%d, null], "t": "é%s"}'`, r.NormFloat64(), r.Int32(), digits(r, r.IntN(9)))
}

// randomGeometry fills each %s of a well-known text with a point.
func randomGeometry(text string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		points := make([]any, strings.Count(text, "%s"))
		for i := range points {
			points[i] = fmt.Sprintf("%g %g", r.NormFloat64(), r.NormFloat64())
		}
		return "ST_GeomFromText('" + fmt.Sprintf(text, points...) + "', " + fmt.Sprint(r.IntN(2)*4326) + ")"
	}
}
