package adapter_test

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// The MyISAM table of the mixed workload, whose rows alone may be without an
// event.
const myisamTable = "emr.archive"

// A mixedKiller kills under a mixed workload, and keeps the rows that the
// kills left without an event.
type mixedKiller struct {
	killer
	mixed      *mixedWorkload
	replica    *replica
	deviations map[string]bool // "table key"
}

// TestNothingIsLostNothingTwiceOnMariaDB is TestNothingIsLostNothingTwice with
// XA, changes of columns, TRUNCATE, cascades, MyISAM and log rotation in the
// workload. Entries of origin stream are the row events of the binary log, one
// to one, those of XA transactions at their XA COMMIT; what cascades and
// TRUNCATE did is derived and not among them. Gaps are allowed: they add
// verifications and excuse no missing change. The findings are the rows that a
// replay of the log does not have as the table does, each of them and no other,
// and only MyISAM has such rows.
func TestNothingIsLostNothingTwiceOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two servers, a chain and a sidecar, and kills them")
	}
	kills, steps := 5, uint64(20)
	if full() {
		kills, steps = 30, 100
	}
	k := newMixedKiller(t)
	start := k.sequence()
	k.midChunk()
	k.sidecar.Covered()
	k.work.start(t, 4, k.random.Uint64())
	for range kills {
		k.truncate()
		k.worked(steps)
		k.random1()
	}
	k.everyKind()
	k.overPreparedXA()
	k.midAlter()
	k.midMyISAM("UPDATE emr.archive SET note = 'an update cut off' WHERE id <= 100 AND SLEEP(0.02) = 0", "an update cut off")
	k.midMyISAM(fmt.Sprintf("INSERT INTO emr.archive SELECT seq + %d, SLEEP(0.001), REPEAT('an insert cut off ', 20) FROM emr.seq_1_to_3000",
		k.work.next.Add(3000)-3000), "an insert cut off")
	k.midTransaction()
	k.betweenSubmitAndReceipt()
	k.beforeAck()
	k.work.stop()
	k.mixed.resolveAll(t)
	k.settle()
	k.compareWithReplica()
	k.checkFindings(k.sidecar.Audit())
	changes := k.compareWithSource(start)
	k.hit("mid-chunk", "mid-transaction", "between submit and receipt", "after the batch before the ack",
		"XA prepared", "mid-ALTER", "mid-statement of MyISAM")
	t.Logf("%d kills, phases %v; %d steps, among them %s; %d changes logged once, in order, %d MyISAM rows without an event reported",
		k.kills, k.phases, k.work.done.Load(), k.mixed.carriedOut(), changes, len(k.deviations))
}

func newMixedKiller(t *testing.T) *mixedKiller {
	seed := killSeed(t)
	// With FORCE, what a kill left of a MyISAM table is repaired when it is next
	// opened; the default gives up where rows were lost.
	server, source := mariadbSource(t, true, "--myisam-recover-options=BACKUP,FORCE")
	mixedTables(server, &source)
	k := &mixedKiller{mixed: newMixedWorkload(server), replica: startReplica(t, server), deviations: make(map[string]bool)}
	k.killer = killer{t: t, random: rand.New(rand.NewPCG(seed, 1)), server: server, chain: sidecartest.StartChain(t, 4),
		work: k.mixed.workload, phases: make(map[string]int), restarted: k.compareWithReplica}
	k.sidecar = sidecartest.NewSidecar(t, k.chain, source)
	return k
}

// compareWithReplica notes the rows that are not what the log says, while
// nobody changes them.
func (k *mixedKiller) compareWithReplica() {
	k.t.Helper()
	k.replica.await()
	k.replica.endLogged()
	for _, table := range []string{"patients", "results", "families", "members", "letters", "charts", "inbox", "archive"} {
		for _, key := range k.replica.deviations("emr." + table) {
			k.deviations["emr."+table+" "+key] = true
			if table != "archive" {
				k.t.Logf("emr.%s %s is not what the log says", table, key)
			}
		}
	}
}

// checkFindings demands a finding for every row that a kill left without an
// event, and none for another.
func (k *mixedKiller) checkFindings(report *api.AuditReport) {
	k.t.Helper()
	found := make(map[string]bool)
	for _, f := range report.Findings {
		row := f.Table + " " + f.Key
		found[row] = true
		if !k.deviations[row] {
			k.t.Errorf("finding of a row that is as the log says: %s: %s", findingLine(f), f.Detail)
		}
	}
	for row := range k.deviations {
		if !strings.HasPrefix(row, myisamTable+" ") {
			k.t.Errorf("%s is not what the log says, and no MyISAM row", row)
		}
		if !found[row] {
			k.t.Errorf("%s is not what the log says and has no finding", row)
		}
	}
	if len(report.Covered.NotCovered) > 0 {
		k.t.Errorf("not covered: %+v", report.Covered.NotCovered)
	}
}

