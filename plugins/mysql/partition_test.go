package mysql_test

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A parted is a table whose key is the column k, or begins with it.
type parted struct {
	name   string
	column string   // the type of k
	rows   string   // values of k
	by     string   // what stands behind PARTITION BY
	told   []string // partitions that the tap can tell; nil means all
}

// dates are what a DATE can hold around the bounds below.
const dates = "('0000-00-00'), ('2023-00-00'), ('2023-12-15'), ('2023-12-31'), ('2024-00-00'), ('2024-00-15'), ('2024-01-00'), " +
	"('2024-01-01'), ('2024-01-02'), ('2024-02-31'), ('2024-03-01'), ('2025-00-00'), ('9999-12-31')"

// partedExactly are tables whose partitions the tap can tell.
func partedExactly() []parted {
	const moments = dates + ", ('2023-12-31 23:59:59.999999'), ('2024-01-01 00:00:00.000001'), ('2024-01-01 12:30:00')"
	const whole = "(-2147483648), (-5), (-1), (0), (1), (4), (5), (6), (9), (10), (2147483647)"
	return []parted{
		{name: "range of integers", column: "INT", rows: whole,
			by: "RANGE (K) (PARTITION a VALUES LESS THAN (-1), PARTITION `B ``b` VALUES LESS THAN (5), PARTITION c VALUES LESS THAN (10), PARTITION d VALUES LESS THAN MAXVALUE)"},
		{name: "range of integers by columns, in subpartitions", column: "SMALLINT", rows: "(-32768), (0), (5), (6), (32767)",
			by: "RANGE COLUMNS (K) SUBPARTITION BY HASH (v) SUBPARTITIONS 2 (PARTITION a VALUES LESS THAN (5), PARTITION b VALUES LESS THAN (MAXVALUE))"},
		{name: "range of large integers", column: "BIGINT UNSIGNED", rows: "(0), (9223372036854775806), (9223372036854775807), (9223372036854775808), (18446744073709551614), (18446744073709551615)",
			by: "RANGE (k) (PARTITION a VALUES LESS THAN (9223372036854775807), PARTITION b VALUES LESS THAN (9223372036854775808), " +
				"PARTITION c VALUES LESS THAN (18446744073709551615), PARTITION d VALUES LESS THAN MAXVALUE)"},
		{name: "range to the largest integer", column: "BIGINT", rows: "(-9223372036854775808), (0), (9223372036854775806), (9223372036854775807)",
			by: "RANGE (k) (PARTITION a VALUES LESS THAN (-9223372036854775807), PARTITION b VALUES LESS THAN (9223372036854775807), PARTITION c VALUES LESS THAN MAXVALUE)"},
		{name: "list of large integers", column: "BIGINT UNSIGNED", rows: "(1), (9223372036854775808), (18446744073709551614), (18446744073709551615)",
			by: "LIST (k) (PARTITION a VALUES IN (1, 18446744073709551615), PARTITION b VALUES IN (9223372036854775808), PARTITION c VALUES IN (18446744073709551614))"},
		{name: "list of integers", column: "INT", rows: "(-2), (0), (1), (3), (7)",
			by: "LIST (k) (PARTITION a VALUES IN (1, -2), PARTITION b VALUES IN (0), PARTITION c VALUES IN (3, 7, 9))"},
		{name: "list of integers by columns, some by default", column: "BIGINT", rows: "(-2), (0), (1), (3), (7)",
			by: "LIST COLUMNS (k) (PARTITION a VALUES IN (1, -2), PARTITION b VALUES IN (3), PARTITION rest DEFAULT)", told: []string{"a", "b"}},
		{name: "range of dates", column: "DATE", rows: dates,
			by: "RANGE COLUMNS (k) (PARTITION a VALUES LESS THAN ('2024-01-01'), PARTITION b VALUES LESS THAN ('2024-03-01'), PARTITION c VALUES LESS THAN (MAXVALUE))"},
		{name: "list of dates", column: "DATE", rows: "('2024-01-01'), ('2024-01-02'), ('2024-01-03')",
			by: "LIST COLUMNS (k) (PARTITION a VALUES IN ('2024-01-01', '2024-01-03'), PARTITION b VALUES IN ('2024-01-02'))"},
		{name: "range of moments", column: "DATETIME(6)", rows: moments,
			by: "RANGE COLUMNS (k) (PARTITION a VALUES LESS THAN ('2024-01-01'), PARTITION b VALUES LESS THAN ('2024-01-01 12:30:00'), PARTITION c VALUES LESS THAN (MAXVALUE))"},
		{name: "list of moments", column: "DATETIME", rows: "('2024-01-01'), ('2024-01-01 00:00:01')",
			by: "LIST COLUMNS (k) (PARTITION a VALUES IN ('2024-01-01'), PARTITION b VALUES IN ('2024-01-01 00:00:01'))"},
		{name: "range of years of dates", column: "DATE", rows: dates,
			by: "RANGE (YEAR(K)) (PARTITION z VALUES LESS THAN (0), PARTITION a VALUES LESS THAN (2024), PARTITION b VALUES LESS THAN (2025), PARTITION c VALUES LESS THAN MAXVALUE)"},
		{name: "range of years of moments", column: "DATETIME(6)", rows: moments,
			by: "RANGE (YEAR(k)) (PARTITION a VALUES LESS THAN (2024), PARTITION b VALUES LESS THAN (2025), PARTITION c VALUES LESS THAN MAXVALUE)"},
		{name: "range of instants", column: "TIMESTAMP",
			rows: "('0000-00-00'), ('1970-01-02 00:00:00'), ('2023-12-31 23:59:59'), ('2024-01-01 00:00:00'), ('2024-01-01 00:00:01'), ('2038-01-19 00:00:00')",
			by: "RANGE (UNIX_TIMESTAMP(k)) (PARTITION z VALUES LESS THAN (0), PARTITION a VALUES LESS THAN (86400), " +
				"PARTITION b VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-01 00:00:00')), PARTITION c VALUES LESS THAN MAXVALUE)"},
	}
}

