package mysql_test

import (
	"context"
	"errors"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestReadsGiveWayToABusyServer: the stream goes on meanwhile.
func TestReadsGiveWayToABusyServer(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "INSERT INTO emr.t VALUES (1)")
	m := mysql.New()
	t.Cleanup(func() { m.Close() })
	settings := section(t, s, map[string]any{"max_threads_running": 4})
	if err := m.Open(t.Context(), tap.Config{Settings: settings, Tables: []string{"emr.t"}}); err != nil {
		t.Fatal(err)
	}
	r := stream(t, m, nil)
	ctx, calm := context.WithCancel(t.Context())
	ended := make(chan struct{}, 6)
	for range cap(ended) {
		go func() {
			_, _ = s.Admin().ExecContext(ctx, "SELECT SLEEP(60)") // its end is wanted
			ended <- struct{}{}
		}()
	}
	for s.QueryString("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'") != "6" {
	}
	if _, err := m.Scan(t.Context(), "emr.t", nil, 10); !errors.Is(err, tap.ErrBusy) {
		t.Errorf("scan of a busy server: %v", err)
	}
	if _, err := m.Fetch(t.Context(), "emr.t", nil); !errors.Is(err, tap.ErrBusy) {
		t.Errorf("fetch from a busy server: %v", err)
	}
	s.Exec("INSERT INTO emr.t VALUES (2)")
	r.awaitChanges(t, 1)
	calm()
	for range cap(ended) {
		<-ended
	}
	for n := 0; ; n++ {
		rows, err := s.Admin().Query("SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		if rows.Close(); len(ids) == 0 {
			break
		}
		for _, id := range ids {
			_, _ = s.Admin().Exec("KILL " + id) // it may have ended by itself
		}
	}
	if chunk, err := m.Scan(t.Context(), "emr.t", nil, 10); err != nil || len(chunk.Rows) != 2 {
		t.Errorf("scan of a calm server: %d rows, %v", len(chunk.Rows), err)
	}
}
