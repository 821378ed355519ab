package mysql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

func savepointServer(t *testing.T) *mariadbtest.Server {
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.t VALUES (1, 0), (2, 0), (3, 0)",
		"CREATE TABLE emr.m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM", "INSERT INTO emr.m VALUES (1, 0)")
	return s
}

func update(id, v string) string { return "UPDATE emr.t SET v = " + v + " WHERE id = " + id }

// TestRowsThatWereRolledBackToASavepointAreNotTold, though the server logs them
// for what else the transaction did; what MyISAM wrote stays.
func TestRowsThatWereRolledBackToASavepointAreNotTold(t *testing.T) {
	t.Parallel()
	const kept, more = "update emr.t 1|0 -> 1|1", "update emr.t 3|0 -> 3|1"
	const temporary, myisam = "CREATE TEMPORARY TABLE emr.x (id INT)", "UPDATE emr.m SET v = 1"
	for name, c := range map[string]struct {
		statements []string
		want       []string
	}{
		"MyISAM": {[]string{"BEGIN", update("1", "1"), "SAVEPOINT s", update("2", "1"), myisam, "ROLLBACK TO S", update("3", "1"), "COMMIT"},
			[]string{"update emr.m 1|0 -> 1|1", kept, more}},
		"a temporary table": {[]string{"BEGIN", update("1", "1"), "SAVEPOINT s", update("2", "1"), temporary, "ROLLBACK TO s", "COMMIT"},
			[]string{kept}},
		"within each other": {[]string{"BEGIN", temporary, "SAVEPOINT a", update("1", "1"), "SAVEPOINT b", update("2", "1"), "ROLLBACK TO b",
			update("2", "2"), "SAVEPOINT c", update("2", "3"), "ROLLBACK TO b", update("3", "1"), "COMMIT"}, []string{kept, more}},
		"both": {[]string{"BEGIN", temporary, update("1", "1"), "SAVEPOINT a", update("1", "2"), "SAVEPOINT b", update("2", "1"), "ROLLBACK TO b",
			update("2", "2"), "ROLLBACK TO a", update("3", "1"), "COMMIT"}, []string{kept, more}},
		"of a name that is set again": {[]string{"BEGIN", temporary, "SAVEPOINT s", update("1", "1"), "SAVEPOINT `S`", update("2", "1"),
			"ROLLBACK TO s", "COMMIT"}, []string{kept}},
		"in quotes": {[]string{"SET sql_mode=ANSI_QUOTES", "BEGIN", update("1", "1"), `SAVEPOINT "a ""b"`, update("2", "1"), temporary,
			`ROLLBACK TO "A ""b"`, "COMMIT"}, []string{kept}},
		"XA": {[]string{"XA START 'a'", update("1", "1"), "SAVEPOINT s", update("2", "1"), myisam, "ROLLBACK TO s", update("3", "1"),
			"XA END 'a'", "XA PREPARE 'a'", "XA COMMIT 'a'"}, []string{"update emr.m 1|0 -> 1|1", kept, more}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := savepointServer(t)
			r := stream(t, open(t, s, "emr.t", "emr.m"), nil)
			if err := writeInSession(t.Context(), s, c.statements...); err != nil {
				t.Fatal(err)
			}
			s.Exec("INSERT INTO emr.t VALUES (9, 0)")
			events := r.awaitChanges(t, len(c.want)+1)
			if diff := cmp.Diff(append(c.want, "insert emr.t  -> 9|0"), summary(changes(events))); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if list := gaps(events); len(list) > 0 {
				t.Errorf("gaps %v, want none", list)
			}
		})
	}
}

// TestASavepointThatTheTapCannotTellIsAGap of the tables that the transaction
// wrote: its first rows came after it, or the server compares its name by rules
// of its own.
func TestASavepointThatTheTapCannotTellIsAGap(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"before all rows": {"BEGIN", "SAVEPOINT s", update("2", "1"), "UPDATE emr.m SET v = 1", "ROLLBACK TO s", "COMMIT"},
		"accents": {"BEGIN", update("1", "1"), "SAVEPOINT e", update("2", "1"), "SAVEPOINT `é`", update("3", "1"), "UPDATE emr.m SET v = 1",
			"ROLLBACK TO e", "COMMIT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := savepointServer(t)
			r := stream(t, open(t, s, "emr.t", "emr.m"), nil)
			if err := writeInSession(t.Context(), s, statements...); err != nil {
				t.Fatal(err)
			}
			g := r.awaitGap(t, "rolled back in part")
			if diff := cmp.Diff([]string{"emr.t"}, g.Tables); diff != "" {
				t.Errorf("tables of the gap (-want +got):\n%s", diff)
			}
		})
	}
}
