package audit_test

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/audit"
	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// clinic is a source of one table that a test changes at will. It stands in for
// ingest and its tap.
type clinic struct {
	t        *testing.T
	log      *recordlog.Log
	table    *tap.Table
	rows     map[int64]string
	coverage sweep.Coverage
	anchored uint64
	unread   error // of every reading
}

func newClinic(t *testing.T, rows int64) *clinic {
	t.Helper()
	c := &clinic{t: t, log: logtest.New(t), table: logtest.Table(), rows: make(map[int64]string),
		coverage: sweep.Coverage{Table: "t", Since: 1000}}
	for id := range rows {
		c.rows[id] = "v"
		logtest.Record(t, c.log, c.table, id, "v")
	}
	return c
}

// Coverage implements audit.Source.
func (c *clinic) Coverage() ([]sweep.Coverage, error) { return []sweep.Coverage{c.coverage}, nil }

// Settle implements audit.Source.
func (c *clinic) Settle(context.Context, string) (sweep.Coverage, error) { return c.coverage, nil }

// Book implements audit.Source.
func (c *clinic) Book() *cause.Book { return cause.NewBook() }

// Settled implements audit.Source.
func (c *clinic) Settled(context.Context) {}

// Last implements audit.Anchors.
func (c *clinic) Last() (uint64, findings.Moment, error) {
	return c.anchored, findings.Moment{Time: 5, Height: 6}, nil
}

// Before implements audit.Anchors.
func (c *clinic) Before(uint64) (uint64, error) { return 0, nil }

// Covering implements audit.Anchors.
func (c *clinic) Covering(leaf uint64) (findings.Moment, bool, error) {
	return findings.Moment{Time: time.Now().UnixMilli(), Height: 6}, leaf < c.anchored, nil
}

func (c *clinic) window() recordlog.Window {
	return recordlog.Window{From: c.log.Size(), To: c.log.Size()}
}

// Scan implements sweep.Source.
func (c *clinic) Scan(_ context.Context, _ string, after []row.Value, _ int) (tap.Chunk, recordlog.Window, error) {
	if c.unread != nil {
		return tap.Chunk{}, c.window(), c.unread
	}
	chunk := tap.Chunk{Table: c.table, Last: true}
	for _, id := range slices.SortedFunc(maps.Keys(c.rows), cmp.Compare) {
		if after == nil {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: logtest.Cells(id, c.rows[id])})
		}
	}
	return chunk, c.window(), nil
}

// Fetch implements sweep.Source.
func (c *clinic) Fetch(_ context.Context, _ string, keys [][]row.Value) (tap.Chunk, recordlog.Window, error) {
	chunk := tap.Chunk{Table: c.table}
	for _, k := range keys {
		id, _ := k[0].Int64()
		if v, ok := c.rows[id]; ok {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: logtest.Cells(id, v)})
		}
	}
	return chunk, c.window(), nil
}

func (c *clinic) audit() *audit.Report {
	c.t.Helper()
	a := audit.New(c.log, c, c, audit.Options{Patience: time.Millisecond, Logger: zerolog.Nop()})
	report, err := a.Run(c.t.Context(), audit.Request{})
	if err != nil {
		c.t.Fatal(err)
	}
	return report
}

func (c *clinic) body(r *audit.Report) *evidence.AuditBody {
	c.t.Helper()
	e, err := c.log.Entry(r.Entry)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := evidence.ParseAuditBody(e.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return body
}

// The manifest lists the rows that were read and found to hold their latest
// version, in order, and nothing else.
func TestTheManifestListsTheIntactRows(t *testing.T) {
	c := newClinic(t, 300)
	logtest.Record(t, c.log, c.table, 7, "w") // leaf 300
	c.rows[7] = "w"
	c.rows[3] = "forged"
	delete(c.rows, 256)
	c.rows[900] = "unlogged"
	report := c.audit()
	var want evidence.Manifest
	listed, ok, err := audit.LastListed(c.log)
	if err != nil || !ok || listed.Audit != report.Entry {
		t.Fatalf("listed %+v, %v, %v", listed, ok, err)
	}
	for id := range int64(300) {
		head, _, err := c.log.Head("t", logtest.Key(id))
		if err != nil {
			t.Fatal(err)
		}
		intact := id != 3 && id != 256
		if listed.Has(head.Index) != intact {
			t.Errorf("row %d listed: %v", id, !intact)
		}
		if !intact {
			continue
		}
		e, err := c.log.Entry(head.Index)
		if err != nil {
			t.Fatal(err)
		}
		if err := want.Add(evidence.ManifestRow{Table: "t", Key: e.Header.Key, Version: head.Version, Commitment: e.Leaf.Commitment}); err != nil {
			t.Fatal(err)
		}
	}
	body := c.body(report)
	if body.ManifestRoot != want.Root() || body.ManifestCount != 298 || body.FindingsCount != 3 {
		t.Errorf("manifest of %d rows, %d findings", body.ManifestCount, body.FindingsCount)
	}
	if listed.Has(7) || listed.Has(report.Entry) || listed.Has(1<<40) {
		t.Error("a leaf is listed that is no row's latest version")
	}
}

// A finding stays open, as it was first seen, although the row looks right
// again; only rows under an anchor count as intact.
func TestAFindingStaysOpen(t *testing.T) {
	c := newClinic(t, 10)
	c.anchored = 4
	c.rows[1] = "forged"
	first := c.audit()
	if len(first.Findings) != 1 || first.Clean() || first.Counts[findings.Intact] != 3 || first.Counts[findings.NotYetAnchored] != 6 {
		t.Fatalf("first: %+v", first)
	}
	c.rows[1] = "v"
	second := c.audit()
	if len(second.Findings) != 1 || second.Findings[0].FirstBad != first.Findings[0].FirstBad ||
		second.Findings[0].Verdict != findings.Altered || second.Counts[findings.Intact] != 4 {
		t.Errorf("second: %+v", second)
	}
	leaf, leaves, ok, err := audit.Last(c.log, "t")
	if err != nil || !ok || leaf != second.Entry || len(leaves) != 1 {
		t.Errorf("the last audit is %d with %d findings: %v", leaf, len(leaves), err)
	}
}

// Of a table that could not be read nothing is claimed, and the report says why.
func TestWhatWasNotReadIsNotIntact(t *testing.T) {
	for name, coverage := range map[string]sweep.Coverage{
		"being taken in": {Table: "t"}, "suspect": {Table: "t", Since: 1, Suspect: true}} {
		c := newClinic(t, 3)
		c.coverage = coverage
		c.rows[1] = "forged"
		r := c.audit()
		body := c.body(r)
		if len(r.Findings) != 0 || r.Counts[findings.Intact] != 0 || r.Covered[0].Refused == "" || body.ManifestCount != 0 {
			t.Errorf("%s: %+v", name, r)
		}
		if len(r.Covered) != 1 || r.Covered[0].Refused == "" || body.Coverage[0].Complete || r.ProtectedSince() != 0 {
			t.Errorf("%s: covered %+v", name, r.Covered)
		}
	}
}

func TestAnUnknownTableIsNamed(t *testing.T) {
	c := newClinic(t, 1)
	a := audit.New(c.log, c, c, audit.Options{Logger: zerolog.Nop()})
	if _, err := a.Run(t.Context(), audit.Request{Tables: []string{"nope"}}); err == nil {
		t.Error("an audit of a table that is not tapped succeeds")
	}
}
