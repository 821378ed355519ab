package mysql_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// keyCases are column types that can stand in a key.
func keyCases() []columnCase {
	var cases []columnCase
	for _, c := range columnCases() {
		for _, no := range []string{"BLOB", "TEXT", "JSON", "GEOMETRY", "POINT", "LINESTRING", "POLYGON", "SET(", "NULL", "INVISIBLE", "ÿ", "國", "COMPRESSED", "YEAR(2)", "nopad"} {
			if strings.Contains(c.declared, no) {
				c.declared = ""
			}
		}
		if c.declared != "" {
			cases = append(cases, c)
		}
	}
	for digits := range 7 {
		cases = append(cases, columnCase{fmt.Sprintf("TIMESTAMP(%d)", digits), nil, randomTimestamp(digits)},
			columnCase{fmt.Sprintf("TIMESTAMP(%d)%s", digits, oldFormat), nil, randomTimestamp(digits)})
	}
	return cases
}

// scanPages reads a table in chunks of limit rows.
func scanPages(t *testing.T, m tap.Tap, name string, limit int) []tap.Row {
	t.Helper()
	var rows []tap.Row
	var after []row.Value
	for {
		chunk, err := m.Scan(t.Context(), name, after, limit)
		if err != nil {
			t.Fatalf("%s: scan after %d rows: %v", name, len(rows), err)
		}
		rows = append(rows, chunk.Rows...)
		if chunk.Last || len(rows) > 20_000 {
			return rows
		}
		if len(after) > 0 && row.Equal(after[0], chunk.Rows[0].Cells[0]) && row.Equal(after[1], chunk.Rows[0].Cells[1]) {
			t.Errorf("%s: the chunk after %s begins with it", name, show(after))
			return rows
		}
		after = chunk.Table.KeyOf(chunk.Rows[len(chunk.Rows)-1].Cells)
	}
}

func sameRows(a, b []tap.Row) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if show(a[i].Cells) != show(b[i].Cells) {
			return false
		}
	}
	return true
}

func TestScanInChunksSeesEachRowOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	cases := keyCases()
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = fmt.Sprintf("emr.c%d", i)
		s.Exec(c.format(), "CREATE TABLE "+names[i]+" (v "+c.declared+" NOT NULL, n INT NOT NULL, id INT, PRIMARY KEY (v, n))")
	}
	m := open(t, s, names...)
	fillKeys(t, s, cases)
	for i, name := range names {
		want, err := m.Scan(t.Context(), name, nil, 20_000)
		if err != nil {
			t.Errorf("%s: %v", cases[i].declared, err)
			continue
		}
		count, _ := strconv.Atoi(s.QueryString("SELECT COUNT(*) FROM " + name))
		if len(want.Rows) != count || count == 0 {
			t.Errorf("%s: scan of %d rows of %d", cases[i].declared, len(want.Rows), count)
		}
		if got := scanPages(t, m, name, 7); !sameRows(got, want.Rows) {
			t.Errorf("%s: in chunks %d rows, at once %d, or in another order", cases[i].declared, len(got), len(want.Rows))
		}
		fetchAll(t, m, cases[i].declared, want)
	}
}

// TestScanSeesEachRowOnceWhateverItsSize: rows of many sizes lie in the server's
// own temporary tables in another order than they came.
func TestScanSeesEachRowOnceWhateverItsSize(t *testing.T) {
	t.Parallel()
	s := start(t)
	names := []string{"emr.innodb", "emr.myisam", "emr.aria"}
	for _, name := range names {
		s.Exec("CREATE TABLE "+name+" (id INT PRIMARY KEY, v LONGBLOB) ENGINE="+strings.TrimPrefix(name, "emr."),
			"INSERT INTO "+name+" SELECT seq, REPEAT('a', (seq * 7919) % 90 * POW(seq % 4 + 1, 5)) FROM emr.seq_1_to_300",
			"DELETE FROM "+name+" WHERE id % 5 = 0", "UPDATE "+name+" SET v = REPEAT('b', 20000) WHERE id % 7 = 0")
	}
	m := open(t, s, names...)
	for _, name := range names {
		rows := scanPages(t, m, name, 7)
		for i, r := range rows {
			if want := strconv.Itoa(i + i/4 + 1); r.Cells[0].Display() != want {
				t.Errorf("%s: row %d is %s, want %s", name, i, r.Cells[0].Display(), want)
				break
			}
		}
		if len(rows) != 240 {
			t.Errorf("%s: %d rows scanned of 240", name, len(rows))
		}
	}
}

// TestCharWithoutPaddingIsNoKey: the server finds no such rows by their order.
func TestCharWithoutPaddingIsNoKey(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.fixed (v CHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY)",
		"CREATE TABLE emr.varying (v VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY)")
	tables, err := open(t, s, "emr.fixed", "emr.varying").Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if table.Keyless() != (table.Name == "emr.fixed") {
			t.Errorf("%s: key %v, refused %q", table.Name, table.Key, table.Refused)
		}
	}
}

func fetchAll(t *testing.T, m tap.Tap, declared string, chunk tap.Chunk) {
	t.Helper()
	var keys [][]row.Value
	for _, r := range chunk.Rows {
		keys = append(keys, chunk.Table.KeyOf(r.Cells))
	}
	got, err := m.Fetch(t.Context(), chunk.Table.Name, keys)
	if err != nil || len(got.Rows) != len(chunk.Rows) {
		t.Errorf("%s: fetch of %d keys: %d rows, %v", declared, len(keys), len(got.Rows), err)
	}
}

