package keys

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func parsers() map[string]func(io.Reader) error {
	return map[string]func(io.Reader) error{
		"member":   func(r io.Reader) error { _, err := ParseMember(r); return err },
		"public":   func(r io.Reader) error { _, err := ParsePublic(r); return err },
		"log":      func(r io.Reader) error { _, err := ParseLogKey(r); return err },
		"wrapping": func(r io.Reader) error { _, err := ParseWrapping(r); return err },
	}
}

func written(t testing.TB) map[string][]byte {
	t.Helper()
	m := NewMember(seed(9))
	w, err := NewWrapping(bytes.NewReader(seed(9)[:]))
	if err != nil {
		t.Fatal(err)
	}
	k, err := GenerateLogKey(bytes.NewReader(seed(9)[:]), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"member": FormatMember(m), "public": FormatPublic(m.Public()), "log": k.Format(),
		"wrapping": w.Format()}
}

func TestParsersRefuseEachOthersKeys(t *testing.T) {
	for name, parse := range parsers() {
		for kind, text := range written(t) {
			err := parse(bytes.NewReader(text))
			if (err == nil) != (name == kind) {
				t.Errorf("%s parser on a %s key: %v", name, kind, err)
			}
			if err != nil && !errors.Is(err, ErrKey) {
				t.Errorf("%s parser on a %s key: %v is no ErrKey", name, kind, err)
			}
		}
	}
}

func TestParsersRefuseMoreThanOneKey(t *testing.T) {
	for kind, text := range written(t) {
		for _, tail := range [][]byte{text, []byte("x"), bytes.Repeat([]byte(" "), maxInput)} {
			if err := parsers()[kind](bytes.NewReader(append(bytes.Clone(text), tail...))); !errors.Is(err, ErrKey) {
				t.Errorf("%s key followed by %d bytes: %v", kind, len(tail), err)
			}
		}
	}
}

func TestWrappingRefusesAnIDThatIsNotItsOwn(t *testing.T) {
	text := string(written(t)["wrapping"])
	id := text[strings.Index(text, "Id: ")+4:][:16]
	wrong := strings.Replace(text, id, strings.Repeat("0", 16), 1)
	if _, err := ParseWrapping(strings.NewReader(wrong)); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	none := strings.Replace(text, "Id: "+id+"\n\n", "", 1)
	if _, err := ParseWrapping(strings.NewReader(none)); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

// No error shows a part of what was read, whatever it was.
func FuzzParse(f *testing.F) {
	for _, text := range written(f) {
		f.Add(text)
		f.Add(bytes.Replace(text, []byte("A"), []byte("B"), 1))
		f.Add(text[:len(text)/2])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, parse := range parsers() {
			err := parse(bytes.NewReader(text))
			if err == nil {
				continue
			}
			for i := 0; i+12 <= len(text); i++ {
				part := string(text[i : i+12])
				if strings.Contains(err.Error(), part) && !strings.Contains("PRIVATE+KEY+ PUBLIC KEY EMRBCHAIN WRAPPING KEY a PEM block PRIVATE KEY expected", part) {
					t.Fatalf("%s: error shows its input", name)
				}
			}
		}
	})
}
