package recordlog

import (
	"crypto/rand"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

var testOrigin = merkle.Origin("test-chain", "00112233445566778899aabbccddeeff", 1)

// testWrapping returns a wrapping key made for tests alone.
func testWrapping(t testing.TB) *keys.Wrapping {
	t.Helper()
	w, err := keys.NewWrapping(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func testOptions(t testing.TB) Options {
	return Options{Wrapping: testWrapping(t), Now: func() time.Time { return time.Unix(1700000000, 0) }, Reserve: 1}
}

// newTestLog creates and opens a log in a directory of its own.
func newTestLog(t testing.TB, o Options) (*Log, string) {
	t.Helper()
	dir := quickDir(t)
	if err := Create(dir, testOrigin, o); err != nil {
		t.Fatal(err)
	}
	return openTestLog(t, dir, o), dir
}

func openTestLog(t testing.TB, dir string, o Options) *Log {
	t.Helper()
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func intKey(n int64) []byte { return row.AppendKey(nil, []row.Value{row.NewInt(n)}) }

func testColumns(n int) []row.Column {
	columns := make([]row.Column, n)
	for i := range columns {
		columns[i] = row.Column{Name: fmt.Sprintf("column_%02d", i), Type: row.Text}
	}
	return columns
}

// maker makes entries the way the rows package does.
type maker struct {
	columns   []row.Column
	encoded   []byte
	values    []row.Value
	made      *Entry // what bench appends again
	committer commit.Committer
}

func newMaker(columns int) *maker {
	m := &maker{columns: testColumns(columns)}
	m.encoded = commit.AppendColumns(nil, m.columns)
	for i := range m.columns {
		m.values = append(m.values, row.NewText("utf8", fmt.Appendf(nil, "value of column %d", i)))
	}
	return m
}

// add appends the next version of a row to the batch, and returns the entry that
// the log must make of it; its digests are valid until the next call.
func (m *maker) add(b *Batch, owner OwnerName, table string, key []byte, op commit.Op) (*Entry, error) {
	head, found, err := b.Head(table, key)
	if err != nil {
		return nil, err
	}
	id, o, err := b.Owner(owner)
	if err != nil {
		return nil, err
	}
	e := &Entry{Owner: id, Header: commit.Header{
		Log: testOrigin, Index: b.Next(), Op: op, Seen: commit.Stream, Assurance: commit.EveryVersion,
		Table: table, Key: key, Version: head.Version + 1, Previous: commit.NoPrevious,
		EventID: "0-1-4711:1", EventTime: 1700000000000000, Columns: m.columns, EncodedColumns: m.encoded,
	}}
	if found {
		e.Header.Previous = head.Index
	}
	k := o.VersionKey(testOrigin, b.Next())
	c, digests, err := m.committer.Commit(k, &e.Header, m.values)
	if err != nil {
		return nil, err
	}
	e.Leaf, e.Digests = commit.Leaf{Op: op, Time: b.Time(), Commitment: c}, digests
	own := *e
	own.Leaf.Commitment, own.Digests = commit.Digest{}, nil
	return e, b.Append(&own, k, m.values)
}

// appendMade appends an entry with the commitment that it has.
func appendMade(b *Batch, e *Entry) error {
	if err := b.settle(); err != nil {
		return err
	}
	table, schema, err := b.place(e)
	if err != nil {
		return err
	}
	return b.appendLeaf(e, table, schema)
}

func patient(n int64) OwnerName {
	return OwnerName{Kind: OwnerPatient, Key: row.AppendCell(nil, row.NewInt(n))}
}

// quickDir is a directory for one test, in memory where the system has a place
// for that: what these tests show does not hang on a disk's syncs.
func quickDir(t interface {
	Fatal(args ...any)
	Cleanup(f func())
}) string {
	const memory = "/dev/shm"
	dir, err := os.MkdirTemp(memory, "recordlog")
	if err != nil {
		dir, err = os.MkdirTemp("", "recordlog")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
