package rowkey

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// formatPlain writes a cell as parsePlain may read it; empty if it has no plain
// form.
func formatPlain(v row.Value) string {
	switch v.Type() {
	case row.Int:
		if n, fits := v.Int64(); fits {
			return strconv.FormatInt(n, 10)
		}
		return formatUint(v)
	case row.Bits:
		return formatUint(v)
	case row.Float32, row.Float64, row.Bool:
		return v.Display()
	case row.Bytes, row.UUID:
		return "0x" + hex.EncodeToString(v.Raw())
	case row.Any, row.Set:
		return ""
	}
	return string(v.Raw())
}

func formatUint(v row.Value) string {
	n, _ := v.Int64() // the two's complement where it does not fit
	return strconv.FormatUint(uint64(n), 10)
}

// formatJSON writes a cell of an array: the first form that reads back.
func formatJSON(v row.Value, c Column) string {
	if v.IsNull() {
		return "null"
	}
	plain := formatPlain(v)
	for _, text := range []string{formatNumber(v, plain), quote(plain)} {
		if text != "" && reads("["+text+"]", []row.Value{v}, []Column{c}) {
			return text
		}
	}
	return `{"cell":"` + hex.EncodeToString(row.AppendCell(nil, v)) + `"}`
}

func formatNumber(v row.Value, plain string) string {
	switch v.Type() {
	case row.Int, row.Bits, row.Bool, row.Decimal:
		return plain
	case row.Float32, row.Float64:
		if !strings.ContainsAny(plain, ".eEn") { // n: NaN and Inf are no numbers of JSON
			return plain + "e0"
		}
		return plain
	}
	return ""
}

// quote writes a JSON string without the escapes that are meant for HTML.
func quote(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
