package mysql

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// resume sets the stream to a position, or to now and tells where that is.
func (s *stream) resume(ctx context.Context, from tap.Position) error {
	if from == nil {
		return s.startNow(ctx, func(p tap.Position) error { return nil })
	}
	var err error
	if s.at, err = parsePosition(from); err != nil {
		return err
	}
	if isMySQL := s.at.version() == mysqlPosition; isMySQL != s.tap.dialect.isMySQL() {
		return fmt.Errorf("%w: it is of another kind of server than this one", tap.ErrPosition)
	}
	s.unverified = s.at.hasLast()
	restarted, err := s.tap.checkHistory(ctx, s.at)
	var lost *historyError
	switch {
	case errors.As(err, &lost):
		return s.skip(ctx, lost.reason)
	case err != nil || !restarted || !s.tap.settings.AcceptNotDurable:
		return err
	}
	return s.sink.Gap(tap.Gap{Position: s.at.encode(), Reason: "the server was restarted and does not keep its commits " +
		"safe (innodb_flush_log_at_trx_commit, sync_binlog): what its log says and what its tables hold may differ"})
}

// skip gives up what lies between the last position and now, and says so.
func (s *stream) skip(ctx context.Context, reason string) error {
	err := s.startNow(ctx, func(p tap.Position) error {
		return s.sink.Gap(tap.Gap{Position: p, Reason: reason})
	})
	if err != nil {
		return err
	}
	return s.tellReferences()
}

// startNow sets the stream to the present end of the log. Reads that wait for
// their fence have it then: the stream begins behind them.
func (s *stream) startNow(ctx context.Context, announce func(tap.Position) error) error {
	passed := s.tap.fences.newHistory()
	if err := s.setNow(ctx, announce); err != nil {
		s.tap.fences.restore(passed)
		return err
	}
	return s.emitFences(passed)
}

func (s *stream) setNow(ctx context.Context, announce func(tap.Position) error) error {
	at, err := s.tap.now(ctx)
	if err != nil {
		return err
	}
	if s.at != nil {
		at.shadowed = s.at.shadowed
	}
	s.at, s.unverified, s.fresh = at, false, true
	s.place, s.unfound = logPoint{}, ""
	if err := s.forgetHeld(); err != nil {
		return err
	}
	if err := s.learn(ctx); err != nil {
		return err
	}
	if err := s.doubtReferences(ctx); err != nil {
		return err
	}
	if err := announce(at.encode()); err != nil {
		return err
	}
	return s.commit(time.Now())
}

// now returns the present end of the server's log, at a moment between two
// transactions.
func (t *Tap) now(ctx context.Context) (*position, error) {
	s, err := begin(ctx, t.db, t.dialect)
	if err != nil {
		return nil, err
	}
	defer s.end()
	p := &position{}
	if p.started, err = serverStart(ctx, s.conn); err != nil {
		return nil, err
	}
	if t.dialect.isMySQL() { // all that is executed, reads show from now on
		p.executed, err = t.dialect.executedNow(ctx, s.conn)
		return p, err
	}
	p.point = s.point
	rows, err := queryStrings(ctx, s.conn, "SELECT BINLOG_GTID_POS(?, ?)", s.point.file, s.point.offset)
	if err != nil {
		return nil, fmt.Errorf("ask for the GTIDs of the log's end: %w", err)
	}
	p.executed, err = parseMariaDBSet(rows[0][0])
	return p, err
}

