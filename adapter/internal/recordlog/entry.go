package recordlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// An Entry is one leaf of the log with its private part.
type Entry struct {
	Leaf   commit.Leaf
	Header commit.Header
	// Owner is the id of the owner whose key the version key comes from.
	Owner uint64
	// Digests are the version's column digests, one per column of the header.
	Digests []commit.Digest
	// Body is what an event is about; nil for row versions.
	Body []byte
}

// BodyColumn is the one column that an event is committed with.
var bodyColumns = []row.Column{{Name: "body", Type: row.Bytes}}

const (
	recordHead = 8 // u32 length of the payload, u32 CRC
	// maxRecord bounds one entry, so that a damaged length asks for no memory.
	maxRecord   = 64 << 20
	entryFields = 13
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is CRC-32C over the log's origin (its CRC is the seed), the leaf
// index and the bytes, so that no record passes in another place.
func checksum(seed uint32, index uint64, parts ...[]byte) uint32 {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], index)
	c := crc32.Update(seed, castagnoli, b[:])
	for _, p := range parts {
		c = crc32.Update(c, castagnoli, p)
	}
	return c
}

// appendRecord appends the record of entry number index: length, CRC, payload.
func appendRecord(b []byte, seed uint32, index uint64, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.BigEndian.AppendUint32(b, checksum(seed, index, payload))
	return append(b, payload...)
}

// appendEntry appends the payload of an entry (FORMAT.md, "Entry").
func appendEntry(b, leaf []byte, e *Entry, table, schema uint32) []byte {
	h := &e.Header
	b = dcbor.AppendArray(b, entryFields)
	b = dcbor.AppendBytes(b, leaf)
	b = dcbor.AppendUint(b, uint64(h.Seen))
	b = dcbor.AppendUint(b, uint64(h.Assurance))
	b = dcbor.AppendUint(b, uint64(table))
	b = dcbor.AppendBytes(b, h.Key)
	b = dcbor.AppendUint(b, h.Version)
	if h.Previous == commit.NoPrevious {
		b = dcbor.AppendNull(b)
	} else {
		b = dcbor.AppendUint(b, h.Previous)
	}
	b = dcbor.AppendText(b, h.EventID)
	b = dcbor.AppendInt(b, h.EventTime)
	b = dcbor.AppendUint(b, uint64(schema))
	b = dcbor.AppendUint(b, e.Owner)
	b = appendDigests(b, e.Digests)
	if h.Op.IsRow() {
		return dcbor.AppendNull(b)
	}
	return dcbor.AppendBytes(b, e.Body)
}

// recordBound returns a size that no row version's record with this header exceeds.
func recordBound(h *commit.Header) int {
	const fields, digest = 1 << 10, commit.DigestSize + 2
	return fields + len(h.Key) + len(h.EventID) + digest*len(h.Columns)
}

// appendDigests appends all digests as one byte string.
func appendDigests(b []byte, digests []commit.Digest) []byte {
	b = dcbor.AppendArray(b, len(digests))
	for i := range digests {
		b = dcbor.AppendBytes(b, digests[i][:])
	}
	return b
}

// parseEntry reads the payload of entry number index into e, whose memory it
// uses again, and returns the hash of its leaf. The entry shares the memory of
// payload.
func (l *Log) parseEntry(e *Entry, s *state, index uint64, payload []byte) (merkle.Hash, error) {
	r := dcbor.NewReader(payload)
	r.ArrayOf(entryFields)
	leaf := r.Bytes()
	*e = Entry{Header: commit.Header{Log: l.origin, Index: index}, Digests: e.Digests[:0]}
	h := &e.Header
	h.Seen, h.Assurance = commit.Origin(smallUint(r)), commit.Assurance(smallUint(r))
	table := r.Uint()
	h.Key, h.Version, h.Previous = r.Bytes(), r.Uint(), readPrevious(r)
	h.EventID, h.EventTime = r.Text(), r.Int()
	schema := r.Uint()
	e.Owner, e.Digests = r.Uint(), readDigests(r, e.Digests)
	if r.Next() == dcbor.KindNull {
		r.Null()
	} else {
		e.Body = r.Bytes()
	}
	if err := r.Done(); err != nil {
		return merkle.Hash{}, err
	}
	return merkle.LeafHash(leaf), s.resolve(e, leaf, table, schema)
}

