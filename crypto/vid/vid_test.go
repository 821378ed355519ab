package vid_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/emrbchain/emrbchain/crypto/vid"
)

// vectors are what another implementation can be run against.
type vectors struct {
	Key, SiteKey string
	KeyID        string
	SiteKeyID    string
	Epoch        uint16
	Opaque       []string
	Identifiers  []struct{ Name, System, Typed, Normal, Root, Local string }
	Demographic  []struct{ Name, Person, BirthDate, Sex, Normal, Root, Local string }
	Refused      []struct{ Name, System, Typed string }
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("testdata/identity.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.NewReplacer(`"site_key"`, `"SiteKey"`, `"key_id"`, `"KeyID"`, `"site_key_id"`, `"SiteKeyID"`, `"birth_date"`, `"BirthDate"`).Replace(string(b))), &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Identifiers) < 15 || len(v.Demographic) < 5 || len(v.Refused) < 25 {
		t.Fatalf("%d identifiers, %d people, %d refused", len(v.Identifiers), len(v.Demographic), len(v.Refused))
	}
	return v
}

func key(t testing.TB, text string) (k [vid.KeySize]byte) {
	t.Helper()
	if n, err := hex.Decode(k[:], []byte(text)); err != nil || n != len(k) {
		t.Fatalf("key: %v", err)
	}
	return k
}

func deriver(t testing.TB, v *vectors) (*vid.Keyed, *vid.Site) {
	t.Helper()
	k, s := key(t, v.Key), key(t, v.SiteKey)
	keyed, err := vid.NewKeyed(v.Epoch, &k)
	if err != nil {
		t.Fatal(err)
	}
	return keyed, vid.NewSite(&s)
}

func systems(t testing.TB, opaque ...string) *vid.Systems {
	t.Helper()
	s, err := vid.NewSystems(opaque...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestIdentifiersOfTheVectors(t *testing.T) {
	v := readVectors(t)
	keyed, site := deriver(t, &v)
	s := systems(t, v.Opaque...)
	check := func(name, normal, root, local string, id vid.Identifier, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		g := keyed.Root(id)
		l, err := site.Local(keyed.Epoch(), g)
		if err != nil || id.Value() != normal || hex.EncodeToString(g[:]) != root || l.String() != local {
			t.Errorf("%s: %q, root %x, %s, %v", name, id.Value(), g[:], l, err)
		}
	}
	for _, c := range v.Identifiers {
		id, err := s.Normalize(c.System, c.Typed)
		check(c.Name, c.Normal, c.Root, c.Local, id, err)
		if err == nil && (id.System() != c.System || id.Weak()) {
			t.Errorf("%s: system %s, weak %t", c.Name, id.System(), id.Weak())
		}
	}
	for _, c := range v.Demographic {
		id, err := vid.Demographic(c.Person, c.BirthDate, c.Sex)
		check(c.Name, c.Normal, c.Root, c.Local, id, err)
		if !id.Weak() {
			t.Errorf("%s is not weak", c.Name)
		}
	}
	for _, c := range v.Refused {
		_, err := s.Normalize(c.System, c.Typed)
		if !errors.Is(err, vid.ErrIdentifier) {
			t.Errorf("%s: %v", c.Name, err)
		} else if typed := strings.TrimSpace(c.Typed); len(typed) > 3 && strings.Contains(err.Error(), typed) {
			t.Errorf("%s: the message shows the identifier: %v", c.Name, err)
		}
	}
}

// TestMistypedIdentifiersAreRefused tries every other digit at every place, and
// every exchange of neighbours, of the systems whose check finds all of them.
func TestMistypedIdentifiersAreRefused(t *testing.T) {
	s := systems(t)
	for system, value := range map[string]string{vid.ChinaResident: "11010519491231002X", vid.EnglandNHS: "9434765919",
		vid.IndiaAadhaar: "234123412346", vid.NetherlandsBSN: "111222333", vid.FranceNIR: "255081416802538"} {
		tried := 0
		refused := func(typed string) {
			tried++
			if _, err := s.Normalize(system, typed); !errors.Is(err, vid.ErrIdentifier) {
				t.Errorf("%s: %s for %s is taken", system, typed, value)
			}
		}
		for i := range value {
			for d := byte('0'); d <= '9'; d++ {
				if d != value[i] && value[i] != 'X' {
					refused(value[:i] + string(d) + value[i+1:])
				}
			}
			if i > 0 && value[i] != value[i-1] && value[i] != 'X' {
				refused(value[:i-1] + value[i:i+1] + value[i-1:i] + value[i+1:])
			}
		}
		if tried < 9*len(value)/2 {
			t.Errorf("%s: %d tries", system, tried)
		}
	}
}

// TestDemographicsThatAreNone are refused.
func TestDemographicsThatAreNone(t *testing.T) {
	for name, c := range map[string][3]string{
		"no name": {" \u200b", "1980-02-29", "male"}, "no such day": {"Anna", "1981-02-29", "male"},
		"two-digit year": {"Anna", "80-02-28", "male"}, "another order": {"Anna", "28.02.1980", "male"},
		"sex": {"Anna", "1980-02-28", "m"}, "separator": {"An|na", "1980-02-28", "male"},
		"private use": {"An\ue000na", "1980-02-28", "male"}, "not UTF-8": {"An\xff", "1980-02-28", "male"},
		"long": {strings.Repeat("a", 257), "1980-02-28", "male"},
	} {
		if _, err := vid.Demographic(c[0], c[1], c[2]); !errors.Is(err, vid.ErrIdentifier) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnicodeIsTheVersionThatIsWritten: another one may change ids.
func TestUnicodeIsTheVersionThatIsWritten(t *testing.T) {
	const version = "15.0.0" // SPEC.md, section 3
	if norm.Version != version || unicode.Version != version {
		t.Errorf("tables of Unicode %s and %s", norm.Version, unicode.Version)
	}
}

func TestRuledSystemsAreNotTakenAsTheyAre(t *testing.T) {
	for _, system := range []string{vid.EnglandNHS, "http://hl7.org/fhir/sid/passport-DEU", "urn:emrbchain:name-birthdate-sex", ""} {
		if _, err := vid.NewSystems(system); !errors.Is(err, vid.ErrIdentifier) {
			t.Errorf("%s: %v", system, err)
		}
	}
}

// TestSecretsAreNotPrinted: neither an identifier's value nor a key nor a root.
func TestSecretsAreNotPrinted(t *testing.T) {
	k := key(t, strings.Repeat("5a", vid.KeySize))
	keyed, err := vid.NewKeyed(1, &k)
	if err != nil {
		t.Fatal(err)
	}
	id, err := systems(t).Normalize(vid.EnglandNHS, "943 476 5919")
	if err != nil {
		t.Fatal(err)
	}
	g := keyed.Root(id)
	secrets := []string{"9434765919", "5a5a5a", "90 90 90", hex.EncodeToString(g[:4]), fmt.Sprint([4]byte(g[:4]))[1:8], fmt.Sprintf("%d,%d,%d", g[0], g[1], g[2])}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%U"} {
		for _, thing := range []any{id, &id, keyed, vid.NewSite(&k), g} {
			text := fmt.Sprintf(verb, thing)
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T: %s", verb, thing, text)
				}
			}
		}
	}
}

func TestEpochsAreBounded(t *testing.T) {
	var k [vid.KeySize]byte
	if _, err := vid.NewKeyed(vid.MaxEpoch+1, &k); !errors.Is(err, vid.ErrEpoch) {
		t.Errorf("deriver: %v", err)
	}
	if _, err := vid.NewSite(&k).Local(vid.MaxEpoch+1, vid.Root{}); !errors.Is(err, vid.ErrEpoch) {
		t.Errorf("local id: %v", err)
	}
	l, err := vid.NewSite(&k).Local(vid.MaxEpoch, vid.Root{1})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := vid.ParseLocal(l.String()); err != nil || got != l {
		t.Errorf("%v is read as %v, %v", l, got, err)
	}
}

// TestMistypedLocalIDsAreFound tries every other character at every place, every
// exchange of neighbours and every one left out.
func TestMistypedLocalIDsAreFound(t *testing.T) {
	v := readVectors(t)
	text := v.Identifiers[0].Local
	if len(text) != 45 {
		t.Fatalf("%d characters", len(text))
	}
	refused := func(typed string) {
		if _, err := vid.ParseLocal(typed); !errors.Is(err, vid.ErrLocal) {
			t.Errorf("%s is taken for %s", typed, text)
		}
	}
	for i := range text {
		for c := byte(33); c < 127; c++ {
			if c != text[i] {
				refused(text[:i] + string(c) + text[i+1:])
			}
		}
		if i > 0 && text[i] != text[i-1] {
			refused(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:])
		}
		refused(text[:i] + text[i+1:])
	}
	if _, err := vid.ParseLocal(strings.ToUpper(text)); err != nil {
		t.Errorf("in upper case: %v", err)
	}
}

