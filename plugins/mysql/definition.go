package mysql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	driver "github.com/go-sql-driver/mysql"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A definition is a table as the server declares it at the moment.
type definition struct {
	name    string // as the configuration has it
	engine  string // as the server names it
	columns []column
	key     []int    // indexes into columns
	primary []string // the primary key's columns; rows may be named by another key
	index   string   // the key's name
	unique  []int    // the unique key that would be the key if there were no primary one
	// byTransaction says that periods of rows are counted in transactions.
	byTransaction bool
	refused       string
	missing       bool // refused because there is no such table
	notes         []string
	// created is when the table was made or rebuilt, in Unix seconds; known only
	// where the log does not tell the form of a column.
	created uint32
	parents []parent
	// references are the foreign keys by which rows of this table change; their
	// tables are named as the server does.
	references []tap.Reference
	parted     *partitioning // nil if it is not parted
	// by is where the server was once this was read while the stream ran; it was in
	// force by then.
	by gtidSet
}

// A parent is a table whose changes change rows of this one, by a foreign key.
type parent struct {
	key     string // the foreign key's name
	table   string // as schema.table
	actions string
}

// A column of a definition.
type column struct {
	name      string
	declared  string // its type as the server writes it
	kind      kind
	charset   string // the server's name of the character set
	collation string
	length    int    // of BINARY(n)
	omitted   string // why it is left out; "" if it is not
	implied   bool   // there, but in no list of the server
	rowEnd    bool   // the end of a system-versioned row's period
	refused   string
}

// tableName splits "schema.table".
func tableName(name string) (schema, table string) {
	schema, table, _ = strings.Cut(name, ".")
	return schema, table
}