// create makes the table and its rows.
func (p *parted) create(t *testing.T, s *mariadbtest.Server, table string) {
	t.Helper()
	if err := writeInSession(t.Context(), s, "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
		"CREATE TABLE "+table+" (k "+p.column+" NOT NULL DEFAULT 0, v INT DEFAULT 0, PRIMARY KEY (k, v)) PARTITION BY "+p.by,
		"INSERT INTO "+table+" (k) VALUES "+p.rows); err != nil {
		t.Fatal(err)
	}
}

// TestPartitionsThatGoAreToldExactly: what is told of a partition is true of the
// rows that went with it, and of no other.
func TestPartitionsThatGoAreToldExactly(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, p := range partedExactly() {
		for _, verb := range []string{"TRUNCATE", "DROP"} {
			table := fmt.Sprintf("emr.%s%d", strings.ToLower(verb), i)
			p.create(t, s, table)
			t.Run(p.name+" "+verb, func(t *testing.T) { t.Parallel(); p.checkExact(t, s, table, verb) })
		}
	}
}

func (p *parted) checkExact(t *testing.T, s *mariadbtest.Server, table, verb string) {
	m := open(t, s, table)
	r := stream(t, m, nil)
	left := cellsOf(t, m, table)
	if len(left) != strings.Count(p.rows, "(") {
		t.Fatalf("%d rows, want those of %s", len(left), p.rows)
	}
	names := p.told
	if names == nil {
		names = partitionsOf(s, table)
	}
	if verb == "DROP" {
		names = names[:len(names)-1] // the last cannot be dropped
	}
	for _, name := range names {
		statement := "ALTER TABLE " + table + " " + verb + " PARTITION `" + strings.ReplaceAll(name, "`", "``") + "`"
		change := r.after(t, s, table, statement)
		if change.Rewritten || change.Removed == nil || change.Removed.Column != "k" {
			t.Fatalf("%s: %+v, want some rows removed by k and no other rewritten", statement, change)
		}
		want := slices.DeleteFunc(left, func(v row.Value) bool { return removes(change.Removed, v) })
		left = cellsOf(t, m, table)
		if diff := cmp.Diff(displayed(want), displayed(left)); diff != "" {
			t.Errorf("%s: left by what was told, and left (-told +left):\n%s", statement, diff)
		}
	}
}

