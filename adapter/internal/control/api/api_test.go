package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// The names are the contract of `audit --json`: scripts of others read them.
func TestAuditReportKeepsItsNames(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)
	report := api.AuditReport{
		Verdict: "altered", ProtectedSince: &at,
		Covered: api.Covered{Tables: []api.CoveredTable{{Name: "patients", Rows: 2, OldestRead: at}},
			NotCovered: []api.NotCovered{{Table: "codes", Rows: 1, Reason: "busy"}}},
		Counts: map[string]uint64{"intact": 1, "altered": 1},
		Findings: []api.Finding{{Verdict: "altered", Table: "patients", Key: "42", Version: 3, Columns: []string{"dose"},
			LastSeenGood: &api.Moment{Time: at, Height: 7}, FirstSeenBad: &api.Seen{Time: at}, Detail: "d"}},
		Authorised: []api.Finding{},
		Checkpoint: &api.Checkpoint{Origin: "o", Size: 9, Root: "r"},
		Chain:      &api.Moment{Time: at, Height: 8},
	}
	got, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"verdict":"altered","protected_since":"2026-11-23T10:30:00Z",` +
		`"covered":{"tables":[{"name":"patients","rows":2,"oldest_read":"2026-11-23T10:30:00Z"}],` +
		`"not_covered":[{"table":"codes","rows":1,"reason":"busy"}]},` +
		`"counts":{"altered":1,"intact":1},` +
		`"findings":[{"verdict":"altered","table":"patients","key":"42","version":3,"columns":["dose"],` +
		`"last_seen_good":{"time":"2026-11-23T10:30:00Z","height":7},"first_seen_bad":{"time":"2026-11-23T10:30:00Z"},"detail":"d"}],"authorised":[],` +
		`"checkpoint":{"origin":"o","size":9,"root":"r"},` +
		`"chain":{"time":"2026-11-23T10:30:00Z","height":8}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
