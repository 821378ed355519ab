package recordlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"strings"

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

// appendHeadKey appends the index key of a row's head. The canonical key stands
// in it as it is: integers from 0 up sort by their value in that form, so rows
// that lie together in the source lie together here, and Heads has the order
// that manifests are in.
func appendHeadKey(b []byte, table uint32, key []byte) ([]byte, error) {
	if !isCanonicalKey(key) {
		return b, fmt.Errorf("%w: key is not canonical", ErrEntry)
	}
	b = binary.BigEndian.AppendUint32(append(b, prefixHead), table)
	return append(b, key...), nil
}

// isCanonicalKey reports whether b is a canonical array, and nothing more.
func isCanonicalKey(b []byte) bool {
	r := dcbor.NewReader(b)
	for range r.Array() {
		r.Raw()
	}
	return r.Done() == nil
}

func (l *Log) readHead(indexKey []byte) (Head, bool, error) {
	value, err := l.get(indexKey)
	if err != nil || value == nil {
		return Head{}, false, err
	}
	h, err := l.parseStoredHead(value)
	return h, err == nil, err
}

func (l *Log) parseStoredHead(value []byte) (Head, error) {
	h, err := parseHead(value)
	if err != nil {
		err = l.noteCorrupt(&CorruptError{File: l.index.path, Offset: -1, Reason: "row's head is malformed", Err: err})
	}
	return h, err
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

// Heads calls fn for every row ever seen of a table, deleted ones too, in
// ascending order of their canonical keys compared as bytes, as they stand when
// it is called: later batches do not change what it sees. The key is fn's to
// keep.
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
		h, err := l.parseStoredHead(value)
		if err != nil {
			return err
		}
		return fn(bytes.Clone(indexKey[len(prefix):]), h)
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

// Heads calls fn for each row of a table, deleted ones included, as the batch holds
// them when it is called; fn may append to the batch. The order is not defined.
func (b *Batch) Heads(table string, fn func(key []byte, h Head) error) error {
	number, ok := b.state.tables[table]
	if !ok {
		return nil
	}
	prefix := string(binary.BigEndian.AppendUint32([]byte{prefixHead}, number))
	own := make(map[string]Head)
	for key, h := range b.heads {
		if strings.HasPrefix(key, prefix) && h.Version > 0 {
			own[key[len(prefix):]] = h
		}
	}
	err := b.log.Heads(context.Background(), table, func(key []byte, h Head) error {
		if _, ok := own[string(key)]; ok {
			return nil
		}
		return fn(key, h)
	})
	if err != nil {
		return err
	}
	for key, h := range own {
		if err := fn([]byte(key), h); err != nil {
			return err
		}
	}
	return nil
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
