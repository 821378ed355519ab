package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func TestProgressTellsWhatIsKnown(t *testing.T) {
	for want, p := range map[string]api.Progress{
		"[#####.....] 52 %  1,040,000 of about 2,000,000 rows, 41,200 rows/s, 23 s left": {Rows: 1_040_000, AboutRows: 2_000_000,
			Percent: 52, RowsPerSecond: 41_200, SecondsLeft: 23},
		"[#########.] 99 %  7,000 of about 4,000 rows, 12 rows/s": {Rows: 7000, AboutRows: 4000, Percent: 99, RowsPerSecond: 12},
		"[..........] 0 %  0 of about 1 row":                      {AboutRows: 1},
		"5,000 rows, 1,000 rows/s":                                {Rows: 5000, RowsPerSecond: 1000},
		"[#.........] 10 %  1 of about 10 rows, 1 rows/s, 2 h 46 min left": {Rows: 1, AboutRows: 10, Percent: 10, RowsPerSecond: 1,
			SecondsLeft: 9999},
	} {
		if diff := cmp.Diff(want, progressText(&p)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestStatusShowsHowFarTablesAre(t *testing.T) {
	progress := &api.Progress{Table: "emr.t", Rows: 3, AboutRows: 6, Percent: 50}
	s := &api.Status{Source: api.SourceStatus{Tables: []api.TableStatus{{Name: "emr.t", Reason: "being taken in", Progress: progress}}},
		Audit: api.AuditStatus{Running: true, Progress: progress}}
	const line = "[#####.....] 50 %  3 of about 6 rows\n"
	got := statusText(s, time.Now())
	for _, want := range []string{"NOT COVERED: being taken in\n            " + line, "one is running\n            table emr.t: " + line} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

// The line is written anew each second, and gone at the end.
func TestAnAuditIsWatchedInOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var terminal strings.Builder
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		until, asked := at("2026-11-23 12:00:00"), 0
		watchAudit(ctx, &terminal, func(context.Context) (*api.Status, error) {
			asked++
			s := &api.Status{Audit: api.AuditStatus{Progress: &api.Progress{Table: "t\x1b", Rows: uint64(asked)}}}
			switch asked {
			case 2:
				return nil, errors.New("busy")
			case 3:
				s.Source.Paused = &api.Pause{Until: &until}
			}
			return s, nil
		})
		const want = "\r\x1b[K\x1b[?7l" + `table "t\x1b": 1 row` + "\x1b[?7h" +
			"\r\x1b[K\x1b[?7lPAUSED until 2026-11-23 12:00:00 UTC; emrbchain resume ends it  " + `table "t\x1b": 3 rows` + "\x1b[?7h" + "\r\x1b[K"
		if diff := cmp.Diff(want, terminal.String()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}