// TestPartitionsThatGoOtherwiseAreRewrites: of what its bounds do not tell
// exactly, the tap tells no bounds.
func TestPartitionsThatGoOtherwiseAreRewrites(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, p := range []parted{
		{name: "hash", column: "INT", rows: "(1), (2)", by: "HASH (k) PARTITIONS 3", told: []string{"p0"}},
		{name: "key", column: "INT", rows: "(1), (2)", by: "KEY (k) PARTITIONS 3", told: []string{"p0"}},
		{name: "expression", column: "INT", rows: "(1), (2)", by: "RANGE (k + 1) (PARTITION a VALUES LESS THAN (3), PARTITION b VALUES LESS THAN (5))"},
		{name: "list by expression", column: "DATE", rows: "('2024-01-01')", by: "LIST (YEAR(k)) (PARTITION a VALUES IN (2024))"},
		{name: "days", column: "DATE", rows: dates, by: "RANGE (TO_DAYS(k)) (PARTITION a VALUES LESS THAN (TO_DAYS('2024-03-01')), PARTITION b VALUES LESS THAN MAXVALUE)"},
		{name: "two columns", column: "INT", rows: "(1), (2)", by: "RANGE COLUMNS (k, v) (PARTITION a VALUES LESS THAN (3, 5))"},
		{name: "default", column: "INT", rows: "(1), (2)", by: "LIST (k) (PARTITION a VALUES IN (2), PARTITION b DEFAULT)", told: []string{"b"}},
		{name: "default of columns", column: "INT", rows: "(1), (2)", by: "LIST COLUMNS (k) (PARTITION a VALUES IN (2), PARTITION b DEFAULT)", told: []string{"b"}},
		{name: "fraction", column: "DATETIME", rows: "('2024-01-01')", by: "RANGE COLUMNS (k) (PARTITION a VALUES LESS THAN ('2024-01-01 00:00:00.5'), PARTITION b VALUES LESS THAN (MAXVALUE))"},
		{name: "date in short", column: "DATE", rows: "('2024-01-01')", by: "RANGE COLUMNS (k) (PARTITION a VALUES LESS THAN ('2024-1-2'))"},
		{name: "text", column: "VARCHAR(9)", rows: "('a'), ('c')", by: "RANGE COLUMNS (k) (PARTITION a VALUES LESS THAN ('b'), PARTITION b VALUES LESS THAN (MAXVALUE))"},
		{name: "instants in parts of seconds", column: "TIMESTAMP(3)", rows: "('2024-01-01')", by: "RANGE (UNIX_TIMESTAMP(k)) (PARTITION a VALUES LESS THAN MAXVALUE)"},
	} {
		table := fmt.Sprintf("emr.t%d", i)
		p.create(t, s, table)
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := stream(t, open(t, s, table), nil)
			names := p.told
			if names == nil {
				names = partitionsOf(s, table)
			}
			for _, name := range names {
				if change := r.after(t, s, table, "ALTER TABLE "+table+" TRUNCATE PARTITION "+name); !change.Rewritten || change.Removed != nil {
					t.Errorf("%s: %+v, want a rewrite", name, change)
				}
			}
		})
	}
}

// TestPartitionsAreThoseOfBeforeTheStatement: the tap tells the bounds of
// partitions that it knew before the statement, and no others.
func TestPartitionsAreThoseOfBeforeTheStatement(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (k INT PRIMARY KEY) PARTITION BY RANGE (k) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (20), " +
		"PARTITION c VALUES LESS THAN (30), PARTITION d VALUES LESS THAN (40), PARTITION e VALUES LESS THAN (50))")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	// It knows them while it is behind, for as long as nothing else changes them.
	r.behind(s, "ALTER TABLE emr.t TRUNCATE PARTITION a", "ALTER TABLE emr.t DROP PARTITION b", "ALTER TABLE emr.t DROP PARTITION c")
	r.awaitParts(t, "NULL to 10", "10 to 20", "10 to 30")
	// Others came and went that it has not read.
	r.behind(s, "ALTER TABLE emr.t REORGANIZE PARTITION d INTO (PARTITION c VALUES LESS THAN (35), PARTITION d VALUES LESS THAN (40))",
		"ALTER TABLE emr.t TRUNCATE PARTITION d", "ALTER TABLE emr.t REORGANIZE PARTITION c, d INTO (PARTITION d VALUES LESS THAN (40))")
	r.awaitParts(t, "rewritten", "rewritten", "rewritten")
	s.Exec("ALTER TABLE emr.t TRUNCATE PARTITION d")
	r.awaitParts(t, "10 to 40")
	// What is added leaves the bounds of what is there, and is known once it is read.
	r.behind(s, "ALTER TABLE emr.t ADD PARTITION (PARTITION f VALUES LESS THAN (60))", "ALTER TABLE emr.t COMMENT 'by hand'",
		"CREATE INDEX i ON emr.t (k)", "ALTER TABLE emr.t TRUNCATE PARTITION e", "ALTER TABLE emr.t TRUNCATE PARTITION d")
	r.awaitParts(t, "40 to 50", "10 to 40")
	s.Exec("ALTER TABLE emr.t DROP PARTITION f")
	at := position(r.awaitParts(t, "50 to 60"))
	r.end(t)
	// It was stopped.
	s.Exec("ALTER TABLE emr.t TRUNCATE PARTITION d")
	r = stream(t, m, at)
	r.awaitParts(t, "rewritten")
	s.Exec("ALTER TABLE emr.t DROP PARTITION e")
	r.awaitParts(t, "40 to 50")
}

