package leveldb_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	gol "github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"

	"github.com/emrbchain/emrbchain/chain/internal/leveldb"
)

const records, size = 30, 10_000 // records span the journal's blocks of 32 KiB

// written makes a store of some records that are still in the journal, as a
// crash leaves it, and returns a copy of it.
func written(t *testing.T) (dir, log string) {
	t.Helper()
	live := filepath.Join(t.TempDir(), "live")
	db, err := gol.OpenFile(live, leveldb.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := range records {
		if err := db.Put(fmt.Appendf(nil, "%03d", i), bytes.Repeat([]byte{byte(i + 1)}, size), &opt.WriteOptions{Sync: true}); err != nil {
			t.Fatal(err)
		}
	}
	dir = filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(live)); err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("journals %v: %v", logs, err)
	}
	return dir, logs[0]
}

// held opens the store and counts its records.
func held(t *testing.T, dir string) int {
	t.Helper()
	db, err := gol.OpenFile(dir, leveldb.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := 0
	it := db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		n++
	}
	return n
}

func TestWholeStoreOpens(t *testing.T) {
	dir, _ := written(t)
	if err := leveldb.Check(dir); err != nil {
		t.Fatal(err)
	}
	if n := held(t, dir); n != records {
		t.Errorf("%d records, want %d", n, records)
	}
	if err := leveldb.Check(filepath.Join(dir, "not-there")); err != nil {
		t.Errorf("store that is not there yet: %v", err)
	}
}

func TestLastRecordCutShortIsWhatACrashLeaves(t *testing.T) {
	dir, log := written(t)
	info, err := os.Stat(log)
	if err != nil {
		t.Fatal(err)
	}
	for cut := int64(1); cut < size; cut += 997 {
		if err := os.Truncate(log, info.Size()-cut); err != nil {
			t.Fatal(err)
		}
		if err := leveldb.Check(dir); err != nil {
			t.Errorf("cut short by %d bytes: %v", cut, err)
		}
	}
	if n := held(t, dir); n != records-1 {
		t.Errorf("%d records, want all but the last of %d", n, records)
	}
}

func TestHoleInTheJournalIsRefused(t *testing.T) {
	dir, log := written(t)
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for at := 100; at < len(b)-64<<10; at += 9_973 {
		damaged := bytes.Clone(b)
		damaged[at] ^= 1
		if err := os.WriteFile(log, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := leveldb.Check(dir); !errors.Is(err, leveldb.ErrDamaged) {
			t.Errorf("byte %d of %d flipped: %v", at, len(b), err)
		}
	}
	if n := held(t, dir); n >= records {
		t.Errorf("the store without Check lost nothing (%d records): the check would be idle", n)
	}
}
