package mysql

import "github.com/emrbchain/emrbchain/crypto/row"

// A kind is one of our own classes of column types: all columns of a kind are
// read from the binary log in one way, selected in one way and become one type
// of value.
type kind uint8

const (
	kindNone kind = iota
	kindInt
	kindUint
	kindYear
	kindYear2 // YEAR(2), which the server shows with two of the four digits that it keeps
	kindDecimal
	kindFloat
	kindDouble
	kindBit
	kindText
	kindBytes  // of variable length, as stored
	kindBinary // BINARY(n): the log strips trailing zero bytes
	kindDate
	kindTime
	kindDateTime
	kindTimestamp
	kindEnum
	kindSet
	kindUUID
	kindInet6
	kindInet4
	kindJSON // of MySQL; that of MariaDB is text
)

// valueType returns the type of a kind's values.
func (k kind) valueType() row.Type {
	switch k {
	case kindInt, kindUint, kindYear, kindYear2:
		return row.Int
	case kindDecimal:
		return row.Decimal
	case kindFloat:
		return row.Float32
	case kindDouble:
		return row.Float64
	case kindBit:
		return row.Bits
	case kindText, kindJSON:
		return row.Text
	case kindDate:
		return row.Date
	case kindTime:
		return row.Time
	case kindDateTime:
		return row.DateTime
	case kindTimestamp:
		return row.Timestamp
	case kindEnum:
		return row.Enum
	case kindSet:
		return row.Set
	case kindUUID:
		return row.UUID
	}
	return row.Bytes
}

// charsetTag names a character set in values. UTF-8 of three and of four bytes
// agree on every string that the former can hold, so both have one name.
func charsetTag(name string) string {
	switch name {
	case "utf8mb3", "utf8mb4":
		return "utf8"
	}
	return name
}
