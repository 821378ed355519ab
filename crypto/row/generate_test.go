package row

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"pgregory.net/rapid"
)

// A meaning is a value together with an independent name of what it means: two
// values mean the same exactly if their names are equal.
type meaning struct {
	value Value
	name  string
}

func must(v Value, err error) Value {
	if err != nil {
		panic(err)
	}
	return v
}

// anyMeaning generates values of every type, with a liking for near misses:
// equal numbers written otherwise, equal bytes under other types.
func anyMeaning() *rapid.Generator[meaning] {
	return rapid.Custom(func(t *rapid.T) meaning {
		return generators[rapid.IntRange(0, len(generators)-1).Draw(t, "type")](t)
	})
}

var generators = []func(*rapid.T) meaning{
	func(*rapid.T) meaning { return meaning{Null(), "null"} },
	func(t *rapid.T) meaning { n := integer(t); return meaning{NewInt(n), fmt.Sprintf("int %d", n)} },
	func(t *rapid.T) meaning {
		n := rapid.Uint64().Draw(t, "n")
		return meaning{NewUint(n), fmt.Sprintf("int %d", n)}
	},
	func(t *rapid.T) meaning {
		n := uint64(integer(t))
		return meaning{NewBits(n), fmt.Sprintf("bits %d", n)}
	},
	func(t *rapid.T) meaning {
		b := rapid.Bool().Draw(t, "b")
		return meaning{NewBool(b), fmt.Sprint("bool ", b)}
	},
	func(t *rapid.T) meaning {
		bits := rapid.SampledFrom([]uint32{0, 1 << 31, 1, 0x7f800000, 0x7fc00000, 0x7fc00001}).Draw(t, "bits")
		return meaning{NewFloat32(math.Float32frombits(bits)), fmt.Sprintf("float32 %x", bits)}
	},
	func(t *rapid.T) meaning {
		bits := math.Float64bits(rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1})).Draw(t, "f"))
		return meaning{NewFloat64(math.Float64frombits(bits)), fmt.Sprintf("float64 %x", bits)}
	},
	decimalMeaning,
	timeMeaning,
	func(t *rapid.T) meaning { return momentMeaning(t, "datetime", NewDateTime) },
	func(t *rapid.T) meaning { return momentMeaning(t, "timestamp", NewTimestamp) },
	func(t *rapid.T) meaning {
		d := rapid.StringMatching(`[0-2]{4}-[01]{2}-[0-3]{2}`).Draw(t, "date")
		return meaning{must(NewDate([]byte(d))), "date " + d}
	},
	func(t *rapid.T) meaning { b := content(t); return meaning{NewBytes(b), fmt.Sprintf("bytes %x", b)} },
	func(t *rapid.T) meaning {
		b := rapid.SliceOfN(rapid.ByteRange(0, 1), 16, 16).Draw(t, "uuid")
		return meaning{must(NewUUID(b)), fmt.Sprintf("uuid %x", b)}
	},
	func(t *rapid.T) meaning {
		c, b := charset(t), content(t)
		return meaning{NewText(c, b), fmt.Sprintf("text %s %x", c, b)}
	},
	func(t *rapid.T) meaning {
		c, b := charset(t), content(t)
		return meaning{NewEnum(c, b), fmt.Sprintf("enum %s %x", c, b)}
	},
	func(t *rapid.T) meaning { c := charset(t); return meaning{NewEnumError(c), "enum error " + c} },
	func(t *rapid.T) meaning {
		c := charset(t)
		labels := rapid.SliceOfN(rapid.Custom(content), 0, 3).Draw(t, "labels")
		return meaning{NewSet(c, labels), fmt.Sprintf("set %s %d %x", c, len(labels), labels)}
	},
}

func integer(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64})).Draw(t, "n")
}

func charset(t *rapid.T) string {
	return rapid.SampledFrom([]string{"utf8", "latin1", "gbk", "utf16le"}).Draw(t, "charset")
}

func content(t *rapid.T) []byte {
	return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 'a', '1', 0x80, 0xf6, 0xff}), 0, 4).Draw(t, "content")
}

func decimalMeaning(t *rapid.T) meaning {
	text := rapid.StringMatching(`-?[0-2]{1,4}(\.[0-2]{1,4})?`).Draw(t, "decimal")
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return meaning{must(NewDecimal([]byte(text))), "decimal " + number.String()}
}

// nanoseconds of a clock with up to nine fraction digits.
func clock(text string) *big.Rat {
	total := new(big.Rat)
	for _, part := range strings.Split(text, ":") {
		n, _ := new(big.Rat).SetString(part)
		total.Add(total.Mul(total, big.NewRat(100, 1)), n) // not seconds: 00:60 is not 01:00
	}
	return total
}

func timeMeaning(t *rapid.T) meaning {
	text := rapid.StringMatching(`(1?[0-2]{2}):[0-1]{2}:[0-1]{2}(\.[0-2]{1,4})?`).Draw(t, "time")
	total := clock(text)
	if rapid.Bool().Draw(t, "negative") {
		text, total = "-"+text, total.Neg(total)
	}
	return meaning{must(NewTime([]byte(text))), "time " + total.String()}
}

func momentMeaning(t *rapid.T, kind string, make func([]byte) (Value, error)) meaning {
	date := rapid.StringMatching(`[0-1]{4}-[01]{2}-[0-1]{2}`).Draw(t, "date")
	time := rapid.StringMatching(`[0-2]{2}:[0-1]{2}:[0-1]{2}(\.[0-2]{1,4})?`).Draw(t, "time")
	separator := rapid.SampledFrom([]string{" ", "T"}).Draw(t, "separator")
	return meaning{must(make([]byte(date + separator + time))), kind + " " + date + " " + clock(time).String()}
}
