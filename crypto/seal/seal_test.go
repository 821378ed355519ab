package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/keys"
)

var update = flag.Bool("update", false, "write testdata anew")

var suites = []Suite{MLKEM768X25519, P256}

func recipient(t testing.TB, s Suite) *Recipient {
	t.Helper()
	r, err := GenerateRecipient(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sender is a member's key for tests.
func sender(n byte) *keys.Member {
	seed := [ed25519.SeedSize]byte{n}
	return keys.NewMember(&seed)
}

func sealed(t testing.TB, to *Public, from Signer, chunk Chunk, context string, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, to, from, chunk, []byte(context))
	if err != nil {
		t.Fatal(err)
	}
	for len(plain) > 0 { // in pieces of many sizes
		n := min(len(plain), 1+len(plain)/3)
		if _, err := w.Write(plain[:n]); err != nil {
			t.Fatal(err)
		}
		plain = plain[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// open opens a message as its only recipient, and demands its sender.
func open(message []byte, r *Recipient, from ed25519.PublicKey) (context, plain []byte, err error) {
	in, err := NewReader(bytes.NewReader(message), func(id KeyID) *Recipient {
		if id == r.Public().ID() {
			return r
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if !from.Equal(in.Sender()) {
		return nil, nil, errors.New("another sender")
	}
	plain, err = io.ReadAll(in)
	return in.Context(), plain, err
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	from := sender(1)
	for _, s := range suites {
		to := recipient(t, s)
		for _, chunk := range []Chunk{Short, Long} {
			for _, n := range []int{0, 1, int(chunk) - 1, int(chunk), int(chunk) + 1, 3*int(chunk) + 17} {
				want := bytes.Repeat([]byte{0, 0x80, 7}, n/3+1)[:n]
				message := sealed(t, to.Public(), from, chunk, "grant 5", want)
				context, got, err := open(message, to, from.Public())
				if err != nil || string(context) != "grant 5" || !bytes.Equal(got, want) {
					t.Errorf("suite %d, chunks of %d, %d bytes: %d bytes, context %q, %v", s, chunk, n, len(got), context, err)
				}
				if frames := n/int(chunk) + 1; len(message) > frames*(int(chunk)+17)+1500 || len(message) < frames*int(chunk) {
					t.Errorf("suite %d, %d bytes take %d", s, n, len(message))
				}
			}
		}
	}
}

// TestEveryChangedByteIsRefused changes each byte of a message in turn.
func TestEveryChangedByteIsRefused(t *testing.T) {
	from := sender(1)
	for _, s := range suites {
		to := recipient(t, s)
		message := sealed(t, to.Public(), from, Short, "grant 5", make([]byte, int(Short)+9))
		for i := range message {
			message[i] ^= 1 << (i % 8)
			if _, _, err := open(message, to, from.Public()); err == nil {
				t.Errorf("suite %d: byte %d changed and opened", s, i)
			}
			message[i] ^= 1 << (i % 8)
		}
		for n := range message {
			if _, _, err := open(message[:n], to, from.Public()); !errors.Is(err, ErrSealed) {
				t.Errorf("suite %d: cut to %d bytes: %v", s, n, err)
			}
		}
		if _, _, err := open(append(message, 0), to, from.Public()); !errors.Is(err, ErrSealed) {
			t.Errorf("suite %d: a byte too many: %v", s, err)
		}
	}
}

// TestChunksKeepTheirPlace exchanges, repeats, leaves out and takes chunks from
// another message to the same recipient, and signs the result anew, as a sender
// could not but a thief of its key.
func TestChunksKeepTheirPlace(t *testing.T) {
	from, to := sender(1), recipient(t, P256)
	plain := bytes.Repeat([]byte("12345678"), 3*int(Short)/8)
	message := sealed(t, to.Public(), from, Short, "grant 5", plain)
	other := sealed(t, to.Public(), from, Short, "grant 5", plain)
	const frame = 1 + int(Short) + tagSize
	start := len(message) - ed25519.SignatureSize - 4*frame
	chunk := func(m []byte, i int) []byte { return m[start+i*frame : start+(i+1)*frame] }
	for name, order := range map[string][][]byte{
		"exchanged": {chunk(message, 1), chunk(message, 0), chunk(message, 2), chunk(message, 3)},
		"repeated":  {chunk(message, 0), chunk(message, 0), chunk(message, 1), chunk(message, 2), chunk(message, 3)},
		"left out":  {chunk(message, 0), chunk(message, 2), chunk(message, 3)},
		"no end":    {chunk(message, 0), chunk(message, 1)},
		"spliced":   {chunk(message, 0), chunk(other, 1), chunk(message, 2), chunk(message, 3)},
	} {
		forged := bytes.Clone(message[:start])
		length := int(parseLength([lengthSize]byte(forged)))
		record := newTranscript(forged[lengthSize : lengthSize+length])
		record.rest.Write(forged[lengthSize+length:])
		for _, c := range order {
			forged = append(forged, c...)
			record.rest.Write(c)
		}
		forged = append(forged, from.Sign(record.message())...)
		if _, _, err := open(forged, to, from.Public()); !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, got, err := open(message, to, from.Public()); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("as it was: %v", err)
	}
}

func TestOnlyTheRecipientOpens(t *testing.T) {
	from := sender(1)
	for _, s := range suites {
		to, other := recipient(t, s), recipient(t, s)
		message := sealed(t, to.Public(), from, Short, "", []byte("row"))
		if _, _, err := open(message, other, from.Public()); !errors.Is(err, ErrSealed) || !strings.Contains(err.Error(), "not here") {
			t.Errorf("suite %d: another recipient: %v", s, err)
		}
		// A keyring that gives another key for the id does not help.
		in, err := NewReader(bytes.NewReader(message), func(KeyID) *Recipient { return other })
		if err == nil {
			_, err = io.ReadAll(in)
		}
		if !errors.Is(err, ErrSealed) {
			t.Errorf("suite %d: another key: %v", s, err)
		}
	}
}

// TestNothingComesBeforeTheSignature: what the last chunk holds is given only when
// the signature was checked.
func TestNothingComesBeforeTheSignature(t *testing.T) {
	from, to := sender(1), recipient(t, P256)
	message := sealed(t, to.Public(), from, Short, "", []byte("row"))
	message[len(message)-1] ^= 1
	if _, plain, err := open(message, to, from.Public()); !errors.Is(err, ErrSealed) || len(plain) != 0 {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestWriterRefuses(t *testing.T) {
	from, to := sender(1), recipient(t, P256)
	if _, err := NewWriter(io.Discard, to.Public(), from, 100, nil); err == nil {
		t.Error("chunks of 100 bytes")
	}
	if _, err := NewWriter(io.Discard, to.Public(), from, Short, make([]byte, MaxContext+1)); err == nil {
		t.Error("a context that is too long")
	}
	w, err := NewWriter(io.Discard, to.Public(), from, Short, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte{1}); !errors.Is(err, errClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestKeysAreReadAsWritten(t *testing.T) {
	for _, s := range suites {
		key := recipient(t, s)
		public, err := ReadPublic(bytes.NewReader(FormatPublic(key.Public())))
		if err != nil || public.ID() != key.Public().ID() {
			t.Fatalf("the public key is read back as another: %v", err)
		}
		if _, err := ReadPublic(bytes.NewReader(append(FormatPublic(public), 'x'))); !errors.Is(err, keys.ErrKey) {
			t.Errorf("a public key with more after it: %v", err)
		}
		written, err := FormatRecipient(key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseRecipient(bytes.NewReader(written))
		if err != nil || got.Public().ID() != key.Public().ID() {
			t.Fatalf("suite %d: %v", s, err)
		}
		public, err = ParsePublic(key.Public().Bytes())
		if err != nil || public.ID() != key.Public().ID() || public.Suite() != s {
			t.Fatalf("suite %d: public: %v", s, err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", key, key, key, key); !strings.Contains(text, "redacted") {
			t.Errorf("printed: %s", text)
		}
		for name, bad := range map[string][]byte{"cut": written[:len(written)/2], "two": append(written, written...), "empty": {}} {
			if _, err := ParseRecipient(bytes.NewReader(bad)); !errors.Is(err, keys.ErrKey) {
				t.Errorf("suite %d, %s: %v", s, name, err)
			}
		}
		for name, bad := range map[string][]byte{"cut": key.Public().Bytes()[:40], "another suite": append([]byte{0, 9}, key.Public().Bytes()[2:]...), "empty": {}} {
			if _, err := ParsePublic(bad); !errors.Is(err, keys.ErrKey) {
				t.Errorf("suite %d, public %s: %v", s, name, err)
			}
		}
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// published is a vector of the RFC or the draft. Ciphertext i was sealed as number
// i under the additional data "Count-i".
type published struct {
	Source                     string
	Suite                      Suite
	AEAD                       uint16
	Private, Public, Enc, Info string
	Plaintext                  string
	Ciphertexts                []string
	Exports                    []struct {
		Context string
		Length  int
		Value   string
	}
}

// TestPublishedVectors opens what the RFC's and the draft's vectors sealed: their
// KEMs and key schedules are those of our suites.
func TestPublishedVectors(t *testing.T) {
	b, err := os.ReadFile("testdata/hpke.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []published
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	opened, exported := map[Suite]int{}, map[Suite]int{}
	for _, v := range vectors {
		key, err := v.Suite.kem().NewPrivateKey(unhex(t, v.Private))
		if err != nil || !bytes.Equal(key.PublicKey().Bytes(), unhex(t, v.Public)) || len(v.Enc) != 2*v.Suite.encSize() {
			t.Fatalf("%s: keys, %v", v.Source, err)
		}
		aead, err := hpke.NewAEAD(v.AEAD)
		if err != nil {
			t.Fatalf("%s: %v", v.Source, err)
		}
		r, err := hpke.NewRecipient(unhex(t, v.Enc), key, hpke.HKDFSHA256(), aead, unhex(t, v.Info))
		if err != nil {
			t.Fatalf("%s: %v", v.Source, err)
		}
		for i, c := range v.Ciphertexts {
			plain, err := r.Open(fmt.Appendf(nil, "Count-%d", i), unhex(t, c))
			if err != nil || hex.EncodeToString(plain) != v.Plaintext {
				t.Fatalf("%s: ciphertext %d opens as %x, %v", v.Source, i, plain, err)
			}
			opened[v.Suite]++
		}
		for _, e := range v.Exports {
			value, err := r.Export(string(unhex(t, e.Context)), e.Length)
			if err != nil || hex.EncodeToString(value) != e.Value {
				t.Errorf("%s: exports %x, %v", v.Source, value, err)
			}
			exported[v.Suite]++
		}
	}
	if opened[P256] < 257 || opened[MLKEM768X25519] < 10 || exported[P256] < 12 || exported[MLKEM768X25519] < 5 {
		t.Errorf("only %v ciphertexts, %v exports", opened, exported)
	}
	t.Logf("%d ciphertexts and %d exports of RFC 9180 (P-256), %d and %d of draft-ietf-hpke-pq (X-Wing)",
		opened[P256], exported[P256], opened[MLKEM768X25519], exported[MLKEM768X25519])
}

// knownAnswer is a message of ours that every later version must open.
type knownAnswer struct {
	Suite     Suite  `json:"suite"`
	Recipient string `json:"recipient_pem"` // a key for tests alone
	Sender    string `json:"sender"`
	Context   string `json:"context"`
	Plaintext string `json:"plaintext"`
	Sealed    string `json:"sealed"`
}

const knownAnswers = "testdata/sealed.json"

func TestKnownAnswers(t *testing.T) {
	if *update {
		writeKnownAnswers(t)
	}
	b, err := os.ReadFile(knownAnswers)
	if err != nil {
		t.Fatal(err)
	}
	var answers []knownAnswer
	if err := json.Unmarshal(b, &answers); err != nil || len(answers) != len(suites) {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	for _, a := range answers {
		to, err := ParseRecipient(strings.NewReader(a.Recipient))
		if err != nil {
			t.Fatal(err)
		}
		context, plain, err := open(unhex(t, a.Sealed), to, unhex(t, a.Sender))
		if err != nil || hex.EncodeToString(context) != a.Context || hex.EncodeToString(plain) != a.Plaintext {
			t.Errorf("suite %d: %q, %q, %v", a.Suite, context, plain, err)
		}
	}
}

func writeKnownAnswers(t *testing.T) {
	t.Helper()
	var answers []knownAnswer
	for _, s := range suites {
		to, from := recipient(t, s), sender(1)
		pem, err := FormatRecipient(to)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, knownAnswer{Suite: s, Recipient: string(pem), Sender: hex.EncodeToString(from.Public()),
			Context: hex.EncodeToString([]byte("grant 5")), Plaintext: hex.EncodeToString([]byte("a row")),
			Sealed: hex.EncodeToString(sealed(t, to.Public(), from, Short, "grant 5", []byte("a row")))})
	}
	b, err := json.MarshalIndent(answers, "", "  ")
	if err == nil {
		err = os.WriteFile(knownAnswers, append(b, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzReader: whatever comes, it is refused or opened, with no more memory than a
// head and a chunk.
func FuzzReader(f *testing.F) {
	from := sender(1)
	to := map[KeyID]*Recipient{}
	for _, s := range suites {
		r := recipient(f, s)
		to[r.Public().ID()] = r
		f.Add(sealed(f, r.Public(), from, Short, "grant 5", []byte("row")))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		in, err := NewReader(bytes.NewReader(message), func(id KeyID) *Recipient { return to[id] })
		if err == nil {
			_, err = io.Copy(io.Discard, in)
		}
		if err != nil && !errors.Is(err, ErrSealed) {
			t.Error(err)
		}
	})
}

// FuzzKeys: what is read as a key is written as the same one.
func FuzzKeys(f *testing.F) {
	for _, s := range suites {
		r := recipient(f, s)
		written, err := FormatRecipient(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(r.Public().Bytes())
		f.Add(FormatPublic(r.Public()))
		f.Add(written)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePublic(b); err == nil && !bytes.Equal(p.Bytes(), b) {
			t.Error("a public key is written as another")
		} else if err != nil && !errors.Is(err, keys.ErrKey) {
			t.Error(err)
		}
		if p, err := ReadPublic(bytes.NewReader(b)); err == nil {
			if again, err := ReadPublic(bytes.NewReader(FormatPublic(p))); err != nil || again.ID() != p.ID() {
				t.Errorf("a public key's file is written as another: %v", err)
			}
		} else if !errors.Is(err, keys.ErrKey) {
			t.Error(err)
		}
		if r, err := ParseRecipient(bytes.NewReader(b)); err == nil {
			written, err := FormatRecipient(r)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseRecipient(bytes.NewReader(written)); err != nil || again.Public().ID() != r.Public().ID() {
				t.Errorf("a recipient's key is written as another: %v", err)
			}
		} else if !errors.Is(err, keys.ErrKey) {
			t.Error(err)
		}
	})
}

// BenchmarkGCM is the peer of BenchmarkSeal and BenchmarkOpen: AES-256-GCM over
// the same chunks, and nothing else.
func BenchmarkGCM(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	nonce, plain := make([]byte, aead.NonceSize()), make([]byte, 16<<20)
	out := make([]byte, 0, int(Long)+tagSize)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		for i := 0; i < len(plain); i += int(Long) {
			aead.Seal(out, nonce, plain[i:i+int(Long)], nil)
		}
	}
}

// BenchmarkSeal and BenchmarkOpen seal and open what a disclosure may hold.
func BenchmarkSeal(b *testing.B) {
	from, plain := sender(1), make([]byte, 16<<20)
	for _, s := range suites {
		to := recipient(b, s)
		b.Run(fmt.Sprint("suite-", s), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				w, err := NewWriter(io.Discard, to.Public(), from, Long, nil)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Write(plain); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	from, plain := sender(1), make([]byte, 16<<20)
	for _, s := range suites {
		to := recipient(b, s)
		message := sealed(b, to.Public(), from, Long, "", plain)
		b.Run(fmt.Sprint("suite-", s), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				in, err := NewReader(bytes.NewReader(message), func(KeyID) *Recipient { return to })
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, in); err != nil || n != int64(len(plain)) {
					b.Fatal(n, err)
				}
			}
		})
	}
}
