package mysql

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
)

// TestTheDigestCoversWhatTheRowsHold: a history that was written anew in the
// same second, in statements of the same kind, is another one.
func TestTheDigestCoversWhatTheRowsHold(t *testing.T) {
	sum := func(rows string) transactionDigest {
		s := &stream{mapped: make(map[uint64]*shape)}
		s.open.begin(gtid{sequence: 1})
		header := &replication.EventHeader{Timestamp: 1, EventType: replication.WRITE_ROWS_EVENTv1}
		raw := append(make([]byte, replication.EventHeaderSize+6), rows...)
		if err := s.addRows(&replication.BinlogEvent{Header: header, RawData: raw}, &replication.RowsEvent{}); err != nil {
			t.Fatal(err)
		}
		return s.open.sum()
	}
	one, again, two := sum("one"), sum("one"), sum("two")
	if one != again || one == two {
		t.Error("the digest does not tell rows apart")
	}
}
