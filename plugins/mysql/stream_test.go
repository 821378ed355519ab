package mysql_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// show writes cells for comparison.
func show(cells []row.Value) string {
	text := ""
	for i, c := range cells {
		if i > 0 {
			text += "|"
		}
		text += c.Display()
	}
	return text
}

// summary writes changes for comparison, without times and GTIDs.
func summary(list []tap.Change) []string {
	var lines []string
	for _, c := range list {
		op := map[tap.Op]string{tap.Insert: "insert", tap.Update: "update", tap.Delete: "delete"}[c.Op]
		lines = append(lines, op+" "+c.Table.Name+" "+show(c.Before)+" -> "+show(c.After))
	}
	return lines
}

func TestStreamDeliversCommittedChangesInOrder(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(20))", "CREATE TABLE emr.other (id INT PRIMARY KEY)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	s.Exec("INSERT INTO emr.t VALUES (1,'a'),(2,'b')", "INSERT INTO emr.other VALUES (1)",
		"UPDATE emr.t SET id=3, v=NULL WHERE id=2", "DELETE FROM emr.t WHERE id=1")
	tx, err := s.Admin().Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"INSERT INTO emr.t VALUES (9,'x')"} {
		if _, err := tx.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.Exec("INSERT INTO emr.t VALUES (4,'')")
	events := r.awaitChanges(t, 5)
	want := []string{
		`insert emr.t  -> 1|"a"`,
		`insert emr.t  -> 2|"b"`,
		`update emr.t 2|"b" -> 3|NULL`,
		`delete emr.t 1|"a" -> `,
		`insert emr.t  -> 4|""`,
	}
	if diff := cmp.Diff(want, summary(changes(events))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if list := gaps(events); len(list) > 0 {
		t.Errorf("gaps %v, want none", list)
	}
	chunk, err := m.Scan(t.Context(), "emr.t", nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	r.awaitFence(t, chunk.Fence)
	if len(chunk.Rows) != 2 || !chunk.Last {
		t.Errorf("scan = %d rows, last %v", len(chunk.Rows), chunk.Last)
	}
	if chunk.Table != changes(events)[0].Table {
		t.Error("scan and stream name one shape by two tables")
	}
}

// TestFenceStandsBehindEveryChangeThatTheScanSaw holds the stream at one change
// while the table goes on and is scanned.
func TestFenceStandsBehindEveryChangeThatTheScanSaw(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)")
	m := open(t, s, "emr.t")
	held, release := make(chan struct{}), make(chan struct{})
	r := newStream(t)
	r.stop = func(event any) bool {
		if c, ok := event.(tap.Change); ok && c.After[0].Display() == "1" {
			close(held)
			<-release
		}
		return false
	}
	r.run(m, nil)
	r.await(t, "first commit", func(events []any) bool { return len(events) > 0 })
	s.Exec("INSERT INTO emr.t VALUES (1)")
	<-held
	s.Exec("INSERT INTO emr.t VALUES (2)")
	chunk, err := m.Scan(t.Context(), "emr.t", nil, 10)
	if err != nil {
		t.Fatal(err)
	}
	close(release)
	events := r.awaitFence(t, chunk.Fence)
	at := slices.IndexFunc(events, func(e any) bool { _, ok := e.(tap.Fence); return ok })
	if n := len(changes(events[:at])); len(chunk.Rows) != 2 || n != 2 {
		t.Errorf("%d rows in the chunk, %d changes before its fence; want 2 and 2", len(chunk.Rows), n)
	}
}
