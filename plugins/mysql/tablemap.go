package mysql

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// A tableMap is a table as the log describes it before rows of it: what stands
// in the table itself, and with binlog_row_metadata=FULL its names, signs,
// character sets, labels and primary key.
type tableMap struct {
	schema, table string
	columns       []mapColumn
	named         bool // the columns have names and all that comes with them
	mysql         bool // it is one of MySQL
	key           []keyPart
}

// A mapColumn is a column of a table map.
type mapColumn struct {
	name      string
	wire      byte   // the type on the wire, ENUM and SET told from CHAR
	meta      uint16 // what the log says of the type's width
	unsigned  bool
	collation uint64 // 0 where the column has none
	labels    [][]byte
}

// A keyPart is a column of the primary key; prefix is 0 for the whole column.
type keyPart struct{ column, prefix uint64 }

// Types on the wire that the library has no names for.
const (
	wireBlobCompressed    = 140
	wireVarcharCompressed = 141
)

// Fields of a table map's optional part.
const (
	optionalSigns         = 1
	optionalDefaultSet    = 2 // one collation for most, pairs for the others
	optionalSets          = 3 // one collation for each
	optionalNames         = 4
	optionalSetLabels     = 5
	optionalEnumLabels    = 6
	optionalKey           = 8
	optionalKeyPrefixes   = 9
	optionalDefaultLabels = 10 // as 2 and 3, of ENUM and SET
	optionalLabelSets     = 11
)

// parseTableName reads only whose rows a table map announces.
func parseTableName(r *reader) (schema, table []byte) {
	r.take(2) // flags
	schema = r.take(r.number(1))
	r.take(1)
	table = r.take(r.number(1))
	r.take(1)
	return schema, table
}

// parseTableMap reads a table map event from behind its table id on.
func (d *dialect) parseTableMap(body []byte) (*tableMap, error) {
	r := &reader{rest: body}
	schema, table := parseTableName(r)
	m := &tableMap{schema: string(schema), table: string(table), mysql: d.isMySQL()}
	types := r.take(r.packed())
	meta := &reader{rest: r.text()}
	m.columns = make([]mapColumn, len(types))
	for i, wire := range types {
		m.columns[i].readMeta(wire, meta)
	}
	r.take(uint64(len(types)+7) / 8) // which columns may be NULL
	for len(r.rest) > 0 && r.err == nil && meta.err == nil {
		field := r.number(1)
		if err := m.optional(field, r.text()); err != nil {
			return nil, fmt.Errorf("read table map of %s.%s: field %d: %w", schema, table, field, err)
		}
	}
	if r.err != nil || meta.err != nil || len(types) == 0 {
		return nil, fmt.Errorf("read table map: %w", errShort)
	}
	return m, nil
}

// readMeta reads what the log says of a column's width. ENUM and SET come as
// CHAR with their own type in the first of two bytes.
func (c *mapColumn) readMeta(wire byte, meta *reader) {
	c.wire = wire
	switch wire {
	case mysql.MYSQL_TYPE_STRING:
		c.meta = uint16(bigEndian(meta.take(2)))
		if real := byte(c.meta >> 8); real == mysql.MYSQL_TYPE_ENUM || real == mysql.MYSQL_TYPE_SET {
			c.wire = real
		}
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		c.meta = uint16(bigEndian(meta.take(2)))
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_BIT, wireVarcharCompressed:
		c.meta = uint16(meta.number(2))
	case mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE, mysql.MYSQL_TYPE_BLOB, wireBlobCompressed,
		mysql.MYSQL_TYPE_GEOMETRY, mysql.MYSQL_TYPE_JSON, mysql.MYSQL_TYPE_VECTOR,
		mysql.MYSQL_TYPE_TIME2, mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP2:
		c.meta = uint16(meta.number(1))
	}
}

