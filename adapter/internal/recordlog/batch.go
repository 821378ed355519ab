package recordlog

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	tmdb "github.com/tendermint/tm-db"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// A Batch gathers what one Update commits. It may be used inside the Update's
// function alone, by one goroutine.
type Batch struct {
	log     *Log
	base    *state // what the batch builds upon
	state   *state // what it will commit
	time    int64
	entries []byte        // to append to the entries stream
	starts  []int         // where in entries each record starts
	tree    []byte        // to append to the tree stream
	hashes  []merkle.Hash // pending stored hashes, from the first of this batch
	first   int64         // place of the first pending hash
	heads   map[string]Head
	named   map[string][]byte
	owners  map[string]*heldOwner    // made by this batch
	made    map[uint64]*commit.Owner // the same, by their numbers
	heirs   map[uint64]*heldOwner    // given by this batch, by whom they follow
	erased  []uint64                 // owners whose keys it destroys
	index   tmdb.Batch
	open    *group   // gathers entries; nil if none waits
	running []*group // are committed to, the oldest first
	waiting uint64   // entries of all of them
	changed bool
	err     error // the first that the index batch gave
}

func newBatch(l *Log) *Batch {
	base := l.committed.Load()
	return &Batch{
		log:     l,
		base:    base,
		state:   base.next(),
		time:    l.options.Now().UnixMilli(),
		entries: l.writer.entries[:0],
		tree:    l.writer.tree[:0],
		hashes:  l.writer.hashes[:0],
		first:   int64(merkle.StoredCount(base.size)),
		heads:   map[string]Head{},
		named:   map[string][]byte{},
		owners:  map[string]*heldOwner{},
		made:    map[uint64]*commit.Owner{},
		heirs:   map[uint64]*heldOwner{},
		index:   l.index.db.NewBatch(),
	}
}

// close gives the batch's buffers to the next one, unless they grew large.
func (b *Batch) close() {
	b.abandon()
	const keep = 16 << 20
	w := &b.log.writer
	if cap(b.entries) <= keep {
		w.entries, w.tree, w.hashes = b.entries, b.tree, b.hashes
	}
	_ = b.index.Close() // releases memory alone
}

// Next returns the index that the next appended entry takes.
func (b *Batch) Next() uint64 { return b.state.size + b.waiting }

// Time returns the log's clock when the batch began, in ms since 1970 UTC: what
// Leaf.Time of its entries is to be.
func (b *Batch) Time() int64 { return b.time }

// Append appends a row version, committed to under its key k with one cell per
// column of its header; the log sets the entry's Digests and Leaf.Commitment. The
// header must be of this log, of index Next, and continue the row's head: the
// next version, with the head's leaf as the previous one. ErrEntry says what is
// wrong; the entry is then left out. Entry and cells must stay as they are until
// Update returns.
func (b *Batch) Append(e *Entry, k commit.Key, cells []row.Value) error {
	if err := commit.CheckVersion(&e.Header, cells); err != nil {
		return fmt.Errorf("%w: %w", ErrEntry, err)
	}
	table, schema, err := b.place(e)
	if err != nil {
		return err
	}
	return b.wait(pending{entry: e, key: k, cells: cells, table: table, schema: schema})
}

// place makes a row version its row's head, and returns the numbers of its table
// and of its columns.
func (b *Batch) place(e *Entry) (table, schema uint32, err error) {
	if err := b.checkEntry(e); err != nil {
		return 0, 0, err
	}
	h := &e.Header
	encoded := h.EncodedColumns
	if encoded == nil {
		encoded = commit.AppendColumns(nil, h.Columns)
	}
	if schema, err = b.schema(encoded); err != nil {
		return 0, 0, err
	}
	table = b.table(h.Table)
	head, found, err := b.head(table, h.Key)
	if err != nil {
		return 0, 0, err
	}
	if head, err = follow(head, found, h); err != nil {
		return 0, 0, err
	}
	b.heads[string(b.log.writer.key)] = head
	b.log.writer.record = head.append(b.log.writer.record[:0])
	b.put(b.log.writer.key, b.log.writer.record)
	if b.log.options.OwnerRows && h.Op != commit.Delete {
		b.putRow(e.Owner, table, h.Key)
	}
	return table, schema, nil
}

// checkEntry refuses what could not be read back as it was.
func (b *Batch) checkEntry(e *Entry) error {
	h := &e.Header
	switch {
	case h.Log != b.log.origin:
		return fmt.Errorf("%w: header names another log", ErrEntry)
	case h.Index != b.Next():
		return fmt.Errorf("%w: header's index is %d, the next is %d", ErrEntry, h.Index, b.Next())
	case !h.Op.IsRow() || h.Op != e.Leaf.Op:
		return fmt.Errorf("%w: op %v in the header, %v in the leaf", ErrEntry, h.Op, e.Leaf.Op)
	case recordBound(h) > maxRecord:
		return fmt.Errorf("%w: key and event id of %d bytes", ErrEntry, len(h.Key)+len(h.EventID))
	case e.Body != nil:
		return fmt.Errorf("%w: a row version has no body", ErrEntry)
	case e.Owner == 0 || e.Owner > b.state.owners:
		return fmt.Errorf("%w: owner %d is unknown", ErrEntry, e.Owner)
	case h.Table == "" || !utf8.ValidString(h.Table) || !utf8.ValidString(h.EventID):
		return fmt.Errorf("%w: table or event id is not text", ErrEntry)
	}
	return nil
}