// worked waits until the workload has done some more steps.
func (k *mixedKiller) worked(steps uint64) {
	k.t.Helper()
	from := k.work.done.Load()
	sidecartest.Eventually(k.t, time.Minute, func(context.Context) error {
		if n := k.work.done.Load() - from; n < steps {
			return fmt.Errorf("the workload has done %d steps of %d", n, steps)
		}
		return nil
	})
}

// everyKind waits until the workload has done something of each kind.
func (k *mixedKiller) everyKind() {
	k.t.Helper()
	sidecartest.Eventually(k.t, 2*time.Minute, func(context.Context) error {
		k.truncate()
		if idle := k.mixed.idle(); len(idle) > 0 {
			return fmt.Errorf("the workload has done nothing of %v", idle)
		}
		return nil
	})
}

// truncate empties a table. It is never under way when the server is killed,
// which does not promise that a TRUNCATE is then both done and logged or
// neither.
func (k *mixedKiller) truncate() {
	// A prepared XA transaction may keep it from being done.
	_ = k.mixed.exec(k.t.Context(), k.server.Admin(), &k.mixed.truncations,
		"SET STATEMENT lock_wait_timeout = 1, innodb_lock_wait_timeout = 1 FOR TRUNCATE emr.inbox")
}

// overPreparedXA kills everything while an XA transaction is prepared, whose
// log the server has left behind, and commits it afterwards.
func (k *mixedKiller) overPreparedXA() {
	k.t.Helper()
	conn, err := k.server.Admin().Conn(k.t.Context())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, q := range []string{"XA START 'over'", "INSERT INTO emr.families VALUES (1, 'over'), (2, 'over')",
		"UPDATE emr.families SET name = 'and over' WHERE id = 2", "XA END 'over'", "XA PREPARE 'over'"} {
		if _, err := conn.ExecContext(k.t.Context(), q); err != nil {
			k.t.Fatal(err)
		}
	}
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // the session ends, the transaction stays
	k.server.Exec("FLUSH BINARY LOGS")
	k.killSidecar("XA prepared")
	k.killServer("XA prepared")
	k.sidecar.Covered()
	k.server.Exec("XA COMMIT 'over'")
}

// midAlter kills the server while it copies a table for ALTER TABLE. A copy may be
// done before the kill comes; then it is made again.
func (k *mixedKiller) midAlter() {
	k.t.Helper()
	from := k.work.next.Add(30_000) - 30_000
	k.server.Exec(fmt.Sprintf("INSERT INTO emr.charts (id, n) SELECT seq + %d, seq FROM emr.seq_1_to_30000", from))
	for range 5 {
		done := k.begin("ALTER TABLE emr.charts ADD COLUMN IF NOT EXISTS slow INT DEFAULT 3, FORCE, ALGORITHM=COPY")
		sidecartest.Eventually(k.t, time.Minute, func(context.Context) error {
			copies, err := filepath.Glob(filepath.Join(k.server.DataDir(), "emr", "#sql-alter*.ibd"))
			if err == nil && len(copies) == 0 {
				err = errors.New("no copy of the table is being made")
			}
			return err
		})
		k.killServer("mid-ALTER")
		if <-done != nil {
			return
		}
	}
	k.t.Error("ALTER TABLE had ended before each kill")
}

// begin runs a statement and tells how it ended.
func (k *mixedKiller) begin(statement string) (done chan error) {
	done = make(chan error, 1)
	go func() {
		_, err := k.server.Admin().Exec(statement)
		done <- err
	}()
	return done
}

// midMyISAM kills the server in a statement that has written rows of the MyISAM
// table, recognised by a text, and not logged them yet.
func (k *mixedKiller) midMyISAM(statement, written string) {
	k.t.Helper()
	k.sidecar.Covered()
	done := k.begin(statement)
	sidecartest.Eventually(k.t, time.Minute, func(context.Context) error {
		data, err := os.ReadFile(filepath.Join(k.server.DataDir(), "emr", "archive.MYD"))
		if err == nil && !bytes.Contains(data, []byte(written)) {
			err = errors.New("no row of the statement is written")
		}
		return err
	})
	before := len(k.deviations)
	k.killServer("mid-statement of MyISAM")
	if err := <-done; err == nil || len(k.deviations) == before {
		k.t.Errorf("the kill left no row without an event: %v", err)
	}
}