// resolve fills in what the record holds by reference: table and columns.
func (s *state) resolve(e *Entry, leaf []byte, table, schema uint64) error {
	var err error
	if e.Leaf, err = commit.ParseLeaf(leaf); err != nil {
		return err
	}
	e.Header.Op = e.Leaf.Op
	if !e.Leaf.Op.IsRow() {
		e.Header.Key, e.Header.Columns = nil, bodyColumns
		return nil
	}
	if table == 0 || table > uint64(len(s.tableNames)) {
		return fmt.Errorf("table number %d is unknown", table)
	}
	if schema == 0 || schema > uint64(len(s.schemas)) {
		return fmt.Errorf("column list number %d is unknown", schema)
	}
	c := s.schemas[schema-1]
	e.Header.Table = s.tableNames[table-1]
	e.Header.Columns, e.Header.EncodedColumns = c.columns, c.encoded
	if len(e.Digests) != len(c.columns) {
		return fmt.Errorf("%d digests for %d columns", len(e.Digests), len(c.columns))
	}
	return nil
}

func smallUint(r *dcbor.Reader) uint8 {
	v := r.Uint()
	if v > 255 {
		r.Fail("code above 255")
	}
	return uint8(v)
}

func readPrevious(r *dcbor.Reader) uint64 {
	if r.Next() != dcbor.KindNull {
		return r.Uint()
	}
	r.Null()
	return commit.NoPrevious
}

func readDigests(r *dcbor.Reader, digests []commit.Digest) []commit.Digest {
	n := r.Array()
	if n == 0 || n > commit.MaxColumns {
		return nil
	}
	digests = slices.Grow(digests, n)[:n]
	for i := range digests {
		r.Fixed(digests[i][:])
	}
	return digests
}

// Entry returns entry number index. Its CRC and its leaf's stored hash are
// checked each time. The result shares its column list with other entries.
func (l *Log) Entry(index uint64) (*Entry, error) {
	s := l.committed.Load()
	if index >= s.size {
		return nil, noLeaf(index, s.size)
	}
	e, err := l.readEntry(s, index)
	if err != nil {
		return nil, l.noteCorrupt(fmt.Errorf("read entry %d: %w", index, err))
	}
	return e, nil
}

func (l *Log) readEntry(s *state, index uint64) (*Entry, error) {
	b, err := l.readBlock(index)
	if err != nil {
		return nil, err
	}
	if err := l.checkPlace(s, index, b); err != nil {
		return nil, err
	}
	record := make([]byte, recordHead+int(b.length))
	if err := l.entries.readAt(record, b.offset); err != nil {
		return nil, err
	}
	if err := l.checkRecord(index, b, record); err != nil {
		return nil, err
	}
	e := new(Entry)
	return e, l.openRecord(e, s, index, b, record)
}

// checkPlace checks that the record that a block names is committed.
func (l *Log) checkPlace(s *state, index uint64, b block) error {
	if b.offset+recordHead+int64(b.length) > s.entries {
		name, offset := l.tree.place(blockPlace(index))
		return &CorruptError{File: name, Offset: offset, Reason: "entry's place lies beyond the committed length"}
	}
	return nil
}

// checkRecord checks a record's length and CRC.
func (l *Log) checkRecord(index uint64, b block, record []byte) error {
	if binary.BigEndian.Uint32(record) != b.length ||
		binary.BigEndian.Uint32(record[4:]) != checksum(l.seed, index, record[recordHead:]) {
		return l.entries.corrupt(b.offset, "entry's checksum does not match", nil)
	}
	return nil
}

// openRecord reads a record into e, as parseEntry does, and checks its leaf.
func (l *Log) openRecord(e *Entry, s *state, index uint64, b block, record []byte) error {
	leaf, err := l.parseEntry(e, s, index, record[recordHead:])
	if err != nil {
		return l.entries.corrupt(b.offset, "entry does not parse", err)
	}
	return l.checkLeaf(b, leaf)
}

// openLeaf reads the leaf alone of a record, and checks it.
func (l *Log) openLeaf(b block, record []byte) (leaf commit.Leaf, err error) {
	r := dcbor.NewReader(record[recordHead:])
	r.ArrayOf(entryFields)
	encoded := r.Bytes()
	if err = r.Err(); err == nil {
		leaf, err = commit.ParseLeaf(encoded)
	}
	if err != nil {
		return leaf, l.entries.corrupt(b.offset, "entry does not parse", err)
	}
	return leaf, l.checkLeaf(b, merkle.LeafHash(encoded))
}

func (l *Log) checkLeaf(b block, leaf merkle.Hash) error {
	if leaf != b.hash(0) {
		return l.entries.corrupt(b.offset, "entry's leaf is not the one in the tree", nil)
	}
	return nil
}