// behind runs statements while the stream stands before the first of them.
func (r *running) behind(s *mariadbtest.Server, statements ...string) {
	r.mu.Lock() // its sink takes nothing
	defer r.mu.Unlock()
	s.Exec("INSERT INTO emr.t VALUES (0)", "DELETE FROM emr.t WHERE k = 0")
	s.Exec(statements...)
}

// awaitParts waits until the last schema changes are these, and are committed.
func (r *running) awaitParts(t *testing.T, want ...string) []any {
	t.Helper()
	return r.await(t, fmt.Sprintf("%q", want), func(events []any) bool {
		var told []string
		for _, e := range events {
			if c, ok := e.(tap.SchemaChange); ok {
				told = append(told, describeParts(&c))
			}
		}
		if len(told) < len(want) || !slices.Equal(told[len(told)-len(want):], want) {
			return false
		}
		_, committed := events[len(events)-1].(tap.Commit)
		return committed
	})
}

func describeParts(c *tap.SchemaChange) string {
	if c.Rewritten {
		return "rewritten"
	}
	var list []string
	if c.Removed != nil {
		for _, one := range c.Removed.Ranges {
			list = append(list, one.From.Display()+" to "+one.To.Display())
		}
	}
	return strings.Join(list, ", ")
}

// after runs a statement and returns what the stream tells of it.
func (r *running) after(t *testing.T, s *mariadbtest.Server, table, statement string) tap.SchemaChange {
	t.Helper()
	before := len(r.all())
	s.Exec(statement)
	var found tap.SchemaChange
	r.await(t, "schema change by "+statement, func(events []any) bool {
		return slices.ContainsFunc(events[before:], func(e any) bool {
			c, ok := e.(tap.SchemaChange)
			if ok && c.Table.Name == table {
				found = c
			}
			return found.Table != nil
		})
	})
	return found
}

// partitionsOf returns the names of a table's partitions in their order.
func partitionsOf(s *mariadbtest.Server, table string) []string {
	_, name, _ := strings.Cut(table, ".")
	return strings.Split(s.QueryString("SELECT GROUP_CONCAT(DISTINCT partition_name ORDER BY partition_ordinal_position SEPARATOR '|') "+
		"FROM information_schema.partitions WHERE table_schema = 'emr' AND table_name = ?", name), "|")
}

// cellsOf returns the cells of column k, as a scan reads them.
func cellsOf(t *testing.T, m tap.Tap, table string) (list []row.Value) {
	t.Helper()
	chunk := untilCalm(t, func() (tap.Chunk, error) { return m.Scan(t.Context(), table, nil, 1000) })
	for _, one := range chunk.Rows {
		list = append(list, one.Cells[0])
	}
	return list
}

func displayed(list []row.Value) (texts []string) {
	for _, v := range list {
		texts = append(texts, v.Display())
	}
	return texts
}

// removes reports whether a removal takes a row, as the contract says.
func removes(r *tap.Removal, v row.Value) bool {
	return slices.ContainsFunc(r.Values, func(one row.Value) bool { return row.Equal(one, v) }) ||
		slices.ContainsFunc(r.Ranges, func(one tap.Range) bool {
			return (one.From.IsNull() || !below(v, one.From)) && (one.To.IsNull() || below(v, one.To))
		})
}

func below(a, b row.Value) bool {
	if a.Type() != row.Int {
		return bytes.Compare(a.Raw(), b.Raw()) < 0
	}
	x, y := new(big.Int), new(big.Int)
	x.SetString(a.Display(), 10)
	y.SetString(b.Display(), 10)
	return x.Cmp(y) < 0
}
