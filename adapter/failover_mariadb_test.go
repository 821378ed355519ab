package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// failedOver taps a server that dies, and goes on with its replica. What the
// server wrote and the replica never saw is lost to the EMR.
type failedOver struct {
	heir     *mariadbtest.Server
	sidecar  *sidecartest.Sidecar
	findings *findings
}

func failOver(t *testing.T, lost ...string) failedOver {
	t.Helper()
	server, source := mariadbSource(t, true)
	replica := startReplica(t, server)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	f := failedOver{heir: replica.server, sidecar: sidecar, findings: newFindings(t, sidecar)}
	f.findings.expect()
	server.Exec(`UPDATE emr.patients SET phone = '1' WHERE id <= 10`, `DELETE FROM emr.results WHERE id = 7`,
		`INSERT INTO emr.results VALUES (5000, 3, 'sodium', 140, '2026-02-01 10:00:00', 'last')`)
	replica.await()
	if len(lost) > 0 {
		f.heir.Exec(`STOP SLAVE`)
		server.Exec(lost...)
		server.Exec(`INSERT INTO emr.results VALUES (5001, 3, 'sodium', 140, '2026-02-01 10:00:00', 'lost')`)
		sidecar.Recorded("emr.results", "5001", 1)
	}
	sidecar.Recorded("emr.results", "5000", 1)
	server.Kill()
	f.heir.Exec(`STOP SLAVE`, `RESET SLAVE ALL`, `SET GLOBAL read_only = 0, innodb_flush_log_at_trx_commit = 1, sync_binlog = 1`)
	sidecar.Stop()
	source.Settings["port"] = strconv.Itoa(f.heir.Port())
	return f
}

// TestAFailoverToAReplicaIsFollowedOnMariaDB: the stream goes on where it was, by
// GTIDs and the digest of the last transaction, so there is no gap and nothing to
// verify, also for what the replica took on before the tap came.
func TestAFailoverToAReplicaIsFollowedOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two servers, a chain and a sidecar")
	}
	f := failOver(t)
	f.heir.Exec(`UPDATE emr.patients SET phone = '2' WHERE id = 20`)
	f.sidecar.Start()
	f.heir.Exec(`UPDATE emr.patients SET phone = '3' WHERE id = 21`)
	f.sidecar.Recorded("emr.patients", "21", 2)
	f.findings.expect()
	if gaps := f.sidecar.Covered().Log.Gaps; gaps != 0 {
		t.Errorf("%d gaps", gaps)
	}
	f.heir.Exec(`SET STATEMENT sql_log_bin = 0 FOR UPDATE emr.patients SET name = 'forged' WHERE id = 20`)
	f.findings.expect("altered emr.patients 20 name")
}

// TestAReplicaThatLacksTransactionsIsAGapOnMariaDB: what the tap has read and the
// replica lacks is a finding each, for the records are gone; an edit past the log
// is not taken for it.
func TestAReplicaThatLacksTransactionsIsAGapOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs two servers, a chain and a sidecar")
	}
	f := failOver(t, `UPDATE emr.patients SET phone = 'lost' WHERE id = 30`)
	f.heir.Exec(`SET STATEMENT sql_log_bin = 0 FOR UPDATE emr.patients SET name = 'forged' WHERE id = 40`)
	f.sidecar.Start()
	f.sidecar.Gap()
	f.findings.expect("changed in a gap emr.patients 30 phone", "changed in a gap emr.patients 40 name", "changed in a gap emr.results 5001 ")
}

// TestAnotherReaderWithTheTapsServerIDOnMariaDB: the server cuts the tap off for
// it. The reason is told, and nothing is lost once the other one is gone.
func TestAnotherReaderWithTheTapsServerIDOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server, source := mariadbSource(t, true)
	source.Settings["server_id"] = "4711"
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	findings := newFindings(t, sidecar)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() { // it comes again and again, as a replica does
		defer close(ended)
		for {
			syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: 4711, Flavor: gomysql.MariaDBFlavor, Host: "127.0.0.1",
				Port: uint16(server.Port()), User: "root", DisableRetrySync: true, Logger: slog.New(slog.DiscardHandler)})
			if _, err := syncer.StartSync(gomysql.Position{Name: "binlog.000001", Pos: 4}); err == nil {
				time.Sleep(300 * time.Millisecond)
			}
			syncer.Close()
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	for n := range 30 {
		server.Exec(fmt.Sprintf(`UPDATE emr.patients SET phone = 'p%d' WHERE id = 5`, n),
			`SET STATEMENT sql_log_bin = 0 FOR UPDATE emr.patients SET name = 'forged' WHERE id = 6`)
		time.Sleep(100 * time.Millisecond)
	}
	sidecartest.Eventually(t, time.Minute, func(context.Context) error {
		if !strings.Contains(sidecar.Told(), "another reader uses server_id 4711: give each its own") {
			return errors.New("the tap's operator is not told why it was cut off")
		}
		return nil
	})
	close(stop)
	<-ended
	sidecar.Recorded("emr.patients", "5", 31)
	if gaps := sidecar.Covered().Log.Gaps; gaps != 0 {
		t.Errorf("%d gaps", gaps)
	}
	findings.expect("altered emr.patients 6 name")
}
