package adapter_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestTheLastVersionIsNeverLostOnSQLite kills sidecar, tap and the application
// with SIGKILL under a random load. What a last-version tap promises is held
// against what the database itself kept of every state of every row.
func TestTheLastVersionIsNeverLostOnSQLite(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain, a sidecar and an application, and kills them")
	}
	kills := 8
	if full() {
		kills = 30
	}
	e, source := sqliteSource(t, sqlite.DefaultKeep)
	e.witness()
	k := newSQLiteKiller(t, source)
	k.midChunk()
	k.sidecar.Covered()
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	writer := startWriter(t, e.path)
	for k.kills < kills {
		writer = k.killOne(e.path, writer)
	}
	k.betweenSubmitAndReceipt()
	k.beforeAck()
	writer.Kill()
	e.open() // recovers what the killed writer left
	k.sidecar.Covered()
	e.exec(`INSERT INTO patients VALUES (999999999, 'last', NULL, NULL)`)
	k.sidecar.Recorded("patients", "999999999", 1)
	k.sidecar.Anchored()
	if report := k.sidecar.Audit(); report.Verdict != "intact" {
		t.Errorf("audit: %s, findings %+v, not covered %+v", report.Verdict, report.Findings, report.Covered.NotCovered)
	}
	k.sidecar.Stop()
	log := k.sidecar.OpenLog()
	defer func() { _ = log.Close() }() // only read
	states, entries := 0, 0
	for table := range emrColumns() {
		w := readWitness(e, table)
		states += w.states
		entries += w.compare(log)
	}
	if k.phases["application"] == 0 || k.phases["tap"] == 0 {
		t.Errorf("not every part was killed: %v", k.phases)
	}
	t.Logf("%d kills, phases %v; %d states of rows, %d versions logged, the last of each row its own", k.kills, k.phases, states, entries)
}

func newSQLiteKiller(t *testing.T, source sidecartest.Source) *killer {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("EMRBCHAIN_TEST_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("seed %d", seed)
	k := &killer{t: t, random: rand.New(rand.NewPCG(seed, 2)), chain: sidecartest.StartChain(t, 1), phases: make(map[string]int)}
	k.sidecar = sidecartest.NewSidecar(t, k.chain, source)
	return k
}

// killOne kills the sidecar, the tap or the application, whose successor it
// returns, after a random while.
func (k *killer) killOne(path string, writer *sidecartest.Process) *sidecartest.Process {
	k.t.Helper()
	k.pause(700 * time.Millisecond)
	select {
	case <-writer.Ended():
		k.t.Fatalf("the application ended by itself: %s", writer.Diary(2000))
	default:
	}
	switch turn := k.kills % 3; {
	case turn == 0:
		k.killSidecar("random")
	case turn == 1 && k.sidecar.KillTap():
		k.count("tap")
	default:
		writer.Kill()
		k.count("application")
		k.pause(300 * time.Millisecond)
		return startWriter(k.t, path)
	}
	return writer
}

// witnessed is what the database kept of one table.
type witnessed struct {
	t      *testing.T
	table  *tap.Table
	rows   map[int64][][]row.Value // per key its states in order; nil: gone
	live   map[int64]bool
	states int
}

func readWitness(e *emr, table string) *witnessed {
	e.t.Helper()
	described, err := sqlite.ReadTables(context.Background(), e.db, table)
	if err != nil {
		e.t.Fatal(err)
	}
	w := &witnessed{t: e.t.(*testing.T), table: &described[0], rows: make(map[int64][][]row.Value), live: make(map[int64]bool)}
	found, err := e.db.Query(`SELECT * FROM ` + table + `_history ORDER BY rowid`)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = found.Close() }() // read to its end
	for found.Next() {
		w.scan(found, len(described[0].Columns))
	}
	if err := found.Err(); err != nil {
		e.t.Fatal(err)
	}
	if n := e.count(`SELECT count(*) FROM ` + table); n != int64(len(w.live)) {
		e.t.Fatalf("the witness of %s knows %d live rows, there are %d", table, len(w.live), n)
	}
	return w
}

