package mysql_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// streamedAsScanned reads a table and demands that it is what the stream has
// told since it was empty.
func (r *running) streamedAsScanned(t *testing.T, m tap.Tap, table string) {
	t.Helper()
	chunk, err := m.Scan(t.Context(), table, nil, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	var events []any
	for _, e := range r.awaitFence(t, chunk.Fence) {
		if c, ok := e.(tap.Change); ok && c.Table.Name == table {
			events = append(events, c)
		}
	}
	var scanned []string
	for _, row := range chunk.Rows {
		scanned = append(scanned, show(row.Cells))
	}
	slices.Sort(scanned)
	if diff := cmp.Diff(slices.Sorted(maps.Values(stateAt(events))), scanned); diff != "" || len(scanned) == 0 {
		t.Errorf("%s has %d rows (-stream +scan):\n%s", table, len(scanned), diff)
	}
}

// countByPages counts the different keys that chunks of 7 rows give.
func countByPages(t *testing.T, m tap.Tap, table string) int {
	t.Helper()
	keys := make(map[string]bool)
	var after []row.Value
	for {
		chunk, err := m.Scan(t.Context(), table, after, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range chunk.Rows {
			after = chunk.Table.KeyOf(r.Cells)
			keys[show(after)] = true
		}
		if chunk.Last {
			return len(keys)
		}
	}
}

// TestWhatTriggersAndProceduresWriteIsStreamed: rows that no client named.
func TestWhatTriggersAndProceduresWriteIsStreamed(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20), n INT)", "CREATE TABLE emr.log (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(40))",
		"CREATE TABLE emr.other (id INT PRIMARY KEY)",
		"CREATE TRIGGER emr.b BEFORE INSERT ON emr.t FOR EACH ROW SET NEW.v = CONCAT('by trigger ', NEW.id), NEW.n = NEW.id * 2",
		"CREATE TRIGGER emr.i AFTER INSERT ON emr.t FOR EACH ROW INSERT INTO emr.log (v) VALUES (CONCAT('new ', NEW.v))",
		"CREATE TRIGGER emr.u AFTER UPDATE ON emr.t FOR EACH ROW UPDATE emr.log SET v = CONCAT('changed ', NEW.id) WHERE id = NEW.id",
		"CREATE TRIGGER emr.d BEFORE DELETE ON emr.t FOR EACH ROW DELETE FROM emr.log WHERE id = OLD.id",
		"CREATE TRIGGER emr.o AFTER INSERT ON emr.other FOR EACH ROW INSERT INTO emr.t (id) VALUES (NEW.id)",
		"CREATE PROCEDURE emr.p() BEGIN INSERT INTO emr.t (id) VALUES (7), (8); UPDATE emr.t SET n = 0 WHERE id = 7; DELETE FROM emr.t WHERE id = 8; END")
	m := open(t, s, "emr.t", "emr.log")
	r := stream(t, m, nil)
	s.Exec("INSERT INTO emr.t (id, v, n) VALUES (1, 'mine', 5), (2, 'mine', 5), (3, NULL, NULL)", "UPDATE emr.t SET n = n + 1 WHERE id < 3",
		"DELETE FROM emr.t WHERE id = 3", "INSERT INTO emr.other VALUES (4)", "CALL emr.p()", "REPLACE INTO emr.t (id) VALUES (2)")
	r.streamedAsScanned(t, m, "emr.t")
	r.streamedAsScanned(t, m, "emr.log")
}

// TestPartitionedTablesAreReadWhole: by stream and scan, also rows that go to
// another partition; what is done to a partition whose rows are not told makes
// the table suspect.
func TestPartitionedTablesAreReadWhole(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT, v INT, PRIMARY KEY (v, id)) PARTITION BY RANGE (v) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 "+
		"(PARTITION low VALUES LESS THAN (100), PARTITION high VALUES LESS THAN MAXVALUE)",
		"CREATE TABLE emr.m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM PARTITION BY KEY () PARTITIONS 3",
		"CREATE TABLE emr.x LIKE emr.m", "ALTER TABLE emr.x REMOVE PARTITIONING")
	m := open(t, s, "emr.t", "emr.m")
	r := stream(t, m, nil)
	for _, table := range []string{"emr.t", "emr.m"} {
		s.Exec("INSERT INTO "+table+" (id, v) SELECT seq, seq * 7 % 200 FROM emr.seq_1_to_300", "UPDATE "+table+" SET v = 200 - v WHERE id < 90",
			"DELETE FROM "+table+" WHERE v % 3 = 0")
		want := s.QueryString("SELECT COUNT(*) FROM " + table)
		r.streamedAsScanned(t, m, table)
		if got := strconv.Itoa(countByPages(t, m, table)); got != want || want == "0" {
			t.Errorf("%s: %s rows by pages, %s there", table, got, want)
		}
	}
	for _, change := range []string{"ALTER TABLE emr.m TRUNCATE PARTITION p2", "ALTER TABLE emr.m EXCHANGE PARTITION p1 WITH TABLE emr.x", "ALTER TABLE emr.m COALESCE PARTITION 1"} {
		before := len(r.all())
		s.Exec(change)
		table := strings.Fields(change)[2]
		r.await(t, "a rewrite of "+table+" by "+change, func(events []any) bool {
			return slices.ContainsFunc(events[before:], func(e any) bool {
				c, ok := e.(tap.SchemaChange)
				return ok && c.Rewritten && c.Table.Name == table && c.Table.Refused == ""
			})
		})
	}
}
