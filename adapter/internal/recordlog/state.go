package recordlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"

	"github.com/syndtr/goleveldb/leveldb"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// state is what one batch committed. It never changes; the next batch makes
// another.
type state struct {
	batch      uint64 // number of the batch
	size       uint64
	root       merkle.Hash
	entries    int64  // length of the entries stream
	owners     uint64 // number of the last owner
	tables     map[string]uint32
	tableNames []string // table n at n-1
	schemas    []schema // column list n at n-1
	schemaIDs  map[string]uint32
	snapshot   *leveldb.Snapshot
}

// schema is one column list, decoded once and shared by all its entries.
type schema struct {
	columns []row.Column
	encoded []byte
}

const (
	stateFormat = 1
	stateFields = 8
)

// append appends the part of the state that stands under prefixCommit.
func (s *state) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, stateFields), stateFormat)
	b = dcbor.AppendUint(b, s.batch)
	b = dcbor.AppendUint(b, s.size)
	b = dcbor.AppendBytes(b, s.root[:])
	b = dcbor.AppendUint(b, uint64(s.entries))
	b = dcbor.AppendUint(b, s.owners)
	b = dcbor.AppendUint(b, uint64(len(s.tableNames)))
	return dcbor.AppendUint(b, uint64(len(s.schemas)))
}

// parseState reads it, and how many tables and column lists there must be.
func parseState(b []byte) (s *state, tables, schemas uint64, err error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(stateFields)
	if f := r.Uint(); r.Err() == nil && f != stateFormat {
		return nil, 0, 0, fmt.Errorf("state of format %d, this program knows %d", f, stateFormat)
	}
	s = &state{batch: r.Uint(), size: r.Uint()}
	r.Fixed(s.root[:])
	s.entries, s.owners = r.Int(), r.Uint()
	tables, schemas = r.Uint(), r.Uint()
	if s.size > merkle.MaxSize {
		r.Fail("size out of range")
	}
	return s, tables, schemas, r.Done()
}

// next returns the state to fill in for the next batch.
func (s *state) next() *state {
	n := *s
	n.batch++
	n.snapshot = nil
	return &n
}

// tableNumber returns a table's number, giving it the next one if it has none;
// fresh tells so.
func (s *state) tableNumber(name string) (number uint32, fresh bool) {
	if n, ok := s.tables[name]; ok {
		return n, false
	}
	n := uint32(len(s.tableNames)) + 1
	s.tableNames = append(s.tableNames[:n-1:n-1], name)
	s.tables = maps.Clone(s.tables)
	s.tables[name] = n
	return n, true
}

// schemaNumber is tableNumber for column lists, by their encoding.
func (s *state) schemaNumber(encoded []byte) (number uint32, fresh bool, err error) {
	if n, ok := s.schemaIDs[string(encoded)]; ok {
		return n, false, nil
	}
	columns, err := commit.ParseColumns(encoded)
	if err != nil {
		return 0, false, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	n := uint32(len(s.schemas)) + 1
	c := schema{columns: columns, encoded: bytes.Clone(encoded)}
	s.schemas = append(s.schemas[:n-1:n-1], c)
	s.schemaIDs = maps.Clone(s.schemaIDs)
	s.schemaIDs[string(c.encoded)] = n
	return n, true, nil
}

// loadState reads the committed state from the index.
func (x *index) loadState() (*state, error) {
	b, err := x.db.Get([]byte{prefixCommit})
	if err != nil {
		return nil, x.corrupt("committed state cannot be read", err)
	}
	s, tables, schemas, err := parseState(b)
	if err != nil {
		return nil, &CorruptError{File: x.path, Offset: -1, Reason: "committed state is missing or malformed", Err: err}
	}
	if err := x.loadTables(s); err != nil {
		return nil, err
	}
	if err := x.loadSchemas(s); err != nil {
		return nil, err
	}
	if uint64(len(s.tableNames)) != tables || uint64(len(s.schemas)) != schemas {
		return nil, &CorruptError{File: x.path, Offset: -1, Reason: "table names or column lists are missing"}
	}
	return s, nil
}

func (x *index) loadTables(s *state) error {
	s.tables = map[string]uint32{}
	return x.eachNumbered(prefixTable, func(n uint32, value []byte) error {
		s.tables[string(value)] = n
		s.tableNames = append(s.tableNames, string(value))
		return nil
	})
}

func (x *index) loadSchemas(s *state) error {
	s.schemaIDs = map[string]uint32{}
	return x.eachNumbered(prefixSchema, func(n uint32, value []byte) error {
		columns, err := commit.ParseColumns(value)
		s.schemaIDs[string(value)] = n
		s.schemas = append(s.schemas, schema{columns: columns, encoded: bytes.Clone(value)})
		return err
	})
}

// eachNumbered reads numbered things in order and checks that none is missing.
func (x *index) eachNumbered(prefix byte, fn func(n uint32, value []byte) error) error {
	it, err := x.db.Iterator([]byte{prefix}, []byte{prefix + 1})
	if err != nil {
		return x.corrupt("index cannot be read", err)
	}
	defer it.Close()
	want := uint32(0)
	for ; it.Valid(); it.Next() {
		want++
		key := it.Key()
		if len(key) != 5 || binary.BigEndian.Uint32(key[1:]) != want {
			return &CorruptError{File: x.path, Offset: -1, Reason: fmt.Sprintf("number %d under prefix %q is missing", want, prefix)}
		}
		if err := fn(want, it.Value()); err != nil {
			return &CorruptError{File: x.path, Offset: -1, Reason: fmt.Sprintf("value under prefix %q is malformed", prefix), Err: err}
		}
	}
	if err := it.Error(); err != nil {
		return x.corrupt("index cannot be read", err)
	}
	return nil
}