// follow returns the head that the version h makes of a row's head.
func follow(head Head, found bool, h *commit.Header) (Head, error) {
	want, previous, first := uint64(1), uint64(commit.NoPrevious), h.Index
	if found {
		want, previous, first = head.Version+1, head.Index, head.First
	}
	if h.Version != want || h.Previous != previous {
		return Head{}, fmt.Errorf("%w: entry %d is not the version that follows the row's latest", ErrEntry, h.Index)
	}
	return Head{Index: h.Index, Version: h.Version, First: first, Deleted: h.Op == commit.Delete}, nil
}

// AppendEvent appends an event, committed to under the log's own owner key.
func (b *Batch) AppendEvent(op commit.Op, body []byte) (index uint64, err error) {
	if op.IsRow() {
		return 0, fmt.Errorf("%w: %v is not an event", ErrEntry, op)
	}
	id, owner, err := b.Owner(OwnerName{Kind: OwnerLog})
	if err != nil {
		return 0, err
	}
	if err := b.settle(); err != nil {
		return 0, err
	}
	index = b.Next()
	if body == nil {
		body = []byte{}
	}
	e := &Entry{Owner: id, Body: body, Header: eventHeader(b.log.origin, index, op)}
	c, digests, err := b.log.writer.committer.Commit(owner.VersionKey(b.log.origin, index), &e.Header, []row.Value{row.NewBytes(body)})
	if err != nil {
		return 0, fmt.Errorf("commit to event: %w", err)
	}
	e.Digests = digests
	e.Leaf = commit.Leaf{Op: op, Time: b.time, Commitment: c}
	return index, b.appendLeaf(e, 0, 0)
}

// eventHeader is the header that an event is committed with.
func eventHeader(origin string, index uint64, op commit.Op) commit.Header {
	return commit.Header{Log: origin, Index: index, Op: op, Previous: commit.NoPrevious, Columns: bodyColumns}
}

// appendLeaf appends an entry's record and its block of the tree.
func (b *Batch) appendLeaf(e *Entry, table, schema uint32) error {
	l, w := b.log, &b.log.writer
	index := b.state.size
	w.leaf = e.Leaf.Append(w.leaf[:0])
	w.record = appendEntry(w.record[:0], w.leaf, e, table, schema)
	if len(w.record) > maxRecord {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrEntry, len(w.record), maxRecord)
	}
	hashes, err := merkle.StoredHashes(index, merkle.LeafHash(w.leaf), b.stored())
	if err != nil {
		return fmt.Errorf("extend tree: %w", err)
	}
	b.tree = appendBlock(b.tree, l.seed, index, b.state.entries, len(w.record), hashes)
	b.starts = append(b.starts, len(b.entries))
	b.entries = appendRecord(b.entries, l.seed, index, w.record)
	b.hashes = append(b.hashes, hashes...)
	b.state.entries = b.base.entries + int64(len(b.entries))
	b.state.size++
	b.changed = true
	return nil
}

// stored reads stored hashes, this batch's pending ones included.
func (b *Batch) stored() merkle.HashReader {
	return merkle.HashReaderFunc(func(places []int64) ([]merkle.Hash, error) {
		out := make([]merkle.Hash, len(places))
		for i, place := range places {
			if pending := place - b.first; pending >= 0 && pending < int64(len(b.hashes)) {
				out[i] = b.hashes[pending]
				continue
			}
			h, err := b.log.storedHash(place)
			if err != nil {
				return nil, b.log.noteCorrupt(err)
			}
			out[i] = h
		}
		return out, nil
	})
}

// table returns a table's number, recording a new one in the batch.
func (b *Batch) table(name string) uint32 {
	n, fresh := b.state.tableNumber(name)
	if fresh {
		b.put(numbered(prefixTable, n), []byte(name))
	}
	return n
}

// schema is table for column lists.
func (b *Batch) schema(encoded []byte) (uint32, error) {
	n, fresh, err := b.state.schemaNumber(encoded)
	if fresh {
		b.put(numbered(prefixSchema, n), encoded)
	}
	return n, err
}

// Set sets a named state; nil deletes it.
func (b *Batch) Set(name string, value []byte) {
	b.named[name] = bytes.Clone(value)
	if value == nil {
		b.keep(b.index.Delete(namedKey(name)))
		return
	}
	b.put(namedKey(name), value)
}

// Get returns a named state, this batch's own changes included; nil if it is
// absent.
func (b *Batch) Get(name string) ([]byte, error) {
	if v, ok := b.named[name]; ok {
		return v, nil
	}
	return b.log.Get(name)
}

func (b *Batch) put(key, value []byte) { b.keep(b.index.Set(key, value)) }

// keep keeps the first error of the index batch, which Update returns.
func (b *Batch) keep(err error) {
	b.changed = true
	if b.err == nil && err != nil {
		b.err = fmt.Errorf("fill index batch: %w", err)
	}
}
