package mysql_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSequenceNumbersThatGoBackAreNoGap: a server that does not keep GTIDs in
// order cannot find a place by them. The tap goes on by the place of its last
// transaction in the log's files, once and for all.
func TestSequenceNumbersThatGoBackAreNoGap(t *testing.T) {
	t.Parallel()
	s := start(t, "--gtid-strict-mode=0")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	for _, write := range [][]string{
		{"SET gtid_domain_id=9", "SET gtid_seq_no=100", "INSERT INTO emr.t VALUES (1, 1)"},
		{"SET gtid_domain_id=9", "SET gtid_seq_no=10", "INSERT INTO emr.t VALUES (2, 2)"},
	} {
		if err := writeInSession(t.Context(), s, write...); err != nil {
			t.Fatal(err)
		}
	}
	at := position(r.awaitChanges(t, 2))
	r.end(t)
	s.Exec("INSERT INTO emr.t VALUES (3, 3)")
	again := stream(t, m, at)
	again.awaitChanges(t, 1)
	s.Exec("INSERT INTO emr.t VALUES (4, 4)")
	events := again.awaitChanges(t, 2)
	if diff := cmp.Diff([]string{"insert emr.t  -> 3|3", "insert emr.t  -> 4|4"}, summary(changes(events))); diff != "" {
		t.Errorf("changes after the resume (-want +got):\n%s", diff)
	}
	if list := gaps(events); len(list) > 0 {
		t.Errorf("%d gaps, the first %+v", len(list), list[0])
	}
}

// TestALostHistoryWithNumbersThatGoBackIsOneGap: the tap goes on behind it.
func TestALostHistoryWithNumbersThatGoBackIsOneGap(t *testing.T) {
	t.Parallel()
	s := start(t, "--gtid-strict-mode=0")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	outOfOrder := func(id string) {
		t.Helper()
		for _, number := range []string{"100", "10"} {
			err := writeInSession(t.Context(), s, "SET gtid_domain_id=9", "SET gtid_seq_no="+number, "INSERT INTO emr.t VALUES ("+id+number+", 1)")
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	outOfOrder("1")
	at := position(r.awaitChanges(t, 2))
	r.end(t)
	s.Exec("RESET MASTER", "DROP TABLE emr.t", "CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)")
	outOfOrder("2")
	again := stream(t, m, at)
	again.awaitGap(t, "")
	s.Exec("INSERT INTO emr.t VALUES (3, 3)")
	if list := gaps(again.awaitChanges(t, 1)); len(list) != 1 {
		t.Errorf("%d gaps, want one: %+v", len(list), list)
	}
}
