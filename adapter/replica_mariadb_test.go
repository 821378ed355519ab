package adapter_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
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

// await waits until the replica has replayed all of the source's log. A kill
// within XA PREPARE may leave the log with what the server did not prepare: no end
// of it will be logged, and its locks would hold up the replica for ever.
func (r *replica) await() {
	r.t.Helper()
	position := r.source.QueryString("SELECT @@GLOBAL.gtid_binlog_pos")
	sidecartest.Eventually(r.t, 2*time.Minute, func(context.Context) error {
		if r.server.QueryString("SELECT MASTER_GTID_WAIT(?, 3)", position) == "0" {
			return nil
		}
		for _, xid := range without(r.server.Prepared(), r.source.Prepared()) {
			r.t.Logf("the replica waits, and the source has not prepared %s", xid)
			_, _ = r.server.Admin().Exec("SET STATEMENT sql_log_bin = 0 FOR XA ROLLBACK " + xid) // else the next time
		}
		return fmt.Errorf("the replica has not come to %s: it is at %s and says %q", position,
			r.server.QueryString("SELECT @@GLOBAL.gtid_slave_pos"),
			r.server.QueryString("SELECT GROUP_CONCAT(state) FROM information_schema.processlist WHERE command = 'Slave_SQL'"))
	})
}

// endLogged ends the XA transactions whose end the source logged and, killed
// before that, did not do; it does what the log says.
func (r *replica) endLogged() {
	r.t.Helper()
	for _, xid := range without(r.source.Prepared(), r.server.Prepared()) {
		end := r.loggedEnd(xid)
		r.t.Logf("the source logged %q and did not do it", end)
		r.source.Exec(end)
	}
	r.await()
}

// loggedEnd returns the statement that the source logged last of an XA
// transaction's end.
func (r *replica) loggedEnd(xid string) (end string) {
	r.t.Helper()
	inLog := fmt.Sprintf("X'%x',X'',1", strings.Trim(xid, "'"))
	for _, log := range r.source.Binlogs() {
		rows, err := r.source.Admin().Query("SHOW BINLOG EVENTS IN '" + filepath.Base(log) + "'")
		if err != nil {
			r.t.Fatal(err)
		}
		var file, kind, statement string
		var position, server, next uint64
		for rows.Next() {
			if err := rows.Scan(&file, &position, &kind, &server, &next, &statement); err != nil {
				r.t.Fatal(err)
			}
			if statement == "XA COMMIT "+inLog || statement == "XA ROLLBACK "+inLog {
				end = statement
			}
		}
		if err := rows.Err(); err != nil {
			r.t.Fatal(err)
		}
	}
	return end
}

// without returns the ids that are not among others.
func without(ids, others []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return slices.Contains(others, id) })
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
