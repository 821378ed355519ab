package mysql_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const periodByHand = "(id INT PRIMARY KEY, v INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, " +
	"e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING"

// TestASystemVersionedTableIsItsRowsOfNow: what the log says of history is
// nothing, a period that ends is a delete, and scans read the rows of now alone.
func TestASystemVersionedTableIsItsRowsOfNow(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]string{
		"implied period":       "(id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING",
		"period by hand":       periodByHand,
		"unique key":           "(id INT NOT NULL, v INT, UNIQUE KEY (id)) WITH SYSTEM VERSIONING",
		"MyISAM":               "(id INT PRIMARY KEY, v INT) ENGINE=MyISAM WITH SYSTEM VERSIONING",
		"history partitioned":  "(id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION pn CURRENT)",
		"one column versioned": "(id INT PRIMARY KEY WITH SYSTEM VERSIONING, v INT)",
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); readVersioned(t, create) })
	}
}

func readVersioned(t *testing.T, create string) {
	s := start(t)
	s.Exec("CREATE TABLE emr.t " + create)
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	s.Exec("INSERT INTO emr.t (id, v) VALUES (1, 1), (2, 2), (3, 3)", "UPDATE emr.t SET v = 9 WHERE id = 1",
		"UPDATE emr.t SET id = 7 WHERE id = 2", "DELETE FROM emr.t WHERE id = 3", "INSERT INTO emr.t (id, v) VALUES (3, 4)",
		"INSERT INTO emr.t (id, v) VALUES (3, 5) ON DUPLICATE KEY UPDATE v = 6", "DELETE FROM emr.t WHERE id = 7",
		"DELETE HISTORY FROM emr.t", "INSERT INTO emr.t (id, v) VALUES (5, 5)")
	events := r.awaitChanges(t, 10)
	want := []string{"insert emr.t  -> 1|1", "insert emr.t  -> 2|2", "insert emr.t  -> 3|3", "update emr.t 1|1 -> 1|9",
		"update emr.t 2|2 -> 7|2", "delete emr.t 3|3 -> ", "insert emr.t  -> 3|4", "update emr.t 3|4 -> 3|6",
		"delete emr.t 7|2 -> ", "insert emr.t  -> 5|5"}
	if diff := cmp.Diff(want, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if list := gaps(events); len(list) > 0 {
		t.Errorf("gaps %v, want none", list)
	}
	r.streamedAsScanned(t, m, "emr.t")
	if n := countByPages(t, m, "emr.t"); n != 3 {
		t.Errorf("%d rows by pages, want 3", n)
	}
}

// TestVersioningThatComesAndGoesHidesNothing: the rows of a table that gains
// or loses versioning are told on, and by a tap that lags behind at least as a
// gap.
func TestVersioningThatComesAndGoesHidesNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	at := position(r.all())
	steps := []string{"INSERT INTO emr.t VALUES (1, 1)", "ALTER TABLE emr.t ADD SYSTEM VERSIONING", "UPDATE emr.t SET v = 2",
		"INSERT INTO emr.t VALUES (2, 1)", "DELETE FROM emr.t WHERE id = 1", "ALTER TABLE emr.t DROP SYSTEM VERSIONING",
		"INSERT INTO emr.t VALUES (3, 3)"}
	told := 0
	for _, step := range steps {
		s.Exec(step)
		if !strings.HasPrefix(step, "ALTER") {
			told++
		}
		r.await(t, step, func(events []any) bool { return told == len(changes(events)) && len(events) > 0 })
	}
	want := []string{"insert emr.t  -> 1|1", "update emr.t 1|1 -> 1|2", "insert emr.t  -> 2|1", "delete emr.t 1|2 -> ", "insert emr.t  -> 3|3"}
	if diff := cmp.Diff(want, summary(changes(r.awaitChanges(t, 5)))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	r.end(t)
	late := stream(t, open(t, s, "emr.t"), at)
	if g := late.awaitGap(t, "while the table was system-versioned"); len(g.Tables) != 1 {
		t.Errorf("gap of tables %v, want emr.t", g.Tables)
	}
	s.Exec("INSERT INTO emr.t VALUES (4, 4)")
	events := late.awaitChanges(t, 3)
	want = []string{"insert emr.t  -> 1|1", "insert emr.t  -> 3|3", "insert emr.t  -> 4|4"}
	if diff := cmp.Diff(want, summary(changes(events))); diff != "" {
		t.Errorf("changes to a tap that lags (-want +got):\n%s", diff)
	}
}
