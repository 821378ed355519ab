package commit

import (
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
)

const testLog = "emrbchain/test/00112233445566778899aabbccddeeff/1"

// testOwner derives from an owner key of the tests: no one's.
func testOwner() *Owner {
	var key [KeySize]byte
	for i := range key {
		key[i] = byte(i)
	}
	return NewOwner(&key)
}

func rowHeader() *Header {
	return &Header{
		Log: testLog, Index: 41, Op: Update, Seen: Stream, Assurance: EveryVersion, Table: "prescriptions",
		Key: row.AppendKey(nil, []row.Value{row.NewInt(7)}), Version: 3, Previous: 12, EventID: "0-1-4711:2", EventTime: 1_700_000_000_123_456,
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "drug", Type: row.Text}, {Name: "dose", Type: row.Decimal}, {Name: "ended", Type: row.Date}},
	}
}

func rowValues(t testing.TB) []row.Value {
	t.Helper()
	dose, err := row.NewDecimal([]byte("2.50"))
	if err != nil {
		t.Fatal(err)
	}
	return []row.Value{row.NewInt(7), row.NewText("utf8", []byte("warfarin")), dose, row.Null()}
}

func eventHeaderOf(op Op) *Header {
	return &Header{Log: testLog, Index: 42, Op: op, Previous: NoPrevious, Columns: []row.Column{{Name: "body", Type: row.Bytes}}}
}

// committed is a version with all that its maker knows.
type committed struct {
	key     Key
	header  *Header
	values  []row.Value
	digest  Digest
	digests []Digest
}

func commitTo(t testing.TB, h *Header, values []row.Value) committed {
	t.Helper()
	var c Committer
	k := testOwner().VersionKey(h.Log, h.Index)
	digest, digests, err := c.Commit(k, h, values)
	if err != nil {
		t.Fatal(err)
	}
	return committed{k, h, values, digest, append([]Digest(nil), digests...)}
}

// open opens the columns for which show holds.
func (c committed) open(t testing.TB, show func(int) bool) *Opening {
	t.Helper()
	var committer Committer
	o, err := committer.Open(c.key, c.header, c.values, c.digests, show)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func all(int) bool { return true }
