package row

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

var update = flag.Bool("update", false, "write testdata anew")

const vectorFile = "testdata/cells.json"

// vectors are what another implementation can be run against.
type vectors struct {
	Cells   []cellVector    `json:"cells"`
	Refused []refusedVector `json:"refused"`
}

// cellVector is a value, given so that it needs no CBOR, and its cell.
type cellVector struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Text    string   `json:"text,omitempty"`    // int, bits, bool, decimal and temporal types, not in normal form perhaps
	Charset string   `json:"charset,omitempty"` // text, enum, set
	Hex     string   `json:"hex,omitempty"`     // bytes of text, enum, bytes, uuid; bits of floats
	Labels  []string `json:"labels,omitempty"`  // set, in hex
	Error   bool     `json:"error,omitempty"`   // enum: the error value
	Cell    string   `json:"cell"`
}

type refusedVector struct {
	Name string `json:"name"`
	Cell string `json:"cell"`
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// value makes the value that a vector describes.
func (c cellVector) value(t testing.TB) Value {
	t.Helper()
	raw := unhex(t, c.Hex)
	makers := map[string]func([]byte) (Value, error){"decimal": NewDecimal, "date": NewDate, "time": NewTime,
		"datetime": NewDateTime, "timestamp": NewTimestamp}
	if make, ok := makers[c.Type]; ok {
		return must(make([]byte(c.Text)))
	}
	switch c.Type {
	case "null":
		return Null()
	case "int":
		if n, err := strconv.ParseInt(c.Text, 10, 64); err == nil {
			return NewInt(n)
		}
		return NewUint(number(t, c.Text))
	case "bits":
		return NewBits(number(t, c.Text))
	case "bool":
		return NewBool(c.Text == "true")
	case "float32":
		return NewFloat32(math.Float32frombits(uint32(bits(t, c.Hex))))
	case "float64":
		return NewFloat64(math.Float64frombits(bits(t, c.Hex)))
	case "text":
		return NewText(c.Charset, raw)
	case "bytes":
		return NewBytes(raw)
	case "uuid":
		return must(NewUUID(raw))
	}
	return c.labelled(t, raw)
}

func (c cellVector) labelled(t testing.TB, raw []byte) Value {
	t.Helper()
	switch {
	case c.Type == "enum" && c.Error:
		return NewEnumError(c.Charset)
	case c.Type == "enum":
		return NewEnum(c.Charset, raw)
	case c.Type == "set":
		var labels [][]byte
		for _, l := range c.Labels {
			labels = append(labels, unhex(t, l))
		}
		return NewSet(c.Charset, labels)
	}
	t.Fatalf("vector %s is of unknown type %s", c.Name, c.Type)
	return Null()
}

func number(t testing.TB, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func bits(t testing.TB, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestVectors(t *testing.T) {
	all := readVectors(t)
	for i, c := range all.Cells {
		got := hex.EncodeToString(AppendCell(nil, c.value(t)))
		if *update {
			all.Cells[i].Cell = got
		} else if got != c.Cell {
			t.Errorf("%s: %s, want %s", c.Name, got, c.Cell)
		}
	}
	for _, c := range all.Refused {
		r := dcbor.NewReader(unhex(t, c.Cell))
		ReadCell(r)
		if r.Done() == nil {
			t.Errorf("%s: %s accepted", c.Name, c.Cell)
		}
	}
	if *update {
		writeVectors(t, all)
	}
}

func writeVectors(t *testing.T, v vectors) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
