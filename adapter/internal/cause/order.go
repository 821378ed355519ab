package cause

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// compare orders two values of one type among integers, dates, datetimes and
// timestamps. The text of a date or time sorts by its moment.
func compare(a, b row.Value) int {
	if a.Type() != row.Int {
		return bytes.Compare(a.Raw(), b.Raw())
	}
	x, small := a.Int64()
	y, smaller := b.Int64()
	switch {
	case small && smaller:
		return cmp.Compare(x, y)
	case small:
		return -1 // b is above all that an int64 holds
	case smaller:
		return 1
	}
	return cmp.Compare(uint64(x), uint64(y))
}

// equal reports whether two lists hold equal cells.
func equal(a, b []row.Value) bool { return slices.EqualFunc(a, b, row.Equal) }
