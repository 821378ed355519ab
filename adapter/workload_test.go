package adapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// workload changes a database at random over several connections until it is
// stopped: inserts, updates, deletes, key changes, transactions of many rows
// and rollbacks. A server that is away is tried again.
type workload struct {
	server *mariadbtest.Server
	cancel context.CancelFunc
	group  sync.WaitGroup
	done   atomic.Uint64 // transactions
	next   atomic.Int64  // ids never used before
}

// startWorkload starts n connections drawing from seed.
func startWorkload(t *testing.T, s *mariadbtest.Server, n int, seed uint64) *workload {
	ctx, cancel := context.WithCancel(context.Background())
	w := &workload{server: s, cancel: cancel}
	w.next.Store(1_000_000)
	for i := range n {
		w.group.Go(func() { w.run(ctx, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	t.Cleanup(w.stop)
	return w
}

func (w *workload) stop() {
	w.cancel()
	w.group.Wait()
}

func (w *workload) run(ctx context.Context, r *rand.Rand) {
	db, err := sql.Open("mysql", w.server.DSN("root", "", "emr"))
	if err != nil {
		return
	}
	defer func() { _ = db.Close() }() // nothing is buffered
	for ctx.Err() == nil {
		if w.transaction(ctx, db, r) == nil {
			w.done.Add(1)
		}
	}
}

// transaction does one transaction of 1 to 6 statements, or now and then of
// hundreds of rows; one in ten is rolled back.
func (w *workload) transaction(ctx context.Context, db *sql.DB, r *rand.Rand) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	statements := 1 + r.IntN(6)
	if r.IntN(200) == 0 {
		statements = 300
	}
	for range statements {
		if _, err := tx.ExecContext(ctx, w.statement(r)); err != nil {
			return err
		}
	}
	if r.IntN(10) == 0 {
		return tx.Rollback()
	}
	return tx.Commit()
}

func (w *workload) statement(r *rand.Rand) string {
	table := [...]string{"patients", "results"}[r.IntN(2)]
	id := w.next.Load() - r.Int64N(400)
	switch r.IntN(10) {
	case 0:
		return fmt.Sprintf("DELETE FROM %s WHERE id = %d", table, id)
	case 1:
		return fmt.Sprintf("UPDATE %s SET id = %d WHERE id = %d", table, w.next.Add(1), id)
	case 2, 3, 4:
		if table == "patients" {
			return fmt.Sprintf("UPDATE patients SET phone = '%d' WHERE id = %d", r.IntN(1e6), id)
		}
		return fmt.Sprintf("UPDATE results SET value = %d.25, note = 'n%d' WHERE id = %d", r.IntN(1e5), r.IntN(1e6), id)
	}
	if table == "patients" {
		return fmt.Sprintf("INSERT INTO patients VALUES (%d, 'P%d', '1980-02-03', NULL)", w.next.Add(1), r.IntN(1e6))
	}
	return fmt.Sprintf("INSERT INTO results VALUES (%d, %d, 'test', %d, NOW(3), NULL)", w.next.Add(1), r.IntN(200), r.IntN(1e4))
}
