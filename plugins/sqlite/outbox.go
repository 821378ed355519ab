package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// ends are the ids that bound the outbox. head is the highest id ever given,
// which an empty outbox remembers.
type ends struct {
	head  int64
	token string // of the row head; empty if it is gone
	empty bool
}

// readEnds reads the end of the outbox in the transaction of q.
func readEnds(ctx context.Context, q querier) (ends, error) {
	var e ends
	var last sql.NullInt64
	var token []byte
	err := q.QueryRowContext(ctx, `SELECT ifnull((SELECT seq FROM sqlite_sequence WHERE name = ?), 0),
		(SELECT max(id) FROM "emrbchain_outbox"),
		(SELECT token FROM "emrbchain_outbox" ORDER BY id DESC LIMIT 1)`, Outbox).Scan(&e.head, &last, &token)
	if err != nil {
		return e, fmt.Errorf("read end of outbox: %w", err)
	}
	e.empty = !last.Valid
	// INSERT OR FAIL that fails keeps rows of the outbox but not its sequence.
	if last.Valid && last.Int64 >= e.head {
		e.head, e.token = last.Int64, hex.EncodeToString(token)
	}
	return e, nil
}

// outboxRow is one row of the outbox. One that no change wrote names no table.
type outboxRow struct {
	id    int64
	token string
	at    time.Time
	table string
	key   []row.Value // of MaxKey cells: those beyond the table's key are null
}

var outboxKey = []string{"k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"}

// outboxQuery reads the outbox from an id on, in order.
var outboxQuery = "SELECT id, token, at, tbl, " + selectList(outboxKey) +
	" FROM " + identifier(Outbox) + " WHERE id >= ? ORDER BY id LIMIT ?"

// readOutbox reads up to limit rows of the outbox from an id on.
func readOutbox(ctx context.Context, q querier, charset string, from int64, limit int) ([]outboxRow, error) {
	rows, err := q.QueryContext(ctx, outboxQuery, from, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	var list []outboxRow
	for rows.Next() {
		var r outboxRow
		var token []byte
		var at int64
		r.key, _, err = scanCells(rows, charset, MaxKey, &r.id, &token, &at, &r.table)
		if err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		r.token, r.at = hex.EncodeToString(token), time.UnixMilli(at).UTC()
		list = append(list, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return list, nil
}

// history is what the outbox tells of the changes after a position.
type history struct {
	rows []outboxRow // the next, without holes
	more bool        // further rows follow
	// lost says why changes may be missing; from is then the position to go on
	// from, and rows are what follows it.
	lost string
	from place
}

// place is a place in the outbox: after the row id, whose token it knows or,
// if empty, not.
type place struct {
	id    int64
	token string
}

// follow reads what follows a place, and checks that it is the history that
// the place belongs to.
func follow(ctx context.Context, q querier, charset string, at place, limit int) (history, error) {
	end, err := readEnds(ctx, q)
	if err != nil {
		return history{}, err
	}
	first := at.id
	if at.token == "" {
		first++
	}
	rows, err := readOutbox(ctx, q, charset, first, limit+2) // the place's own row, and one that tells of more
	if err != nil {
		return history{}, err
	}
	var h history
	h.lost, h.from = lineage(at, rows, end)
	for len(rows) > 0 && rows[0].id <= h.from.id {
		rows = rows[1:]
	}
	h.rows, h.more = withoutHoles(rows, limit)
	return h, nil
}

// lineage says what is wrong between a place and the rows from it on, and
// where to go on from.
func lineage(at place, rows []outboxRow, end ends) (lost string, from place) {
	head := place{end.head, end.token}
	switch {
	case end.head < at.id:
		return fmt.Sprintf("the outbox went back from id %d to %d: an older copy of the database, or a new outbox", at.id, end.head), head
	case len(rows) == 0 && (at.token != "" || end.head > at.id):
		return fmt.Sprintf("the rows of the outbox from id %d on are gone", at.id), head
	case len(rows) == 0:
		return "", at
	}
	if at.token != "" && rows[0].id == at.id {
		if rows[0].token != at.token {
			return fmt.Sprintf("the outbox has another history at id %d: an older copy of the database that was written to since, or a new outbox", at.id), head
		}
		rows = rows[1:]
	}
	if len(rows) == 0 || rows[0].id == at.id+1 {
		return "", at
	}
	return fmt.Sprintf("the outbox goes on at id %d, and was followed to %d: rows between were pruned or deleted", rows[0].id, at.id),
		place{id: rows[0].id - 1}
}

// withoutHoles cuts rows at limit and before the first missing id. What comes
// after a hole is for the next look, which then finds it in front.
func withoutHoles(rows []outboxRow, limit int) (list []outboxRow, more bool) {
	for i := range rows {
		if i == limit || i > 0 && rows[i].id != rows[i-1].id+1 {
			return rows[:i], true
		}
	}
	return rows, false
}

// eventID names a change: the outbox row that told of it.
func eventID(id int64) string { return fmt.Sprintf("outbox %d", id) }