// quoteTable returns a configured name for SQL.
func quoteTable(name string) string {
	schema, table := tableName(name)
	return quoteName(schema) + "." + quoteName(table)
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// Server errors that say something about a table.
const (
	errorNoDatabase   = 1049
	errorNoColumn     = 1054
	errorNoTable      = 1146
	errorTableDenied  = 1142
	errorSchemaDenied = 1044
	errorColumnDenied = 1143
	errorChanged      = 1412 // the definition is newer than the snapshot
	errorLockWait     = 1205
	errorDeadlock     = 1213
	errorInterrupted  = 1317
	errorTimeLimit    = 1969
	// A table's files are damaged; once it is repaired it can be read.
	errorCrashed       = 1194
	errorCrashedRepair = 1195
)

// unopened reports whether an error says that the server itself cannot open a
// table.
func unopened(number uint16) bool {
	switch number {
	case 1017, // a file is missing
		1033, 1034, // its files are damaged
		1168, // MERGE over tables that do not fit
		1286, // its engine is not loaded
		1932: // its engine does not know it
		return true
	}
	return false
}

func serverError(err error) uint16 {
	var e *driver.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// readDefinition reads a table's definition; a table that cannot be covered has
// refused set, whatever the reason.
func readDefinition(ctx context.Context, db querier, l *dialect, name string) (*definition, error) {
	d := &definition{name: name}
	if err := d.readType(ctx, db); err != nil || d.refused != "" {
		return d, err
	}
	create, err := d.readCreate(ctx, db)
	switch serverError(err) {
	case 0:
		if err != nil {
			return nil, fmt.Errorf("read definition of table %s: %w", name, err)
		}
	case errorNoTable, errorNoDatabase:
		d.missing = true
		d.refused = "there is no such table: correct its name, or leave it out of the configuration"
		return d, nil
	case errorTableDenied, errorSchemaDenied, errorColumnDenied:
		d.refused = "the tap's account may not read it: GRANT SELECT ON " + quoteTable(name) + " TO the account"
		return d, nil
	default:
		if unopened(serverError(err)) {
			d.refused = "the server cannot open it (error " + strconv.Itoa(int(serverError(err))) + "): REPAIR TABLE " +
				quoteTable(name) + ", or see the server's error log"
			return d, nil
		}
		return nil, fmt.Errorf("read definition of table %s: %w", name, err)
	}
	if err := d.readColumns(ctx, db, create); err != nil {
		return nil, fmt.Errorf("read columns of table %s: %w", name, err)
	}
	if err := d.readKey(ctx, db, l); err != nil {
		return nil, fmt.Errorf("read keys of table %s: %w", name, err)
	}
	if err := d.readCreated(ctx, db); err != nil {
		return nil, fmt.Errorf("read age of table %s: %w", name, err)
	}
	if err := d.readPartitions(ctx, db, create); err != nil {
		return nil, fmt.Errorf("read partitions of table %s: %w", name, err)
	}
	if err := d.readReferences(create); err != nil {
		return nil, fmt.Errorf("read foreign keys of table %s: %w", name, err)
	}
	d.judge(create)
	if l.isMySQL() {
		d.notes = append(d.notes, notVerified)
	}
	return d, nil
}

// readType asks for what an account may know of a table that it may only read.
func (d *definition) readType(ctx context.Context, db querier) error {
	schema, table := tableName(d.name)
	rows, err := queryStrings(ctx, db, `SELECT table_type, engine FROM information_schema.tables
		WHERE table_schema = ? AND table_name = ?`, schema, table)
	if err != nil {
		return fmt.Errorf("read type of table %s: %w", d.name, err)
	}
	if len(rows) == 0 {
		return nil
	}
	d.engine = rows[0][1]
	switch kind := rows[0][0]; {
	case strings.HasSuffix(kind, "VIEW"):
		d.refused = "it is a view and has no rows of its own: name the tables that it reads"
	case kind == "SEQUENCE":
		d.refused = "it is a sequence and has no rows to keep: leave it out of the configuration"
	}
	return nil
}

// readCreate returns the table's CREATE statement.
func (d *definition) readCreate(ctx context.Context, db querier) (string, error) {
	rows, err := queryStrings(ctx, db, "SHOW CREATE TABLE "+quoteTable(d.name))
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || len(rows[0]) != 2 {
		return "", nil
	}
	return rows[0][1], nil
}

func (d *definition) readColumns(ctx context.Context, db querier, create string) error {
	schema, table := tableName(d.name)
	rows, err := queryStrings(ctx, db, `SELECT column_name, data_type, column_type, character_set_name,
		collation_name, extra, character_octet_length, generation_expression FROM information_schema.columns
		WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position`, schema, table)
	if err != nil {
		return err
	}
	generated := make(map[string]string)
	for _, r := range rows {
		generated[r[0]] = r[7]
		c := column{name: r[0], declared: r[2], charset: r[3], collation: r[4]}
		var mend string
		c.kind, c.refused, mend = kindOf(r[1], r[2])
		if c.refused != "" {
			c.refused += ": " + mend
		}
		if isGenerated(r[5]) {
			c.omitted, c.refused = "it is generated from other columns", ""
		}
		if c.kind == kindBinary {
			if _, err := fmt.Sscan(r[6], &c.length); err != nil {
				return fmt.Errorf("length of a BINARY column: %w", err)
			}
		}
		d.columns = append(d.columns, c)
	}
	d.readPeriod(create, generated)
	return nil
}

// isGenerated reads what information_schema says of a column beside its type:
// MySQL says DEFAULT_GENERATED of one that only has an expression for a default.
func isGenerated(extra string) bool {
	return strings.Contains(extra, "VIRTUAL GENERATED") || strings.Contains(extra, "STORED GENERATED")
}

// readKey chooses the primary key, or else the first unique key by name whose
// columns are all NOT NULL and whole.
func (d *definition) readKey(ctx context.Context, db querier, l *dialect) error {
	schema, table := tableName(d.name)
	rows, err := queryStrings(ctx, db, `SELECT index_name, column_name, sub_part, nullable
		FROM information_schema.statistics
		WHERE table_schema = ? AND table_name = ? AND non_unique = 0 AND index_type = 'BTREE' AND `+l.usable+`
		ORDER BY index_name <> 'PRIMARY', index_name, seq_in_index`, schema, table)
	if err != nil {
		return err
	}
	for start := 0; start < len(rows); {
		end := start
		for end < len(rows) && rows[end][0] == rows[start][0] {
			end++
		}
		if rows[start][0] == "PRIMARY" {
			for _, part := range rows[start:end] {
				d.primary = append(d.primary, part[1])
			}
		}
		if key := d.usableKey(rows[start:end]); key != nil && d.key == nil {
			d.key, d.index = key, rows[start][0]
		} else if key != nil {
			d.unique = key
		}
		if d.key != nil && d.index != "PRIMARY" || d.unique != nil {
			return nil
		}
		start = end
	}
	return nil
}

// usableKey returns the indexes of a unique key's columns, nil if rows cannot
// be told apart or ordered by it.
func (d *definition) usableKey(parts [][]string) []int {
	var key []int
	for _, part := range parts {
		i := d.find(part[1])
		if i >= 0 && d.columns[i].rowEnd {
			continue // it is the same for all rows that have not ended
		}
		if i < 0 || part[2] != "" || part[3] == "YES" || !d.columns[i].keyable() {
			return nil
		}
		key = append(key, i)
	}
	return key
}

// keyable reports whether a column's values can stand in a key: whether they
// can be handed to the server so that it finds the row by its index.
func (c *column) keyable() bool {
	if c.omitted != "" || c.refused != "" {
		return false
	}
	switch c.kind {
	case kindEnum:
		_, ok := c.enumLabels()
		return ok
	case kindText:
		// The index orders padded values, a comparison those without the padding:
		// a scan by the key would miss rows.
		return !strings.HasPrefix(c.declared, "char(") || !strings.Contains(c.collation, "_nopad_")
	case kindSet, kindJSON, kindYear2: // the server compares a YEAR(2) by two digits here and four there
		return false
	}
	return true
}

func (d *definition) find(name string) int {
	for i := range d.columns {
		if strings.EqualFold(d.columns[i].name, name) {
			return i
		}
	}
	return -1
}

// readCreated reads when the table was last rebuilt, if it has a column of an old
// temporal type: nothing else changes how many digits its fraction has.
func (d *definition) readCreated(ctx context.Context, db querier) error {
	if !slices.ContainsFunc(d.columns, func(c column) bool { return strings.Contains(c.declared, oldMark) }) {
		return nil
	}
	schema, table := tableName(d.name)
	rows, err := queryStrings(ctx, db, `SELECT UNIX_TIMESTAMP(create_time) FROM information_schema.tables
		WHERE table_schema = ? AND table_name = ?`, schema, table)
	if err != nil || len(rows) == 0 || rows[0][0] == "" {
		return err
	}
	seconds, err := strconv.ParseUint(rows[0][0], 10, 32)
	d.created = uint32(seconds)
	return err
}

// judge refuses what cannot be covered and notes what people should know.
func (d *definition) judge(create string) {
	switch {
	case !strings.HasPrefix(create, "CREATE TABLE") || len(d.columns) == 0:
		d.refused = "it is not a table with rows: name one that is"
	case d.byTransaction:
		d.refused = "it is system-versioned by transaction, and the server logs changes of such a table as statements " +
			"without rows: make the columns of its period TIMESTAMP(6), or leave it out of the configuration"
	case d.refusedEngine() != "":
		d.refused = d.refusedEngine()
	default:
		d.refused = d.refusedColumn()
	}
	if d.refused == "" && d.key == nil {
		d.refused = d.refusedKeyless()
	}
	d.addNotes(create)
}

func (d *definition) refusedColumn() string {
	for _, c := range d.columns {
		if c.refused != "" {
			return "column " + c.name + " (" + c.declared + "): " + c.refused
		}
	}
	return ""
}

var cascadePattern = regexp.MustCompile("(?m)^\\s*CONSTRAINT `([^`]+)` FOREIGN KEY .* REFERENCES (.+?) \\(.*\\)(.*)$")

// addNotes names columns left out and foreign keys that change rows unseen.
func (d *definition) addNotes(create string) {
	for _, c := range d.columns {
		if c.omitted != "" && !c.implied {
			d.notes = append(d.notes, "column "+c.name+" is left out: "+c.omitted)
		}
	}
	if d.index != "" && d.index != "PRIMARY" {
		d.notes = append(d.notes, "there is no primary key; rows are named by the unique key "+d.index)
	}
	d.addKeylessNotes()
	d.addEngineNotes()
	d.addVersioningNotes()
	for _, match := range cascadePattern.FindAllStringSubmatch(create, -1) {
		if actions := cascades(match[3]); actions != "" {
			d.parents = append(d.parents, parent{match[1], d.referenced(match[2]), actions})
			d.notes = append(d.notes, "foreign key "+match[1]+" to "+match[2]+": rows are changed by "+actions+
				", which leaves no trace in the binary log; the tap tells the key and the changes that it follows")
		}
	}
}

// referenced returns the name of a table as a foreign key writes it.
func (d *definition) referenced(quoted string) string {
	schema, _ := tableName(d.name)
	first, rest, both := cutOutside(quoted, ".")
	if !both {
		return schema + "." + unquoteName(first)
	}
	return unquoteName(first) + "." + unquoteName(rest)
}

func unquoteName(quoted string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(quoted, "`"), "`"), "``", "`")
}

// cascades returns the actions of a foreign key that change this table's rows.
func cascades(actions string) string {
	var found []string
	for _, action := range []string{"ON DELETE CASCADE", "ON DELETE SET NULL", "ON UPDATE CASCADE", "ON UPDATE SET NULL"} {
		if strings.Contains(actions, action) {
			found = append(found, action)
		}
	}
	return strings.Join(found, " and ")
}

// table returns the definition as the contract shows it.
func (d *definition) table() *tap.Table {
	t := &tap.Table{Name: d.name, Refused: d.refused, Notes: d.notes}
	if d.refused != "" {
		return t
	}
	place := make([]int, len(d.columns))
	for i, c := range d.columns {
		if c.omitted != "" {
			continue
		}
		place[i] = len(t.Columns)
		t.Columns = append(t.Columns, row.Column{Name: c.name, Type: c.kind.valueType()})
	}
	for _, i := range d.key {
		t.Key = append(t.Key, place[i])
	}
	t.References = d.referencesOf(t)
	return t
}
