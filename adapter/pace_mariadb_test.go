package adapter_test

import (
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// source.max_rows_per_second holds for taking tables in and for an audit, while
// both read everything.
func TestSnapshotAndAuditKeepToTheRowsPerSecondOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	kinds := tableKinds()
	_, source := kindsSource(t, kinds)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	const rows, most = 900, 200
	sidecar.MaxRows, sidecar.ChunkRows = most, 100
	measure := func(what string, read func()) time.Duration {
		t.Helper()
		began := time.Now()
		read()
		took := time.Since(began)
		t.Logf("%s: %.0f rows a second", what, rows/took.Seconds())
		return took
	}
	// The last read of 100 rows may begin once those before it have had their time.
	const least = (rows - 100) * time.Second / most
	audit := func() {
		report, read := sidecar.Audit(), uint64(0)
		for _, t := range report.Covered.Tables {
			read += t.Rows
		}
		if read != rows || len(report.Findings) != 0 {
			t.Errorf("%s: %d rows, findings %+v", report.Verdict, read, report.Findings)
		}
	}
	if took := measure("snapshot", func() { sidecar.Start(); sidecar.Covered() }); took < least {
		t.Errorf("%d rows were taken in within %s", rows, took)
	}
	if took := measure("audit", audit); took < least {
		t.Errorf("%d rows were audited within %s", rows, took)
	}
	sidecar.Stop()
	sidecar.MaxRows = 0
	sidecar.Start()
	sidecar.Covered()
	if took := measure("audit without a limit", audit); took >= least {
		t.Errorf("without a limit %d rows took %s: the test shows nothing", rows, took)
	}
}
