package mysql

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// wideShape has a column of every wire type.
func wideShape() *shape {
	s := &shape{table: &tap.Table{Name: "emr.wide"}}
	for _, c := range []wireColumn{
		{wire: mysql.MYSQL_TYPE_TINY, kind: kindInt}, {wire: mysql.MYSQL_TYPE_SHORT, kind: kindUint},
		{wire: mysql.MYSQL_TYPE_INT24, kind: kindInt}, {wire: mysql.MYSQL_TYPE_LONG, kind: kindUint},
		{wire: mysql.MYSQL_TYPE_LONGLONG, kind: kindInt}, {wire: mysql.MYSQL_TYPE_FLOAT, kind: kindFloat},
		{wire: mysql.MYSQL_TYPE_DOUBLE, kind: kindDouble}, {wire: mysql.MYSQL_TYPE_YEAR, kind: kindYear},
		{wire: mysql.MYSQL_TYPE_NEWDECIMAL, meta: 20<<8 | 9, kind: kindDecimal},
		{wire: mysql.MYSQL_TYPE_DATE, kind: kindDate}, {wire: mysql.MYSQL_TYPE_TIME2, meta: 3, kind: kindTime},
		{wire: mysql.MYSQL_TYPE_DATETIME2, meta: 6, kind: kindDateTime},
		{wire: mysql.MYSQL_TYPE_TIMESTAMP2, meta: 1, kind: kindTimestamp},
		{wire: mysql.MYSQL_TYPE_BIT, meta: 8 << 8, kind: kindBit},
		{wire: mysql.MYSQL_TYPE_ENUM, meta: 1, kind: kindEnum, charset: row.NewCharset("ascii"), labels: [][]byte{[]byte("a")}},
		{wire: mysql.MYSQL_TYPE_SET, meta: 1, kind: kindSet, charset: row.NewCharset("ascii"), labels: [][]byte{[]byte("a"), []byte("b")}},
		{wire: mysql.MYSQL_TYPE_VARCHAR, meta: 500, kind: kindText, charset: row.NewCharset("utf8")},
		{wire: mysql.MYSQL_TYPE_STRING, length: 16, kind: kindUUID},
		{wire: mysql.MYSQL_TYPE_STRING, length: 4, kind: kindBinary},
		{wire: mysql.MYSQL_TYPE_BLOB, meta: 3, kind: kindBytes},
		{wire: wireBlobCompressed, meta: 4, kind: kindBytes},
		{wire: wireVarcharCompressed, meta: 500, kind: kindText, charset: row.NewCharset("gbk")},
		{wire: mysql.MYSQL_TYPE_TIME, meta: 4, kind: kindTime}, {wire: mysql.MYSQL_TYPE_DATETIME, kind: kindDateTime},
		{wire: mysql.MYSQL_TYPE_TIMESTAMP, meta: 6, kind: kindTimestamp},
		{wire: mysql.MYSQL_TYPE_BLOB, meta: 1, kind: kindText, omitted: true},
	} {
		if !c.measure() {
			panic("a type that the tap cannot read")
		}
		s.columns = append(s.columns, c)
		if !c.omitted {
			s.table.Columns = append(s.table.Columns, row.Column{Name: "c", Type: c.kind.valueType()})
		}
	}
	return s
}

// readImages reads all images of a body as a stream would, and returns how many.
func (s *shape) readImages(body []byte) (n int, err error) {
	r, m := &rowEvent{shape: s, op: tap.Insert}, memory{}
	for ; len(body) > 0; n++ {
		var change tap.Change
		m.clear()
		if body, err = r.next(&m, body, &change); err != nil {
			return n, err
		}
		for i, c := range change.After {
			if !c.Fits(s.table.Columns[i].Type) {
				return n, fmt.Errorf("cell %d is %s, want %s: %w", i, c.Type(), s.table.Columns[i].Type, errMisfit)
			}
		}
		if _, err := row.ParseKey(row.AppendKey(nil, change.After)); err != nil {
			return n, fmt.Errorf("%w: %w", err, errMisfit)
		}
	}
	return n, nil
}

var errMisfit = errors.New("a cell does not fit its column")

// allocated returns how many bytes were allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// allowance bounds what reading may allocate: what deflate can expand, cells for
// each bit of the smallest images, and the state of an expansion now and then.
func allowance(bytes int) uint64 { return 4<<20 + uint64(bytes)*40_000 }