// optional reads one field of the optional part. Unknown fields are for others.
func (m *tableMap) optional(field uint64, value []byte) error {
	r := &reader{rest: value}
	switch field {
	case optionalSigns:
		m.readSigns(value)
	case optionalDefaultSet:
		m.readDefaultCollations(r, m.hasCharset)
	case optionalSets:
		m.readCollations(r, m.hasCharset)
	case optionalDefaultLabels:
		m.readDefaultCollations(r, mapColumn.hasLabels)
	case optionalLabelSets:
		m.readCollations(r, mapColumn.hasLabels)
	case optionalNames:
		m.named = true
		for i := range m.columns {
			m.columns[i].name = string(r.text())
		}
	case optionalSetLabels:
		m.readLabels(r, mysql.MYSQL_TYPE_SET)
	case optionalEnumLabels:
		m.readLabels(r, mysql.MYSQL_TYPE_ENUM)
	case optionalKey, optionalKeyPrefixes:
		m.readKey(r, field == optionalKeyPrefixes)
	}
	return r.err
}

// readSigns reads a bit for each number, the first in the highest bit.
func (m *tableMap) readSigns(bits []byte) {
	n := 0
	for i := range m.columns {
		if !m.columns[i].isNumber() {
			continue
		}
		m.columns[i].unsigned = n/8 < len(bits) && bits[n/8]&(0x80>>(n%8)) != 0
		n++
	}
}

func (c mapColumn) isNumber() bool {
	switch c.wire {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG,
		mysql.MYSQL_TYPE_LONGLONG, mysql.MYSQL_TYPE_DECIMAL, mysql.MYSQL_TYPE_NEWDECIMAL,
		mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE, mysql.MYSQL_TYPE_YEAR:
		return true
	}
	return false
}

// hasCharset reports whether the log gives the column a collation. MariaDB does
// so of geometry too, which it holds for a BLOB.
func (m *tableMap) hasCharset(c mapColumn) bool {
	switch c.wire {
	case mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB,
		wireBlobCompressed, wireVarcharCompressed:
		return true
	case mysql.MYSQL_TYPE_GEOMETRY:
		return !m.mysql
	}
	return false
}

func (c mapColumn) hasLabels() bool {
	return c.wire == mysql.MYSQL_TYPE_ENUM || c.wire == mysql.MYSQL_TYPE_SET
}

// readDefaultCollations reads the collation of most columns of a sort, and the
// number among them and the collation of each other.
func (m *tableMap) readDefaultCollations(r *reader, sort func(mapColumn) bool) {
	usual, others := r.packed(), make(map[uint64]uint64)
	for len(r.rest) > 0 {
		n := r.packed()
		others[n] = r.packed()
	}
	n := uint64(0)
	for i := range m.columns {
		if !sort(m.columns[i]) {
			continue
		}
		m.columns[i].collation = usual
		if other, ok := others[n]; ok {
			m.columns[i].collation = other
		}
		n++
	}
}

// readCollations reads the collation of each column of a sort.
func (m *tableMap) readCollations(r *reader, sort func(mapColumn) bool) {
	for i := range m.columns {
		if sort(m.columns[i]) {
			m.columns[i].collation = r.packed()
		}
	}
}

// readLabels reads the labels of each ENUM or each SET.
func (m *tableMap) readLabels(r *reader, wire byte) {
	for i := range m.columns {
		if m.columns[i].wire != wire {
			continue
		}
		for n := r.packed(); n > 0 && r.err == nil; n-- {
			m.columns[i].labels = append(m.columns[i].labels, r.text())
		}
	}
}

func (m *tableMap) readKey(r *reader, prefixes bool) {
	for len(r.rest) > 0 {
		part := keyPart{column: r.packed()}
		if prefixes {
			part.prefix = r.packed()
		}
		if part.column >= uint64(len(m.columns)) {
			r.rest, r.err = nil, errShort
			return
		}
		m.key = append(m.key, part)
	}
}
