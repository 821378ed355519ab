package keys

import (
	"bytes"
	"errors"
	"io"
	"slices"
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
		if err := parsers()[kind](bytes.NewReader(append([]byte("x\n"), text...))); !errors.Is(err, ErrKey) {
			t.Errorf("%s key after other text: %v", kind, err)
		}
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

// No error shows a part of what was read, whatever it was: there are just
// these.
func FuzzParse(f *testing.F) {
	for _, text := range written(f) {
		f.Add(text)
		f.Add(bytes.Replace(text, []byte("A"), []byte("B"), 1))
		f.Add(text[:len(text)/2])
	}
	const kind = ": not a key of this kind: "
	messages := []string{
		"parse log key" + kind + "PRIVATE+KEY+origin+hash+key of Ed25519 expected",
		"parse member key" + kind + "an Ed25519 key in PKCS#8 expected",
		"parse public key" + kind + "an Ed25519 key in PKIX expected",
		"parse wrapping key" + kind + "32 bytes and an Id expected",
		"parse wrapping key" + kind + "the key that Id names expected",
		"parse log key" + kind + "at most 8192 bytes expected",
	}
	for name, block := range map[string]string{"member": pemPrivate, "public": pemPublic, "wrapping": pemWrapping} {
		messages = append(messages, "parse "+name+" key"+kind+"a PEM block "+block+" expected",
			"parse "+name+" key"+kind+"one PEM block "+block+" alone expected",
			"parse "+name+" key"+kind+"at most 8192 bytes expected")
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, parse := range parsers() {
			if err := parse(bytes.NewReader(text)); err != nil && !slices.Contains(messages, err.Error()) {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}
