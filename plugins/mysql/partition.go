package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A statement that drops, truncates, converts or exchanges partitions takes their
// rows without a row event. Which rows those are follows from the bounds of the partitions, if these
// are known as they were just before the statement, and stand for plain values
// of one column of the key.

// A partitioning says how a table's rows are parted, as the server declares it.
type partitioning struct {
	method, expression string
	parts              []partition // in their order
	// by is where the server was once this was read; it was in force by then.
	by gtidSet
	// before is as it was known before a statement that left the bounds of what
	// was there as they were.
	before *partitioning
}

// A partition has the values below a bound, or those of a list.
type partition struct{ name, values string }

// readPartitions reads how the table is parted, nil if it is not.
func (d *definition) readPartitions(ctx context.Context, db querier, create string) error {
	if !strings.Contains(create, "PARTITION BY") {
		return nil
	}
	schema, table := tableName(d.name)
	rows, err := queryStrings(ctx, db, `SELECT DISTINCT partition_name, partition_method, partition_expression,
		partition_ordinal_position FROM information_schema.partitions
		WHERE table_schema = ? AND table_name = ? AND partition_name IS NOT NULL
		ORDER BY partition_ordinal_position`, schema, table)
	if err != nil || len(rows) == 0 {
		return err
	}
	d.parted = &partitioning{method: rows[0][1], expression: rows[0][2]}
	for _, r := range rows {
		d.parted.parts = append(d.parted.parts, partition{name: r[0], values: partitionValues(create, r[0])})
	}
	return nil
}

const maxValue = "MAXVALUE"

// partitionValues returns the values of a partition as a CREATE statement writes
// them, empty if it does not. The information schema shows DEFAULT as 0, and
// large bounds as negative ones or as MAXVALUE.
func partitionValues(create, name string) string {
	_, rest, found := strings.Cut(create, "PARTITION "+quoteName(name)+" VALUES ")
	if !found || strings.Contains(rest, "PARTITION "+quoteName(name)+" VALUES ") {
		return ""
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "LESS THAN "), "IN ")
	if strings.HasPrefix(rest, maxValue) {
		return maxValue
	}
	values, _, _ := strings.Cut(strings.TrimPrefix(rest, "("), ")")
	return values
}

