package ingest_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// laboratory is a scripted tap of two tables whose names say their order
// wrongly: reports are read first by name, and refer to samples.
type laboratory struct {
	*scripted
	tables map[string]*tap.Table
	rows   map[string]map[int64]int64
	asked  []string
}

func newLaboratory() *laboratory {
	x := &laboratory{scripted: newScripted(newSource(), tap.EveryVersion), tables: make(map[string]*tap.Table),
		rows: map[string]map[int64]int64{"reports": {10: 1, 11: 2, 12: 0}, "samples": {1: 7, 2: 8}}}
	for name := range x.rows {
		x.tables[name] = &tap.Table{Name: name, Key: []int{0},
			Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "of", Type: row.Int}}}
	}
	return x
}

// Tables implements tap.Tap.
func (x *laboratory) Tables(context.Context) ([]tap.Table, error) {
	return []tap.Table{*x.tables["reports"], *x.tables["samples"]}, nil
}

// Scan implements tap.Tap. Each table is one chunk.
func (x *laboratory) Scan(_ context.Context, table string, _ []row.Value, _ int) (tap.Chunk, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.asked = append(x.asked, table)
	chunk := tap.Chunk{Table: x.tables[table], Last: true}
	for _, id := range slices.Sorted(maps.Keys(x.rows[table])) {
		chunk.Rows = append(chunk.Rows, tap.Row{Cells: []row.Value{row.NewInt(id), row.NewInt(x.rows[table][id])}})
	}
	return x.scripted.read(chunk), nil
}

func (b *bench) mapped(mappings ...rows.Mapping) {
	b.open(ingest.Options{Mappings: mappings, Logger: zerolog.Nop()})
}

// owner returns whose key the latest version of a row is under, and all that it
// turned out to be.
func (b *bench) owner(table string, id int64) []uint64 {
	b.t.Helper()
	head, _, err := b.log.Head(table, row.AppendKey(nil, []row.Value{row.NewInt(id)}))
	if err != nil {
		b.t.Fatal(err)
	}
	e, err := b.log.Entry(head.Index)
	if err != nil {
		b.t.Fatal(err)
	}
	found, err := rows.Found(b.log, e.Owner)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func (b *bench) settled(tables ...string) {
	b.t.Helper()
	for _, table := range tables {
		b.until(func() bool {
			c, err := b.ingest.Settle(b.t.Context(), table)
			return err == nil && c.Since != 0 && !c.Suspect
		})
	}
}

// What leads other rows is taken in before them, so that these have their
// patient's key at once.
func TestTablesThatLeadOthersAreTakenInFirst(t *testing.T) {
	b := newBench(t, 10)
	b.mapped(rows.Mapping{Table: "reports", Patient: "of", To: "samples"}, rows.Mapping{Table: "samples", Patient: "of"})
	x := newLaboratory()
	b.run(x)
	b.settled("samples", "reports")
	b.stop()
	if order := strings.Join(x.asked, " "); order != "samples reports" {
		t.Errorf("read %s", order)
	}
	for report, sample := range map[int64]int64{10: 1, 11: 2} {
		if got, want := b.owner("reports", report), b.owner("samples", sample); !slices.Equal(got, want) {
			t.Errorf("report %d is owner %v's, its sample %v's", report, got, want)
		}
	}
}

// A table that was recorded before any path led through it is read again, once,
// and then leads.
func TestAPathThroughATableThatWasTakenInBefore(t *testing.T) {
	b := newBench(t, 10)
	b.mapped(rows.Mapping{Table: "reports"}, rows.Mapping{Table: "samples", Patient: "of"})
	b.run(newLaboratory())
	b.settled("samples", "reports")
	b.stop()
	for id := range int64(2) {
		b.mapped(rows.Mapping{Table: "reports", Patient: "of", To: "samples"}, rows.Mapping{Table: "samples", Patient: "of"})
		x := newLaboratory()
		b.run(x)
		after := []row.Value{row.NewInt(20 + id), row.NewInt(1)}
		x.transaction("p", tap.Change{Table: x.tables["reports"], Op: tap.Insert, After: after, EventID: "e"})
		b.acked(x.scripted, "p")
		b.settled("samples", "reports")
		b.stop()
		if got, want := b.owner("reports", 20+id), b.owner("samples", 1); !slices.Contains(got, want[0]) {
			t.Errorf("the report is owner %v's, its sample %v's", got, want)
		}
	}
	reread := 0
	for _, e := range b.entries(0) {
		if e == "schema" {
			reread++
		}
	}
	if reread != 1 {
		t.Errorf("the table was read again %d times, want once: %v", reread, b.entries(0))
	}
}

// That a table on a path is not covered is told of those below it.
func TestATableBelowOneThatIsNotCoveredSaysSo(t *testing.T) {
	b := newBench(t, 10)
	b.mapped(rows.Mapping{Table: "reports", Patient: "of", To: "samples"}, rows.Mapping{Table: "samples", Patient: "of"})
	x := newLaboratory()
	x.tables["samples"] = &tap.Table{Name: "samples", Refused: "it cannot be covered"}
	b.run(x)
	b.settled("reports")
	coverage, err := b.ingest.Coverage()
	if err != nil {
		t.Fatal(err)
	}
	b.stop()
	told := false
	for _, c := range coverage {
		told = told || c.Table == "reports" && strings.Contains(strings.Join(c.Notes, ";"), "stays unknown while table samples")
	}
	if !told {
		t.Errorf("not told: %+v", coverage)
	}
}
