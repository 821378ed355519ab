package recordlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

// ownerRowsState is the named state that every row's latest version stands in the
// index of rows by owner.
const (
	ownerRowsState  = "recordlog/owner rows"
	ownerRowsFormat = 1
	ownerRowsBatch  = 10_000
)

func appendRow(b []byte, owner uint64, table uint32, key []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, prefixRows), owner)
	return append(binary.BigEndian.AppendUint32(b, table), key...)
}

// putRow notes that a row has a version of an owner's. Such a note is never taken
// back: whether the latest version is the owner's still, that version says.
func (b *Batch) putRow(owner uint64, table uint32, key []byte) {
	w := &b.log.writer
	w.key = appendRow(w.key[:0], owner, table, key)
	b.put(w.key, []byte{})
}

// PrepareOwnerRows makes the index of rows by owner whole, with the rows that were
// recorded without it; of a log that is open without Options.OwnerRows it notes that
// it is not. It reads an entry for each row, once.
func (l *Log) PrepareOwnerRows() error {
	held, err := l.Get(ownerRowsState)
	switch {
	case err != nil:
		return err
	case !l.options.OwnerRows && held == nil, l.options.OwnerRows && len(held) == 1 && held[0] == ownerRowsFormat:
		return nil
	case !l.options.OwnerRows:
		return l.Update(func(b *Batch) error { b.Set(ownerRowsState, nil); return nil })
	}
	if err := l.indexRows(); err != nil {
		return fmt.Errorf("index rows by owner: %w", err)
	}
	return l.Update(func(b *Batch) error { b.Set(ownerRowsState, []byte{ownerRowsFormat}); return nil })
}

// indexRows puts every row in the index by the owner of its latest version.
func (l *Log) indexRows() error {
	var rows [][]byte
	flush := func() error {
		err := l.Update(func(b *Batch) error {
			for _, key := range rows {
				b.put(key, []byte{})
			}
			return nil
		})
		rows = rows[:0]
		return err
	}
	err := l.each([]byte{prefixHead}, func(key, value []byte) error {
		h, err := parseHead(value)
		if err != nil {
			return err
		}
		e, err := l.Entry(h.Index)
		if err != nil {
			return err
		}
		rows = append(rows, appendRow(nil, e.Owner, binary.BigEndian.Uint32(key[1:]), key[5:]))
		if len(rows) < ownerRowsBatch {
			return nil
		}
		return flush()
	})
	return errors.Join(err, flush())
}

// RowsOf calls fn for every row whose latest version is an owner's and no delete,
// table by table in the order of their keys. The log is open with
// Options.OwnerRows. Key is valid during the call.
func (l *Log) RowsOf(owner uint64, fn func(table string, key []byte, h Head) error) error {
	s := l.committed.Load()
	prefix := binary.BigEndian.AppendUint64([]byte{prefixRows}, owner)
	return l.each(prefix, func(indexKey, _ []byte) error {
		n := binary.BigEndian.Uint32(indexKey[len(prefix):])
		if n == 0 || int(n) > len(s.tableNames) {
			s = l.committed.Load() // a table came meanwhile
		}
		if n == 0 || int(n) > len(s.tableNames) {
			return l.noteCorrupt(&CorruptError{File: l.index.path, Offset: -1, Reason: "a row of an owner is of an unknown table"})
		}
		table, key := s.tableNames[n-1], indexKey[len(prefix)+4:]
		h, known, err := l.Head(table, key)
		if err != nil || !known || h.Deleted {
			return err
		}
		e, err := l.Entry(h.Index)
		if err != nil || e.Owner != owner {
			return err
		}
		return fn(table, key, h)
	})
}

// KnownOwner returns the number of an owner; 0 if there is none of that name.
func (l *Log) KnownOwner(name OwnerName) (id uint64, err error) {
	s := l.committed.Load()
	key, err := name.append(nil, func(table string) uint32 { return s.tables[table] })
	if err != nil {
		return 0, err
	}
	return l.ownerNumber(key)
}

// Secret returns a secret of this log's own for a purpose.
func (l *Log) Secret(purpose string) (secret [commit.KeySize]byte, err error) {
	id, err := l.KnownOwner(OwnerName{Kind: OwnerLog})
	if err != nil {
		return secret, err
	}
	owner, err := l.OwnerKey(id)
	if err != nil {
		return secret, err
	}
	return owner.Secret(purpose), nil
}
