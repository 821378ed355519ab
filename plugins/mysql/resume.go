package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
)

// now returns the present end of the server's log, at a moment between two
// transactions.
func (t *Tap) now(ctx context.Context) (*position, error) {
	s, err := begin(ctx, t.db)
	if err != nil {
		return nil, err
	}
	defer s.end()
	p := &position{point: s.point}
	if p.started, err = serverStart(ctx, s.conn); err != nil {
		return nil, err
	}
	rows, err := queryStrings(ctx, s.conn, "SELECT BINLOG_GTID_POS(?, ?)", s.point.file, s.point.offset)
	if err != nil {
		return nil, fmt.Errorf("ask for the GTIDs of the log's end: %w", err)
	}
	if p.executed, err = parseGTIDSet(rows[0][0]); err != nil {
		return nil, err
	}
	return p, nil
}

// serverStart returns when the server was started, within a second or two.
func serverStart(ctx context.Context, conn querier) (int64, error) {
	rows, err := queryStrings(ctx, conn, "SELECT UNIX_TIMESTAMP() - variable_value FROM information_schema.global_status WHERE variable_name = 'UPTIME'")
	if err != nil || len(rows) == 0 {
		return 0, fmt.Errorf("ask for the server's uptime: %w", err)
	}
	seconds, err := strconv.ParseFloat(rows[0][0], 64)
	if err != nil {
		return 0, fmt.Errorf("read the server's uptime: %w", err)
	}
	return int64(seconds), nil
}

// startTolerance is how far two readings of one server's start may be apart, in
// seconds.
const startTolerance = 5

// checkHistory looks whether the server's history can still be the one of p,
// before the log is read; its error is a *historyError if it cannot. It also
// reports whether the server was restarted since.
func (t *Tap) checkHistory(ctx context.Context, p *position) (restarted bool, err error) {
	conn, err := t.db.Conn(ctx)
	if err != nil {
		return false, fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	executed, err := executedNow(ctx, conn)
	if err != nil {
		return false, err
	}
	for _, g := range p.executed {
		if !executed.covers(g) {
			return false, &historyError{reason: "the server has not got transaction " + g.String() +
				", which was read from it before: it was reset, or restored from an older copy"}
		}
	}
	started, err := serverStart(ctx, conn)
	if err != nil {
		return false, err
	}
	restarted = started > p.started+startTolerance || started < p.started-startTolerance
	p.started = started
	return restarted, nil
}

func executedNow(ctx context.Context, conn *sql.Conn) (gtidSet, error) {
	rows, err := queryStrings(ctx, conn, "SELECT @@GLOBAL.gtid_binlog_pos")
	if err != nil {
		return nil, fmt.Errorf("ask for executed GTIDs: %w", err)
	}
	return parseGTIDSet(rows[0][0])
}

// sameLast compares the transaction that a resumed stream read first with the
// last one of the position. Its error is a *historyError if they differ.
func (p *position) sameLast(x *transaction) error {
	if x.gtid == p.last && x.sum() == p.digest {
		return nil
	}
	return &historyError{reason: "transaction " + p.last.String() + " is another one than was read under this GTID before: " +
		"the server was restored from an older copy and wrote a new history"}
}
