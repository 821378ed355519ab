package mysql

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// The server logs a transaction before it commits it, so the stream may be ahead
// of what a snapshot shows. A row that is read as it was before what the stream
// has delivered of it would be taken for one that was put back, so no read shows
// one. Of most transactions the place of the snapshot in the log tells whether it
// shows them. XA COMMIT is carried out a moment later than the server tells that
// place: until it no longer lists the transaction as prepared. MySQL tells no
// place, but adds a transaction to those executed once its engine has committed.

const (
	// showPatience is how long a transaction may take from its entry in the log
	// until it is shown; a writer that waits for a replica takes longer.
	showPatience = time.Second
	// xaPatience is how long a snapshot may be behind XA COMMIT and not show what
	// that committed.
	xaPatience = 10 * time.Second
	// showPoll is how often is looked whether it is shown.
	showPoll = 5 * time.Millisecond
)

// beginAt opens a snapshot that shows everything that the stream has delivered
// by now; its error is tap.ErrBusy if the server takes long to show it.
func (t *Tap) beginAt(ctx context.Context) (*snapshot, error) {
	least, asked := t.fences.least(), t.fences.unfinished()
	if err := t.awaitExecuted(ctx); err != nil {
		return nil, err
	}
	if len(asked) > 0 { // no snapshot is held open meanwhile
		s, err := t.beginBehind(ctx, least)
		if err != nil {
			return nil, err
		}
		s.end()
		if err := t.awaitXA(ctx, asked); err != nil {
			return nil, err
		}
	}
	return t.beginBehind(ctx, least)
}

// beginBehind opens a snapshot at a point or behind it.
func (t *Tap) beginBehind(ctx context.Context, least logPoint) (*snapshot, error) {
	s, err := begin(ctx, t.db, t.dialect)
	if err != nil {
		return nil, err
	}
	if err := s.reach(ctx, least); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// reach moves the snapshot until it is at a point or behind it.
func (s *snapshot) reach(ctx context.Context, least logPoint) error {
	return awaitShown(ctx, func() (bool, error) {
		if s.point.reached(least) {
			return true, nil
		}
		err := s.renew(ctx)
		return err == nil && s.point.reached(least), err
	})
}

// awaitExecuted waits until what the stream has delivered of MySQL is executed:
// from then on every snapshot shows it.
func (t *Tap) awaitExecuted(ctx context.Context) error {
	delivered := t.fences.leastSet()
	return awaitShown(ctx, func() (bool, error) {
		if len(delivered) == 0 {
			return true, nil
		}
		executed, err := t.dialect.executedNow(ctx, t.db)
		if err != nil {
			return false, err
		}
		_, more := delivered.beyond(executed, gtid{})
		return !more, nil
	})
}

// awaitXA waits until XA transactions that the stream has delivered are carried
// out, once snapshots are behind their XA COMMIT: a session that waits for a
// replica is not there yet, or has carried its transaction out. The server lists
// nothing but xids, and one that was committed may be prepared anew, past the log
// too (SET sql_log_bin=0). So what is listed for xaPatience is another
// transaction; nobody may hold reads up by leaving such a one open.
func (t *Tap) awaitXA(ctx context.Context, asked []xid) error {
	poll := time.NewTicker(showPoll)
	defer poll.Stop()
	for began := time.Now(); ; {
		prepared, err := preparedNow(ctx, t.db)
		if err != nil {
			return err
		}
		late := time.Since(began) > xaPatience
		t.fences.committed(func(x xid) bool { return slices.Contains(asked, x) && (late || !prepared[x]) })
		left := t.fences.unfinished()
		asked = slices.DeleteFunc(asked, func(x xid) bool { return late || !slices.Contains(left, x) })
		if len(asked) == 0 {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitShown polls until a condition holds; its error is tap.ErrBusy if it does
// not within showPatience.
func awaitShown(ctx context.Context, shown func() (bool, error)) error {
	poll := time.NewTicker(showPoll)
	defer poll.Stop()
	for began := time.Now(); ; {
		if ok, err := shown(); ok || err != nil {
			return err
		}
		if time.Since(began) > showPatience {
			return fmt.Errorf("%w: a transaction is in the binary log and not committed yet: its session waits for a replica "+
				"(rpl_semi_sync_master_timeout) or for the disk", tap.ErrBusy)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// preparedNow returns the XA transactions that the server lists as prepared.
func preparedNow(ctx context.Context, db querier) (map[xid]bool, error) {
	rows, err := queryStrings(ctx, db, "XA RECOVER")
	if err != nil {
		return nil, fmt.Errorf("list prepared XA transactions: %w", err)
	}
	prepared := make(map[xid]bool, len(rows))
	for _, r := range rows {
		var numbers [3]uint64
		for i := range numbers {
			if numbers[i], err = strconv.ParseUint(r[i], 10, 32); err != nil {
				return nil, fmt.Errorf("read the xid of a prepared XA transaction: %w", err)
			}
		}
		id := binary.LittleEndian.AppendUint32(nil, uint32(numbers[0]))
		id = append(id, byte(numbers[1]), byte(numbers[2]))
		prepared[xid(append(id, r[3]...))] = true
	}
	return prepared, nil
}
