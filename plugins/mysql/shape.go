package mysql

import (
	"slices"
	"sync"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// shapes hands out one *tap.Table per distinct shape of a table.
type shapes struct {
	mu           sync.Mutex
	asConfigured func(string) string // the configured name of a table
	known        map[string][]*tap.Table
}

// intern returns the table that was handed out before for an equal one.
func (s *shapes) intern(t *tap.Table) *tap.Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range t.References {
		t.References[i].Table = s.asConfigured(t.References[i].Table)
	}
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
		slices.Equal(a.Key, b.Key) && slices.Equal(a.Notes, b.Notes) && slices.EqualFunc(a.References, b.References, equalReferences)
}

func equalReferences(a, b tap.Reference) bool {
	return a.Name == b.Name && slices.Equal(a.Columns, b.Columns) && a.Table == b.Table && slices.Equal(a.Of, b.Of) &&
		a.OnDelete == b.OnDelete && a.OnUpdate == b.OnUpdate
}

// A shape says how the rows of one table map event are read, and as which table.
type shape struct {
	table   *tap.Table
	columns []wireColumn
	// exact says that the definition known when the shape was made agrees with
	// the log; otherwise the tap reads what was written before a later ALTER.
	exact bool
	// lasting says that the table's engine has no transactions to roll back.
	lasting bool
	// unreadable says why rows of this shape cannot be read at all.
	unreadable string
	// since is when the table got the form that the log does not tell, in Unix
	// seconds; 0 if the log tells all. Earlier rows may be of another form.
	since uint32
	// partial are the shapes of rows whose images lack columns, by the bitmaps of
	// what they have; nil of those that do not tell the whole row.
	partial map[string]*shape
	// after is the shape of the second images of updates, where it is another one.
	// Source holds where each cell of the table stands in such an image.
	after        *shape
	source       []int
	endsAsBefore bool // the second image lacks the end of the row's period
}

// A wireColumn is a column as it stands in row events.
type wireColumn struct {
	name        string
	wire        byte // the type on the wire, ENUM and SET told from CHAR
	meta        uint16
	fixed, head int // how long a value is; see measure
	length      int // of CHAR and BINARY in bytes
	kind        kind
	charset     *row.Charset // by its tag
	labels      [][]byte
	omitted     bool
	rowEnd      bool // the end of a system-versioned row's period
}

// makeShape joins what the log says of a table's columns (names, types, signs,
// character sets, labels) with what only the server's definition knows (which
// are generated, which of the binary ones are UUIDs, the fractions of old
// temporal types, the key).
func makeShape(m *tableMap, d *definition, charsets map[uint64]string) *shape {
	if !m.named {
		return &shape{exact: true, lasting: d.lasting(), table: d.table(), unreadable: "rows were logged without the names of their columns: " +
			"SET GLOBAL binlog_row_metadata=FULL"}
	}
	s := &shape{exact: true, lasting: d.lasting(), columns: make([]wireColumn, len(m.columns))}
	for i := range s.columns {
		c := &s.columns[i]
		*c = newWireColumn(&m.columns[i], charsets)
		s.exact = d.describe(c) && d.find(c.name) == i && s.exact
		if isOldTemporal(c.wire) {
			s.since = d.created
		}
		if !c.measure() {
			s.unreadable = "rows were logged with column " + c.name + " in a form that the tap cannot read"
		}
	}
	s.exact = s.exact && len(s.columns) == len(d.columns) && s.samePrimaryKey(m, d)
	s.table = s.makeTable(m, d)
	if !s.exact && s.lostPeriod(m, d) {
		s.unreadable = "rows were logged while the table was system-versioned, which it no longer is"
	}
	if !s.exact && s.table.Refused != "" {
		s.unreadable = "rows were logged that the tap cannot read: " + s.table.Refused
	}
	return s
}

func newWireColumn(m *mapColumn, charsets map[uint64]string) wireColumn {
	c := wireColumn{name: m.name, wire: m.wire, meta: m.meta, labels: m.labels, charset: row.NewCharset(charsetTag(charsets[m.collation]))}
	if c.wire == mysql.MYSQL_TYPE_STRING {
		c.length = stringLength(c.meta)
	}
	c.kind = c.wireKind()
	if c.kind == kindInt && m.unsigned {
		c.kind = kindUint
	}
	return c
}

// stringLength returns the length of a CHAR or BINARY in bytes: bits 8 and 9
// stand inverted in the byte of the type.
func stringLength(meta uint16) int {
	high := (meta >> 8 & 0x30) ^ 0x30
	return int(meta&0xff | high<<4)
}

