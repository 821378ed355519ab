package mysql

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write TYPES.md anew")

const typesHead = `# Column types of the mysql tap

How each column type of MariaDB and MySQL becomes a value, so that a cell has the
same bytes in the change stream, in a scan and in a fetch. The tests write this
page from the rules in rules.go, and compare all three ways on a real server of
MariaDB for the edge values and random values of every type and character set
below; what MySQL alone has, on a double of a server.

| column type | value | how the bytes are made to agree | in a key |
|---|---|---|---|
`

const typesMiddle = `
NULL is null in every type. Generated columns are left out and named in the
table's notes. INVISIBLE columns are columns like any other.

TIME, DATETIME and TIMESTAMP are read in the format from before MariaDB 10.1 too
(SHOW CREATE TABLE marks it with mariadb-5.3). The log does not tell how many
digits their fractions have, only the table's definition does: if such a table
was rebuilt while the tap was behind, what was logged before is a gap, and the
table is scanned. ALTER TABLE … FORCE with mysql56_temporal_format=ON ends that.

Text is never converted: the server's own conversion to UTF-8 maps different
characters of some sets to one. A character set is named as the server names it,
but utf8mb3 and utf8mb4 are both utf8.

## Refused

A table with one of these columns is refused by name, with what to do about it.

| column | reason | mend |
|---|---|---|
`

const typesEnd = `
Any other type is refused as not covered. So is a table that is a view or a
sequence, is system-versioned by transaction, or has an engine other than InnoDB,
MyISAM and Aria. The period of a system-versioned table is left out of its rows.

## Tables without a key

A table that has neither a primary key nor a unique key of NOT NULL columns that
can stand in a key (prefixes of columns cannot, nor SET and YEAR(2)) is covered all
the same: its rows are told apart by all that they hold, and equal ones are counted.

- A row that is edited past the log is found as one that is gone and one that nobody
  logged. Of equal rows the one with the highest number is named, for nothing tells
  one from another. The key in a finding is a digest that means nothing outside the
  log, and the number.
- The table is read whole, by one statement: up to 100,000 rows and 64 MiB of cells,
  20,000 rows and 16 MiB of MyISAM and Aria. A larger one is not covered, and status
  says so.
- It is refused if it is partitioned, or if a foreign key of its own has ON DELETE or
  ON UPDATE with CASCADE or SET NULL, for such rows go or change unseen. Rows of
  other tables cannot be led to their patient through it.

ADD PRIMARY KEY ends all that. Until then and then, columns that come, go or have
other names or types, and a key that comes or goes, are no findings: rows are found
again by what their versions were committed to.

But where a column goes and another of its name comes at once, before the tap has
read the table, a row that is inserted then with what an older one held in the
former is taken for that one, and both are findings, *changed in a gap*. So it is
while the tap is not running. An update of the older row is none.

## Statements of sessions

A statement that changes a table is read in its session's character set if that is
utf8mb4, utf8mb3 or latin1. If it is another one and the statement is not all ASCII,
every table is verified, and what the statement did to rows or columns is a finding.

A session that logs statements instead of rows logs those on its temporary tables
too, and one of these may have the name of a table that lasts. The server marks such
statements, and others of procedures that use temporary tables. What a marked ALTER
TABLE says of columns is believed where the table's columns show it, so that one
dropped and added again by the same name is verified, and a finding if it holds
something else. A marked TRUNCATE is not believed for a table whose name a temporary
one had since the tap first ran; the table is verified.

## Partitions

The rows of a partition that is dropped, truncated, converted to a table, or
exchanged with a table go without a change of their own. The tap tells which they
are from the partition's bounds as they were
before the statement, if the table is parted by one column of its key:

- RANGE, LIST, RANGE COLUMNS or LIST COLUMNS of an integer
- RANGE COLUMNS or LIST COLUMNS of a DATE or DATETIME, whose bounds are dates in
  full or dates and times without a fraction
- RANGE of YEAR() of a DATE or DATETIME
- RANGE of UNIX_TIMESTAMP() of a TIMESTAMP without a fraction

Rows that come in exchange come without a change of their own too: the table is
verified, and each of them is a finding, *changed in a gap*, unless it is as the row
was that it takes the place of.

Subpartitions make no difference. Of any other partition, of a LIST's DEFAULT, and
where the tap was not running or behind another change of the table's definition,
the whole table is verified instead. So it is with TO_DAYS(), which puts dates
without a month or day, like 2024-00-00, elsewhere than among their neighbours.

## Foreign keys

What ON DELETE and ON UPDATE with CASCADE or SET NULL do is logged by no server. The
tap tells the keys, and which changes were followed; the sidecar works out which rows
went or changed with a row, along as many tables as there are.

- A table that a tapped one refers to is to be tapped as well: doctor names it, and
  what foreign keys do because of it is a gap until then. Where such a table refers to
  others in turn, what comes through it from them is told by nobody.
- A row refers to the one whose values are the same bytes. Where a text key's
  collation takes abc and ABC, or ss and ß, for equal, and rows differ in that, what
  the server does to them is found as if nobody had logged it.

## Columns of another type

A column that gets another type is read anew, and what is in it must be what was
there: INT becomes BIGINT, VARCHAR becomes TEXT, an ENUM gets labels. Where the
statement itself makes values others, each such row is a finding, *changed in a gap*:
digits of a fraction that go, as of DATETIME(6) made DATETIME or of DECIMAL made INT;
text made a number; TIMESTAMP made DATETIME.

## New columns

When ALTER TABLE adds a column, the tap tells what the rows that are there hold in
it, where the logged statement leaves no doubt:

- NULL, where neither NOT NULL nor a default is declared, or DEFAULT NULL; not of
  TIMESTAMP;
- of NOT NULL without a default: 0 of integers, DECIMAL, FLOAT and DOUBLE, and the
  empty string of text, VARBINARY and BLOB types;
- a default that is a number or a plain string, of integers, of DECIMAL with no
  more fraction digits than its own, whole ones of FLOAT and DOUBLE, DATE, DATETIME
  without fraction, ENUM, VARBINARY, and text of printable ASCII in a column of
  utf8, latin1 or ascii.

Of any other column it tells nothing: of expressions, generated and AUTO_INCREMENT
columns, of defaults of BIT, TIME, SET, YEAR and BINARY, of columns with a key, a reference or a
CHECK in their definition, of ADD COLUMN IF NOT EXISTS, of a statement that changes
the primary key, or ran with EMPTY_STRING_IS_NULL, and of columns that a table
brings which RENAME puts in the place of another. What is read first is believed
there. A test adds columns of each of these kinds on a real server in five SQL
modes, and compares.
`

