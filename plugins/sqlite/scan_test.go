package sqlite

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// keyTables are the kinds of keys, each with rows whose order is not that of
// insertion.
var keyTables = []struct{ name, create, insert string }{
	{"rowid", "CREATE TABLE k (id INTEGER PRIMARY KEY, v)", "INSERT INTO k VALUES (3, 1), (-5, 2), (9007199254740993, 3), (0, 4)"},
	{"text", "CREATE TABLE k (id TEXT NOT NULL PRIMARY KEY, v)", "INSERT INTO k VALUES ('b', 1), ('a', 2), ('B', 3), ('', 4), ('é', 5), (CAST(x'61ff00' AS TEXT), 6)"},
	{"nocase", "CREATE TABLE k (id TEXT COLLATE NOCASE PRIMARY KEY, v)", "INSERT INTO k VALUES ('b', 1), ('A', 2), ('C', 3)"},
	{"any", "CREATE TABLE k (id PRIMARY KEY, v)", "INSERT INTO k VALUES ('1', 1), (1, 2), (x'31', 3), (1.5, 4), ('x', 5), (-2, 6)"},
	{"real", "CREATE TABLE k (id REAL PRIMARY KEY, v)", "INSERT INTO k VALUES (1, 1), (0.1, 2), (-1e300, 3), (9e999, 4)"},
	{"blob", "CREATE TABLE k (id BLOB PRIMARY KEY, v)", "INSERT INTO k VALUES (x'', 1), (x'00', 2), (x'ff', 3), (x'00ff', 4)"},
	{"composite", "CREATE TABLE k (v, b TEXT, a INT, PRIMARY KEY (a, b))", "INSERT INTO k VALUES (1, 'x', 2), (2, 'y', 1), (3, 'x', 1), (4, 'a', 2)"},
	{"descending", "CREATE TABLE k (a INT, b INT, v, PRIMARY KEY (a DESC, b))", "INSERT INTO k VALUES (1, 2, 1), (2, 1, 2), (1, 1, 3)"},
	{"without rowid", "CREATE TABLE k (v, id TEXT PRIMARY KEY) WITHOUT ROWID", "INSERT INTO k VALUES (1, 'b'), (2, 'a'), (3, 'c')"},
	{"strict", "CREATE TABLE k (id TEXT PRIMARY KEY, v ANY) STRICT", "INSERT INTO k VALUES ('b', 1), ('a', 2.5), ('c', x'00')"},
	{"eight", "CREATE TABLE k (a, b, c, d, e, f, g, h, v, PRIMARY KEY (h, a, b, c, d, e, f, g))",
		"INSERT INTO k VALUES (1,1,1,1,1,1,1,2,1), (1,1,1,1,1,1,2,1,2), (2,1,1,1,1,1,1,1,3)"},
}

// For every kind of key: scan by any chunk size, fetch and stream agree, and
// the scan is in SQLite's own order.
func TestEveryKindOfKey(t *testing.T) {
	for _, k := range keyTables {
		t.Run(k.name, func(t *testing.T) {
			e := newEMR(t, k.create)
			e.install(DefaultKeep)
			x := e.open("k")
			s := stream(t, x, nil)
			e.exec(k.insert)
			s.settle()
			var order []string
			for limit := 1; limit < 8; limit++ {
				got, keys := ordered(t, x, limit)
				if limit == 1 {
					order = got
				}
				if diff := cmp.Diff(order, got); diff != "" {
					t.Errorf("limit %d: %s", limit, diff)
				}
				chunk, err := x.Fetch(t.Context(), "k", keys)
				if err != nil || len(chunk.Rows) != len(got) {
					t.Fatalf("fetch: %d rows of %d, %v", len(chunk.Rows), len(got), err)
				}
			}
			scanned := contents(t, x, "k", 100)
			if diff := cmp.Diff(scanned, s.rows); diff != "" {
				t.Errorf("stream: %s", diff)
			}
			e.exec("UPDATE k SET v = v || 'changed'", "DELETE FROM k WHERE v = '1changed'")
			s.settle()
			if diff := cmp.Diff(contents(t, x, "k", 2), s.rows); diff != "" {
				t.Errorf("stream after changes: %s", diff)
			}
			if len(s.rows) != len(scanned)-1 {
				t.Errorf("%d rows left of %d", len(s.rows), len(scanned))
			}
		})
	}
}

