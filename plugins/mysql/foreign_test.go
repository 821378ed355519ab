package mysql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// TestATableThatIsNotTappedNeverStopsTheStream: a table of every type that there
// is stands beside the tapped one, and a type must not matter that nobody reads.
func TestATableThatIsNotTappedNeverStopsTheStream(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))")
	cases := columnCases()
	createCases(s, cases)
	s.Exec("CREATE TABLE emr.versions (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING",
		"CREATE TABLE emr.many (id INT PRIMARY KEY, a INT GENERATED ALWAYS AS (id+1) VIRTUAL, b TEXT COMPRESSED, c INT AS (id*2) STORED)")
	r := stream(t, open(t, s, "emr.t"), nil)
	fill(t, s, cases, 3)
	s.Exec("INSERT INTO emr.versions VALUES (1, 1)", "UPDATE emr.versions SET v = 2", "DELETE FROM emr.versions",
		"INSERT INTO emr.many (id, b) VALUES (1, REPEAT('x', 1000))", "UPDATE emr.many SET b = 'y'",
		"INSERT INTO emr.t VALUES (1, 'after them all')")
	events := r.awaitChanges(t, 1)
	if diff := cmp.Diff([]string{`insert emr.t  -> 1|"after them all"`}, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if len(gaps(events)) > 0 {
		t.Errorf("gaps: %v", gaps(events))
	}
}

// oldTable makes emr.t with a column in a temporal format from before MariaDB
// 10.1, of which the log does not tell how many digits its fraction has.
func oldTable(s *mariadbtest.Server) {
	s.Exec("SET GLOBAL mysql56_temporal_format=OFF", "CREATE TABLE emr.t (id INT PRIMARY KEY, v TIME(1))")
}

func TestRowsLoggedBeforeAnOldTemporalWasRebuiltAreAGap(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string][]string{
		"other fraction": {"ALTER TABLE emr.t MODIFY v TIME(2)"},
		"new format":     {"SET GLOBAL mysql56_temporal_format=ON", "ALTER TABLE emr.t FORCE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			oldTable(s)
			r := stream(t, open(t, s, "emr.t"), nil)
			at := position(r.all())
			r.end(t)
			// Backdated by its own session, so that the test need not wait for
			// the table to grow older than the row.
			s.Exec("SET STATEMENT timestamp=UNIX_TIMESTAMP()-5 FOR INSERT INTO emr.t VALUES (1, '10:00:00.5')")
			s.Exec(alter...)
			s.Exec("INSERT INTO emr.t VALUES (2, '11:00:00.25')")
			r = stream(t, open(t, s, "emr.t"), at)
			r.awaitGap(t, "rows were logged")
			got := summary(changes(r.awaitChanges(t, 1)))
			want := map[string]string{"other fraction": "11:00:00.25", "new format": "11:00:00.2"}[name]
			if diff := cmp.Diff([]string{"insert emr.t  -> 2|" + want}, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOldTemporalIsReadAfterItsFractionWasAltered(t *testing.T) {
	t.Parallel()
	s := start(t)
	oldTable(s)
	r := stream(t, open(t, s, "emr.t"), nil)
	s.Exec("INSERT INTO emr.t VALUES (1, '-10:00:00.5')")
	r.awaitChanges(t, 1)
	s.Exec("ALTER TABLE emr.t MODIFY v TIME(4)", "INSERT INTO emr.t VALUES (2, '-11:00:00.0625')")
	events := r.awaitChanges(t, 2)
	want := []string{"insert emr.t  -> 1|-10:00:00.5", "insert emr.t  -> 2|-11:00:00.0625"}
	if diff := cmp.Diff(want, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if len(gaps(events)) > 0 {
		t.Errorf("gaps: %v", gaps(events))
	}
}
