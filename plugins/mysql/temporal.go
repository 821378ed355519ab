package mysql

import (
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// fractionBytes returns how many bytes hold a fraction of so many digits.
func fractionBytes(digits uint16) int { return int(digits+1) / 2 }

// pairs returns how many digits the fraction of so many has in the formats of
// MySQL 5.6, where each byte holds two.
func pairs(digits uint16) uint16 { return 2 * uint16(fractionBytes(digits)) }

// decodeTemporal reads DATE and the TIME, DATETIME and TIMESTAMP formats of
// MySQL 5.6 and later, which are big-endian, and those from before.
func (c *wireColumn) decodeTemporal(m *memory, b []byte) (row.Value, error) {
	switch c.wire {
	case mysql.MYSQL_TYPE_TIME:
		return row.NewTime(decodeOldTime(b, c.meta))
	case mysql.MYSQL_TYPE_DATETIME:
		return row.NewDateTime(decodeOldDateTime(b, c.meta))
	case mysql.MYSQL_TYPE_TIMESTAMP:
		return row.NewTimestamp(decodeOldTimestamp(b, c.meta))
	}
	text, t := m.text, row.Date
	switch c.kind {
	case kindDate:
		text = appendDay(text, b)
	case kindTime:
		text, t = appendTime(text, b, c.meta), row.Time
	case kindDateTime:
		text, t = appendDateTime(text, b, c.meta), row.DateTime
	case kindTimestamp:
		text, t = appendInstant(text, bigEndian(b[:4]), bigEndian(b[4:]), pairs(c.meta)), row.Timestamp
	default:
		return row.Value{}, errCell
	}
	return row.FromNormal(t, m.written(text)), nil
}

// appendDay reads day in 5 bits, month in 4, year in 15.
func appendDay(text, b []byte) []byte {
	n := littleEndian(b)
	return appendDate(text, n>>9, n>>5&15, n&31)
}

// appendTime reads a signed number of hours, minutes, seconds in 10, 6 and 6
// bits above 24 bits of microseconds, or of as many bytes as the column's
// fraction has.
func appendTime(text, b []byte, digits uint16) []byte {
	size := fractionBytes(digits)
	value := int64(bigEndian(b)) - 1<<(8*len(b)-1)
	negative := value < 0
	if negative {
		value = -value
	}
	fraction := uint64(value) & (1<<(8*size) - 1) % units(pairs(digits))
	clock := uint64(value) >> (8 * size) & (1<<22 - 1)
	if negative && clock|fraction != 0 {
		text = append(text, '-')
	}
	text = appendClock(text, clock>>12, clock>>6&63, clock&63)
	return appendFraction(text, fraction, pairs(digits))
}

// appendDateTime reads year*13+month in 17 bits, day in 5, hour in 5, minute
// and second in 6 each, below a sign bit that is always set.
func appendDateTime(text, b []byte, digits uint16) []byte {
	n := bigEndian(b[:5]) - 1<<39
	month := n >> 22
	text = appendMoment(text, month/13, month%13, n>>17&31, n>>12&31, n>>6&63, n&63)
	return appendFraction(text, bigEndian(b[5:]), pairs(digits))
}

// appendInstant writes seconds since 1970 with a fraction of so many digits; 0
// without fraction is the zero timestamp, which is no instant.
func appendInstant(text []byte, seconds, fraction uint64, digits uint16) []byte {
	if seconds == 0 && fraction == 0 {
		return append(text, "0000-00-00T00:00:00"...)
	}
	year, month, day := civil(seconds / (24 * 60 * 60))
	text = appendMoment(text, year, month, day, seconds/(60*60)%24, seconds/60%60, seconds%60)
	return appendFraction(text, fraction, digits)
}

// civil returns the date of a day counted from 1970-01-01 on. It counts in years
// that begin in March, so that a leap day is the last of its year, and in eras of
// 400 years, which all have as many days.
func civil(day uint64) (year, month, dayOfMonth uint64) {
	const eraDays, days0To1970 = 146097, 719468 // from 0000-03-01
	day += days0To1970
	era, day := day/eraDays, day%eraDays
	year = (day - day/1460 + day/36524 - day/(eraDays-1)) / 365
	day -= 365*year + year/4 - year/100
	month = (5*day + 2) / 153
	dayOfMonth = day - (153*month+2)/5 + 1
	if year += 400 * era; month >= 10 {
		return year + 1, month - 9, dayOfMonth
	}
	return year, month + 3, dayOfMonth
}

// appendMoment writes a date and a time of it.
func appendMoment(b []byte, year, month, day, hour, minute, second uint64) []byte {
	b = append(b, "0000-00-00T00:00:00"...)
	text := b[len(b)-19:]
	putDate(text, year, month, day)
	putTwo(text[11:], hour)
	putTwo(text[14:], minute)
	putTwo(text[17:], second)
	return b
}

func appendDate(b []byte, year, month, day uint64) []byte {
	b = append(b, "0000-00-00"...)
	putDate(b[len(b)-10:], year, month, day)
	return b
}

// putDate puts the digits of a date into one.
func putDate(text []byte, year, month, day uint64) {
	putTwo(text, year/100)
	putTwo(text[2:], year)
	putTwo(text[5:], month)
	putTwo(text[8:], day)
}

// putTwo puts the last two digits of a number at the front of a text.
func putTwo(text []byte, n uint64) {
	n %= 100
	text[1] = byte('0' + n%10)
	text[0] = byte('0' + n/10)
}

func appendClock(b []byte, hour, minute, second uint64) []byte {
	if hour >= 100 {
		b = strconv.AppendUint(b, hour/100, 10)
	}
	b = append(b, "00:00:00"...)
	text := b[len(b)-8:]
	putTwo(text, hour)
	putTwo(text[3:], minute)
	putTwo(text[6:], second)
	return b
}

// appendFraction writes a fraction of so many decimal digits, without zeros at
// its end.
func appendFraction(b []byte, fraction uint64, digits uint16) []byte {
	if fraction == 0 {
		return b
	}
	unit := units(digits)
	if fraction %= unit; fraction == 0 {
		return b
	}
	b = append(b, '.')
	for ; fraction > 0; fraction %= unit {
		unit /= 10
		b = append(b, byte('0'+fraction/unit))
	}
	return b
}

// units returns how many units of a fraction of so many digits a second has.
func units(digits uint16) uint64 {
	n := uint64(1)
	for range digits {
		n *= 10
	}
	return n
}
