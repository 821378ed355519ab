package merkle

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

const testOrigin = "emrbchain/test/00112233445566778899aabbccddeeff/1"

// testKeys are of the tests: no one's.
func testKeys(t testing.TB, origin string, seed byte) (note.Signer, note.Verifier) {
	t.Helper()
	private, public := testKeyText(t, origin, seed)
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// testKeyText makes the key of a seed in note's text form. The key itself is
// made here, for note.GenerateKey need not take what its reader gives.
func testKeyText(t testing.TB, origin string, seed byte) (private, public string) {
	t.Helper()
	k := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	public, err := note.NewEd25519VerifierKey(origin, k.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	hash := strings.Split(public, "+")[1]
	return "PRIVATE+KEY+" + origin + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, k.Seed()...)), public
}

func verifierKey(t testing.TB) string {
	_, public := testKeyText(t, testOrigin, 7)
	return public
}

// signatureLine returns the line behind the blank one.
func signatureLine(t testing.TB, signed []byte) []byte {
	t.Helper()
	_, line, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		t.Fatal("no signature")
	}
	return line
}

func signed(t testing.TB) (Checkpoint, []byte, note.Verifier) {
	t.Helper()
	c := Checkpoint{Origin: testOrigin, Size: 20_852_163, Root: LeafHash([]byte("root"))}
	signer, verifier := testKeys(t, testOrigin, 7)
	b, err := c.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return c, b, verifier
}

func TestCheckpointRoundTrip(t *testing.T) {
	c, b, verifier := signed(t)
	got, err := OpenCheckpoint(b, verifier)
	if err != nil || got != c {
		t.Errorf("%+v %v", got, err)
	}
	if CheckpointOrigin(b) != testOrigin || Origin("test", "00112233445566778899aabbccddeeff", 1) != testOrigin {
		t.Error("origin")
	}
	if CheckpointOrigin(nil) != "" || len(CheckpointOrigin(bytes.Repeat([]byte("x"), 2*MaxCheckpoint))) != MaxCheckpoint {
		t.Error("origin of what is no checkpoint")
	}
	signer, _ := testKeys(t, "another", 7)
	if _, err := c.Sign(signer); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("signed by another log's key: %v", err)
	}
}

// A signed checkpoint has one form: no byte of it can be changed, dropped or
// added, not even one that leaves the signature valid.
func TestNoByteOfACheckpointCanChange(t *testing.T) {
	_, good, verifier := signed(t)
	refuse := func(what string, b []byte) {
		t.Helper()
		if _, err := OpenCheckpoint(b, verifier); !errors.Is(err, ErrCheckpoint) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range good {
		for v := range 256 {
			flips := byte(v) ^ good[i]
			if testing.Short() && flips&(flips-1) != 0 {
				continue // one bit is enough for a short run
			}
			if b := bytes.Clone(good); flips != 0 {
				b[i] = byte(v)
				refuse(fmt.Sprintf("byte %d as %x", i, v), b)
			}
		}
		refuse(fmt.Sprintf("without byte %d", i), append(bytes.Clone(good[:i]), good[i+1:]...))
		for _, v := range []string{" ", "\n", "0", "=", "\r"} {
			refuse(fmt.Sprintf("with %q before byte %d", v, i), []byte(string(good[:i])+v+string(good[i:])))
		}
	}
	for _, v := range []string{" ", "\n", "\r\n", "x"} {
		refuse(fmt.Sprintf("with %q behind", v), append(bytes.Clone(good), v...))
	}
	line := signatureLine(t, good)
	refuse("the signature twice", append(bytes.Clone(good), line...))
	refuse("too long", append(bytes.Clone(good), bytes.Repeat(line, 40)...))
}

// Even the log's own key can't sign another form of the text.
func TestOnlyOneTextIsAccepted(t *testing.T) {
	signer, verifier := testKeys(t, testOrigin, 7)
	stranger, _ := testKeys(t, "stranger", 8)
	root := base64.StdEncoding.EncodeToString(make([]byte, HashSize))
	loose := root[:42] + "B=" // the same bytes, with stray bits in the last digit
	for name, text := range map[string]string{
		"leading zero": "01\n" + root, "plus sign": "+1\n" + root, "negative": "-1\n" + root, "no number": "x\n" + root, "empty size": "\n" + root,
		"hexadecimal": "0x1\n" + root, "beyond 2^62": "4611686018427387905\n" + root, "beyond 64 bits": "18446744073709551616\n" + root,
		"short root": "1\n" + root[:40], "loose root": "1\n" + loose, "root with a space": "1\n" + root + " ", "root without padding": "1\n" + root[:43],
		"extension line": "1\n" + root + "\nextension", "two lines": "1",
	} {
		b, err := note.Sign(&note.Note{Text: testOrigin + "\n" + text + "\n"}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCheckpoint(b, verifier); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	text := testOrigin + "\n1\n" + root + "\n"
	for name, n := range map[string]struct {
		text    string
		signers []note.Signer
	}{
		"another origin": {strings.Replace(text, testOrigin, "emrbchain/other", 1), []note.Signer{signer}},
		"no origin":      {strings.TrimPrefix(text, testOrigin), []note.Signer{signer}},
		"stranger too":   {text, []note.Signer{signer, stranger}}, "stranger first": {text, []note.Signer{stranger, signer}},
		"stranger alone": {text, []note.Signer{stranger}},
	} {
		b, err := note.Sign(&note.Note{Text: n.text}, n.signers...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCheckpoint(b, verifier); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever opens is what would be signed.
func FuzzOpenCheckpoint(f *testing.F) {
	_, good, verifier := signed(f)
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("\n"), []byte("\r\n"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := OpenCheckpoint(b, verifier); err == nil && !bytes.Equal(b, good) {
			t.Fatalf("%q accepted", b)
		}
		CheckpointOrigin(b)
	})
}
