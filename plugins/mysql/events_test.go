package mysql_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Events of a binary log, built byte by byte from their documented layout:
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
// and https://mariadb.com/docs/server/reference/clientserver-protocol/replication-protocol.

// Types of events.
const (
	queryEvent       = 2
	rotateEvent      = 4
	formatEvent      = 15
	xidEvent         = 16
	tableMapEvent    = 19
	writeRowsV1      = 23
	updateRowsV1     = 24
	heartbeatEvent   = 27
	rowsQueryEvent   = 29
	writeRowsV2      = 30
	updateRowsV2     = 31
	deleteRowsV2     = 32
	gtidEvent        = 33
	anonymousEvent   = 34
	previousGTIDs    = 35
	xaPrepareEvent   = 38
	partialRowsEvent = 39
	payloadEvent     = 40
	taggedEvent      = 42
	mariadbGTIDEvent = 162
)

// A logEvent is an event whose place in the log is not known yet.
type logEvent struct {
	kind byte
	body []byte
	// unplaced says that the event does not tell its place, as events of MariaDB
	// from 11.4 on that went through a cache.
	unplaced bool
}

// eventTime is when all events happened.
const eventTime = 1_700_000_000

// raw returns the event as it is sent, if it begins at an offset of its file, and
// where it ends.
func (e logEvent) raw(offset uint32) ([]byte, uint32) {
	size := uint32(19 + len(e.body))
	place := offset + size
	if e.unplaced {
		place = 0
	}
	b := le(nil, 4, eventTime)
	b = append(b, e.kind)
	b = le(b, 4, 1) // server
	b = le(b, 4, uint64(size))
	b = le(b, 4, uint64(place))
	b = le(b, 2, 0) // flags
	return append(b, e.body...), offset + size
}

// le appends a number of so many bytes, little-endian.
func le(b []byte, size int, n uint64) []byte {
	return append(b, binary.LittleEndian.AppendUint64(nil, n)[:size]...)
}

// packed appends a number in the protocol's form of variable length.
func packed(b []byte, n int) []byte {
	switch {
	case n < 251:
		return append(b, byte(n))
	case n < 1<<16:
		return le(append(b, 0xfc), 2, uint64(n))
	}
	return le(append(b, 0xfd), 3, uint64(n))
}

func packedText(b []byte, text string) []byte { return append(packed(b, len(text)), text...) }

// format is the event by which a log file begins.
func format(version string) logEvent {
	b := le(nil, 2, 4)
	b = append(b, version+strings.Repeat("\x00", 50-len(version))...)
	b = le(b, 4, eventTime)
	b = append(b, 19)
	lengths := make([]byte, 170)
	for kind, length := range map[int]byte{queryEvent: 13, rotateEvent: 8, formatEvent: 98, tableMapEvent: 8, writeRowsV1: 8, updateRowsV1: 8,
		writeRowsV2: 10, updateRowsV2: 10, deleteRowsV2: 10, partialRowsEvent: 10, gtidEvent: 42, anonymousEvent: 42} {
		lengths[kind-1] = length
	}
	b = append(b, lengths...)
	return logEvent{kind: formatEvent, body: append(b, 0, 0, 0, 0, 0)} // no checksums
}

func rotate(file string, offset uint64) logEvent {
	return logEvent{kind: rotateEvent, body: append(le(nil, 8, offset), file...), unplaced: true}
}

