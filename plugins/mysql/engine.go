package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Engines that the tap reads. InnoDB shows one moment to a snapshot, whose
// place in the log the server tells. MyISAM and Aria have no snapshot: a read
// of theirs sees what is there when its statement gets the table's lock.
//
// A writer of such a table logs its rows at the end of the statement and then
// gives the lock back. So whatever a read saw is in the log before the log's
// end that is asked for after it, which is the read's fence. The other way
// round there is one exception: rows that are appended to a MyISAM table while
// others read it (concurrent_insert) are shown only after they were logged, and
// a server that waits for a replica (semi-synchronous) may sit between the two.
// Fetch therefore asks again for a row that it did not find (fetchLate); a scan
// may miss such a row, and whoever misses it fetches it.
const (
	engineInnoDB = "InnoDB"
	engineMyISAM = "MyISAM"
	engineAria   = "Aria"
)

// refusedEngine says why the tap cannot read the table's engine, or nothing.
func (d *definition) refusedEngine() string {
	switch d.engine {
	case engineInnoDB, engineMyISAM, engineAria:
		return ""
	}
	return "its engine " + d.engine + " is not covered: ALTER TABLE " + quoteTable(d.name) + " ENGINE=InnoDB"
}

// snapshots reports whether the engine shows a snapshot's moment.
func (d *definition) snapshots() bool { return d.engine == engineInnoDB }

// lasting reports whether the engine keeps what a transaction changed that is
// rolled back.
func (d *definition) lasting() bool { return d.engine == engineMyISAM || d.engine == engineAria }

// addEngineNotes says what an engine without transactions makes of writes.
func (d *definition) addEngineNotes() {
	if d.refused == "" && !d.snapshots() {
		d.notes = append(d.notes, "its engine "+d.engine+" has no transactions: what a statement wrote stays when its "+
			"transaction is rolled back, and rows that were written just before the server was killed may be in no log; "+
			"a read holds writers up for as long as one chunk takes to be read, and a key without a row is looked for twice, "+
			"a second apart")
	}
}

// bufferOption makes the server copy a result before it sends it, where the table
// stays locked against writers for as long as it is read. A scan cannot have it:
// the server returns such a copy in an order of its own, and applies the scan's
// LIMIT to that.
func (d *definition) bufferOption() string {
	if d.snapshots() {
		return ""
	}
	return "SQL_BUFFER_RESULT "
}

// fetchLate asks again for the keys that gave no row, once every writer that
// had logged rows before the first reading must have shown them.
func (t *Tap) fetchLate(ctx context.Context, first *reading, keys [][]row.Value) (*reading, error) {
	missing := first.without(keys)
	if first.cut || first.definition.snapshots() || len(missing) == 0 {
		return first, nil
	}
	if err := t.awaitWriters(ctx); err != nil {
		return nil, err
	}
	second, err := t.fetchOnce(ctx, first.definition.name, missing)
	if err != nil {
		return nil, err
	}
	if !equalTables(first.definition.table(), second.definition.table()) {
		return nil, fmt.Errorf("the table changed during the read: %w", tap.ErrBusy)
	}
	second.rows = append(first.rows, second.rows...)
	return second, nil
}

// without returns the keys that no row of the reading has.
func (r *reading) without(keys [][]row.Value) [][]row.Value {
	table := r.definition.table()
	found := make(map[string]bool, len(r.rows))
	for _, x := range r.rows {
		found[string(row.AppendKey(nil, table.KeyOf(x.Cells)))] = true
	}
	var missing [][]row.Value
	for _, key := range keys {
		if !found[string(row.AppendKey(nil, key))] {
			missing = append(missing, key)
		}
	}
	return missing
}

// awaitWriters waits until rows that are in the log by now are shown: for
// showPatience, and on for as long as sessions wait for a replica, which the
// server bounds by a timeout of its own.
func (t *Tap) awaitWriters(ctx context.Context) error {
	limit, err := t.replicaTimeout(ctx)
	if err != nil {
		return err
	}
	tick := time.NewTicker(showPatience)
	defer tick.Stop()
	for waited := showPatience; ; waited += showPatience {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if waited > limit {
			return nil
		}
		waiting, err := queryStrings(ctx, t.db, "SHOW GLOBAL STATUS WHERE variable_name IN "+
			"('Rpl_semi_sync_master_wait_sessions', 'Rpl_semi_sync_source_wait_sessions')")
		if err != nil {
			return fmt.Errorf("ask for sessions that wait for a replica: %w", err)
		}
		if !slices.ContainsFunc(waiting, func(r []string) bool { return r[1] != "0" }) {
			return nil
		}
	}
}

// replicaTimeout returns how long a session may wait for a replica; 0 if none
// does.
func (t *Tap) replicaTimeout(ctx context.Context) (time.Duration, error) {
	rows, err := queryStrings(ctx, t.db, "SHOW GLOBAL VARIABLES LIKE 'rpl_semi_sync_%'")
	if err != nil {
		return 0, fmt.Errorf("ask for the timeout of replicas: %w", err)
	}
	values := make(map[string]string, len(rows))
	for _, r := range rows {
		values[strings.ToLower(r[0])] = r[1]
	}
	for _, name := range []string{"rpl_semi_sync_master", "rpl_semi_sync_source"} { // MySQL renamed it
		if !is("1", "ON")(values[name+"_enabled"]) {
			continue
		}
		limit, err := time.ParseDuration(values[name+"_timeout"] + "ms")
		if err != nil {
			return 0, fmt.Errorf("read the timeout of replicas: %w", err)
		}
		return limit, nil
	}
	return 0, nil
}