func FuzzNormalize(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.Identifiers {
		f.Add(c.System, c.Typed)
	}
	s := systems(f, v.Opaque...)
	f.Fuzz(func(t *testing.T, system, typed string) {
		id, err := s.Normalize(system, typed)
		if err != nil {
			if !errors.Is(err, vid.ErrIdentifier) {
				t.Fatal(err)
			}
			return
		}
		again, err := s.Normalize(system, id.Value())
		if err != nil || again.Value() != id.Value() {
			t.Errorf("%q becomes %q, and that %q, %v", typed, id.Value(), again.Value(), err)
		}
	})
}

func FuzzParseLocal(f *testing.F) {
	f.Add(readVectors(f).Identifiers[0].Local)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := vid.ParseLocal(text)
		if err == nil && l.String() != strings.ToLower(text) {
			t.Errorf("%q is read as %v", text, l)
		}
	})
}

// BenchmarkID makes a local id of a typed identifier, beside the two HMACs alone.
func BenchmarkID(b *testing.B) {
	v := readVectors(b)
	keyed, site := deriver(b, &v)
	s := systems(b)
	for b.Loop() {
		id, err := s.Normalize(vid.ChinaResident, "110105 19491231 002x")
		if err != nil {
			b.Fatal(err)
		}
		l, err := site.Local(keyed.Epoch(), keyed.Root(id))
		if err != nil || l.String() == "" {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ids/s")
}

// BenchmarkTwoHMACs is the peer of BenchmarkID.
func BenchmarkTwoHMACs(b *testing.B) {
	k, input := make([]byte, vid.KeySize), make([]byte, 60)
	for b.Loop() {
		for range 2 {
			mac := hmac.New(sha256.New, k)
			mac.Write(input)
			mac.Sum(input[:0])
		}
	}
}
