package mysql

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"regexp"
	"strconv"

	"github.com/go-mysql-org/go-mysql/replication"
)

// A transaction of MySQL is a GTID event, BEGIN or XA START, table maps and rows,
// and XID, COMMIT or XA PREPARE; or the GTID event and one statement. So a group
// is taken for one statement until it begins as a transaction. With
// binlog_transaction_compression, all but the GTID event come in one event.

// beginMySQL opens a transaction at its GTID event.
func (s *stream) beginMySQL(ctx context.Context, event *replication.BinlogEvent, e *replication.GTIDEvent) error {
	if event.Header.EventType == replication.ANONYMOUS_GTID_EVENT || len(e.SID) != len(uuid{}) || e.GNO <= 0 {
		return &historyError{reason: "a transaction was logged without a GTID that the tap can read: SET GLOBAL gtid_mode=ON"}
	}
	g := gtid{source: uuid(e.SID), tag: e.Tag.String(), sequence: uint64(e.GNO)}
	if err := s.begin(ctx, event, g); err != nil {
		return err
	}
	s.open.standalone = true
	return nil
}

// expand takes the events of a compressed transaction, which have no checksums
// of their own.
func (s *stream) expand(ctx context.Context, e *replication.TransactionPayloadEvent) error {
	outside := s.checksum
	s.checksum = 0
	defer func() { s.checksum = outside }()
	for _, inner := range e.Events {
		if err := s.handle(ctx, inner); err != nil {
			return err
		}
	}
	return nil
}

// preparedBy reads the event by which a group of MySQL ends that was prepared:
// whether it was committed at once, the format of the xid (4 bytes), the lengths
// of its parts (4 each) and the parts. Of MariaDB, the GTID event has told.
func (x *transaction) preparedBy(event *replication.BinlogEvent, checksum int) error {
	if !x.gtid.isMySQL() {
		return nil
	}
	r := &reader{rest: event.RawData[replication.EventHeaderSize : len(event.RawData)-checksum]}
	onePhase, format := r.number(1) != 0, r.number(4)
	global, branch := r.number(4), r.number(4)
	parts := r.take(global + branch)
	if r.err != nil || global > 64 || branch > 64 {
		return errors.New("read XA PREPARE event: it is cut short")
	}
	x.xa.prepared = !onePhase
	x.xa.xid = newXID(uint32(format), parts[:global], parts[global:])
	return nil
}

func newXID(format uint32, global, branch []byte) xid {
	b := binary.LittleEndian.AppendUint32(nil, format)
	b = append(b, byte(len(global)), byte(len(branch)))
	return xid(append(append(b, global...), branch...))
}

// xidPattern is how MySQL writes an xid behind XA COMMIT and XA ROLLBACK.
var xidPattern = regexp.MustCompile(`X'([0-9a-fA-F]*)',\s*X'([0-9a-fA-F]*)',\s*([0-9]+)`)

// completedBy reads which XA transaction a statement of MySQL ends. One that
// cannot be read ends none that the tap holds, which is a gap.
func (x *transaction) completedBy(statement []byte) {
	match := xidPattern.FindSubmatch(statement)
	if match == nil || !x.gtid.isMySQL() {
		return
	}
	global, err1 := hex.DecodeString(string(match[1]))
	branch, err2 := hex.DecodeString(string(match[2]))
	format, err3 := strconv.ParseUint(string(match[3]), 10, 32)
	if err1 == nil && err2 == nil && err3 == nil && len(global) <= 64 && len(branch) <= 64 {
		x.xa.xid = newXID(uint32(format), global, branch)
	}
}