// fillKeys writes every case's values, each with several numbers.
func fillKeys(t *testing.T, s *mariadbtest.Server, cases []columnCase) {
	t.Helper()
	conn, err := s.Admin().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), laxSession); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for i, c := range cases {
		values := append([]string{}, c.edges...)
		for n := 0; n < 20 && c.random != nil; n++ {
			values = append(values, c.random(r))
		}
		var rows []string
		for n, value := range values {
			rows = append(rows, fmt.Sprintf("(%s, 1, %d)", value, n), fmt.Sprintf("(%s, 2, %d)", value, n))
		}
		query := fmt.Sprintf("INSERT IGNORE INTO emr.c%d (v, n, id) VALUES %s", i, strings.Join(rows, ", "))
		if _, err := conn.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%.200s: %v", query, err)
		}
	}
}

func TestFetchTakesAKeyByItsBytes(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (k VARCHAR(20) PRIMARY KEY, v INT)", "INSERT INTO emr.t VALUES ('abc', 1)")
	m := open(t, s, "emr.t")
	for key, want := range map[string]int{"abc": 1, "ABC": 0, "abc ": 0, "äbc": 0} {
		chunk, err := m.Fetch(t.Context(), "emr.t", [][]row.Value{{row.NewText("utf8", []byte(key))}})
		if err != nil || len(chunk.Rows) != want {
			t.Errorf("fetch of a key that is %q: %d rows, %v; want %d", key, len(chunk.Rows), err, want)
		}
	}
}

func TestScanReadsOnlyARangeOfTheIndex(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (a INT, b VARCHAR(20) CHARACTER SET latin1, c DECIMAL(10,2), v INT, PRIMARY KEY (a, b, c))",
		"INSERT INTO emr.t SELECT seq DIV 1000, seq DIV 100 MOD 10, seq MOD 100, seq FROM emr.seq_1_to_10000")
	m := open(t, s, "emr.t")
	key := []row.Value{row.NewInt(5), row.NewText("latin1", []byte("5")), decimal(t, "50")}
	before := rowsRead(t, s)
	chunk, err := m.Scan(t.Context(), "emr.t", key, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got := show(chunk.Rows[0].Cells); got != `5|"5"|51|5551` {
		t.Errorf("first row after the key: %s", got)
	}
	if read := rowsRead(t, s) - before; read > 100 {
		t.Errorf("a chunk of 10 rows read %d index entries", read)
	}
}

func decimal(t *testing.T, text string) row.Value {
	v, err := row.NewDecimal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// rowsRead returns how many rows the server has handed to queries so far.
func rowsRead(t *testing.T, s *mariadbtest.Server) int {
	n, err := strconv.Atoi(s.QueryString("SELECT SUM(variable_value) FROM information_schema.global_status " +
		"WHERE variable_name IN ('HANDLER_READ_NEXT', 'HANDLER_READ_KEY', 'HANDLER_READ_FIRST')"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRowsAreStreamedByTheListedKey, also where it is not the primary key.
func TestRowsAreStreamedByTheListedKey(t *testing.T) {
	t.Parallel()
	s := start(t)
	tables := map[string]string{
		"emr.unusable":  "y YEAR(2) PRIMARY KEY, id INT NOT NULL UNIQUE",
		"emr.prefixed":  "v VARCHAR(40), id INT NOT NULL UNIQUE, PRIMARY KEY (v(5))",
		"emr.padded":    "c CHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PRIMARY KEY, id INT NOT NULL UNIQUE",
		"emr.turned":    "a INT, id INT, PRIMARY KEY (id, a)",
		"emr.keyless":   "v INT, id INT NOT NULL UNIQUE",
		"emr.versioned": "v INT, id INT PRIMARY KEY) WITH SYSTEM VERSIONING (",
	}
	names := slices.Sorted(maps.Keys(tables))
	for _, name := range names {
		s.Exec("CREATE TABLE " + name + " (" + strings.TrimSuffix(tables[name]+")", "()"))
	}
	m := open(t, s, names...)
	listed, err := m.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := stream(t, m, nil)
	for _, name := range names {
		s.Exec("INSERT INTO " + name + " VALUES (5, 7)")
	}
	changes := func(events []any) (all []tap.Change) {
		for _, e := range events {
			if c, ok := e.(tap.Change); ok {
				all = append(all, c)
			}
		}
		return all
	}
	for i, c := range changes(r.await(t, "changes", func(events []any) bool { return len(changes(events)) == len(names) })) {
		if c.Table.Name != listed[i].Name || listed[i].Refused != "" || !slices.Equal(c.Table.Key, listed[i].Key) {
			t.Errorf("listed %+v, streamed %+v", listed[i], *c.Table)
		}
	}
	r.end(t)
}

// TestScanIsInOrderHoweverShortTheServerSorts: rows of a key that the server
// sorts, as its parts run in two directions, begin alike for longer than that.
func TestScanIsInOrderHoweverShortTheServerSorts(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (a VARCHAR(120), b INT, PRIMARY KEY (a, b DESC))",
		"INSERT INTO emr.t SELECT CONCAT(REPEAT('x', 70), MD5(seq)), seq FROM emr.seq_1_to_2000", "SET GLOBAL max_sort_length=64")
	seen := make(map[string]bool)
	for _, r := range scanPages(t, open(t, s, "emr.t"), "emr.t", 100) {
		seen[show(r.Cells)] = true
	}
	if len(seen) != 2000 {
		t.Errorf("%d of 2000 rows scanned", len(seen))
	}
}