func (w *witnessed) scan(found interface{ Scan(...any) error }, columns int) {
	w.t.Helper()
	raw := make([]any, 1+columns) // gone, and the row
	into := make([]any, len(raw))
	for i := range raw {
		into[i] = &raw[i]
	}
	if err := found.Scan(into...); err != nil {
		w.t.Fatal(err)
	}
	var cells []row.Value
	for _, v := range raw[1:] {
		cells = append(cells, typed(w.t, v))
	}
	key := raw[1].(int64)
	if raw[0].(int64) == 1 {
		cells = nil
		delete(w.live, key)
	} else {
		w.live[key] = true
	}
	w.rows[key] = append(w.rows[key], cells)
	w.states++
}

func typed(t *testing.T, v any) row.Value {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return row.Null()
	case int64:
		return row.NewInt(v)
	case float64:
		return row.NewFloat64(v)
	case string:
		return row.NewText("utf8", []byte(v))
	}
	t.Fatalf("the witness holds a %T", v)
	return row.Value{}
}

// compare demands of every row: what the log holds of it are states that it
// had, each once, in their order; and the last of them is how it ended.
func (w *witnessed) compare(log *recordlog.Log) (entries int) {
	w.t.Helper()
	comparer := rows.NewComparer(log)
	for key, states := range w.rows {
		versions := w.versions(log, key)
		entries += len(versions)
		at := -1
		for _, v := range versions {
			at = w.next(comparer, v, states, at)
			if at < 0 {
				w.t.Fatalf("%s %d: version %d is no state that the row had since the version before", w.table.Name, key, v.Header.Version)
			}
		}
		ended := len(versions) > 0 && versions[len(versions)-1].Header.Op != commit.Delete
		if ended != w.live[key] {
			w.t.Fatalf("%s %d: live in the source %v, in the log %v", w.table.Name, key, w.live[key], ended)
		}
		if ended && at != len(states)-1 {
			w.t.Fatalf("%s %d: the log ends at state %d of %d", w.table.Name, key, at, len(states))
		}
	}
	w.nothingExtra(log)
	return entries
}

// next returns the first state after at that a version holds, or -1.
func (w *witnessed) next(c *rows.Comparer, v *recordlog.Entry, states [][]row.Value, at int) int {
	w.t.Helper()
	for i := at + 1; i < len(states); i++ {
		if states[i] == nil || v.Header.Op == commit.Delete {
			if states[i] == nil && v.Header.Op == commit.Delete {
				return i
			}
			continue
		}
		equal, err := c.Matches(v, w.table, states[i])
		if err != nil {
			w.t.Fatal(err)
		}
		if equal {
			return i
		}
	}
	return -1
}

// versions are a row's versions, the first first.
func (w *witnessed) versions(log *recordlog.Log, key int64) []*recordlog.Entry {
	w.t.Helper()
	head, known, err := log.Head(w.table.Name, row.AppendKey(nil, []row.Value{row.NewInt(key)}))
	if err != nil {
		w.t.Fatal(err)
	}
	if !known {
		return nil
	}
	list := make([]*recordlog.Entry, head.Version)
	for index := head.Index; ; {
		e, err := log.Entry(index)
		if err != nil {
			w.t.Fatal(err)
		}
		list[e.Header.Version-1] = e
		if index = e.Header.Previous; index == commit.NoPrevious {
			return list
		}
	}
}

// nothingExtra demands that the log knows no row that the source never had.
func (w *witnessed) nothingExtra(log *recordlog.Log) {
	w.t.Helper()
	err := log.Heads(context.Background(), w.table.Name, func(key []byte, h recordlog.Head) error {
		cells, err := row.ParseKey(key)
		if err != nil {
			return err
		}
		if n, ok := cells[0].Int64(); !ok || w.rows[n] == nil {
			return errors.New("the log knows a row that the source never had")
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}
