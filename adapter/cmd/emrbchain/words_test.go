package main

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func at(text string) time.Time {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestAuditNamesRowDeedAndBothMoments(t *testing.T) {
	since := at("2026-11-01 08:00:00")
	report := &api.AuditReport{
		Verdict: "findings", ProtectedSince: &since,
		Covered: api.Covered{
			Tables:     []api.CoveredTable{{Name: "patients", Rows: 2000, OldestRead: at("2026-11-23 10:00:00")}},
			NotCovered: []api.NotCovered{{Table: "queue", Rows: 1, Reason: "busy"}, {Table: "notes", Reason: "it has no key"}},
		},
		Counts: map[string]uint64{"intact": 1998, "altered": 1, "deleted": 1},
		Findings: []api.Finding{
			{Verdict: "altered", Table: "patients", Key: "42", Version: 3, Columns: []string{"dose", "unit"},
				LastSeenGood: &api.Moment{Time: at("2026-11-22 10:00:00"), Height: 812}, FirstSeenBad: &api.Seen{Time: at("2026-11-23 10:00:00")},
				Detail: "2 of 9 columns are not as version 3 recorded them"},
			{Verdict: "unlogged insert", Table: "patients", Key: "\x1b[2J", FirstSeenBad: &api.Seen{Time: at("2026-11-23 10:00:00")}},
		},
		Checkpoint: &api.Checkpoint{Size: 4096, Root: "cm9vdA=="}, Chain: &api.Moment{Time: at("2026-11-23 10:00:05"), Height: 901},
	}
	const want = `Verdict: findings, 2 findings.

  1. ALTERED: table patients, row 42, version 3, columns dose, unit
     2 of 9 columns are not as version 3 recorded them
     last seen good   2026-11-22 10:00:00 UTC (anchored in block 812)
     first seen bad   2026-11-23 10:00:00 UTC

  2. UNLOGGED INSERT: table patients, row "\x1b[2J"
     last seen good   never
     first seen bad   2026-11-23 10:00:00 UTC

Read 2,000 rows of table patients, the oldest at 2026-11-23 10:00:00 UTC.
Not covered: 1 row of table queue: busy.
Not covered: all rows of table notes: it has no key.
Altered: 1 row.
Deleted: 1 row.
Intact: 1,998 rows.
Protected since 2026-11-01 08:00:00 UTC; nothing is claimed of the time before.
Log: 4,096 entries, root cm9vdA==.
Anchored in block 901 at 2026-11-23 10:00:05 UTC.
`
	if diff := cmp.Diff(want, auditText(report)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	change, last := at("2026-11-23 09:59:48"), at("2026-11-23 02:00:00")
	s := &api.Status{
		Version: "v0.1.0", NotReady: []string{"no anchor for 12 minutes"}, Started: at("2026-11-21 07:00:00"),
		Source: api.SourceStatus{Name: "clinic", Tap: "mysql", Assurance: "every version", State: "streaming", LastChange: &change,
			Restarts: 1, Tables: []api.TableStatus{{Name: "emr.patients", Covered: true, Notes: []string{"a cascade deletes its rows"}},
				{Name: "emr.notes", Reason: "it has no primary key"}}},
		Log: api.LogStatus{Checkpoint: api.Checkpoint{Origin: "emrbchain/r/0/0", Size: 41_000}, Gaps: 1},
		Chain: api.ChainStatus{ID: "r", Anchored: &api.Anchored{Size: 40_960, Height: 7, Time: at("2026-11-23 09:48:00")}, Backlog: 40,
			Faulty: 1, Problem: "chain node is unreachable"},
		Audit: api.AuditStatus{LastVerdict: "findings", LastTime: &last}, OpenFindings: 2,
		Peers: &api.PeersStatus{Endpoint: "emr.north.example:8471", Problem: "chain node is unreachable"},
	}
	const want = `sidecar   NOT READY; version v0.1.0, up 2 d 3 h
          no anchor for 12 minutes
source    clinic, streaming; tap mysql promises every version
          last change at 2026-11-23 09:59:48 UTC by the source's own clock
          the tap was restarted 1 time
          table emr.patients: covered
            a cascade deletes its rows
          table emr.notes: NOT COVERED: it has no primary key
log       41,000 entries, 1 gap; emrbchain/r/0/0
chain     r, NOT REACHABLE
          PROBLEM: chain node is unreachable
          anchored the first 40,960 entries at height 7, 12 min 0 s ago
          40 entries not anchored yet
          tolerates 1 faulty member
audit     last: findings, 8 h 0 min ago, at 2026-11-23 02:00:00 UTC
peers     are NOT TOLD by the chain that they reach this sidecar at emr.north.example:8471
          PROBLEM: chain node is unreachable
findings  2 OPEN; see emrbchain audit
`
	if diff := cmp.Diff(want, statusText(s, at("2026-11-23 10:00:00"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStatusSaysHowToEndAPause(t *testing.T) {
	until, due := at("2026-11-23 12:00:00"), at("2026-11-23 09:30:00")
	s := &api.Status{Source: api.SourceStatus{Paused: &api.Pause{Since: at("2026-11-23 09:00:00"), Until: &until, ReadsInWork: 1}},
		Audit: api.AuditStatus{Next: &due}}
	for _, want := range []string{
		"          PAUSED since 2026-11-23 09:00:00 UTC, until 2026-11-23 12:00:00 UTC: emrbchain resume ends it\n",
		"            changes are still logged; snapshots, verifications and audits wait\n",
		"            1 read that began before is still running on the database\n",
		"          the next is due since 2026-11-23 09:30:00 UTC\n",
	} {
		if got := statusText(s, at("2026-11-23 10:00:00")); !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	s.Source.Paused.Until = nil
	const want = "PAUSED since 2026-11-23 09:00:00 UTC, until it is resumed: emrbchain resume ends it\n"
	if got := statusText(s, at("2026-11-23 10:00:00")); !strings.Contains(got, want) {
		t.Errorf("%q is not in %q", want, got)
	}
}

func TestCSVIsInertInASpreadsheet(t *testing.T) {
	findings := []api.Finding{
		{Verdict: "altered", Table: "=cmd()", Key: "-5", Version: 2, Columns: []string{"a", "b"}, Detail: "say \"no\", then go",
			LastSeenGood: &api.Moment{Time: at("2026-11-22 10:00:00"), Height: 812}, FirstSeenBad: &api.Seen{Time: at("2026-11-23 10:00:00")}},
		{Verdict: "unlogged insert", Table: "t", Key: "@SUM(A1)"},
	}
	var b strings.Builder
	if err := findingsCSV(&b, findings); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"verdict", "table", "key", "version", "columns", "last_seen_good", "last_seen_good_height", "first_seen_bad", "detail"},
		{"altered", "'=cmd()", "-5", "2", "a b", "2026-11-22T10:00:00Z", "812", "2026-11-23T10:00:00Z", "say \"no\", then go"},
		{"unlogged insert", "t", "'@SUM(A1)", "0", "", "", "", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSinceTakesDaysMomentsAndAges(t *testing.T) {
	east := time.FixedZone("east", 2*3600)
	now := at("2026-11-23 10:00:00").In(east)
	for text, want := range map[string]time.Time{
		"2026-11-01":                at("2026-10-31 22:00:00"), // the day begins where the operator is
		"2026-11-01 08:00:00":       at("2026-11-01 06:00:00"),
		"2026-11-01T08:00:00Z":      at("2026-11-01 08:00:00"),
		"2026-11-01T08:00:00+05:00": at("2026-11-01 03:00:00"),
		"24h":                       at("2026-11-22 10:00:00"),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "2026-13-01", "1"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%s is %v", text, got)
		}
	}
}

func TestNumbersReadWell(t *testing.T) {
	for want, got := range map[string]string{
		"0 rows": count(0, "row"), "1 row": count(1, "row"), "1,234,567 rows": count(1234567, "row"),
		"2 entries": count(2, "entry"), "-1,000 rows": count(-1000, "row"), "999 bytes": count(uint64(999), "byte"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestGrantsCannotBeSteeredByNames(t *testing.T) {
	f := &initFlags{user: `o'neil\`, host: "::1"}
	got := f.grants([]string{"emr.a`b"}, "secret")
	const want = `CREATE USER 'o''neil\\'@'::1' IDENTIFIED BY PASSWORD 'secret';
GRANT REPLICATION SLAVE ON *.* TO 'o''neil\\'@'::1'; -- to follow the binary log
` + "GRANT SELECT ON `emr`.`a``b` TO 'o''neil\\\\'@'::1';" + `
GRANT BINLOG MONITOR ON *.* TO 'o''neil\\'@'::1'; -- to see databases that are left out of it
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A node's or a source's words may be hostile.
func TestStatusReasonsCannotPassForAnotherLine(t *testing.T) {
	s := &api.Status{NotReady: []string{"one\nsidecar   ready"}, Source: api.SourceStatus{Problem: "a\n\x1b[2Jb"},
		Chain: api.ChainStatus{Problem: "x\x07"}}
	got := statusText(s, at("2026-11-23 10:00:00"))
	for _, want := range []string{"\n          sidecar   ready\n", "PROBLEM: a\n                   \"\\x1b[2Jb\"\n", `PROBLEM: "x\a"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}
