package mysql

import (
	"errors"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// An XA transaction is two event groups of the log. The first holds its rows
// and ends with XA PREPARE; the second is XA COMMIT or XA ROLLBACK alone, often
// much later and from another session. The rows count at the second: they are
// held until then and told as the rows of the XA COMMIT, under its GTID,
// numbered from 1 in the order in which the first group has them.
//
// A server that is killed after it logged XA COMMIT and before it carried that
// out finds the transaction prepared when it starts again, and logs a second
// XA COMMIT. The rows were told at the first; the second is one whose rows the
// tap has not got.

// An xid names an XA transaction: format, length of its first part, and both
// parts, as the GTID event has them.
type xid string

// xaGroup is what a GTID event says of XA.
type xaGroup struct {
	prepared  bool // the group ends with XA PREPARE
	completed bool // the group is XA COMMIT or XA ROLLBACK
	xid       xid
}

// Flags of MariaDB's GTID event that the library has no names for.
const (
	flagPreparedXA  = 64
	flagCompletedXA = 128
)

// parseXAGroup reads what the library leaves unread of a GTID event: behind
// sequence, domain, flags and the number of the group commit stand the format
// of the xid (4 bytes), the lengths of its parts (1 each) and the parts.
func parseXAGroup(event *replication.BinlogEvent, e *replication.MariadbGTIDEvent, checksum int) (xaGroup, error) {
	x := xaGroup{prepared: e.Flags&flagPreparedXA != 0, completed: e.Flags&flagCompletedXA != 0}
	if !x.prepared && !x.completed {
		return x, nil
	}
	const fixed, format, lengths = 13, 4, 2
	body := event.RawData[replication.EventHeaderSize+fixed : len(event.RawData)-checksum]
	if e.IsGroupCommit() {
		body = body[min(8, len(body)):]
	}
	if len(body) < format+lengths {
		return x, errors.New("read GTID event: it is cut short before its xid")
	}
	parts := int(body[format]) + int(body[format+1])
	if len(body) < format+lengths+parts {
		return x, errors.New("read GTID event: its xid is cut short")
	}
	x.xid = xid(body[:format+lengths+parts])
	return x, nil
}

// A heldXA is an XA transaction that is prepared and not resolved.
type heldXA struct {
	gtid gtid // of its XA PREPARE
	rows rowList
	gaps []tap.Gap
}

// hold keeps the rows of a group that ended with XA PREPARE.
func (s *stream) hold(x *transaction) error {
	s.held[x.xa.xid] = &heldXA{gtid: x.gtid, rows: x.rows, gaps: x.gaps}
	x.rows, x.gaps = rowList{}, nil
	return s.boundHeld()
}

// boundHeld spills the largest transactions while all that are held need too
// much memory.
func (s *stream) boundHeld() error {
	for {
		var largest *heldXA
		memory := 0
		for _, h := range s.held {
			memory += h.rows.memory
			if largest == nil || h.rows.memory > largest.rows.memory {
				largest = h
			}
		}
		if memory <= rowMemory {
			return nil
		}
		if err := largest.rows.spill(s.tap.settings.SpillDirectory); err != nil {
			return err
		}
	}
}

// forgetHeld gives all held rows up.
func (s *stream) forgetHeld() (err error) {
	for _, h := range s.held {
		err = errors.Join(err, h.rows.clear())
	}
	clear(s.held)
	return err
}

// prepare takes a group that ended with XA PREPARE. One of the same xid that was
// committed is carried out by then. One that is still held must have ended
// unlogged; what it changed is then not known.
func (s *stream) prepare(x *transaction) error {
	s.tap.fences.committed(func(earlier xid) bool { return earlier == x.xa.xid })
	if older := s.held[x.xa.xid]; older != nil {
		gap := tap.Gap{Position: s.at.encode(), Tables: older.rows.tables(),
			Reason: "an XA transaction ended without an entry in the log (SET sql_log_bin=0 before XA COMMIT or XA ROLLBACK)"}
		if len(gap.Tables) > 0 {
			if err := s.sink.Gap(gap); err != nil {
				return err
			}
		}
		if err := older.rows.clear(); err != nil {
			return err
		}
		s.at.resolve(older.gtid)
	}
	s.at.prepare(x.gtid)
	return s.hold(x)
}

// complete takes an XA COMMIT or XA ROLLBACK: the held rows become those of the
// open transaction, or nothing.
func (s *stream) complete(committed bool) error {
	x := &s.open
	held := s.held[x.xa.xid]
	switch {
	case x.skipped:
		return nil
	case held == nil && committed:
		x.gap("an XA transaction was committed whose rows the tap has not read: it was prepared before the tap " +
			"began, or so long ago that the server has purged that log")
		return nil
	case held == nil:
		return nil
	}
	delete(s.held, x.xa.xid)
	x.resolves = held.gtid
	if !committed {
		return held.rows.clear()
	}
	x.rows, x.gaps = held.rows, held.gaps
	return nil
}