// ordered scans k in chunks and returns its rows and keys in order.
func ordered(t *testing.T, x *Tap, limit int) (rows []string, keys [][]row.Value) {
	t.Helper()
	var after []row.Value
	for {
		chunk, err := x.Scan(t.Context(), "k", after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range chunk.Rows {
			after = chunk.Table.KeyOf(r.Cells)
			rows, keys = append(rows, display(r.Cells)), append(keys, after)
		}
		if chunk.Last {
			return rows, keys
		}
		if len(chunk.Rows) != limit {
			t.Fatalf("a chunk of %d rows that is not the last", len(chunk.Rows))
		}
	}
}

// A key that only its collation takes for the same is another row.
func TestKeysAreTheirBytes(t *testing.T) {
	e := newEMR(t, "CREATE TABLE k (id TEXT COLLATE NOCASE PRIMARY KEY, v)", "INSERT INTO k VALUES ('abc', 1)")
	e.install(DefaultKeep)
	x := e.open("k")
	s := stream(t, x, nil)
	chunk, err := x.Fetch(t.Context(), "k", [][]row.Value{{row.NewText("utf8", []byte("ABC"))}})
	if err != nil || len(chunk.Rows) != 0 {
		t.Errorf("fetch of ABC found abc: %v", err)
	}
	e.exec("UPDATE k SET id = 'ABC'")
	s.settle()
	var ops []tap.Op
	for _, c := range eventsOf[tap.Change](s.recorder) {
		ops = append(ops, c.Op)
	}
	if diff := cmp.Diff([]tap.Op{tap.Delete, tap.Put}, ops); diff != "" {
		t.Error(diff)
	}
}

// A fetch of large rows ends early and names the keys that it did not look for;
// a key without a row is not among them once it was.
func TestAFetchOfLargeRowsComesInParts(t *testing.T) {
	e := newEMR(t, "CREATE TABLE k (id INTEGER PRIMARY KEY, v)",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) INSERT INTO k SELECT i, zeroblob(6000000) FROM n WHERE i <> 2")
	e.install(DefaultKeep)
	x := e.open("k")
	stream(t, x, nil)
	var keys [][]row.Value
	for id := range int64(12) {
		keys = append(keys, []row.Value{row.NewInt(id)})
	}
	var found []string
	parts := 0
	for ; len(keys) > 0; parts++ {
		chunk, err := x.Fetch(t.Context(), "k", keys)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(chunk.Rows); n > 3 {
			t.Errorf("part %d has %d rows of 6 MB, want 3 at most", parts, n)
		}
		for _, r := range chunk.Rows {
			found = append(found, r.Cells[0].Display())
		}
		keys = chunk.Unread
	}
	if diff := cmp.Diff([]string{"1", "3", "4", "5", "6", "7", "8", "9", "10"}, found); diff != "" || parts > 4 {
		t.Errorf("in %d parts: %s", parts, diff)
	}
}

func TestMinusZeroAsAKeyIsAKeyOfItsOwn(t *testing.T) {
	e := newEMR(t, "CREATE TABLE k (id PRIMARY KEY, v)")
	e.install(DefaultKeep)
	x := e.open("k")
	s := stream(t, x, nil)
	e.exec("INSERT INTO k VALUES (-0.0, 1)")
	s.settle()
	e.exec("UPDATE k SET id = 0.0")
	s.settle()
	if diff := cmp.Diff(contents(t, x, "k", 5), s.rows); diff != "" {
		t.Error(diff)
	}
}

func TestTablesThatCannotBeCovered(t *testing.T) {
	e := newEMR(t, "CREATE TABLE keyless (a)", "CREATE TABLE nulls (id TEXT PRIMARY KEY)", "INSERT INTO nulls VALUES (NULL), (NULL)",
		"CREATE TABLE nine (a, b, c, d, e, f, g, h, i, PRIMARY KEY (a, b, c, d, e, f, g, h, i))",
		"CREATE VIEW seen AS SELECT 1 AS a", patientsSQL)
	e.install(DefaultKeep)
	x := e.open("patients", "keyless", "nulls", "nine", "seen")
	tables, err := x.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables[1:] {
		if table.Refused == "" {
			t.Errorf("%s is covered", table.Name)
		}
		if _, err := x.Scan(t.Context(), table.Name, nil, 1); !errors.Is(err, tap.ErrTable) {
			t.Errorf("scan of %s: %v", table.Name, err)
		}
	}
	for _, name := range []string{"unknown", "emrbchain_outbox", "Patients"} {
		if _, err := x.Fetch(t.Context(), name, nil); !errors.Is(err, tap.ErrTable) {
			t.Errorf("fetch of %s: %v", name, err)
		}
	}
}

// A fence comes after everything that its read has seen, on a busy database.
func TestFenceFollowsWhatItsReadSaw(t *testing.T) {
	for _, journal := range journals {
		t.Run(journal, func(t *testing.T) {
			e := newEMR(t, "PRAGMA journal_mode = "+journal, patientsSQL)
			e.install(DefaultKeep)
			x := e.open("patients")
			s := stream(t, x, nil)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for n := 0; ctx.Err() == nil; n++ {
					e.db.Exec(fmt.Sprintf("REPLACE INTO patients (id, weight) VALUES (%d, %d)", n%20, n))
				}
			}()
			for range repeat(30, 3) {
				checkFence(t, x, s)
			}
			cancel()
			<-done
		})
	}
}

