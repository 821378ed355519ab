package search

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/chain/rules"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/seal"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

// An artefact is bytes that the attacker has.
type artefact struct {
	name  string
	bytes []byte
}

// prefix is how much of a derived value is looked for: that many bytes of two
// values are never the same by chance.
const prefix = 20

// attack tries each number of a dictionary against the artefacts: it derives
// values and looks each up at every place of every artefact. It returns the numbers
// found, by artefact.
func attack(dictionary []string, derive func(number string) [][]byte, artefacts []artefact) map[string][]string {
	places := map[[prefix]byte][]string{}
	for _, a := range artefacts {
		for i := range max(0, len(a.bytes)-prefix+1) {
			at := [prefix]byte(a.bytes[i:])
			if !slices.Contains(places[at], a.name) {
				places[at] = append(places[at], a.name)
			}
		}
	}
	found := map[string][]string{}
	for _, number := range dictionary {
		for _, value := range derive(number) {
			for _, name := range places[[prefix]byte(value)] {
				found[name] = append(found[name], number)
			}
		}
	}
	return found
}

// nhsNumbers returns the first n of a range that is given out.
func nhsNumbers(n int) (numbers []string) {
	for body := 400_000_000; len(numbers) < n; body++ {
		sum := 0
		for rest, weight := body, 2; rest > 0; rest, weight = rest/10, weight+1 {
			sum += rest % 10 * weight
		}
		if check := (11 - sum%11) % 11; check < 10 {
			numbers = append(numbers, fmt.Sprintf("%d%d", body, check))
		}
	}
	return numbers
}

// victims are who another member, south, asks for.
type victims struct {
	known, other string // an NHS number asked of the attacker, and one asked of another member
}

