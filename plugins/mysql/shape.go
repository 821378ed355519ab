package mysql

import (
	"slices"
	"sync"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// shapes hands out one *tap.Table per distinct shape of a table.
type shapes struct {
	mu    sync.Mutex
	known map[string][]*tap.Table
}

// intern returns the table that was handed out before for an equal one.
func (s *shapes) intern(t *tap.Table) *tap.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.known[t.Name] {
		if equalTables(known, t) {
			return known
		}
	}
	if s.known == nil {
		s.known = make(map[string][]*tap.Table)
	}
	s.known[t.Name] = append(s.known[t.Name], t)
	return t
}

func equalTables(a, b *tap.Table) bool {
	return a.Name == b.Name && a.Refused == b.Refused && slices.Equal(a.Columns, b.Columns) &&
		slices.Equal(a.Key, b.Key) && slices.Equal(a.Notes, b.Notes)
}

// A shape says how the rows of one table map event are read, and as which table.
type shape struct {
	table   *tap.Table
	columns []wireColumn
	// exact says that the definition known when the shape was made agrees with
	// the log; otherwise the tap reads what was written before a later ALTER.
	exact bool
	// unreadable says why rows of this shape cannot be read at all.
	unreadable string
}

// A wireColumn is a column as it stands in row events.
type wireColumn struct {
	name     string
	wire     byte   // the type on the wire, ENUM and SET told from CHAR
	meta     uint16 // as the table map has it
	length   int    // of CHAR and BINARY in bytes
	kind     kind
	charset  string // the tag
	labels   [][]byte
	unsigned bool
	omitted  bool
}

// makeShape joins what the log says of a table's columns (names, types, signs,
// character sets, labels) with what only the server's definition knows (which
// are generated, which of the binary ones are UUIDs, the key).
func makeShape(event *replication.TableMapEvent, d *definition, charsets map[uint64]string) *shape {
	if len(event.ColumnName) != int(event.ColumnCount) {
		return &shape{exact: true, table: d.table(), unreadable: "rows were logged without the names of their columns: " +
			"SET GLOBAL binlog_row_metadata=FULL"}
	}
	s := &shape{exact: true, columns: wireColumns(event, charsets)}
	for i := range s.columns {
		s.exact = d.describe(&s.columns[i]) && s.exact
	}
	s.exact = s.exact && len(s.columns) == len(d.columns)
	s.table = s.makeTable(event, d)
	if !s.exact && s.table.Refused != "" {
		s.unreadable = "rows were logged that the tap cannot read: " + s.table.Refused
	}
	return s
}

func wireColumns(event *replication.TableMapEvent, charsets map[uint64]string) []wireColumn {
	unsigned, collations, labelCollations := event.UnsignedMap(), event.CollationMap(), event.EnumSetCollationMap()
	columns := make([]wireColumn, event.ColumnCount)
	enums, sets := event.EnumStrValue, event.SetStrValue
	for i := range columns {
		c := &columns[i]
		c.name = string(event.ColumnName[i])
		c.wire, c.meta, c.unsigned = event.ColumnType[i], event.ColumnMeta[i], unsigned[i]
		collation := collations[i]
		switch {
		case event.IsEnumColumn(i):
			c.wire, collation = mysql.MYSQL_TYPE_ENUM, labelCollations[i]
			if len(enums) > 0 {
				c.labels, enums = enums[0], enums[1:]
			}
		case event.IsSetColumn(i):
			c.wire, collation = mysql.MYSQL_TYPE_SET, labelCollations[i]
			if len(sets) > 0 {
				c.labels, sets = sets[0], sets[1:]
			}
		case c.wire == mysql.MYSQL_TYPE_STRING:
			c.length = stringLength(c.meta)
		}
		c.charset = charsetTag(charsets[collation])
		c.kind = c.wireKind()
	}
	return columns
}