// place returns where a partition stands, -1 if there is not one of that name.
func (p *partitioning) place(name string) int {
	found := -1
	for i := range p.parts {
		if !strings.EqualFold(p.parts[i].name, name) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// left returns the partitioning after a statement took the rows of partitions.
func (p *partitioning) left(does *effect) *partitioning {
	left := *p
	left.before = nil
	if !does.dropped {
		return &left
	}
	left.parts = slices.DeleteFunc(slices.Clone(p.parts), func(one partition) bool {
		return slices.ContainsFunc(does.parted, func(name string) bool { return strings.EqualFold(one.name, name) })
	})
	return &left
}

// readBy notes where the server was once the definition was read.
func (d *definition) readBy(by gtidSet) {
	d.by = by
	if d.parted != nil {
		d.parted.by = by
	}
}

// keepParts keeps what was known of partitions before the open statement, which
// leaves their bounds: the table may have been read after later ones.
func (s *stream) keepParts(former, now *definition) {
	if former == nil || former.parted == nil {
		return
	}
	before := *former.parted
	if !before.by.covers(s.open.gtid) {
		before.before = nil
	}
	now.knewParts(&before)
}

// knewParts notes how the table was parted at a place that the definition may
// have been read behind.
func (d *definition) knewParts(before *partitioning) {
	if d.parted == nil {
		d.parted = before
		return
	}
	d.parted.before = before
}

// keepsParts reports whether a statement leaves the bounds of the partitions that
// a table has, whatever it adds.
func (s *statement) keepsParts() bool {
	if s.class == statementIndex {
		return true
	}
	r := scanner{s.lexemes}
	return r.take("alter") && !slices.ContainsFunc(s.lexemes, func(l lexeme) bool {
		return l.kind == lexWord && slices.Contains([]string{"by", "reorganize", "coalesce", "remove", "exchange", "convert", "rename"},
			strings.ToLower(l.text))
	})
}

// unparted returns which rows went with partitions by the open statement, nil if
// that is not known: if the table was read after the statement and nothing of it
// is known from before, or if it is another since.
func (s *stream) unparted(former, now *definition, does *effect) *tap.Removal {
	if former == nil || len(does.moved) > 0 || !equalTables(former.table(), now.table()) {
		return nil
	}
	p := former.parted
	for p != nil && p.by.covers(s.open.gtid) {
		p = p.before
	}
	if p == nil {
		return nil
	}
	removed := former.removal(p, does.parted)
	if removed != nil {
		now.knewParts(p.left(does))
	}
	return removed
}

// whole is of all rows of a table, nil if it has none. In their place others may have
// come.
func (d *definition) whole() *tap.Removal {
	if d.refused != "" {
		return nil
	}
	t := d.table()
	if len(t.Key) == 0 {
		return nil
	}
	return &tap.Removal{Column: t.Columns[t.Key[0]].Name, Ranges: []tap.Range{{From: row.Null(), To: row.Null()}}}
}

// removal returns which rows some partitions hold, nil if their bounds do not
// tell it exactly.
func (d *definition) removal(p *partitioning, names []string) *tap.Removal {
	column, read := d.partedBy(p)
	if read == nil {
		return nil
	}
	r := &tap.Removal{Column: column}
	for _, name := range names {
		at := p.place(name)
		if at < 0 || !p.take(r, at, read) {
			return nil
		}
	}
	return r
}

// take adds the values of a partition to a removal, and reports whether they can
// be read.
func (p *partitioning) take(r *tap.Removal, at int, read readBound) bool {
	values := p.parts[at].values
	if p.lists() {
		for text := range strings.SplitSeq(values, ",") {
			value, err := read(text)
			if err != nil {
				return false
			}
			r.Values = append(r.Values, value)
		}
		return true
	}
	one := tap.Range{From: row.Null(), To: row.Null()}
	var err error
	if at > 0 {
		one.From, err = read(p.parts[at-1].values)
	}
	if err == nil && values != maxValue {
		one.To, err = read(values)
	}
	r.Ranges = append(r.Ranges, one)
	return err == nil
}

// lists reports whether partitions list their values.
func (p *partitioning) lists() bool { return p.method == "LIST" || p.method == "LIST COLUMNS" }

// A readBound reads a partition's bound as the lowest cell of the column that is
// not below it.
type readBound func(text string) (row.Value, error)

// partedBy returns the column of the key by which the table is parted, and how
// bounds of it are read; nil if it is parted otherwise.
func (d *definition) partedBy(p *partitioning) (string, readBound) {
	for _, i := range d.key {
		c := &d.columns[i]
		if read := c.bounds(p); read != nil {
			return c.name, read
		}
	}
	return "", nil
}

// bounds returns how bounds of a partitioning by this column are read, nil if it
// is by another one or not by values that sort like those of the column.
func (c *column) bounds(p *partitioning) readBound {
	ranges := p.method == "RANGE"
	if !ranges && p.method != "RANGE COLUMNS" && !p.lists() {
		return nil
	}
	name := quoteName(c.name)
	by := func(expression string) bool { return strings.EqualFold(p.expression, expression) }
	switch {
	case by(name) && c.kind == kindInt:
		return signedBound
	case by(name) && c.kind == kindUint:
		return unsignedBound
	case by(name) && c.kind == kindDate:
		return dateBound
	case by(name) && c.kind == kindDateTime:
		return dateTimeBound
	case ranges && by("year("+name+")") && c.kind == kindDate:
		return yearBound
	case ranges && by("year("+name+")") && c.kind == kindDateTime:
		return yearTimeBound
	case ranges && by("unix_timestamp("+name+")") && c.declared == "timestamp":
		return secondsBound
	}
	return nil
}

func signedBound(text string) (row.Value, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	return row.NewInt(n), err
}

func unsignedBound(text string) (row.Value, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	return row.NewUint(n), err
}

// The server keeps the text of a date as it was declared: one that is not in
// full, or has a fraction that the column may round, is not read.
const (
	declaredDate     = "'" + time.DateOnly + "'"
	declaredDateTime = "'" + time.DateTime + "'"
)

func dateBound(text string) (row.Value, error) {
	at, err := time.Parse(declaredDate, text)
	if err != nil {
		return row.Value{}, err
	}
	return row.NewDate(at.AppendFormat(nil, time.DateOnly))
}

func dateTimeBound(text string) (row.Value, error) {
	at, err := time.Parse(declaredDateTime, text)
	if err != nil || len(text) != len(declaredDateTime) {
		at, err = time.Parse(declaredDate, text)
	}
	if err != nil {
		return row.Value{}, err
	}
	return row.NewDateTime(at.AppendFormat(nil, time.DateTime))
}

// startOfYear returns a partial date that sorts before all others of its year.
func startOfYear(text string) ([]byte, error) {
	year, err := strconv.ParseUint(text, 10, 64)
	if err == nil && year > 9999 {
		err = fmt.Errorf("no date has the year %d", year)
	}
	return appendDate(nil, year, 0, 0), err
}

func yearBound(text string) (row.Value, error) {
	date, err := startOfYear(text)
	if err != nil {
		return row.Value{}, err
	}
	return row.NewDate(date)
}

func yearTimeBound(text string) (row.Value, error) {
	date, err := startOfYear(text)
	if err != nil {
		return row.Value{}, err
	}
	return row.NewDateTime(appendClock(append(date, 'T'), 0, 0, 0))
}

func secondsBound(text string) (row.Value, error) {
	seconds, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return row.Value{}, err
	}
	return row.NewTimestamp(appendInstant(nil, seconds, 0, 0))
}