// FuzzRowImage: whatever bytes come as a table map and as its rows, they are
// read or refused, with no panic, no loop without end and no memory beyond what
// the bytes are worth; and what is read fits the table and is in normal form.
func FuzzRowImage(f *testing.F) {
	wide := wideShape()
	for _, body := range [][]byte{{}, make([]byte, 300), append([]byte{0xff, 0xff, 0xff, 0xff}, make([]byte, 60)...),
		bytes.Repeat([]byte{0x80}, 400), bytes.Repeat([]byte{1, 0xff}, 150)} {
		f.Add(wideMap(), body)
	}
	// A COMPRESSED value that says it is of 4 GB; a map of no column; one of 2^64.
	f.Add(smallMap(wireBlobCompressed, 4), append([]byte{0, 8, 0, 0, 0, 0x84, 0xff, 0xff, 0xff, 0xff}, make([]byte, 6)...))
	f.Add([]byte("\x00\x00\x03emr\x00\x01t\x00\x00\x00\x04\x00"), []byte{1, 2, 3})
	f.Add([]byte("\x00\x00\x03emr\x00\x01t\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), []byte{1})
	// A DECIMAL(1,4), of less than no whole digits.
	f.Add(smallMap(mysql.MYSQL_TYPE_NEWDECIMAL, 1, 4), []byte{0, 0x80})
	f.Fuzz(func(t *testing.T, head, body []byte) {
		before := allocated()
		if _, err := wide.readImages(body); errors.Is(err, errMisfit) {
			t.Error(err)
		}
		if m, err := mariadb(release{}).parseTableMap(head); err == nil {
			s := makeShape(m, definitionOf(m), map[uint64]string{8: "latin1", 45: "utf8mb4", 63: "binary"})
			if s.unreadable == "" && s.table.Refused == "" {
				if _, err := s.readImages(body); errors.Is(err, errMisfit) {
					t.Error(err)
				}
			}
		}
		if used := allocated() - before; used > allowance(len(head)+len(body)) {
			t.Errorf("%d bytes made the decoder allocate %d", len(head)+len(body), used)
		}
	})
}

// smallMap returns a table map of one column of a type.
func smallMap(wire byte, meta ...byte) []byte {
	b := append([]byte("\x00\x00\x03emr\x00\x01t\x00\x01"), wire, byte(len(meta)))
	b = append(append(b, meta...), 0)
	return append(b, optionalNames, 2, 1, 'c')
}

// wideMap returns a table map of columns of many types, with all that
// binlog_row_metadata=FULL adds.
func wideMap() []byte {
	b := []byte("\x00\x00\x03emr\x00\x01w\x00\x09")
	b = append(b, mysql.MYSQL_TYPE_LONG, mysql.MYSQL_TYPE_NEWDECIMAL, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB,
		wireVarcharCompressed, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_BIT, mysql.MYSQL_TYPE_DATETIME2)
	b = append(b, 14, 20, 9, 90, 0, 2, 0xe8, 3, mysql.MYSQL_TYPE_ENUM, 1, mysql.MYSQL_TYPE_SET, 1, 0, 8, 6, 0xff, 1)
	b = append(b, optionalSigns, 1, 0x80, optionalDefaultSet, 3, 45, 1, 63, optionalNames, 18)
	for i := range 9 {
		b = append(b, 1, byte('a'+i))
	}
	return append(b, optionalEnumLabels, 5, 2, 1, 'x', 1, 'y', optionalSetLabels, 3, 1, 1, 'z',
		optionalDefaultLabels, 1, 8, optionalKey, 1, 0)
}

// definitionOf is the definition that agrees with a table map.
func definitionOf(m *tableMap) *definition {
	d := &definition{name: "emr.t", key: []int{0}, primary: []string{m.columns[0].name}}
	for i := range m.columns {
		c := newWireColumn(&m.columns[i], nil)
		k := c.kind
		if isOldTemporal(c.wire) {
			k = c.oldKind()
		}
		d.columns = append(d.columns, column{name: c.name, kind: k, declared: "time(3) " + oldMark})
	}
	return d
}

func TestImagesOfAWideMapAreRead(t *testing.T) {
	m, err := mariadb(release{}).parseTableMap(wideMap())
	if err != nil {
		t.Fatal(err)
	}
	s := makeShape(m, &definition{name: "emr.w", missing: true, refused: "gone"}, map[uint64]string{8: "latin1", 45: "utf8mb4", 63: "binary"})
	if s.unreadable != "" || s.table.Refused != "" || len(s.table.Columns) != 9 {
		t.Fatalf("%q, %q, %d columns", s.unreadable, s.table.Refused, len(s.table.Columns))
	}
	// NULL in all columns but the first and the ENUM.
	if n, err := s.readImages([]byte{0xde, 0x01, 0xff, 0xff, 0xff, 0xff, 2}); n != 1 || err != nil {
		t.Errorf("%d images, %v", n, err)
	}
}

func TestDecodeTemporalValues(t *testing.T) {
	for _, c := range []struct {
		column wireColumn
		bytes  []byte
		want   string
	}{
		{wireColumn{kind: kindTime}, []byte{0x7f, 0xef, 0x7d}, "-01:02:03"},
		{wireColumn{kind: kindTime, meta: 2}, []byte{0x7f, 0xff, 0xff, 0xce}, "-00:00:00.5"},
		{wireColumn{kind: kindTime, meta: 6}, []byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff}, "-00:00:00.000001"},
		{wireColumn{kind: kindTimestamp, meta: 6}, []byte{0, 0, 0, 0, 0, 0, 0}, "0000-00-00T00:00:00"},
		{wireColumn{kind: kindTimestamp, meta: 6}, []byte{0, 0, 0, 0, 0x07, 0xa1, 0x20}, "1970-01-01T00:00:00.5"},
		{wireColumn{kind: kindTimestamp}, []byte{0xff, 0xff, 0xff, 0xff}, "2106-02-07T06:28:15"},
		{wireColumn{kind: kindDate}, []byte{0, 0, 0}, "0000-00-00"},
		{wireColumn{kind: kindDateTime}, []byte{0x80, 0, 0, 0, 0}, "0000-00-00T00:00:00"},
	} {
		v, err := c.column.decode(&memory{}, c.bytes)
		if err != nil || v.Display() != c.want {
			t.Errorf("%x is %s, %v; want %s", c.bytes, v.Display(), err, c.want)
		}
	}
}

// TestDaysOfTheCalendar compares each day that a TIMESTAMP can have with Go's own
// calendar.
func TestDaysOfTheCalendar(t *testing.T) {
	for day := range uint64(math.MaxUint32/86400 + 1) {
		year, month, dayOfMonth := civil(day)
		want := time.Unix(int64(day)*86400, 0).UTC()
		if year != uint64(want.Year()) || month != uint64(want.Month()) || dayOfMonth != uint64(want.Day()) {
			t.Fatalf("day %d is %d-%d-%d, want %s", day, year, month, dayOfMonth, want.Format(time.DateOnly))
		}
	}
}
