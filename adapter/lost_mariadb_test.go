package adapter_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// A table that is dropped, by a recorded statement or past the binary log, or
// swapped for a view, is a finding; the others are audited, and its rows are
// proven from the log.
func TestTablesThatAreLostAreFindingsOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	const plain = "(id INT PRIMARY KEY, patient_id INT, dose INT, note VARCHAR(40))"
	kinds := []tableKind{{"kept", plain, ""}, {"dropped", plain, ""}, {"hidden", plain, ""}, {"swapped", plain, ""}}
	server, source := kindsSource(t, kinds)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	found := newFindings(t, sidecar)
	found.expect()
	unlogged(t, server.Admin(), "DROP TABLE emr.hidden", "RENAME TABLE emr.swapped TO emr.away",
		"CREATE VIEW emr.swapped AS SELECT * FROM emr.away")
	server.Exec("DROP TABLE emr.dropped")
	unlogged(t, server.Admin(), "UPDATE emr.kept SET dose = 1000 WHERE id = 5")
	found.expect("table lost emr.dropped  ", "table lost emr.hidden  ", "table lost emr.swapped  ", "altered emr.kept 5 dose")
	sidecar.Anchored()
	for _, table := range []string{"emr.dropped", "emr.hidden", "emr.swapped"} {
		if _, err := sidecar.Control().Prove(t.Context(), api.ProveRequest{Table: table, Key: "5"}); err != nil {
			t.Errorf("prove a row of %s: %v", table, err)
		}
	}
	sidecar.Stop()
	sidecar.Start()
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
		status, err := sidecar.Control().Status(ctx)
		if err == nil && status.Source.State != "streaming" {
			err = errors.New(status.Source.State)
		}
		return err
	})
	found.expect()
	if status, err := sidecar.Control().Status(t.Context()); err != nil || status.Audit.LastVerdict != "findings" {
		t.Errorf("status: %+v, %v", status, err)
	}
}