// inKeys says which kinds can stand in a key.
func inKeys(k kind) string {
	switch k {
	case kindSet, kindJSON, kindYear2:
		return "no"
	case kindText:
		return "but for CHAR of a NO PAD collation"
	case kindEnum:
		return "if its labels are ASCII or UTF-8"
	}
	return "yes"
}

func typesPage() string {
	var b strings.Builder
	b.WriteString(typesHead)
	for _, rule := range typeRules() {
		names := strings.ToUpper(strings.ReplaceAll(rule.types, " ", ", "))
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", names, rule.kind.valueType(), rule.note, inKeys(rule.kind))
	}
	b.WriteString(typesMiddle)
	for _, rule := range refusalRules() {
		fmt.Fprintf(&b, "| marked `%s` | %s | %s |\n", strings.TrimSpace(rule.mark), rule.reason, rule.mend)
	}
	b.WriteString(typesEnd)
	return b.String()
}

func TestTypesPageListsTheRules(t *testing.T) {
	if *update {
		if err := os.WriteFile("TYPES.md", []byte(typesPage()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("TYPES.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(typesPage(), string(page)); diff != "" {
		t.Errorf("TYPES.md differs from the rules; run the test with -update (-rules +page):\n%s", diff)
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		dataType, columnType string
		want                 kind
	}{
		{"int", "int(10) unsigned zerofill", kindUint},
		{"int", "int(11)", kindInt},
		{"decimal", "decimal(10,2) unsigned", kindDecimal},
		{"year", "year(4)", kindYear},
		{"year", "year(2)", kindYear2},
		{"varchar", "varchar(20) /*M!100301 COMPRESSED*/", kindText},
		{"time", "time(3) /* mariadb-5.3 */", kindTime},
		{"vector", "vector(5)", kindNone},
	} {
		k, refused, mend := kindOf(c.dataType, c.columnType)
		if k != c.want || (k == kindNone) != (refused != "") || (refused == "") != (mend == "") {
			t.Errorf("kind of %s = %d, %q, %q; want %d", c.columnType, k, refused, mend, c.want)
		}
	}
}
