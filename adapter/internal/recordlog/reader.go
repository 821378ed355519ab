package recordlog

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/syndtr/goleveldb/leveldb/iterator"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

// A Reader reads many rows' heads and entries at once, each checked as Log.Head
// and Log.Entry check it. It keeps its buffers between calls and is not safe for
// concurrent use.
type Reader struct {
	log     *Log
	tree    window
	entries window
	entry   Entry
	order   []int
	key     []byte
}

// NewReader returns a Reader of the log. What is committed when one of its
// methods is called, is there.
func (l *Log) NewReader() *Reader {
	return &Reader{log: l, tree: window{stream: l.tree}, entries: window{stream: l.entries}}
}

// Heads looks up the rows of a table with the given canonical keys and sets the
// head of each at the same place; its Version is 0 where the log has no such
// row. Keys that lie together in the index, as the rows of a scan do, are found
// without a search.
func (r *Reader) Heads(table string, keys [][]byte, heads []Head) error {
	clear(heads)
	number, ok := r.log.committed.Load().tables[table]
	if !ok {
		return nil
	}
	if err := r.log.readers.enter(); err != nil {
		return err
	}
	defer r.log.readers.leave()
	r.sort(len(keys), func(a, b int) int { return bytes.Compare(keys[a], keys[b]) })
	r.key = binary.BigEndian.AppendUint32(append(r.key[:0], prefixHead), number)
	it := r.log.iterate(r.key)
	defer it.Release()
	if err := r.walk(it, keys, heads); err != nil {
		return err
	}
	if err := it.Error(); err != nil {
		return r.log.noteCorrupt(r.log.index.corrupt("index cannot be read", err))
	}
	return nil
}

// maxSteps is how many rows a walk passes before a search is cheaper.
const maxSteps = 8

// walk goes through a table's heads once, in the ascending order of the keys.
func (r *Reader) walk(it iterator.Iterator, keys [][]byte, heads []Head) error {
	prefix := len(r.key)
	for n, i := range r.order {
		r.key = append(r.key[:prefix], keys[i]...)
		there := it.Valid()
		if n == 0 {
			there = it.Seek(r.key)
		}
		for steps := 0; there && bytes.Compare(it.Key(), r.key) < 0; steps++ {
			if there = it.Next(); steps == maxSteps {
				there = it.Seek(r.key)
			}
		}
		if !there {
			return nil
		}
		if !bytes.Equal(it.Key(), r.key) {
			continue
		}
		h, err := r.log.parseStoredHead(it.Value())
		if err != nil {
			return err
		}
		heads[i] = h
	}
	return nil
}

// sort brings the numbers 0 … n-1 into an order.
func (r *Reader) sort(n int, compare func(a, b int) int) {
	r.order = r.order[:0]
	for i := range n {
		r.order = append(r.order, i)
	}
	slices.SortFunc(r.order, compare)
}

// Entries reads the entries of the given indexes in the order in which they
// stand in the log, and calls fn for each with its place among the indexes. The
// entry and all that it holds are valid during the call alone.
func (r *Reader) Entries(indexes []uint64, fn func(i int, e *Entry) error) error {
	s := r.log.committed.Load()
	return r.records(s, indexes, func(i int, b block, record []byte) error {
		if err := r.log.openRecord(&r.entry, s, indexes[i], b, record); err != nil {
			return r.noted(indexes[i], err)
		}
		return fn(i, &r.entry)
	})
}

// Leaves reads the leaves of the given indexes, each into the same place.
func (r *Reader) Leaves(indexes []uint64, leaves []commit.Leaf) error {
	return r.records(r.log.committed.Load(), indexes, func(i int, b block, record []byte) (err error) {
		leaves[i], err = r.log.openLeaf(b, record)
		return r.noted(indexes[i], err)
	})
}

// noted is an error of reading an entry, after the log took note of it.
func (r *Reader) noted(index uint64, err error) error {
	if err == nil {
		return nil
	}
	return r.log.noteCorrupt(fmt.Errorf("read entry %d: %w", index, err))
}

// records reads records in the order of their indexes.
func (r *Reader) records(s *state, indexes []uint64, fn func(i int, b block, record []byte) error) error {
	if err := r.log.readers.enter(); err != nil {
		return err
	}
	defer r.log.readers.leave()
	r.sort(len(indexes), func(a, b int) int { return cmp.Compare(indexes[a], indexes[b]) })
	for _, i := range r.order {
		if indexes[i] >= s.size {
			return noLeaf(indexes[i], s.size)
		}
		b, record, err := r.record(s, indexes[i])
		if err != nil {
			return r.noted(indexes[i], err)
		}
		if err := fn(i, b, record); err != nil {
			return err
		}
	}
	return nil
}

// record reads an entry's block and record through the windows.
func (r *Reader) record(s *state, index uint64) (b block, record []byte, err error) {
	at := blockPlace(index)
	raw, err := r.tree.read(at, blockSize(index), blockPlace(s.size))
	if err != nil {
		return b, nil, err
	}
	if b, err = r.log.parseBlock(index, at, raw); err != nil {
		return b, nil, err
	}
	if err := r.log.checkPlace(s, index, b); err != nil {
		return b, nil, err
	}
	record, err = r.entries.read(b.offset, recordHead+int(b.length), s.entries)
	if err != nil {
		return b, nil, err
	}
	return b, record, r.log.checkRecord(index, b, record)
}
