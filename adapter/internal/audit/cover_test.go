package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/audit"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// wing is a clinic with a second table, u, of no rows that can be read.
type wing struct {
	*clinic
	refused error
	coming  int // readings of u until it can be read; 0: never
}

func (w *wing) other() sweep.Coverage { return sweep.Coverage{Table: "u", Since: 500} }

// Coverage implements audit.Source.
func (w *wing) Coverage() ([]sweep.Coverage, error) {
	return []sweep.Coverage{w.other(), w.coverage}, nil
}

// Settle implements audit.Source.
func (w *wing) Settle(_ context.Context, table string) (sweep.Coverage, error) {
	if table == "u" {
		return w.other(), nil
	}
	return w.coverage, nil
}

// Scan implements sweep.Source.
func (w *wing) Scan(ctx context.Context, table string, after []row.Value, n int) (tap.Chunk, recordlog.Window, error) {
	if table != "u" {
		return w.clinic.Scan(ctx, table, after, n)
	}
	if w.coming--; w.coming == 0 {
		return tap.Chunk{Table: &tap.Table{Name: "u", Columns: w.table.Columns, Key: w.table.Key}, Last: true}, w.window(), nil
	}
	return tap.Chunk{}, w.window(), w.refused
}

func (w *wing) audit() *audit.Report {
	w.t.Helper()
	a := audit.New(w.log, w, w.clinic, audit.Options{Patience: time.Millisecond, Logger: zerolog.Nop()})
	report, err := a.Run(w.t.Context(), audit.Request{})
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// A table that cannot be read keeps no other from being audited, and is named
// with the reason.
func TestATableThatCannotBeReadKeepsNoOtherFromBeingAudited(t *testing.T) {
	w := &wing{clinic: newClinic(t, 3), refused: errors.New("SELECT command denied")}
	w.rows[1] = "forged"
	r := w.audit()
	if len(r.Findings) != 1 || r.Findings[0].Table != "t" || r.Counts[findings.NotYetAnchored] != 2 {
		t.Errorf("the other table: %+v", r)
	}
	if failed := r.Failed(); len(failed) != 1 || failed[0] != "u" || !strings.Contains(r.Covered[0].Refused, "SELECT command denied") {
		t.Errorf("covered %+v", r.Covered)
	}
	if body := w.body(r); body.Coverage[1].Table != "u" || body.Coverage[1].Complete {
		t.Errorf("entered %+v", body.Coverage)
	}
}

// A reading that fails is tried again.
func TestAReadingThatFailsIsTriedAgain(t *testing.T) {
	w := &wing{clinic: newClinic(t, 3), refused: tap.ErrBusy, coming: 3}
	if r := w.audit(); len(r.Failed()) != 0 || len(r.Findings) != 0 {
		t.Errorf("%+v", r)
	}
}

// An audit that could read nothing at all fails and enters nothing.
func TestAnAuditThatCouldReadNothingFails(t *testing.T) {
	c := newClinic(t, 3)
	c.unread = errors.New("the tap is not attached")
	size := c.log.Size()
	a := audit.New(c.log, c, c, audit.Options{Patience: time.Millisecond, Logger: zerolog.Nop()})
	if _, err := a.Run(t.Context(), audit.Request{}); !errors.Is(err, c.unread) || c.log.Size() != size {
		t.Errorf("%v, %d entries more", err, c.log.Size()-size)
	}
}

// A table that was covered and is gone, or refused by now, is a finding that
// stays, whether or not its loss was told.
func TestALostTableIsAFinding(t *testing.T) {
	for name, lose := range map[string]func(*clinic){
		"told":   func(c *clinic) { c.coverage.Refused = "it is a view" },
		"unseen": func(c *clinic) { c.unread = fmt.Errorf("read table t: %w: it is a view", tap.ErrTable) },
		"never taken in whole": func(c *clinic) {
			c.coverage.Refused, c.coverage.Since = "it is a view", 0
		},
	} {
		c := newClinic(t, 3)
		if c.coverage.Since != 0 {
			c.audit()
		}
		lose(c)
		first := c.audit()
		f := first.Findings
		if len(f) != 1 || f[0].Verdict != findings.TableLost || f[0].Table != "t" || len(f[0].Key) != 0 || first.Clean() {
			t.Fatalf("%s: %+v", name, f)
		}
		if !strings.HasPrefix(f[0].Detail, "3 rows") || !strings.Contains(f[0].Detail, "it is a view") || f[0].LastGood.Time == 0 {
			t.Errorf("%s: %+v", name, f[0])
		}
		if first.Counts[findings.Intact]+first.Counts[findings.NotYetAnchored] != 0 || first.ProtectedSince() != 0 {
			t.Errorf("%s: counted %+v", name, first.Counts)
		}
		if again := c.audit().Findings; len(again) != 1 || again[0].FirstBad != f[0].FirstBad {
			t.Errorf("%s: found again as %+v", name, again)
		}
	}
}

// A table that was never covered is no loss.
func TestATableThatNeverWasCoveredIsNotLost(t *testing.T) {
	c := newClinic(t, 0)
	c.coverage = sweep.Coverage{Table: "t", Refused: "no key"}
	if r := c.audit(); len(r.Findings) != 0 || len(r.Failed()) != 0 || r.Covered[0].Refused != "no key" {
		t.Errorf("%+v", r)
	}
}

// A column that the table does not have is not found as NULL.
func TestAMissingColumnIsNotNull(t *testing.T) {
	columns := []row.Column{{Name: "id"}, {Name: "note"}}
	d := sweep.Deviation{Table: &tap.Table{Columns: columns}, Columns: []string{"note", "dose"}}
	if m := d.Missing(); len(m) != 1 || m[0] != "dose" {
		t.Errorf("missing: %q", m)
	}
}