// TestWhatADictionaryGives: the attacker is a member, north. He has the chain, his
// own disk with the epoch's key of keyed mode, what was sealed to him, what others
// sealed to each other as it travels, and the asker's local ids and entries. Every
// number of his dictionary is tried against all of it.
func TestWhatADictionaryGives(t *testing.T) {
	size := 100_000
	if os.Getenv("EMRBCHAIN_TEST_FULL") != "" {
		size = 3_000_000
	}
	dictionary := nhsNumbers(size)
	v := victims{known: dictionary[size/2], other: dictionary[size/3]}
	key, err := vid.GenerateKeyed(rand.Reader, 1)
	if err != nil {
		t.Fatal(err)
	}
	own, err := vid.GenerateSite(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	artefacts := v.haul(t, key)
	hash := sha256.Sum256([]byte(v.known))
	plain := artefact{"a plain hash", append([]byte("on a chain: "), hash[:]...)}

	attempt := func(derive func(string) [][]byte, artefacts ...artefact) (map[string][]string, time.Duration) {
		began := time.Now()
		return attack(dictionary, derive, artefacts), time.Since(began)
	}
	found, took := attempt(hashes, plain)
	if !slices.Equal(found[plain.name], []string{v.known}) {
		t.Fatalf("the attack does not invert a plain hash: %v", found)
	}
	t.Logf("a plain hash is inverted among %d NHS numbers in %s", size, took.Round(time.Millisecond))

	if found, _ = attempt(withoutKey(t), artefacts...); len(found) > 0 {
		t.Errorf("without the epoch's key he finds %v", found)
	}
	found, took = attempt(withKey(t, key, own), artefacts...)
	if !slices.Equal(found[openedQuery], []string{v.known}) {
		t.Errorf("in the query that he was asked he finds %v; SPEC.md says that he inverts it", found[openedQuery])
	}
	delete(found, openedQuery)
	if len(found) > 0 {
		t.Errorf("with the epoch's key he also finds %v", found)
	}
	t.Logf("with the epoch's key the root of the query sealed to him, in %s; nothing in %d other places, nothing anywhere without it",
		took.Round(time.Millisecond), len(artefacts)-1)
}

const openedQuery = "the query sealed to the attacker, opened"

func normal(t testing.TB, number string) vid.Identifier {
	t.Helper()
	systems, err := vid.NewSystems()
	if err != nil {
		t.Fatal(err)
	}
	id, err := systems.Normalize(vid.EnglandNHS, number)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// haul has south ask north for one patient and west for another, and returns what
// north has of it in the end.
func (v victims) haul(t *testing.T, key *vid.Keyed) (out []artefact) {
	t.Helper()
	w := newWorld()
	south := w.add(t, "south", seal.MLKEM768X25519, nil)
	north, west := w.add(t, "north", seal.MLKEM768X25519, treatment(10)), w.add(t, "west", seal.P256, treatment(10))
	siteKey, err := vid.GenerateSite(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.travels = func(to string, message []byte) {
		if out = append(out, artefact{"the query to " + to + " on its way", message}); to != "north" {
			return
		}
		_, opened, err := north.open(south.peer.Key, message)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, artefact{openedQuery, opened})
	}
	for member, number := range map[string]string{"north": v.known, "west": v.other} {
		g := key.Root(normal(t, number))
		local, err := siteKey.Local(key.Epoch(), g)
		if err != nil {
			t.Fatal(err)
		}
		w.sites[member].index[g] = "patient 7"
		_, err = south.Search.Ask(t.Context(), Question{Roots: []Root{{Epoch: key.Epoch(), Root: g}}, Locals: []string{local.String()},
			Purpose: "TREAT", By: "dr", Members: []string{member}})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, artefact{"a local id of the asker's", append([]byte(local.String()), local.ID[:]...)})
	}
	for _, s := range []*site{south, north, west} {
		out = append(out, s.kept(t)...)
	}
	return out
}

// kept is what a member keeps of queries, and what the chain has of its log.
func (s *site) kept(t *testing.T) (out []artefact) {
	t.Helper()
	log := s.options.Log
	var entries, leaves []byte
	var stored []merkle.Hash
	for i := range log.Size() {
		e, err := log.Entry(i)
		if err != nil {
			t.Fatal(err)
		}
		leaf := e.Leaf.Append(nil)
		entries, leaves = append(entries, e.Body...), append(leaves, leaf...)
		hashes, err := merkle.StoredHashes(i, merkle.LeafHash(leaf), hashesOf(stored))
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	memory, err := log.Get(memoryName("south"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := merkle.Root(log.Size(), hashesOf(stored))
	if err != nil {
		t.Fatal(err)
	}
	note := fmt.Appendf(nil, "%s\n%d\n%s", log.Origin(), log.Size(), root)
	anchor := rules.AnchorTx{Chain: chainID, Note: note}.Append(nil)
	return []artefact{
		{"entries of " + s.peer.ID, entries},
		{"what " + s.peer.ID + " remembers of queries", memory},
		{"the chain's anchor of " + s.peer.ID, slices.Concat(anchor, root[:], leaves)},
	}
}

// hashesOf reads the stored hashes of a tree.
type hashesOf []merkle.Hash

func (h hashesOf) ReadHashes(at []int64) (out []merkle.Hash, err error) {
	for _, i := range at {
		out = append(out, h[i])
	}
	return out, nil
}

// input is what a root is derived from (crypto/vid/SPEC.md, section 5).
func input(number string) []byte {
	b := []byte("emrb/id/v1")
	for _, part := range []string{vid.EnglandNHS, number} {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(part))), part...)
	}
	return b
}

// localOf is what a local id is made from.
func localOf(epoch uint16, g []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte("emrb/local/v1"), epoch), g...)
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func mac(key, b []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(b)
	return m.Sum(nil)
}

// hashes are those of a number that need no key.
func hashes(number string) [][]byte {
	return [][]byte{digest([]byte(number)), digest(input(number))}
}

// withoutKey derives what an outsider can: hashes, and HMACs under keys that are
// no secret, or are another's.
func withoutKey(t *testing.T) func(string) [][]byte {
	t.Helper()
	guessed := [][]byte{make([]byte, vid.KeySize), []byte(chainID), digest([]byte(chainID))}
	return func(number string) [][]byte {
		out := hashes(number)
		for _, key := range guessed {
			g := mac(key, input(number))
			out = append(out, g, mac(key, localOf(1, g)), digest(localOf(1, g)))
		}
		return out
	}
}

// withKey derives what a member can: roots, and everything that could be made of
// one without another site's key.
func withKey(t *testing.T, key *vid.Keyed, own *vid.Site) func(string) [][]byte {
	t.Helper()
	systems, err := vid.NewSystems()
	if err != nil {
		t.Fatal(err)
	}
	return func(number string) [][]byte {
		id, err := systems.Normalize(vid.EnglandNHS, number)
		if err != nil {
			t.Fatal(err)
		}
		g := key.Root(id)
		local, err := own.Local(key.Epoch(), g)
		if err != nil {
			t.Fatal(err)
		}
		return append(hashes(number), g[:], local.ID[:], digest(g[:]), digest(localOf(key.Epoch(), g[:])), mac(make([]byte, vid.KeySize), localOf(key.Epoch(), g[:])))
	}
}
