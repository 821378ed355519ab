package mysql_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// withoutKey are tables whose rows no key names that the tap can read by.
func withoutKey() map[string]string {
	return map[string]string{
		"none":      "(id INT)",
		"nullable":  "(id INT, UNIQUE KEY (id))",
		"prefix":    "(t VARCHAR(500), PRIMARY KEY (t(10)))",
		"set":       "(s SET('a','b') PRIMARY KEY)",
		"year2":     "(y YEAR(2) PRIMARY KEY)",
		"enum":      "(e ENUM('é') CHARACTER SET latin1 PRIMARY KEY)",
		"generated": "(id INT NOT NULL, g INT AS (id + 1) STORED, UNIQUE KEY (g))",
		"myisam":    "(id INT) ENGINE=MyISAM",
		"aria":      "(id INT) ENGINE=Aria",
	}
}

// TestTablesWithoutAKeyAreReadWhole, whatever is asked for, and streamed as they
// are read.
func TestTablesWithoutAKeyAreReadWhole(t *testing.T) {
	t.Parallel()
	s := start(t)
	var names []string
	for name, definition := range withoutKey() {
		names = append(names, "emr."+name)
		s.Exec("CREATE TABLE emr." + name + " " + definition)
	}
	m := open(t, s, names...)
	listed, err := m.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, streamed := stream(t, m, nil), make(map[string]string)
	for i, table := range listed {
		if !table.Keyless() || !strings.Contains(strings.Join(table.Notes, "\n"), "ADD PRIMARY KEY") {
			t.Errorf("%s: key %v, refused %q, notes %q", table.Name, table.Key, table.Refused, table.Notes)
		}
		column := table.Columns[0].Name
		s.Exec("INSERT INTO " + table.Name + " (" + column + ") VALUES (1)")
		list := changes(r.awaitChanges(t, i+1))
		streamed[table.Name] = show(list[i].After)
	}
	for _, table := range listed {
		chunk, err := m.Scan(t.Context(), table.Name, nil, 100)
		if err != nil || !chunk.Last || !chunk.Table.Keyless() || len(chunk.Rows) != 1 || show(chunk.Rows[0].Cells) != streamed[table.Name] {
			t.Fatalf("%s: %d rows, last %v, %v", table.Name, len(chunk.Rows), chunk.Last, err)
		}
		r.awaitFence(t, chunk.Fence)
		if _, err := m.Fetch(t.Context(), table.Name, [][]row.Value{{}}); !errors.Is(err, tap.ErrTable) {
			t.Errorf("%s: fetch: %v", table.Name, err)
		}
	}
	r.end(t)
}

// TestEqualRowsAreEachReadAndStreamed.
func TestEqualRowsAreEachReadAndStreamed(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (a INT, b VARCHAR(9))", "INSERT INTO emr.t SELECT 1, NULL FROM emr.seq_1_to_30000")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	s.Exec("UPDATE emr.t SET b = 'x' LIMIT 1", "DELETE FROM emr.t WHERE b IS NULL LIMIT 2")
	want := []string{"update emr.t 1|NULL -> 1|\"x\"", "delete emr.t 1|NULL -> ", "delete emr.t 1|NULL -> "}
	if diff := cmp.Diff(want, summary(changes(r.awaitChanges(t, 3)))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	chunk, err := m.Scan(t.Context(), "emr.t", nil, 100_000)
	if err != nil || len(chunk.Rows) != 29_998 || !chunk.Last {
		t.Errorf("%d rows, last %v, %v", len(chunk.Rows), chunk.Last, err)
	}
	if _, err := m.Scan(t.Context(), "emr.t", nil, 29_997); err == nil || !strings.Contains(err.Error(), "ADD PRIMARY KEY") {
		t.Errorf("a scan for fewer rows than there are: %v", err)
	}
	r.end(t)
}

// TestATableWithoutAKeyMustBeSmall: one that is too large is refused when it is
// read, with the mend.
func TestATableWithoutAKeyMustBeSmall(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.wide (v LONGBLOB)", "INSERT INTO emr.wide SELECT REPEAT('x', 8000000) FROM emr.seq_1_to_9",
		"CREATE TABLE emr.long (v INT)", "INSERT INTO emr.long SELECT seq FROM emr.seq_1_to_250000", "ANALYZE TABLE emr.long",
		"CREATE TABLE emr.longer (v INT)", "INSERT INTO emr.longer SELECT seq FROM emr.seq_1_to_100001",
		"CREATE TABLE emr.slow (v INT) ENGINE=MyISAM", "INSERT INTO emr.slow SELECT seq FROM emr.seq_1_to_20001")
	m := open(t, s, "emr.wide", "emr.long", "emr.longer", "emr.slow")
	for _, name := range []string{"emr.wide", "emr.long", "emr.longer", "emr.slow"} {
		_, err := m.Scan(t.Context(), name, nil, 1_000_000)
		if err == nil || !strings.Contains(err.Error(), "ADD PRIMARY KEY") || errors.Is(err, tap.ErrBusy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAKeyThatCameLaterNamesNoEarlierRows: what a tap that lags reads of the time
// before is told without it.
func TestAKeyThatCameLaterNamesNoEarlierRows(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (a INT NOT NULL, b INT NOT NULL)", "CREATE TABLE emr.u (a INT NOT NULL, b INT NOT NULL UNIQUE)")
	r := stream(t, open(t, s, "emr.t", "emr.u"), nil)
	at := position(r.all())
	r.end(t)
	for _, name := range []string{"emr.t", "emr.u"} {
		s.Exec("INSERT INTO "+name+" VALUES (1, 2)", "ALTER TABLE "+name+" ADD PRIMARY KEY (a)", "INSERT INTO "+name+" VALUES (3, 4)")
	}
	r = stream(t, open(t, s, "emr.t", "emr.u"), at)
	var keys []string
	for _, c := range changes(r.awaitChanges(t, 4)) {
		key := c.Table.Name
		for _, at := range c.Table.Key {
			key += " " + c.Table.Columns[at].Name
		}
		keys = append(keys, key)
	}
	if want := []string{"emr.t", "emr.t a", "emr.u b", "emr.u a"}; !slices.Equal(keys, want) {
		t.Errorf("keys %q, want %q", keys, want)
	}
	r.end(t)
}