// stringLength returns the length of a CHAR or BINARY in bytes: bits 8 and 9
// stand inverted in the byte of the type.
func stringLength(meta uint16) int {
	high := (meta >> 8 & 0x30) ^ 0x30
	return int(meta&0xff | high<<4)
}

// wireKind returns the kind that the log alone tells, kindNone if the column
// cannot be read.
func (c *wireColumn) wireKind() kind {
	switch c.wire {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG:
		if c.unsigned {
			return kindUint
		}
		return kindInt
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_BLOB:
		return c.textOr(kindBytes)
	case mysql.MYSQL_TYPE_STRING:
		return c.textOr(kindBinary)
	}
	return map[byte]kind{
		mysql.MYSQL_TYPE_YEAR: kindYear, mysql.MYSQL_TYPE_NEWDECIMAL: kindDecimal,
		mysql.MYSQL_TYPE_FLOAT: kindFloat, mysql.MYSQL_TYPE_DOUBLE: kindDouble, mysql.MYSQL_TYPE_BIT: kindBit,
		mysql.MYSQL_TYPE_GEOMETRY: kindBytes, mysql.MYSQL_TYPE_DATE: kindDate, mysql.MYSQL_TYPE_NEWDATE: kindDate,
		mysql.MYSQL_TYPE_TIME2: kindTime, mysql.MYSQL_TYPE_DATETIME2: kindDateTime,
		mysql.MYSQL_TYPE_TIMESTAMP2: kindTimestamp, mysql.MYSQL_TYPE_ENUM: kindEnum, mysql.MYSQL_TYPE_SET: kindSet,
	}[c.wire]
}

func (c *wireColumn) textOr(binary kind) kind {
	if c.charset == "binary" || c.charset == "" {
		return binary
	}
	return kindText
}

// describe adds what the definition knows of a column, and reports whether the
// two agree.
func (d *definition) describe(c *wireColumn) bool {
	i := d.find(c.name)
	if i < 0 {
		return false
	}
	known := &d.columns[i]
	c.omitted = known.omitted != ""
	switch {
	case known.kind == kindUUID && c.kind == kindBinary && c.length == 16,
		known.kind == kindInet6 && c.kind == kindBinary && c.length == 16,
		known.kind == kindInet4 && c.kind == kindBinary && c.length == 4:
		c.kind = known.kind
	}
	return c.omitted || c.kind == known.kind && (c.kind != kindText || c.charset == charsetTag(known.charset))
}

// makeTable returns the table that rows of this shape belong to.
func (s *shape) makeTable(event *replication.TableMapEvent, d *definition) *tap.Table {
	if s.exact || d.refused != "" && !d.missing {
		return d.table()
	}
	t := &tap.Table{Name: d.name, Notes: d.notes}
	for i := range s.columns {
		c := &s.columns[i]
		if c.omitted {
			continue
		}
		if c.kind == kindNone {
			return &tap.Table{Name: d.name, Refused: "column " + c.name + " has a type that is not covered"}
		}
		t.Columns = append(t.Columns, row.Column{Name: c.name, Type: c.kind.valueType()})
	}
	if t.Key = s.key(event, d); t.Key == nil {
		return &tap.Table{Name: d.name, Refused: "it had neither a primary key nor a known unique key"}
	}
	return t
}

// key returns the key as indexes into the table's columns: the definition's
// where its columns were there already, else the log's own primary key.
func (s *shape) key(event *replication.TableMapEvent, d *definition) []int {
	place, next := make(map[string]int), 0
	for _, c := range s.columns {
		if !c.omitted {
			place[c.name] = next
			next++
		}
	}
	var key []int
	for _, i := range d.key {
		if at, ok := place[d.columns[i].name]; ok {
			key = append(key, at)
		}
	}
	if len(key) == len(d.key) && key != nil {
		return key
	}
	key = nil
	for n, i := range event.PrimaryKey {
		at, ok := place[s.columns[i].name]
		if !ok || event.PrimaryKeyPrefix[n] != 0 {
			return nil
		}
		key = append(key, at)
	}
	return key
}
