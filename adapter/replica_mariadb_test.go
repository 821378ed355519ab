package adapter_test

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// A replica replays a server's binary log from its beginning: its tables hold
// what the log says.
type replica struct {
	t      *testing.T
	source *mariadbtest.Server
	server *mariadbtest.Server
}

// startReplica starts one. It passes over what a log that lacks rows makes of
// later events (IDEMPOTENT), and over the second XA COMMIT that a server logs
// that was killed after the first (1397, no such transaction).
func startReplica(t *testing.T, source *mariadbtest.Server) *replica {
	t.Helper()
	s := mariadbtest.Start(t, mariadbtest.Options{Args: []string{"--server-id=2", "--read-only=1",
		"--slave-exec-mode=IDEMPOTENT", "--slave-skip-errors=1397", "--transaction-isolation=READ-COMMITTED"}})
	s.Exec(fmt.Sprintf(`CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=%d, MASTER_USER='root',
		MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1`, source.Port()), `START SLAVE`)
	return &replica{t: t, source: source, server: s}
}

// await waits until the replica has replayed all of the source's log.
func (r *replica) await() {
	r.t.Helper()
	position := r.source.QueryString("SELECT @@GLOBAL.gtid_binlog_pos")
	if waited := r.server.QueryString("SELECT MASTER_GTID_WAIT(?, 60)", position); waited != "0" {
		r.t.Fatalf("the replica has not come to %s: it is at %s", position, r.server.QueryString("SELECT @@GLOBAL.gtid_slave_pos"))
	}
}

// deviations returns the keys of a table's rows, which nobody changes
// meanwhile, that are not what the log says.
func (r *replica) deviations(table string) (keys []string) {
	r.t.Helper()
	have, logged := tableRows(r.t, r.source.Admin(), table), tableRows(r.t, r.server.Admin(), table)
	for key, row := range have {
		if logged[key] != row {
			keys = append(keys, key)
		}
	}
	for key := range maps.Keys(logged) {
		if _, there := have[key]; !there {
			keys = append(keys, key)
		}
	}
	return slices.Sorted(slices.Values(keys))
}

// tableRows returns all rows of a table, by their first column.
func tableRows(t *testing.T, db *sql.DB, table string) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT * FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // read to its end
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	cells := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	all := make(map[string]string)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all[cells[0].String] = fmt.Sprint(cells)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
