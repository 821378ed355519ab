package mysql

import (
	"testing"

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
		{wire: mysql.MYSQL_TYPE_ENUM, meta: 1, kind: kindEnum, labels: [][]byte{[]byte("a")}},
		{wire: mysql.MYSQL_TYPE_SET, meta: 1, kind: kindSet, labels: [][]byte{[]byte("a"), []byte("b")}},
		{wire: mysql.MYSQL_TYPE_VARCHAR, meta: 500, kind: kindText, charset: "utf8"},
		{wire: mysql.MYSQL_TYPE_STRING, length: 16, kind: kindUUID},
		{wire: mysql.MYSQL_TYPE_STRING, length: 4, kind: kindBinary},
		{wire: mysql.MYSQL_TYPE_BLOB, meta: 3, kind: kindBytes},
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

// FuzzImage: whatever bytes come, an image is read or refused, never a panic,
// and what is read fits the table.
func FuzzImage(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 200))
	f.Add(append([]byte{0xff, 0xff, 0xff}, make([]byte, 40)...))
	s := wideShape()
	f.Fuzz(func(t *testing.T, body []byte) {
		cells, rest, err := s.image(body)
		if err != nil {
			return
		}
		if len(cells) != len(s.table.Columns) || len(rest) > len(body) {
			t.Fatalf("%d cells, %d bytes left of %d", len(cells), len(rest), len(body))
		}
		for i, c := range cells {
			if !c.Fits(s.table.Columns[i].Type) {
				t.Errorf("cell %d is %s, want %s", i, c.Type(), s.table.Columns[i].Type)
			}
		}
	})
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
		v, err := c.column.decode(c.bytes)
		if err != nil || v.Display() != c.want {
			t.Errorf("%x is %s, %v; want %s", c.bytes, v.Display(), err, c.want)
		}
	}
}