// wireKind returns the kind that the log alone tells, kindNone if the column
// cannot be read by that.
func (c *wireColumn) wireKind() kind {
	switch c.wire {
	case mysql.MYSQL_TYPE_TINY, mysql.MYSQL_TYPE_SHORT, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_LONGLONG:
		return kindInt
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_BLOB, wireBlobCompressed, wireVarcharCompressed:
		return c.textOr(kindBytes)
	case mysql.MYSQL_TYPE_STRING:
		return c.textOr(kindBinary)
	case mysql.MYSQL_TYPE_JSON:
		return kindJSON
	case mysql.MYSQL_TYPE_YEAR:
		return kindYear
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		return kindDecimal
	case mysql.MYSQL_TYPE_FLOAT:
		return kindFloat
	case mysql.MYSQL_TYPE_DOUBLE:
		return kindDouble
	case mysql.MYSQL_TYPE_BIT:
		return kindBit
	case mysql.MYSQL_TYPE_GEOMETRY:
		return kindBytes
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		return kindDate
	case mysql.MYSQL_TYPE_TIME2:
		return kindTime
	case mysql.MYSQL_TYPE_DATETIME2:
		return kindDateTime
	case mysql.MYSQL_TYPE_TIMESTAMP2:
		return kindTimestamp
	case mysql.MYSQL_TYPE_ENUM:
		return kindEnum
	case mysql.MYSQL_TYPE_SET:
		return kindSet
	}
	return kindNone
}

func (c *wireColumn) textOr(binary kind) kind {
	switch c.charset.Name() {
	case "binary", "":
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
	c.omitted, c.rowEnd = known.omitted != "", known.rowEnd
	digits, old := oldDigits(known.declared)
	switch {
	case isOldTemporal(c.wire):
		if !old || c.oldKind() != known.kind {
			return false
		}
		c.kind, c.meta = known.kind, digits
	case known.kind == kindYear2 && c.kind == kindYear:
		c.kind = kindYear2
	case known.kind == kindUUID && c.kind == kindBinary && c.length == 16,
		known.kind == kindInet6 && c.kind == kindBinary && c.length == 16,
		known.kind == kindInet4 && c.kind == kindBinary && c.length == 4:
		c.kind = known.kind
	}
	return c.omitted || c.kind == known.kind && (c.kind != kindText || c.charset.Name() == charsetTag(known.charset))
}

// oldKind returns the kind of an old temporal type.
func (c *wireColumn) oldKind() kind {
	switch c.wire {
	case mysql.MYSQL_TYPE_TIME:
		return kindTime
	case mysql.MYSQL_TYPE_DATETIME:
		return kindDateTime
	}
	return kindTimestamp
}

// makeTable returns the table that rows of this shape belong to.
func (s *shape) makeTable(m *tableMap, d *definition) *tap.Table {
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
	t.References = d.referencesOf(t)
	if t.Key = s.key(m, d); t.Key == nil && (d.missing || d.refusedKeyless() != "") {
		return &tap.Table{Name: d.name, Refused: "it had neither a primary key nor a known unique key"}
	}
	return t
}

// key returns the key as indexes into the table's columns: the definition's if the
// primary key is the one of the log and the key's columns were there already, else
// the log's own primary key. Nil says that no key named the rows.
func (s *shape) key(m *tableMap, d *definition) []int {
	place, next := make(map[string]int), 0
	for _, c := range s.columns {
		if !c.omitted {
			place[c.name] = next
			next++
		}
	}
	told := placesOf(s.primaryKey(m), place)
	if told != nil && !s.samePrimaryKey(m, d) {
		return told
	}
	if key := placesOf(d.namesOf(s.knownKey(m, d)), place); key != nil {
		return key
	}
	return told
}

// knownKey returns the definition's key, or its unique key where the primary one
// was not there yet.
func (s *shape) knownKey(m *tableMap, d *definition) []int {
	if len(m.key) == 0 && d.index == "PRIMARY" {
		return d.unique
	}
	return d.key
}

func (d *definition) namesOf(key []int) []string {
	names := make([]string, len(key))
	for i, at := range key {
		names[i] = d.columns[at].name
	}
	return names
}

// primaryKey names the columns of the primary key that the log told, nil if it
// told none or one of parts of columns.
func (s *shape) primaryKey(m *tableMap) []string {
	var names []string
	for _, part := range m.key {
		if part.prefix != 0 {
			return nil
		}
		names = append(names, s.columns[part.column].name)
	}
	return names
}

// samePrimaryKey reports whether the primary key that the log told is the
// definition's, as far as it told. The table's key may be another one: see readKey.
func (s *shape) samePrimaryKey(m *tableMap, d *definition) bool {
	told := s.primaryKey(m)
	if told == nil {
		return len(m.key) > 0 || d.index != "PRIMARY"
	}
	return slices.Equal(told, d.primary)
}

// placesOf returns where the named columns stand, nil if one is missing or none
// is named.
func placesOf(names []string, place map[string]int) []int {
	var at []int
	for _, name := range names {
		i, ok := place[name]
		if !ok {
			return nil
		}
		at = append(at, i)
	}
	return at
}