// serverStart returns when the server was started, within a second or two.
func serverStart(ctx context.Context, conn querier) (int64, error) {
	var seconds [2]int64
	for i, query := range []string{"SELECT 'now', UNIX_TIMESTAMP()", "SHOW GLOBAL STATUS LIKE 'Uptime'"} {
		rows, err := queryStrings(ctx, conn, query)
		if err != nil {
			return 0, fmt.Errorf("ask for the server's uptime: %w", err)
		}
		if len(rows) == 0 {
			return 0, errors.New("the server does not tell its uptime")
		}
		if seconds[i], err = strconv.ParseInt(rows[0][1], 10, 64); err != nil {
			return 0, fmt.Errorf("read the server's uptime: %w", err)
		}
	}
	return seconds[0] - seconds[1], nil
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
	executed, err := t.dialect.executedNow(ctx, conn)
	if err != nil {
		return false, err
	}
	if g, lacks := p.executed.beyond(executed, gtid{}); lacks {
		return false, &historyError{reason: "the server has not got transaction " + g.String() +
			", which was read from it before: it was reset, or restored from an older copy"}
	}
	started, err := serverStart(ctx, conn)
	if err != nil {
		return false, err
	}
	restarted = started > p.started+startTolerance || started < p.started-startTolerance
	p.started = started
	return restarted, nil
}

// from returns the point behind which the log must be read.
func (s *stream) from() gtidSet {
	if !s.unverified {
		return s.at.executed.clone()
	}
	return s.at.from(s.at.prepared)
}

// wanted reports whether a transaction before the position is held anew when it
// is read again.
func (s *stream) wanted(g gtid) bool {
	return slices.ContainsFunc(s.at.prepared, func(id groupID) bool { return id.gtid == g })
}

// errOverlap says that the position was verified, but transactions of other
// domains that come after it stand before its last transaction in this
// server's log. They were passed over, so the log must be read once more.
var errOverlap = errors.New("the log must be read again from the position")

// readAgain takes a transaction that a resumed stream reads before it has seen
// that the history is still the position's.
func (s *stream) readAgain(x *transaction) error {
	switch {
	case s.place != (logPoint{}) && x.gtid != s.at.last.gtid:
		return s.otherHistory()
	case x.gtid == s.at.last.gtid:
		if x.sum() != s.at.digest {
			return s.otherHistory()
		}
		s.unverified = false
	case !s.at.executed.covers(x.gtid):
		if !x.gtid.isMySQL() && x.gtid.domain == s.at.last.gtid.domain {
			return s.otherHistory()
		}
		s.passedOver = true
	}
	if s.wanted(x.gtid) {
		if !x.xa.prepared {
			return s.otherHistory()
		}
		if err := s.hold(x); err != nil {
			return err
		}
	}
	if !s.unverified && s.passedOver {
		return errOverlap
	}
	return nil
}

func (s *stream) otherHistory() error {
	return &historyError{reason: "transaction " + s.at.last.gtid.String() + " is another one than was read under this GTID before: " +
		"the server was restored from an older copy and wrote a new history"}
}

// takePlace lets the log be read from the place of the last transaction in its
// files, once the server does not find the GTIDs: where a session set sequence
// numbers that go back (gtid_strict_mode=0), no server can. That transaction must
// stand there, whole and the same. A stream that was set to now begins there
// without one. Rows of XA transactions that were prepared
// before and are not held are given up; their commit will be a gap.
func (s *stream) takePlace(reason string) bool {
	if s.place != (logPoint{}) || !s.at.hasLast() && !s.fresh || s.at.point.file == "" || s.at.point.offset > math.MaxUint32 {
		return false
	}
	s.place, s.unfound, s.unverified = s.at.point, reason, s.at.hasLast()
	s.at.prepared = slices.DeleteFunc(s.at.prepared, func(id groupID) bool {
		if id == s.at.last {
			return false
		}
		for _, h := range s.held {
			if h.gtid == id.gtid {
				return false
			}
		}
		return true
	})
	return true
}

// forgetPrepared gives up the oldest XA transaction that waits for its commit,
// because the server no longer has the log of it. Its commit will be a gap.
func (s *stream) forgetPrepared() bool {
	if !s.unverified || len(s.at.prepared) == 0 {
		return false
	}
	s.at.prepared = s.at.prepared[1:]
	return true
}
