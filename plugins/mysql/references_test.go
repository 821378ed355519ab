package mysql_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestForeignKeysThatActAreTold: as SHOW CREATE TABLE has them, whatever stands in
// their names.
func TestForeignKeysThatActAreTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE DATABASE other",
		"CREATE TABLE emr.p (id INT PRIMARY KEY, a INT, b INT, UNIQUE (a, b))", "CREATE TABLE other.p (id INT PRIMARY KEY)",
		"CREATE TABLE emr.c (id INT PRIMARY KEY, p INT, x INT, `y ``), (z` INT, o INT, own INT, r INT COMMENT '\n  CONSTRAINT `no` FOREIGN KEY (`x`) REFERENCES `p` (`id`) ON DELETE CASCADE', "+
			"CONSTRAINT one FOREIGN KEY (p) REFERENCES emr.p (id) ON DELETE CASCADE, "+
			"CONSTRAINT `two `` FOREIGN KEY (``` FOREIGN KEY (x, `y ``), (z`) REFERENCES emr.p (a, b) ON DELETE SET NULL ON UPDATE CASCADE, "+
			"CONSTRAINT three FOREIGN KEY (o) REFERENCES other.p (id) ON UPDATE SET NULL, "+
			"CONSTRAINT tree FOREIGN KEY (own) REFERENCES emr.c (id) ON DELETE CASCADE, "+
			"CONSTRAINT idle FOREIGN KEY (r) REFERENCES emr.p (id) ON UPDATE NO ACTION, "+
			"CONSTRAINT checked CHECK (id > 0))")
	tables, err := open(t, s, "emr.c").Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := slices.SortedFunc(slices.Values(tables[0].References), func(a, b tap.Reference) int { return int(a.Name[1]) - int(b.Name[1]) })
	want := []tap.Reference{
		{Name: "three", Columns: []string{"o"}, Table: "other.p", Of: []string{"id"}, OnUpdate: tap.SetNull},
		{Name: "one", Columns: []string{"p"}, Table: "emr.p", Of: []string{"id"}, OnDelete: tap.Cascade},
		{Name: "tree", Columns: []string{"own"}, Table: "emr.c", Of: []string{"id"}, OnDelete: tap.Cascade},
		{Name: "two ` FOREIGN KEY (`", Columns: []string{"x", "y `), (z"}, Table: "emr.p", Of: []string{"a", "b"}, OnDelete: tap.SetNull, OnUpdate: tap.Cascade},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}

// TestChangesSayWhetherForeignKeysWereFollowed: and a key that comes or goes is
// told at its place.
func TestChangesSayWhetherForeignKeysWereFollowed(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.p (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.p SELECT seq, 0 FROM emr.seq_1_to_20",
		"CREATE TABLE emr.c (id INT PRIMARY KEY, p INT)", "INSERT INTO emr.c SELECT seq, seq FROM emr.seq_1_to_20")
	m := open(t, s, "emr.p", "emr.c")
	r := stream(t, m, nil)
	s.Exec("ALTER TABLE emr.c ADD CONSTRAINT k FOREIGN KEY (p) REFERENCES emr.p (id) ON DELETE CASCADE")
	references := func(n, schemas int) {
		t.Helper()
		r.await(t, "references told", func(events []any) bool {
			var told []tap.SchemaChange
			for _, e := range events {
				if c, ok := e.(tap.SchemaChange); ok && c.Table.Name == "emr.c" {
					told = append(told, c)
				}
			}
			return len(told) == schemas && len(told[schemas-1].Table.References) == n
		})
	}
	references(1, 1)
	s.Exec("DELETE FROM emr.p WHERE id = 1", "UPDATE emr.p SET v = 1 WHERE id = 2", "SET STATEMENT foreign_key_checks = 0 FOR DELETE FROM emr.p WHERE id = 3")
	var got []tap.Following
	for _, c := range changes(r.awaitChanges(t, 3)) {
		got = append(got, c.Followed)
	}
	if diff := cmp.Diff([]tap.Following{tap.Followed, tap.Followed, tap.NotFollowed}, got); diff != "" {
		t.Errorf("followed (-want +got):\n%s", diff)
	}
	if left := s.QueryString("SELECT COUNT(*) FROM emr.c WHERE id IN (1, 2, 3)"); left != "2" {
		t.Errorf("%s rows are left of 1, 2 and 3; without checks no row goes", left)
	}
	s.Exec("ALTER TABLE emr.c DROP FOREIGN KEY k")
	references(0, 2)
}

// TestForeignKeysToTablesThatAreNotTappedAreGaps: of the table that refers, and
// only where the server followed them.
func TestForeignKeysToTablesThatAreNotTappedAreGaps(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.p (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.p SELECT seq, 0 FROM emr.seq_1_to_9",
		"CREATE TABLE emr.d (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES emr.p (id) ON DELETE CASCADE)",
		"CREATE TABLE emr.u (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES emr.p (id) ON UPDATE CASCADE)")
	r := stream(t, open(t, s, "emr.d", "emr.u"), nil)
	steps := []struct {
		do   string
		want []string
	}{
		{"UPDATE emr.p SET v = 1", nil},
		{"INSERT INTO emr.p VALUES (10, 0)", nil},
		{"SET STATEMENT foreign_key_checks = 0 FOR DELETE FROM emr.p WHERE id = 1", nil},
		{"UPDATE emr.p SET id = 12 WHERE id = 2", []string{"emr.u"}},
		{"DELETE FROM emr.p WHERE id > 8", []string{"emr.d"}},
	}
	for i, step := range steps {
		s.Exec(step.do, "INSERT INTO emr.d VALUES ("+string(rune('1'+i))+", NULL)")
	}
	var got, want []string
	for _, g := range gaps(r.awaitChanges(t, len(steps))) {
		got = append(got, g.Tables...)
	}
	for _, step := range steps {
		want = append(want, step.want...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables of gaps (-want +got):\n%s", diff)
	}
}
