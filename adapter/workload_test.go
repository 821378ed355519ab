package adapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// workload changes a database at random over several connections until it is
// stopped: inserts, updates, deletes, key changes, transactions of many rows
// and rollbacks. A server that is away is tried again.
type workload struct {
	server *mariadbtest.Server
	step   func(context.Context, *sql.DB, *rand.Rand) error
	gate   sync.RWMutex // held for reading by each step
	cancel context.CancelFunc
	group  sync.WaitGroup
	done   atomic.Uint64 // steps
	next   atomic.Int64  // ids never used before
}

// newWorkload returns a workload that has not begun; its steps are transactions.
func newWorkload(s *mariadbtest.Server) *workload {
	w := &workload{server: s}
	w.next.Store(1_000_000)
	w.step = func(ctx context.Context, db *sql.DB, r *rand.Rand) error {
		return w.transaction(ctx, db, r, w.statement)
	}
	return w
}

// startWorkload starts n connections drawing from seed.
func startWorkload(t *testing.T, s *mariadbtest.Server, n int, seed uint64) *workload {
	w := newWorkload(s)
	w.start(t, n, seed)
	return w
}

func (w *workload) start(t *testing.T, n int, seed uint64) {
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	for i := range n {
		w.group.Go(func() { w.run(ctx, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	t.Cleanup(w.stop)
}

func (w *workload) stop() {
	w.cancel()
	w.group.Wait()
}

func (w *workload) run(ctx context.Context, r *rand.Rand) {
	config, err := mysql.ParseDSN(w.server.DSN("root", "", "emr"))
	if err != nil {
		return
	}
	config.Logger = &mysql.NopLogger{}
	config.Params = map[string]string{"lock_wait_timeout": "1", "innodb_lock_wait_timeout": "1"}
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return
	}
	defer func() { _ = db.Close() }() // nothing is buffered
	for ctx.Err() == nil {
		if w.oneStep(ctx, db, r) == nil {
			w.done.Add(1)
		}
	}
}

func (w *workload) oneStep(ctx context.Context, db *sql.DB, r *rand.Rand) error {
	w.gate.RLock()
	defer w.gate.RUnlock()
	return w.step(ctx, db, r)
}

// transaction does one transaction of 1 to 6 statements, or now and then of
// hundreds of rows; one in ten is rolled back.
func (w *workload) transaction(ctx context.Context, db *sql.DB, r *rand.Rand, statement func(*rand.Rand) string) error {
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
		if _, err := tx.ExecContext(ctx, statement(r)); err != nil {
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
