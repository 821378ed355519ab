package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// While reading is paused, also over a kill, changes are still recorded, whoever
// asks for a reading is told how to mend that, and a due audit waits.
func TestAPausedSourceIsFollowedAndNotReadOnSQLite(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain and a sidecar")
	}
	emr, source := sqliteSource(t, 100_000)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Every = time.Minute
	sidecar.Start()
	sidecar.Covered()
	if _, err := sidecar.Control().Pause(t.Context(), 10*time.Hour); err != nil {
		t.Fatal(err)
	}
	refusesToRead(t, sidecar)
	recordsAChange(emr, sidecar)
	sidecar.Kill()
	sidecar.Start()
	recordsAChange(emr, sidecar)
	refusesToRead(t, sidecar)
	due := sidecar.Until(func(s *api.Status) error { return waits(s, s.Audit.Next != nil && s.Audit.Next.Before(time.Now())) })
	if due.Audit.Running || due.Audit.LastTime != nil {
		t.Errorf("an audit was begun: %+v", due.Audit)
	}
	if _, err := sidecar.Control().Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	sidecar.Until(func(s *api.Status) error { return waits(s, s.Source.Paused == nil && s.Audit.LastTime != nil) })
	if report := sidecar.Audit(); report.Verdict != "intact" || len(report.Covered.Tables) != 2 {
		t.Errorf("%s: %+v", report.Verdict, report)
	}
}

// Status tells how far taking in and an audit are. A pause holds the audit where it
// is; then it goes on to its end.
func TestAnAuditGoesOnAfterAPauseOnSQLite(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain and a sidecar")
	}
	emr, source := sqliteSource(t, 100_000)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.MaxRows, sidecar.ChunkRows = 200, 50
	sidecar.Start()
	sidecar.Until(func(s *api.Status) error { return inTheMiddle(tableProgress(s, "results"), 0) })
	sidecar.Covered()
	reports := make(chan *api.AuditReport, 1)
	go func() {
		defer close(reports)
		report, err := sidecar.Control().Audit(t.Context(), api.AuditRequest{})
		if err != nil {
			t.Error(err)
			return
		}
		reports <- report
	}()
	sidecar.Until(func(s *api.Status) error { return inTheMiddle(s.Audit.Progress, 1000) })
	if p, err := sidecar.Control().Pause(t.Context(), 0); err != nil || p.ReadsInWork != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	recordsAChange(emr, sidecar)
	before := sidecar.Ready().Audit.Progress
	recordsAChange(emr, sidecar)
	after := sidecar.Ready().Audit.Progress
	if before == nil || after == nil || after.Rows != before.Rows || after.RowsPerSecond != 0 || after.SecondsLeft != 0 {
		t.Errorf("while paused the audit went from %+v to %+v", before, after)
	}
	if _, err := sidecar.Control().Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if report := <-reports; report == nil || report.Verdict != "intact" || len(report.Covered.Tables) != 2 || report.Covered.Tables[1].Rows != 1000 {
		t.Errorf("%+v", report)
	}
	if s := sidecar.Ready(); s.Audit.Progress != nil || s.Audit.Running {
		t.Errorf("after the audit: %+v", s.Audit)
	}
}

func tableProgress(s *api.Status, table string) *api.Progress {
	for _, t := range s.Source.Tables {
		if t.Name == table {
			return t.Progress
		}
	}
	return nil
}

// inTheMiddle returns what is missing until the table of 1,000 rows is read in part
// and at a rate, about so many being known.
func inTheMiddle(p *api.Progress, about uint64) error {
	switch {
	case p == nil || p.Table != "results" || p.Rows == 0 || p.Rows >= 1000 || p.RowsPerSecond == 0:
		return fmt.Errorf("not in the middle: %+v", p)
	case p.AboutRows != about || (p.SecondsLeft != 0) != (about != 0) || (p.Percent != 0) != (about != 0):
		return fmt.Errorf("of about %d: %+v", about, p)
	}
	return nil
}

func waits(s *api.Status, so bool) error {
	if so && s.Ready {
		return nil
	}
	return errors.New("not so yet")
}

// refusesToRead asks for all that reads the source.
func refusesToRead(t *testing.T, sidecar *sidecartest.Sidecar) {
	t.Helper()
	c := sidecar.Control()
	for what, ask := range map[string]func(context.Context) error{
		"audit": func(ctx context.Context) error { _, err := c.Audit(ctx, api.AuditRequest{}); return err },
		"prove": func(ctx context.Context) error {
			_, err := c.Prove(ctx, api.ProveRequest{Table: "patients", Key: "1"})
			return err
		},
		"verdict": func(ctx context.Context) error { _, err := c.RowVerdict(ctx, "patients", "1"); return err },
	} {
		err := ask(t.Context())
		var p *api.Problem
		if !errors.As(err, &p) || p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Detail, "paused until 2") ||
			!strings.HasSuffix(p.Mend, "emrbchain resume") {
			t.Errorf("%s while paused: %v", what, err)
		}
	}
}

// recordsAChange changes rows and waits until the log has grown by them.
func recordsAChange(emr *emr, sidecar *sidecartest.Sidecar) {
	size := sidecar.Ready().Log.Size
	emr.exec(`UPDATE patients SET phone = phone || '0' WHERE id <= 50`)
	sidecar.Until(func(s *api.Status) error { return waits(s, s.Log.Size >= size+50 && s.Source.Paused != nil) })
}
