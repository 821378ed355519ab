package mysql

import (
	"strconv"
	"time"

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
func (c *wireColumn) decodeTemporal(cell *row.Value, m *memory, b []byte) (err error) {
	switch c.wire {
	case mysql.MYSQL_TYPE_TIME:
		*cell, err = row.NewTime(decodeOldTime(b, c.meta))
		return err
	case mysql.MYSQL_TYPE_DATETIME:
		*cell, err = row.NewDateTime(decodeOldDateTime(b, c.meta))
		return err
	case mysql.MYSQL_TYPE_TIMESTAMP:
		*cell, err = row.NewTimestamp(decodeOldTimestamp(b, c.meta))
		return err
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
		return errCell
	}
	*cell = row.FromNormal(t, m.written(text))
	return nil
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
	text = appendDate(text, month/13, month%13, n>>17&31)
	text = appendClock(append(text, 'T'), n>>12&31, n>>6&63, n&63)
	return appendFraction(text, bigEndian(b[5:]), pairs(digits))
}

// appendInstant writes seconds since 1970 with a fraction of so many digits; 0
// without fraction is the zero timestamp, which is no instant.
func appendInstant(text []byte, seconds, fraction uint64, digits uint16) []byte {
	if seconds == 0 && fraction == 0 {
		return append(text, "0000-00-00T00:00:00"...)
	}
	at := time.Unix(int64(seconds), 0).UTC()
	year, month, day := at.Date()
	text = appendDate(text, uint64(year), uint64(month), uint64(day))
	hour, minute, second := at.Clock()
	text = appendClock(append(text, 'T'), uint64(hour), uint64(minute), uint64(second))
	return appendFraction(text, fraction, digits)
}

func appendDate(b []byte, year, month, day uint64) []byte {
	b = append(b, byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-')
	return appendTwo(append(appendTwo(b, month), '-'), day)
}

func appendClock(b []byte, hour, minute, second uint64) []byte {
	if hour >= 100 {
		b = strconv.AppendUint(b, hour/100, 10)
	}
	b = append(appendTwo(b, hour%100), ':')
	return appendTwo(append(appendTwo(b, minute), ':'), second)
}

func appendTwo(b []byte, n uint64) []byte { return append(b, byte('0'+n/10%10), byte('0'+n%10)) }

// appendFraction writes a fraction of so many decimal digits, without zeros at
// its end.
func appendFraction(b []byte, fraction uint64, digits uint16) []byte {
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
