// Package logtest gives tests a record log of their own, and rows to put in it.
// It is imported by tests alone.
package logtest

import (
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// ChainID and LogID are those of the logs that New makes.
const (
	ChainID = "test-chain"
	LogID   = "00112233445566778899aabbccddeeff"
)

// New makes and opens an empty log with a clock that stands still.
func New(t testing.TB) *recordlog.Log {
	t.Helper()
	wrapping, err := keys.NewWrapping(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	o := recordlog.Options{Wrapping: wrapping, Reserve: 1, Logger: zerolog.Nop(),
		Now: func() time.Time { return time.Unix(1_700_000_000, 0) }}
	dir := filepath.Join(t.TempDir(), "log")
	if err := recordlog.Create(dir, merkle.Origin(ChainID, LogID, 0), o); err != nil {
		t.Fatal(err)
	}
	log, err := recordlog.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() }) // a test's log
	return log
}

// Table is a table of two columns: id, which is the key, and v.
func Table() *tap.Table {
	return &tap.Table{Name: "t", Key: []int{0},
		Columns: []row.Column{{Name: "id", Type: row.Int}, {Name: "v", Type: row.Text}}}
}

// Cells is a row of Table.
func Cells(id int64, v string) []row.Value {
	return []row.Value{row.NewInt(id), row.NewText("utf8", []byte(v))}
}

// Key is the canonical key of a row of Table.
func Key(id int64) []byte { return row.AppendKey(nil, []row.Value{row.NewInt(id)}) }

// Record logs a version of a row of Table, and returns its leaf. An empty value
// is a delete.
func Record(t testing.TB, log *recordlog.Log, table *tap.Table, id int64, v string) (leaf uint64) {
	t.Helper()
	return RecordAs(t, log, table, tap.EveryVersion, id, v)
}

// RecordAs is Record from a source of some assurance.
func RecordAs(t testing.TB, log *recordlog.Log, table *tap.Table, a tap.Assurance, id int64, v string) (leaf uint64) {
	t.Helper()
	recorder := rows.NewRecorder(log.Origin(), a, []rows.Mapping{{Table: table.Name}})
	version := rows.Version{Table: table, Op: commit.Update, Seen: commit.Stream, Key: []row.Value{row.NewInt(id)}}
	err := log.Update(func(b *recordlog.Batch) (err error) {
		head, known, err := b.Head(table.Name, Key(id))
		if err != nil {
			return err
		}
		switch {
		case v == "":
			version.Op = commit.Delete
		case !known || head.Deleted:
			version.Op = commit.Insert
		}
		if v != "" {
			version.Cells = Cells(id, v)
		}
		leaf, err = recorder.Record(b, version)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}
