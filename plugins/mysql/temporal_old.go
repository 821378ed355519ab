package mysql

import (
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// The formats of TIME, DATETIME and TIMESTAMP from before MariaDB 10.1, which a
// column keeps until its table is rebuilt. Without a fraction they are decimal
// digits or seconds, little-endian; with one, a count of the fraction's units,
// big-endian. The log does not say which, nor how many digits the fraction has.

// oldMark stands in the declaration of a column of an old format.
const oldMark = "/* mariadb-5.3 */"

// isOldTemporal reports whether a type on the wire is one of the old formats.
func isOldTemporal(wire byte) bool {
	return wire == mysql.MYSQL_TYPE_TIME || wire == mysql.MYSQL_TYPE_DATETIME || wire == mysql.MYSQL_TYPE_TIMESTAMP
}

// oldDigits returns the digits of the fraction of a column that is declared to
// have an old format.
func oldDigits(declared string) (digits uint16, ok bool) {
	if !strings.Contains(declared, oldMark) {
		return 0, false
	}
	_, rest, found := strings.Cut(declared, "(")
	if !found {
		return 0, true
	}
	number, _, _ := strings.Cut(rest, ")")
	n, err := strconv.ParseUint(number, 10, 16)
	return uint16(n), err == nil && n <= 6
}

// oldWidth returns how many bytes a value of an old format takes.
func oldWidth(wire byte, digits uint16) int {
	if digits > 6 {
		digits = 6
	}
	switch wire {
	case mysql.MYSQL_TYPE_TIME:
		return [7]int{3, 4, 4, 5, 5, 5, 6}[digits]
	case mysql.MYSQL_TYPE_DATETIME:
		return [7]int{8, 6, 6, 7, 7, 7, 8}[digits]
	}
	return 4 + fractionBytes(digits)
}

// oldTimeZero is how far in seconds the zero of a TIME with a fraction stands
// above its lowest value, one more than 838:59:59.
const oldTimeZero = 838*3600 + 59*60 + 59 + 1

func decodeOldTime(b []byte, digits uint16) []byte {
	text := make([]byte, 0, 18)
	if digits == 0 {
		n := int64(int32(littleEndian(b)<<8)) >> 8
		if n < 0 {
			text, n = append(text, '-'), -n
		}
		return appendClock(text, uint64(n)/10000%1000, uint64(n)/100%100, uint64(n)%100)
	}
	unit := units(digits)
	value := int64(bigEndian(b)) - int64(oldTimeZero*unit)
	if value < 0 {
		text, value = append(text, '-'), -value
	}
	seconds := uint64(value) / unit
	text = appendClock(text, seconds/3600%1000, seconds/60%60, seconds%60)
	return appendFraction(text, uint64(value)%unit, digits)
}

func decodeOldDateTime(b []byte, digits uint16) []byte {
	text := make([]byte, 0, 26)
	if digits == 0 {
		n := littleEndian(b)
		text = appendDate(text, n/10000000000, n/100000000%100, n/1000000%100)
		return appendClock(append(text, 'T'), n/10000%100, n/100%100, n%100)
	}
	n := bigEndian(b)
	fraction, n := n%units(digits), n/units(digits)
	second, n := n%60, n/60
	minute, n := n%60, n/60
	hour, n := n%24, n/24
	day, n := n%32, n/32
	text = appendDate(text, n/13, n%13, day)
	text = appendClock(append(text, 'T'), hour, minute, second)
	return appendFraction(text, fraction, digits)
}

func decodeOldTimestamp(b []byte, digits uint16) []byte {
	if digits == 0 {
		return appendInstant(nil, littleEndian(b), 0, 0)
	}
	return appendInstant(nil, bigEndian(b[:4]), bigEndian(b[4:]), digits)
}
