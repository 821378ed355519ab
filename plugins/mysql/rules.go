package mysql

import "strings"

// A typeRule says how columns of some declared types are read. TYPES.md is the
// list of these rules for people; a test holds the two together.
type typeRule struct {
	types string // data types as information_schema names them
	kind  kind
	note  string // how the bytes are made to agree
}

// typeRules returns the rule of every type that is covered.
func typeRules() []typeRule {
	return []typeRule{
		{"tinyint smallint mediumint int bigint", kindInt,
			"Decimal value; ZEROFILL and the width make no difference. UNSIGNED from the log's own metadata."},
		{"year", kindYear, "The year of four digits, 0 for 0000."},
		{"year(2)", kindYear2, "The year of four digits that is stored; the re-read asks for YEAR(column)."},
		{"decimal", kindDecimal, "Exact text without leading zeros, trailing fraction zeros and the sign of zero."},
		{"float", kindFloat, "The 32 bits as stored; read through the binary protocol, for text has 6 digits only."},
		{"double", kindDouble, "The 64 bits as stored, also of DOUBLE(m,d)."},
		{"bit", kindBit, "Unsigned value of the field."},
		{"char varchar tinytext text mediumtext longtext", kindText,
			"The column's own bytes and its character set (utf8mb3 and utf8mb4 are both utf8), " +
				"never the server's conversion; the re-read sets character_set_results=NULL. JSON of MariaDB is LONGTEXT. COMPRESSED ones as expanded."},
		{"json", kindJSON, "Of MySQL: text in one form, members in the server's order, numbers by value: 1 and 1.0 are one. " +
			"From the log's binary form; the re-read's text is brought into that form."},
		{"binary", kindBinary, "Padded with zero bytes to its length, which the log strips."},
		{"varbinary tinyblob blob mediumblob longblob", kindBytes, "As stored; COMPRESSED ones as expanded."},
		{"geometry point linestring polygon multipoint multilinestring multipolygon geometrycollection", kindBytes,
			"As stored: SRID and well-known binary."},
		{"date", kindDate, "YYYY-MM-DD; zero and partial dates are values."},
		{"time", kindTime, "[-]HH:MM:SS[.f] without trailing fraction zeros."},
		{"datetime", kindDateTime, "YYYY-MM-DDTHH:MM:SS[.f] without trailing fraction zeros; zero dates are values."},
		{"timestamp", kindTimestamp, "As DATETIME, in UTC; 0000-00-00T00:00:00 for the zero timestamp."},
		{"enum", kindEnum, "The label in the column's character set, or the error value (index 0)."},
		{"set", kindSet, "The labels in the column's order and character set."},
		{"uuid", kindUUID, "16 bytes; the re-read casts to BINARY(16)."},
		{"inet6", kindInet6, "16 bytes; the re-read casts to BINARY(16)."},
		{"inet4", kindInet4, "4 bytes; the re-read casts to BINARY(4)."},
	}
}

// A refusalRule names a column that is not covered, by a mark in its type.
type refusalRule struct {
	mark   string // in information_schema's column_type
	reason string
	mend   string // the new definition's type, for a person
}

// refusalRules returns the columns that are refused though their data type is
// covered.
func refusalRules() []refusalRule {
	return []refusalRule{
		{"vector(", "the type VECTOR came with MariaDB 11.7 and MySQL 9, and no such server was there to test the tap on",
			"ALTER TABLE … MODIFY the column as BLOB, or leave the table out of the configuration"},
	}
}

// kindOf returns the kind of a declared type, or why the column is refused.
func kindOf(dataType, columnType string) (k kind, refused, mend string) {
	if dataType == "geomcollection" { // the name that MySQL writes
		dataType = "geometrycollection"
	}
	for _, rule := range refusalRules() {
		if strings.Contains(columnType, rule.mark) {
			return kindNone, rule.reason, rule.mend
		}
	}
	for _, rule := range typeRules() {
		for _, name := range strings.Fields(rule.types) {
			if name == dataType {
				return adjustKind(rule.kind, columnType), "", ""
			}
		}
	}
	return kindNone, "the type " + strings.ToUpper(dataType) + " is not covered",
		"ALTER TABLE … MODIFY the column, or leave the table out of the configuration"
}

func adjustKind(k kind, columnType string) kind {
	switch {
	case k == kindInt && strings.Contains(columnType, " unsigned"):
		return kindUint
	case k == kindYear && columnType == "year(2)":
		return kindYear2
	}
	return k
}
