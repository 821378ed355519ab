package mysql

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A transaction is an event group of the log, gathered until its last event.
type transaction struct {
	gtid       gtid
	start      logPoint // where it begins in the log's files
	standalone bool     // one statement, without an end event
	skipped    bool     // read again, for its digest alone
	xa         xaGroup
	undone     bool // an ALTER that has not happened: it begins, or was given up
	resolves   gtid // the XA PREPARE that this group completes, if it is held
	time       time.Time
	rows       rowList
	savepoints []savepoint
	// statements are those that may concern tapped tables.
	statements []*statement
	gaps       []tap.Gap
	digest     *digester
}

// begin starts a transaction at its GTID event.
func (x *transaction) begin(g gtid, digest *digester) {
	*x = transaction{
		gtid:   g,
		rows:   x.rows, // the last transaction's, cleared
		digest: digest,
	}
	digest.begin()
	digest.add(nil, g.append(nil))
}

// ended returns where in its file the transaction ended, by its last event.
// MariaDB from 11.4 on does not tell of each event. Then a place behind the begin
// does as well: whatever is compared with it stands between two transactions.
func (x *transaction) ended(last *replication.EventHeader) uint64 {
	if last.LogPos == 0 {
		return x.start.offset + 1
	}
	return uint64(last.LogPos)
}

// alters reports whether a group is the begin of an ALTER that is logged in two
// phases, or of one that was given up.
func alters(event *replication.BinlogEvent, e *replication.MariadbGTIDEvent) bool {
	const fixed, commitID, startAlter, rollbackAlter = 13, 8, 2, 8
	at := replication.EventHeaderSize + fixed
	if e.IsGroupCommit() {
		at += commitID
	}
	return at < len(event.RawData) && event.RawData[at]&(startAlter|rollbackAlter) != 0
}

// open reports whether a transaction has begun and not ended.
func (x *transaction) open() bool { return x.gtid != gtid{} }

// hash adds what every copy of the log has in common of an event: not its
// place, its table id or the thread that wrote it.
func (x *transaction) hash(header *replication.EventHeader, parts ...[]byte) {
	if !x.open() {
		return
	}
	var head [5]byte
	head[0] = byte(header.EventType)
	binary.BigEndian.PutUint32(head[1:], header.Timestamp)
	for _, part := range parts {
		x.digest.add(head[:], part)
	}
}

// sum returns the digest of the whole transaction.
func (x *transaction) sum() transactionDigest { return x.digest.sum() }

// gap adds a gap once.
func (x *transaction) gap(reason string, tables ...string) {
	for _, g := range x.gaps {
		if g.Reason == reason && slices.Equal(g.Tables, tables) {
			return
		}
	}
	x.gaps = append(x.gaps, tap.Gap{Tables: tables, Reason: reason})
}

// writtenBefore says why rows of old temporal types cannot be read: the log does
// not tell how many digits their fractions have.
const writtenBefore = "rows were logged before the table was last altered, with a temporal format from before MariaDB 10.1"

// addRows adds a row event, or a gap where its rows are not whole.
func (x *transaction) addRows(s *shape, event *replication.BinlogEvent, rows *replication.RowsEvent) error {
	if s.unreadable != "" {
		x.gap(s.unreadable, s.table.Name)
		return nil
	}
	if event.Header.Timestamp < s.since {
		x.gap(writtenBefore, s.table.Name)
		return nil
	}
	if s.table.Refused != "" {
		return nil
	}
	if event.Header.EventType == replication.PARTIAL_UPDATE_ROWS_EVENT {
		x.gap("JSON values were logged in part only (a session's binlog_row_value_options)", s.table.Name)
		return nil
	}
	imaged := s.imaged(rows)
	if imaged == nil {
		x.gap("rows were logged in part only (a session's binlog_row_image)", s.table.Name)
		return nil
	}
	body, _ := rows.Rows[0][0].([]byte)
	if compressed(event.Header.EventType) {
		var err error
		if body, err = mysql.DecompressMariadbData(body); err != nil {
			return err
		}
	}
	x.rows.add(rowEvent{shape: imaged, op: operation(rows), body: body, time: eventTime(event.Header),
		unchecked: rows.Flags&uncheckedFlag != 0})
	return nil
}

// whole reports whether all columns are set in a bitmap; no bitmap is whole.
func whole(bitmap []byte, columns uint64) bool {
	for i := uint64(0); bitmap != nil && i < columns; i++ {
		if bitmap[i/8]&(1<<(i%8)) == 0 {
			return false
		}
	}
	return true
}

func compressed(t replication.EventType) bool {
	switch t {
	case replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1,
		replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1:
		return true
	}
	return false
}

func operation(rows *replication.RowsEvent) tap.Op {
	switch rows.Type() {
	case replication.EnumRowsEventTypeInsert:
		return tap.Insert
	case replication.EnumRowsEventTypeUpdate:
		return tap.Update
	}
	return tap.Delete
}

func eventTime(header *replication.EventHeader) time.Time {
	return time.Unix(int64(header.Timestamp), 0).UTC()
}
