// Package convert undoes what a source does to a cell when its column gets
// another type or character set.
//
// The record log has no values, so it cannot convert what it holds and compare.
// It can be asked whether a version was committed with a given cell. So the cell
// that is there now is converted back, in each way that could have led to it, and
// the log is asked for each result: one that was committed proves that the
// conversion, and nothing else, changed the cell.
//
// That is sound as long as every candidate is one that the source itself would
// turn into the present cell, and tells the same to a person: the same number,
// moment or text. What a conversion loses (digits, the time of a date, characters)
// is never made up: such cells are not explained. Nor is anything within one type
// and character set, where nothing was converted.
package convert

import (
	"math"
	"slices"
	"strconv"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// Back returns the cells of a type that the source could have turned into v,
// those that are likely first; v itself is not among them.
func Back(v row.Value, to row.Type) []row.Value {
	switch {
	case v.IsNull():
		return nil
	case v.Type() == to:
		return recode(v)
	}
	switch to {
	case row.Text:
		return backToText(v)
	case row.Enum, row.Set:
		return backToLabels(v, to)
	case row.Bytes:
		return backToBytes(v)
	}
	if v.Type() == row.Text {
		return fromText(v, to)
	}
	return slices.DeleteFunc(backToNumber(v, to), row.Value.IsNull)
}

// backToNumber is of all that needs no text: the result is null where there is
// no such cell.
func backToNumber(v row.Value, to row.Type) []row.Value {
	switch to {
	case row.Int:
		return []row.Value{toInt(v)}
	case row.Decimal:
		return []row.Value{toDecimal(v)}
	case row.Float64, row.Float32:
		return []row.Value{toFloat(v, to)}
	case row.Bits, row.Bool:
		return []row.Value{toBits(v, to)}
	case row.Date, row.DateTime:
		return []row.Value{toMoment(v, to)}
	case row.UUID:
		return []row.Value{toUUID(v)}
	}
	return nil
}

// exact is the greatest integer below which a float64 holds every one.
const exact = 1 << 53

func toInt(v row.Value) row.Value {
	switch v.Type() {
	case row.Decimal:
		return parseInt(string(v.Raw()))
	case row.Bits, row.Bool:
		return parseInt(digits(v))
	case row.Date:
		return dateNumber(v)
	case row.Float32, row.Float64:
		f, _ := v.Float()
		if f != math.Trunc(f) || math.Abs(f) > exact || f == 0 && math.Signbit(f) {
			return row.Null()
		}
		return row.NewInt(int64(f))
	}
	return row.Null()
}

// digits is an integer's, bit field's or boolean's number.
func digits(v row.Value) string {
	n, signed := v.Int64()
	if signed {
		return strconv.FormatInt(n, 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

// parseInt reads an integer as it is written without needless digits.
func parseInt(text string) row.Value {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && strconv.FormatInt(n, 10) == text {
		return row.NewInt(n)
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil && strconv.FormatUint(n, 10) == text {
		return row.NewUint(n)
	}
	return row.Null()
}

func toDecimal(v row.Value) row.Value {
	switch v.Type() {
	case row.Int:
		return valid(row.NewDecimal([]byte(digits(v))))
	case row.Float32, row.Float64:
		return valid(row.NewDecimal([]byte(plain(v))))
	}
	return row.Null()
}

// plain writes a float with as many digits as tell it from its neighbours.
func plain(v row.Value) string {
	f, _ := v.Float()
	size := 64
	if v.Type() == row.Float32 {
		size = 32
	}
	return strconv.FormatFloat(f, 'f', -1, size)
}

// valid is the cell, or null where there is none of that form.
func valid(v row.Value, err error) row.Value {
	if err != nil {
		return row.Null()
	}
	return v
}

func toFloat(v row.Value, to row.Type) row.Value {
	switch v.Type() {
	case row.Float32: // the shortest double that rounds to it
		return parseFloat(plain(v), row.Float64)
	case row.Float64:
		f, _ := v.Float()
		if float64(float32(f)) != f {
			return row.Null()
		}
		return row.NewFloat32(float32(f))
	case row.Decimal:
		return parseFloat(string(v.Raw()), to)
	case row.Int:
		n, small := v.Int64()
		if !small || n > exact || n < -exact {
			return row.Null()
		}
		return parseFloat(digits(v), to)
	}
	return row.Null()
}

func parseFloat(text string, to row.Type) row.Value {
	if to == row.Float32 {
		f, err := strconv.ParseFloat(text, 32)
		if err != nil {
			return row.Null()
		}
		return row.NewFloat32(float32(f))
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return row.Null()
	}
	return row.NewFloat64(f)
}

func toBits(v row.Value, to row.Type) row.Value {
	n, ok := v.Int64()
	switch {
	case v.Type() != row.Int && v.Type() != row.Bits && v.Type() != row.Bool:
		return row.Null()
	case to == row.Bits && (ok && n >= 0 || !ok):
		return row.NewBits(uint64(n))
	case to == row.Bool && (n == 0 || n == 1):
		return row.NewBool(n == 1)
	}
	return row.Null()
}

func toUUID(v row.Value) row.Value {
	if v.Type() != row.Bytes {
		return row.Null()
	}
	return valid(row.NewUUID(v.Raw()))
}

// backToBytes is of raw bytes that were made characters, or a UUID.
func backToBytes(v row.Value) []row.Value {
	switch v.Type() {
	case row.Text, row.UUID:
		return []row.Value{row.NewBytes(v.Raw())}
	}
	return nil
}
