package recordlog

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// Head is what the log holds of a row: its latest version.
type Head struct {
	Index   uint64 // leaf of the latest version
	Version uint64 // its number
	First   uint64 // leaf of version 1
	Deleted bool   // the latest version is a delete
}

const headFields = 4

func (h Head) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, headFields), h.Index)
	b = dcbor.AppendUint(b, h.Version)
	b = dcbor.AppendUint(b, h.First)
	if h.Deleted {
		return dcbor.AppendUint(b, 1)
	}
	return dcbor.AppendUint(b, 0)
}

func parseHead(b []byte) (Head, error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(headFields)
	h := Head{Index: r.Uint(), Version: r.Uint(), First: r.Uint()}
	deleted := r.Uint()
	if deleted > 1 {
		r.Fail("deleted is neither 0 nor 1")
	}
	h.Deleted = deleted == 1
	return h, r.Done()
}

// appendHeadKey appends the index key of a row's head.
func appendHeadKey(b []byte, table uint32, key []byte) ([]byte, error) {
	return appendOrdered(binary.BigEndian.AppendUint32(append(b, prefixHead), table), key)
}

func (l *Log) readHead(indexKey []byte) (Head, bool, error) {
	value, err := l.get(indexKey)
	if err != nil || value == nil {
		return Head{}, false, err
	}
	h, err := parseHead(value)
	if err != nil {
		return Head{}, false, l.noteCorrupt(&CorruptError{File: l.index.path, Offset: -1, Reason: "row's head is malformed", Err: err})
	}
	return h, true, nil
}

// Head returns what the log holds of a row, by its table and canonical key.
func (l *Log) Head(table string, key []byte) (Head, bool, error) {
	number, ok := l.committed.Load().tables[table]
	if !ok {
		return Head{}, false, nil
	}
	indexKey, err := appendHeadKey(nil, number, key)
	if err != nil {
		return Head{}, false, err
	}
	return l.readHead(indexKey)
}

// Heads calls fn for every row ever seen of a table, deleted ones too, in the
// order of its keys (integers in numeric order), as they stand when it is
// called: later batches do not change what it sees. The key is fn's to keep.
func (l *Log) Heads(ctx context.Context, table string, fn func(key []byte, h Head) error) error {
	number, ok := l.committed.Load().tables[table]
	if !ok {
		return nil
	}
	prefix := binary.BigEndian.AppendUint32([]byte{prefixHead}, number)
	return l.each(prefix, func(indexKey, value []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := parseHead(value)
		if err != nil {
			return l.noteCorrupt(&CorruptError{File: l.index.path, Offset: -1, Reason: "row's head is malformed", Err: err})
		}
		key, err := appendCanonical(nil, indexKey[len(prefix):])
		if err != nil {
			return l.noteCorrupt(&CorruptError{File: l.index.path, Offset: -1, Reason: "row's key is malformed", Err: err})
		}
		return fn(key, h)
	})
}

// Head returns what the log holds of a row, this batch's own entries included.
func (b *Batch) Head(table string, key []byte) (Head, bool, error) {
	number, ok := b.state.tables[table]
	if !ok {
		return Head{}, false, nil
	}
	return b.head(number, key)
}

// head reads a row's head through the batch's overlay. It leaves the row's
// index key in the writer's buffer.
func (b *Batch) head(table uint32, key []byte) (Head, bool, error) {
	w := &b.log.writer
	var err error
	if w.key, err = appendHeadKey(w.key[:0], table, key); err != nil {
		return Head{}, false, err
	}
	if h, ok := b.heads[string(w.key)]; ok {
		return h, h.Version > 0, nil
	}
	h, found, err := b.log.readHead(w.key)
	if err != nil {
		return Head{}, false, fmt.Errorf("read head: %w", err)
	}
	b.heads[string(w.key)] = h // a head of version 0 says that there is none
	return h, found, nil
}
