package mysql

import (
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
)

// TestTheDigestCoversWhatTheRowsHold: a history that was written anew in the
// same second, in statements of the same kind, is another one.
func TestTheDigestCoversWhatTheRowsHold(t *testing.T) {
	first, err := newDigester(transactionDigest{})
	if err != nil {
		t.Fatal(err)
	}
	sum := func(rows string) transactionDigest {
		s := &stream{mapped: make(map[uint64]*shape), digest: first}
		s.open.begin(gtid{sequence: 1}, s.digest)
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

// TestADigestIsFoundAgain: by a tap that has no more of the one before than its
// position; and one that has nothing of it takes a key of its own.
func TestADigestIsFoundAgain(t *testing.T) {
	digest := func(last transactionDigest, parts ...string) transactionDigest {
		d, err := newDigester(last)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // of the first, nothing remains
			d.begin()
			for _, part := range parts {
				d.add([]byte("head"), []byte(part))
			}
		}
		return d.sum()
	}
	large := strings.Repeat("a", 3*digestPiece+1)
	first := digest(transactionDigest{}, "a", "b", large)
	if digest(first, "a", "b", large) != first {
		t.Error("the same content is not found again")
	}
	if digest(transactionDigest{}, "a", "b", large) == first {
		t.Error("two histories share a key")
	}
	for _, other := range [][]string{{"b", "a", large}, {"ab", "", large}, {"a", "b", large + "a"}, {"a", "b", large[1:]}, {"a", "b"},
		{"a", "b", "b" + large[1:]}, {"a", "b", large[1:] + "b"}, {"a", "b", large, ""}} {
		if digest(first, other...) == first {
			t.Errorf("%.4q has the digest of other content", other)
		}
	}
}
