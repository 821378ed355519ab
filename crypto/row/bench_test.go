package row

import (
	"testing"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

func BenchmarkAppendCells(b *testing.B) {
	cells := []Value{NewInt(1 << 40), NewText("utf8", []byte("a name of some length")), must(NewDecimal([]byte("12.50"))),
		must(NewDateTime([]byte("2024-01-02 03:04:05.6"))), Null()}
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = AppendCells(buffer[:0], cells)
	}
	b.SetBytes(int64(len(buffer)))
}

func BenchmarkReadCells(b *testing.B) {
	encoded := AppendCells(nil, []Value{NewInt(1 << 40), NewText("utf8", []byte("a name of some length")), must(NewDecimal([]byte("12.50"))),
		must(NewDateTime([]byte("2024-01-02 03:04:05.6"))), Null()})
	var cells []Value
	b.ReportAllocs()
	b.SetBytes(int64(len(encoded)))
	for b.Loop() {
		r := dcbor.NewReader(encoded)
		cells = ReadCells(r, cells[:0])
		if r.Done() != nil {
			b.Fatal(r.Err())
		}
	}
}