// A fence waits for what its read saw, however far behind the stream is.
func TestFenceWaitsForABacklog(t *testing.T) {
	e := newEMR(t, patientsSQL)
	e.install(DefaultKeep)
	x := e.openWith(map[string]any{"batch": 1}, "patients")
	s := stream(t, x, nil)
	from := s.last()
	s.stop()
	for n := range 30 {
		e.exec(fmt.Sprintf("INSERT INTO patients (id) VALUES (%d)", n))
	}
	chunk, err := x.Scan(t.Context(), "patients", nil, 100)
	if err != nil || len(chunk.Rows) != 30 {
		t.Fatalf("%d rows, %v", len(chunk.Rows), err)
	}
	s = stream(t, x, from)
	s.wait(t, "the fence", func(events []any) bool {
		for _, event := range events {
			if f, ok := event.(tap.Fence); ok && f.ID == chunk.Fence {
				return true
			}
		}
		return false
	})
	for i, event := range s.events {
		if _, ok := event.(tap.Fence); ok && i < 2*30 { // a change and a commit for each row
			t.Errorf("the fence is event %d", i)
		}
	}
}

// checkFence scans, waits for the fence, and compares: the stream's weight of
// a row only grows, so it must have reached the scan's.
func checkFence(t *testing.T, x *Tap, s *running) {
	t.Helper()
	chunk, err := x.Scan(t.Context(), "patients", nil, 100)
	if errors.Is(err, tap.ErrBusy) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	latest := make(map[string]float64)
	s.wait(t, "the fence", func(events []any) bool {
		clear(latest)
		for _, event := range events {
			switch event := event.(type) {
			case tap.Change:
				weight, _ := event.After[4].Float()
				latest[event.After[0].Display()] = weight
			case tap.Fence:
				if event.ID == chunk.Fence {
					return true
				}
			}
		}
		return false
	})
	for _, r := range chunk.Rows {
		if seen, _ := r.Cells[4].Float(); latest[r.Cells[0].Display()] < seen {
			t.Errorf("the scan saw a row that the stream had not delivered at the fence")
		}
	}
}

// A writer that holds the file locked is waited for, and then reported.
func TestALockedDatabaseIsBusyNotBroken(t *testing.T) {
	e := newEMR(t, "PRAGMA journal_mode = DELETE", patientsSQL)
	e.install(DefaultKeep)
	x := e.openWith(map[string]any{"lock_wait": "20ms"}, "patients")
	s := stream(t, x, nil)
	e.exec("BEGIN EXCLUSIVE", "INSERT INTO patients (id) VALUES (1)")
	if _, err := x.Scan(t.Context(), "patients", nil, 1); !errors.Is(err, tap.ErrBusy) {
		t.Errorf("scan: %v", err)
	}
	e.exec("COMMIT")
	s.settle()
	if len(s.rows) != 1 {
		t.Error("the stream did not go on after the lock")
	}
}

func TestALockThatStaysEndsTheStream(t *testing.T) {
	f := &follower{}
	locked := busyError(t)
	if err := f.bear(locked); err != nil {
		t.Errorf("at once: %v", err)
	}
	f.locked = time.Now().Add(-lockPatience)
	if err := f.bear(locked); err == nil {
		t.Error("borne for ever")
	}
	if f.bear(nil) != nil || !f.locked.IsZero() {
		t.Error("the time of a lock is kept after it was lifted")
	}
}

// busyError returns the driver's own error of a locked database.
func busyError(t *testing.T) error {
	t.Helper()
	e := newEMR(t, "PRAGMA journal_mode = DELETE", patientsSQL, "BEGIN EXCLUSIVE")
	defer e.exec("COMMIT")
	_, err := openSource(t.Context(), settings{Path: e.path, LockWait: time.Millisecond})
	if !isBusy(err) {
		t.Fatalf("no lock: %v", err)
	}
	return err
}