func uuidBytes(id string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// gtid is the event by which a transaction of MySQL begins.
func gtid(id string, sequence uint64) logEvent {
	b := append([]byte{1}, uuidBytes(id)...)
	b = le(b, 8, sequence)
	b = append(b, 2) // logical timestamps
	b = le(b, 8, sequence-1)
	b = le(b, 8, sequence)
	b = le(b, 7, eventTime*1_000_000)
	b = packed(b, 300)
	return logEvent{kind: gtidEvent, body: le(b, 4, 80036)}
}

// tagged is the event by which a transaction with a tag begins: fields by number
// in the format of mysql::serialization.
func tagged(id, tag string, sequence int64) logEvent {
	field := func(b []byte, number uint64) []byte { return varlen(b, number) }
	b := field(nil, 0)
	b = varlen(b, 1) // flags
	b = field(b, 1)
	for _, c := range uuidBytes(id) {
		b = varlen(b, uint64(c))
	}
	b = varlen(field(b, 2), uint64(sequence)<<1)
	b = append(varlen(field(b, 3), uint64(len(tag))), tag...)
	b = varlen(field(b, 4), uint64(sequence-1)<<1)
	b = varlen(field(b, 5), uint64(sequence)<<1)
	b = varlen(field(b, 6), eventTime*1_000_000)
	b = varlen(field(b, 8), 300)
	b = varlen(field(b, 9), 80400)
	head := varlen(nil, 1)                // version
	head = varlen(head, uint64(len(b)+3)) // size of the whole
	head = varlen(head, 11)               // fields up to here must be known
	return logEvent{kind: taggedEvent, body: append(head, b...)}
}

// varlen appends a number whose first byte has as many low bits set as bytes
// follow.
func varlen(b []byte, n uint64) []byte {
	more := max(0, (bits.Len64(n)-1)/7)
	return le(b, more+1, n<<(more+1)|(1<<more-1))
}

// mariadbGTID is the event by which a transaction of MariaDB begins.
func mariadbGTID(sequence uint64) logEvent {
	b := le(nil, 8, sequence)
	b = le(b, 4, 0)  // domain
	b = append(b, 4) // transactional
	return logEvent{kind: mariadbGTIDEvent, body: append(b, make([]byte, 6)...)}
}

// query is a statement, with sql_mode and character sets as variables.
func query(schema, text string) logEvent {
	variables := le([]byte{0}, 4, 0)
	variables = le(append(variables, 1), 8, 0)
	variables = append(packedText(append(variables, 6), "std"), 4)
	for range 3 {
		variables = le(variables, 2, 255)
	}
	b := le(nil, 4, 8)
	b = le(b, 4, 0)
	b = append(b, byte(len(schema)))
	b = le(b, 2, 0)
	b = le(b, 2, uint64(len(variables)))
	b = append(append(b, variables...), schema...)
	return logEvent{kind: queryEvent, body: append(append(b, 0), text...)}
}

func xid() logEvent { return logEvent{kind: xidEvent, body: le(nil, 8, 77)} }

// xaPrepare ends a group of XA; a one-phase commit at once.
func xaPrepare(onePhase bool, global, branch string) logEvent {
	b := []byte{0}
	if onePhase {
		b[0] = 1
	}
	b = le(b, 4, 1)
	b = le(b, 4, uint64(len(global)))
	b = le(b, 4, uint64(len(branch)))
	return logEvent{kind: xaPrepareEvent, body: append(append(b, global...), branch...)}
}

// payload is the events of a transaction in one, compressed.
func payload(t testing.TB, events ...logEvent) logEvent {
	t.Helper()
	var plain []byte
	for _, e := range events {
		e.unplaced = true
		raw, _ := e.raw(0)
		plain = append(plain, raw...)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	small := encoder.EncodeAll(plain, nil)
	var b []byte
	for _, f := range []struct{ kind, value int }{{2, 0}, {3, len(plain)}, {1, len(small)}} {
		value := packed(nil, f.value)
		b = append(packed(packed(b, f.kind), len(value)), value...)
	}
	return logEvent{kind: payloadEvent, body: append(append(b, 0), small...)}
}

// A logColumn is a column as a table map describes it.
type logColumn struct {
	name      string
	wire      byte
	meta      []byte
	unsigned  bool
	collation int // of a character column
}

// isNumber and isText are what the log gives signs and collations to.
func (c logColumn) isNumber() bool {
	return c.wire <= 5 || c.wire == 8 || c.wire == 9 || c.wire == 13 || c.wire == 246
}
func (c logColumn) isText() bool { return c.wire == 15 || c.wire == 252 || c.wire == 254 }

// A logTable is a table as a table map describes it, with all optional metadata.
type logTable struct {
	id            uint64
	schema, table string
	columns       []logColumn
	key           []int
}

func (t logTable) tableMap() logEvent {
	b := le(nil, 6, t.id)
	b = le(b, 2, 1)
	b = append(append(append(b, byte(len(t.schema))), t.schema...), 0)
	b = append(append(append(b, byte(len(t.table))), t.table...), 0)
	b = packed(b, len(t.columns))
	var meta, names, collations, signs, key []byte
	numbers := 0
	for _, c := range t.columns {
		b = append(b, c.wire)
		meta = append(meta, c.meta...)
		names = packedText(names, c.name)
		if c.isText() {
			collations = packed(collations, c.collation)
		}
		if c.isNumber() {
			if numbers%8 == 0 {
				signs = append(signs, 0)
			}
			if c.unsigned {
				signs[numbers/8] |= 0x80 >> (numbers % 8)
			}
			numbers++
		}
	}
	for _, i := range t.key {
		key = packed(key, i)
	}
	b = packedText(b, string(meta))
	b = append(b, bytes.Repeat([]byte{0xff}, (len(t.columns)+7)/8)...) // may be NULL
	for _, f := range []struct {
		kind  byte
		value []byte
	}{{1, signs}, {3, collations}, {4, names}, {8, key}, {12, make([]byte, (len(t.columns)+7)/8)}} {
		if len(f.value) > 0 {
			b = packedText(append(b, f.kind), string(f.value))
		}
	}
	return logEvent{kind: tableMapEvent, body: b}
}

// rows is a row event with images that have the columns of a bitmap.
func (t logTable) rows(kind byte, bitmaps [][]byte, images ...[]byte) logEvent {
	b := le(nil, 6, t.id)
	b = le(b, 2, 1) // the last of its statement
	if kind >= writeRowsV2 {
		b = le(b, 2, 2) // no extra data
	}
	b = packed(b, len(t.columns))
	for _, bitmap := range bitmaps {
		b = append(b, bitmap...)
	}
	return logEvent{kind: kind, body: append(b, bytes.Join(images, nil)...)}
}

// all is the bitmap of every column.
func (t logTable) all() []byte {
	bitmap := make([]byte, (len(t.columns)+7)/8)
	for i := range t.columns {
		bitmap[i/8] |= 1 << (i % 8)
	}
	return bitmap
}

func (t logTable) insert(image []byte) logEvent { return t.rows(writeRowsV2, [][]byte{t.all()}, image) }
func (t logTable) delete(image []byte) logEvent {
	return t.rows(deleteRowsV2, [][]byte{t.all()}, image)
}
func (t logTable) update(before, after []byte) logEvent {
	return t.rows(updateRowsV2, [][]byte{t.all(), t.all()}, before, after)
}

// image is a row of values as they stand in the log, nil for NULL.
func image(values ...[]byte) []byte {
	b := make([]byte, (len(values)+7)/8)
	for i, v := range values {
		if v == nil {
			b[i/8] |= 1 << (i % 8)
		}
	}
	return append(b, bytes.Join(values, nil)...)
}

func int32Bytes(n int32) []byte    { return le(nil, 4, uint64(uint32(n))) }
func longBytes(text string) []byte { return append(le(nil, 4, uint64(len(text))), text...) }
func varchar(text string) []byte   { return append([]byte{byte(len(text))}, text...) }
