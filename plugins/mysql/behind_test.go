package mysql_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestAReadShowsWhatTheStreamHasDelivered: a session that waits for a replica
// before it commits has logged a row that nobody can read yet. A read that
// showed the row as it was before would make an older version of a row that the
// log knows better.
func TestAReadShowsWhatTheStreamHasDelivered(t *testing.T) {
	t.Parallel()
	s := start(t, "--rpl-semi-sync-master-wait-point=AFTER_SYNC")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.t VALUES (1, 1)")
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	s.Exec("SET GLOBAL rpl_semi_sync_master_timeout=3000", "SET GLOBAL rpl_semi_sync_master_enabled=1")
	updated := make(chan error, 1)
	go func() {
		_, err := s.Admin().Exec("UPDATE emr.t SET v = 2 WHERE id = 1")
		updated <- err
	}()
	r.awaitChanges(t, 1)
	if v := s.QueryString("SELECT v FROM emr.t"); v != "1" {
		t.Fatalf("the server shows v = %s at once, and the test shows nothing", v)
	}
	scanned := untilCalm(t, func() (tap.Chunk, error) { return m.Scan(t.Context(), "emr.t", nil, 10) })
	fetched := untilCalm(t, func() (tap.Chunk, error) {
		return m.Fetch(t.Context(), "emr.t", [][]row.Value{{row.NewInt(1)}})
	})
	for call, chunk := range map[string]tap.Chunk{"scan": scanned, "fetch": fetched} {
		if len(chunk.Rows) != 1 || show(chunk.Rows[0].Cells) != "1|2" {
			t.Errorf("%s shows %v, and the stream has delivered 1|2 before it", call, chunk.Rows)
		}
	}
	if err := <-updated; err != nil {
		t.Fatal(err)
	}
}

// TestAReadShowsWhatXATransactionsChanged under writers of such: the server
// logs XA COMMIT before it carries that out, and tells snapshots a place behind.
func TestAReadShowsWhatXATransactionsChanged(t *testing.T) {
	t.Parallel()
	s := start(t, "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0")
	const writers = 8
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)")
	m := openLax(t, s, "emr.t")
	r := stream(t, m, nil)
	for id := range writers {
		s.Exec(fmt.Sprintf("INSERT INTO emr.t VALUES (%d, 0)", id))
	}
	r.awaitChanges(t, writers)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	for id := range writers {
		group.Go(func() { writeByXA(ctx, t, s, id) })
	}
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	keys, asked := someKeys(writers)
	for range rounds {
		from := len(r.all())
		chunk, err := m.Fetch(t.Context(), "emr.t", keys)
		r.compare(t, "fetch", from, chunk, err, asked)
	}
	cancel()
	group.Wait()
}

// writeByXA counts one row up, in an XA transaction each time.
func writeByXA(ctx context.Context, t *testing.T, s *mariadbtest.Server, id int) {
	for n := 0; ctx.Err() == nil; n++ {
		xid := fmt.Sprintf("'%d-%d'", id, n)
		err := writeInSession(context.WithoutCancel(ctx), s, "XA START "+xid, fmt.Sprintf("UPDATE emr.t SET v = v + 1 WHERE id = %d", id),
			"XA END "+xid, "XA PREPARE "+xid, "XA COMMIT "+xid)
		if err != nil {
			t.Error(err)
			return
		}
	}
}
