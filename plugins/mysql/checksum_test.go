package mysql

import (
	"bytes"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
)

// TestAnEventsBodyHasNoChecksum: the checksum covers the event's place in the
// log. With it in the body, no table map would be known again and no two copies
// of a transaction would have one digest.
func TestAnEventsBodyHasNoChecksum(t *testing.T) {
	head := make([]byte, replication.EventHeaderSize+6)
	for algorithm, tails := range map[replication.BinlogChecksum][2]string{
		replication.BINLOG_CHECKSUM_ALG_CRC32: {"\x01\x02\x03\x04", "\x05\x06\x07\x08"},
		replication.BINLOG_CHECKSUM_ALG_OFF:   {"", ""},
	} {
		s := &stream{at: &position{}}
		described := &replication.BinlogEvent{Header: &replication.EventHeader{EventType: replication.FORMAT_DESCRIPTION_EVENT},
			Event: &replication.FormatDescriptionEvent{ChecksumAlgorithm: algorithm}}
		if err := s.handle(t.Context(), described); err != nil {
			t.Fatal(err)
		}
		for _, tail := range tails {
			raw := append(append(bytes.Clone(head), "columns"...), tail...)
			if got := s.body(&replication.BinlogEvent{RawData: raw}); string(got) != "columns" {
				t.Errorf("checksum algorithm %d: body %q", algorithm, got)
			}
		}
	}
}
