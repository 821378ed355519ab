package adapter_test

import (
	"context"
	"errors"
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
