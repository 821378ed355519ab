package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// seed returns test key material: 32 bytes that are no one's key.
func seed(b byte) *[32]byte {
	var s [32]byte
	for i := range s {
		s[i] = b + byte(i)
	}
	return &s
}

const testOrigin = "emrbchain/test/00000000000000000000000000000001/1"

func TestMemberRoundTrip(t *testing.T) {
	m, err := GenerateMember()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseMember(bytes.NewReader(FormatMember(m)))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePublic(bytes.NewReader(FormatPublic(back.Public())))
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(public, []byte("message"), m.Sign([]byte("message"))) {
		t.Error("signature does not verify after a round trip")
	}
	if MemberID(public) != m.ID() || len(m.ID()) != 32 {
		t.Errorf("id %q, %q", MemberID(public), m.ID())
	}
}

// RFC 8410, section 10.3: an Ed25519 key as OpenSSL writes it.
func TestMemberReadsRFC8410(t *testing.T) {
	const text = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
`
	m, err := ParseMember(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	const want = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1"
	if got := hex.EncodeToString(m.Public()); got != want {
		t.Errorf("public key %s, want %s", got, want)
	}
}

func TestLogKeyIsNotesOwnFormat(t *testing.T) {
	for b := range byte(40) { // base64 with and without plus signs
		k, err := GenerateLogKey(bytes.NewReader(seed(b * 6)[:]), testOrigin)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseLogKey(bytes.NewReader(k.Format()))
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := note.NewVerifier(back.VerifierKey())
		if err != nil {
			t.Fatal(err)
		}
		signed, err := note.Sign(&note.Note{Text: "text\n"}, back.Signer())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(signed, note.VerifierList(verifier)); err != nil {
			t.Errorf("seed %d: %v", b, err)
		}
		if k.Origin() != testOrigin || verifier.Name() != testOrigin {
			t.Errorf("origin %q, %q", k.Origin(), verifier.Name())
		}
	}
}

func TestLogKeyRefusesOrigins(t *testing.T) {
	for _, origin := range []string{"", "a b", "a+b", "a\nb"} {
		if _, err := GenerateLogKey(rand.Reader, origin); err == nil {
			t.Errorf("origin %q accepted", origin)
		}
	}
}

func TestWrappingRoundTrip(t *testing.T) {
	w, err := NewWrapping(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseWrapping(bytes.NewReader(w.Format()))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := w.Wrap(7, seed(1))
	if err != nil {
		t.Fatal(err)
	}
	key, err := back.Unwrap(7, wrapped)
	if err != nil || key != *seed(1) {
		t.Errorf("unwrap: %v", err)
	}
	if again, _ := w.Wrap(7, seed(1)); bytes.Equal(again, wrapped) || len(again) != WrappedSize {
		t.Error("two wraps of one key are equal: the nonce repeats")
	}
}

func TestWrappingIDIsTheHashOfTheKey(t *testing.T) {
	w, err := NewWrapping(bytes.NewReader(seed(3)[:]))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(seed(3)[:])
	if w.ID() != hex.EncodeToString(sum[:8]) {
		t.Errorf("id %s", w.ID())
	}
}

// A wrapped key opens under its own wrapping key, for its own owner, unaltered.
func TestWrappedKeyOpensInOneWayOnly(t *testing.T) {
	w, _ := NewWrapping(bytes.NewReader(seed(3)[:]))
	other, _ := NewWrapping(bytes.NewReader(seed(4)[:]))
	wrapped, _ := w.Wrap(7, seed(1))
	refused := func(what string, w *Wrapping, owner uint64, b []byte) {
		if key, err := w.Unwrap(owner, b); !errors.Is(err, ErrUnwrap) || key != [32]byte{} {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("other owner", w, 8, wrapped)
	refused("other wrapping key", other, 7, wrapped)
	refused("empty", w, 7, nil)
	refused("short", w, 7, wrapped[:59])
	refused("long", w, 7, append(bytes.Clone(wrapped), 0))
	for i := range wrapped {
		b := bytes.Clone(wrapped)
		b[i] ^= 1
		refused(fmt.Sprintf("byte %d", i), w, 7, b)
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	m := NewMember(seed('K'))
	w, _ := NewWrapping(bytes.NewReader(seed('K')[:]))
	k, _ := GenerateLogKey(bytes.NewReader(seed('K')[:]), testOrigin)
	raw := seed('K')[:]
	leaks := []string{string(raw[:8]), hex.EncodeToString(raw[:4]), strings.ToUpper(hex.EncodeToString(raw[4:8])),
		base64.StdEncoding.EncodeToString(raw[:6]), "75 76 77", "113 114 115", "0x4b, 0x4c"}
	for _, secret := range []any{m, *m, w, *w, k, *k, struct{ W *Wrapping }{w}, []any{m, w, k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%U", "% x"} {
			text := fmt.Sprintf(verb, secret)
			for _, leak := range leaks {
				if strings.Contains(text, leak) {
					t.Errorf("%s of %T shows its key", verb, secret)
				}
			}
		}
	}
	for _, secret := range []any{m, w, k, *m, *w, *k} {
		if b, err := json.Marshal(secret); err != nil || string(b) != `"redacted"` {
			t.Errorf("json of %T: %s %v", secret, b, err)
		}
	}
}
