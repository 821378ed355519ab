package search

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/seal"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

const chainID = "region-1"

// world is the members of a test, who reach each other without a network.
type world struct {
	sites map[string]*site
	now   time.Time
	// tamper, if set, changes what travels.
	tamper func(message []byte) []byte
	// travels, if set, sees each query.
	travels func(to string, message []byte)
}

// site is one member: its Search, and what others know of it.
type site struct {
	*Search
	world     *world
	peer      Peer
	recipient *seal.Recipient
	index     index
}

type index map[vid.Root]string

func (i index) Find(_ context.Context, roots []Root) (f Found, err error) {
	for _, r := range roots {
		if p, ok := i[r.Root]; ok {
			f.Patients = append(f.Patients, []byte(p))
		}
	}
	return f, nil
}

func newWorld() *world {
	return &world{sites: map[string]*site{}, now: time.Unix(1_796_000_000, 0)}
}

func (w *world) add(t testing.TB, id string, suite seal.Suite, rules map[string]Rule) *site {
	t.Helper()
	key, err := keys.GenerateMember()
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := seal.GenerateRecipient(suite)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{world: w, recipient: recipient, index: index{},
		peer: Peer{ID: id, Key: key.Public(), Recipients: []*seal.Public{recipient.Public()}}}
	s.Search = New(Options{Log: logtest.New(t), Chain: chainID, Self: id, Signer: key, Index: s.index, Peers: s, Rules: rules,
		Keyring: func(k seal.KeyID) *seal.Recipient {
			if k == recipient.Public().ID() {
				return recipient
			}
			return nil
		}, Now: func() time.Time { return w.now }})
	w.sites[id] = s
	return s
}

// Members and Ask are the Peers of a site.
func (s *site) Members(context.Context) (out []Peer, err error) {
	for id, other := range s.world.sites {
		if id != s.peer.ID {
			out = append(out, other.peer)
		}
	}
	slices.SortFunc(out, func(a, b Peer) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func (s *site) Ask(ctx context.Context, member string, body func(Peer) ([]byte, error)) (Peer, []byte, error) {
	to := s.world.sites[member]
	message, err := body(to.peer)
	if err != nil {
		return to.peer, nil, err
	}
	if s.world.travels != nil {
		s.world.travels(member, message)
	}
	reply, err := to.Answer(ctx, s.peer, message)
	if s.world.tamper != nil {
		reply = s.world.tamper(reply)
	}
	return to.peer, reply, err
}

func all() []string {
	return []string{"TREAT", "ETREAT", "BTG", "HPAYMT", "HOPERAT", "HRESCH", "PATRQT"}
}

func root(b byte) Root { return Root{Epoch: 1, Root: vid.Root{b}} }

func treatment(perDay uint64) map[string]Rule {
	return map[string]Rule{"south": {Purposes: []string{"TREAT"}, MaxPerDay: perDay}}
}

// query seals a query as a member would.
func (s *site) query(t testing.TB, to *site, change func(*envelope, *query)) []byte {
	t.Helper()
	e := envelope{useQuery, chainID, ID{1, byte(len(s.world.sites))}, s.peer.ID, to.peer.ID}
	q := query{purpose: "TREAT", created: s.world.now.UnixMilli(), roots: []Root{root(1)}}
	change(&e, &q)
	message, err := s.seal(to.peer, e, q.append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func same(*envelope, *query) {}

func (s *site) ops(t testing.TB) (ops []commit.Op) {
	t.Helper()
	for i := range s.options.Log.Size() {
		e, err := s.options.Log.Entry(i)
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, e.Header.Op)
	}
	return ops
}

func TestMembersAnswerByTheirOwnPolicyAndBothSidesEnterIt(t *testing.T) {
	w := newWorld()
	south := w.add(t, "south", seal.MLKEM768X25519, nil)
	north := w.add(t, "north", seal.MLKEM768X25519, treatment(10))
	east := w.add(t, "east", seal.P256, map[string]Rule{AnyMember: {Purposes: []string{"TREAT"}, MaxPerDay: 10}})
	west := w.add(t, "west", seal.P256, map[string]Rule{"south": {Purposes: []string{"HRESCH"}, MaxPerDay: 10}, AnyMember: {Purposes: all(), MaxPerDay: 9}})
	closed := w.add(t, "closed", seal.P256, map[string]Rule{"north": {Purposes: []string{"TREAT"}, MaxPerDay: 10}})
	north.index[root(2).Root] = "patient 7"
	west.index[root(2).Root] = "patient 8"
	answers, err := south.Search.Ask(t.Context(), Question{Roots: []Root{root(1), root(2)}, Locals: []string{"lid1x"}, Purpose: "TREAT", By: "dr"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Answer{{Member: "closed", Outcome: Refused, Reason: NotAllowed}, {Member: "east", Outcome: No},
		{Member: "north", Outcome: Yes}, {Member: "west", Outcome: Refused, Reason: Purpose}}
	if !slices.Equal(answers.Answers, want) {
		t.Errorf("answers are %v, want %v", answers.Answers, want)
	}
	if ops := south.ops(t); !slices.Equal(ops, []commit.Op{commit.Query, commit.Answers}) {
		t.Errorf("the asker entered %v", ops)
	}
	for _, s := range []*site{north, east, west, closed} {
		if ops := s.ops(t); !slices.Equal(ops, []commit.Op{commit.Queried}) {
			t.Errorf("%s entered %v", s.peer.ID, ops)
		}
	}
	e, err := north.options.Log.Entry(0)
	if err != nil || !bytes.Contains(e.Body, []byte("patient 7")) || !bytes.Contains(e.Body, []byte("south")) {
		t.Errorf("the entry does not say who was told of whom: %v", err)
	}
	root2 := root(2)
	if bytes.Contains(e.Body, root2.Root[:8]) {
		t.Error("the entry holds a root")
	}
}

func TestEachRefusalHasItsOwnError(t *testing.T) {
	w := newWorld()
	south, west := w.add(t, "south", seal.P256, nil), w.add(t, "west", seal.P256, nil)
	north := w.add(t, "north", seal.MLKEM768X25519, map[string]Rule{AnyMember: {Purposes: all(), MaxPerDay: 100}})
	good := south.query(t, north, same)
	if _, err := north.Answer(t.Context(), south.peer, good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		from    *site
		message []byte
		want    error
	}{
		{"replayed", south, good, ErrReplayed},
		{"another's query sent on", west, good, ErrForged},
		{"sealed to another site", south, south.query(t, west, same), ErrRecipient},
		{"made for another member", south, south.query(t, north, func(e *envelope, _ *query) { e.to = "west" }), ErrContext},
		{"in another's name", south, south.query(t, north, func(e *envelope, _ *query) { e.from = "west" }), ErrContext},
		{"of another chain", south, south.query(t, north, func(e *envelope, _ *query) { e.chain = "region-2" }), ErrContext},
		{"an answer", south, south.query(t, north, func(e *envelope, _ *query) { e.use = useAnswer }), ErrContext},
		{"old", south, south.query(t, north, func(e *envelope, q *query) { e.id[0] = 2; q.created -= Window.Milliseconds() + 1 }), ErrStale},
		{"of the future", south, south.query(t, north, func(e *envelope, q *query) { e.id[0] = 3; q.created += Window.Milliseconds() + 1 }), ErrStale},
		{"no root", south, south.query(t, north, func(_ *envelope, q *query) { q.roots = nil }), ErrMalformed},
		{"too many roots", south, south.query(t, north, func(_ *envelope, q *query) { q.roots = make([]Root, MaxRoots+1) }), ErrMalformed},
		{"unknown purpose", south, south.query(t, north, func(_ *envelope, q *query) { q.purpose = "CURIOUS" }), ErrMalformed},
		{"cut off", south, good[:len(good)-1], ErrMalformed},
		{"longer", south, append(slices.Clone(good), 0), ErrMalformed},
		{"too long", south, make([]byte, MaxMessage+1), ErrMalformed},
		{"nothing", south, nil, ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := north.options.Log.Size()
			if _, err := north.Answer(t.Context(), c.from.peer, c.message); !errors.Is(err, c.want) {
				t.Errorf("Answer = %v, want %v", err, c.want)
			}
			if north.options.Log.Size() != before {
				t.Error("what is no query was entered as one")
			}
		})
	}
}

// Who asks reads what to do, also about a refusal by a code alone.
func TestTheAskerReadsWhatToDoAboutARefusal(t *testing.T) {
	w := newWorld()
	south := w.add(t, "south", seal.P256, nil)
	north := w.add(t, "north", seal.P256, treatment(9))
	north.options.Now = func() time.Time { return w.now.Add(time.Hour) }
	a, err := south.Search.Ask(t.Context(), Question{Roots: []Root{root(1)}, Purpose: "TREAT"})
	if err != nil || !errors.Is(a.Answers[0].Err, ErrStale) || !strings.Contains(a.Answers[0].Err.Error(), "set them by NTP") {
		t.Errorf("%+v, %v", a, err)
	}
}

// No byte of a query can be changed, and none of an answer either.
func TestWhatIsAlteredOnItsWayIsRefused(t *testing.T) {
	w := newWorld()
	south := w.add(t, "south", seal.P256, nil)
	north := w.add(t, "north", seal.P256, treatment(1<<20))
	good := south.query(t, north, same)
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		var refused *Refusal
		if _, err := north.Answer(t.Context(), south.peer, bad); !errors.As(err, &refused) {
			t.Fatalf("byte %d altered: %v", i, err)
		}
	}
	for i := range 2 {
		at := []int{40, 1000}[i]
		w.tamper = func(m []byte) []byte { m[at] ^= 1; return m }
		a, err := south.Search.Ask(t.Context(), Question{Roots: []Root{root(1)}, Purpose: "TREAT", Members: []string{"north"}})
		if err != nil || !errors.Is(a.Answers[0].Err, ErrAnswer) || a.Answers[0].Outcome != 0 {
			t.Errorf("an altered answer is taken: %+v, %v", a, err)
		}
	}
	// An answer to an earlier query, with all its signatures.
	var held []byte
	w.tamper = func(m []byte) []byte {
		if held == nil {
			held = m
		}
		return held
	}
	for want := range 2 {
		a, err := south.Search.Ask(t.Context(), Question{Roots: []Root{root(1)}, Purpose: "TREAT", Members: []string{"north"}})
		if err != nil || errors.Is(a.Answers[0].Err, ErrAnswer) != (want == 1) {
			t.Errorf("answer %d: %+v, %v", want, a, err)
		}
	}
}

func TestReplaysAreRememberedOverARestart(t *testing.T) {
	w := newWorld()
	south := w.add(t, "south", seal.P256, nil)
	north := w.add(t, "north", seal.P256, treatment(100))
	message := south.query(t, north, same)
	if _, err := north.Answer(t.Context(), south.peer, message); err != nil {
		t.Fatal(err)
	}
	again := New(north.options) // all that is kept is in the log
	for _, later := range []time.Duration{0, Window} {
		w.now = w.now.Add(later)
		if _, err := again.Answer(t.Context(), south.peer, message); !errors.Is(err, ErrReplayed) {
			t.Errorf("%s later: %v, want ErrReplayed", later, err)
		}
	}
	w.now = w.now.Add(time.Millisecond)
	if _, err := again.Answer(t.Context(), south.peer, message); !errors.Is(err, ErrStale) {
		t.Errorf("once it is forgotten: %v, want ErrStale", err)
	}
}

// slow is an index that takes long enough for all to come in between.
type slow struct{}

func (slow) Find(ctx context.Context, _ []Root) (f Found, err error) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
	return f, ctx.Err()
}

func TestOneQueryIsAnsweredOnceHoweverOftenItComesAtOnce(t *testing.T) {
	w := newWorld()
	south := w.add(t, "south", seal.P256, nil)
	north := w.add(t, "north", seal.P256, treatment(100))
	north.options.Index = slow{}
	message := south.query(t, north, same)
	var group sync.WaitGroup
	results := make(chan error, 16)
	for range cap(results) {
		group.Go(func() {
			_, err := north.Answer(t.Context(), south.peer, message)
			results <- err
		})
	}
	group.Wait()
	close(results)
	answered := 0
	for err := range results {
		if err == nil {
			answered++
		} else if !errors.Is(err, ErrReplayed) {
			t.Error(err)
		}
	}
	if answered != 1 {
		t.Errorf("answered %d times", answered)
	}
}

func TestADayHasSoManyQueriesAndTheRestFillsNoLog(t *testing.T) {
	w := newWorld()
	w.now = time.Date(2026, 11, 28, 23, 59, 59, 0, time.UTC)
	south := w.add(t, "south", seal.P256, nil)
	north := w.add(t, "north", seal.P256, treatment(2))
	question := Question{Roots: []Root{root(1)}, Purpose: "TREAT", Members: []string{"north"}}
	for i, want := range []Answer{{"north", No, 0, nil}, {"north", No, 0, nil}, {"north", Refused, Quota, nil}, {"north", Refused, Quota, nil}, {"north", Refused, Quota, nil}} {
		a, err := south.Search.Ask(t.Context(), question)
		if err != nil || a.Answers[0] != want {
			t.Errorf("query %d: %+v, %v", i+1, a, err)
		}
	}
	if n := len(north.ops(t)); n != 3 {
		t.Errorf("5 queries with 2 a day made %d entries, want 3", n)
	}
	w.now = w.now.Add(time.Second)
	if a, err := south.Search.Ask(t.Context(), question); err != nil || a.Answers[0].Outcome != No {
		t.Errorf("the next day: %+v, %v", a, err)
	}
}

func TestAnswersAreOfOneLength(t *testing.T) {
	w := newWorld()
	south := w.add(t, "south", seal.MLKEM768X25519, nil)
	north := w.add(t, "north", seal.P256, treatment(2))
	north.index[root(7).Root] = "patient 7"
	var lengths []int
	w.tamper = func(m []byte) []byte { lengths = append(lengths, len(m)); return m }
	for i := range 3 {
		q := Question{Roots: []Root{root(byte(6 + i))}, Purpose: "TREAT", Members: []string{"north"}}
		if _, err := south.Search.Ask(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Min(lengths) != slices.Max(lengths) {
		t.Errorf("no, yes and refused are of lengths %v", lengths)
	}
	few := south.query(t, north, same)
	many := south.query(t, north, func(_ *envelope, q *query) { q.roots = make([]Root, MaxRoots); q.purpose = "HOPERAT" })
	if len(few) != len(many) {
		t.Errorf("queries are of lengths %d and %d", len(few), len(many))
	}
}

func TestAskRefusesWhatIsNoQuestion(t *testing.T) {
	w := newWorld()
	south := w.add(t, "south", seal.P256, nil)
	for name, q := range map[string]Question{
		"no root":            {Purpose: "TREAT"},
		"too many":           {Purpose: "TREAT", Roots: make([]Root, MaxRoots+1)},
		"no purpose":         {Roots: []Root{root(1)}},
		"itself":             {Roots: []Root{root(1)}, Purpose: "TREAT", Members: []string{"south"}},
		"nobody to ask":      {Roots: []Root{root(1)}, Purpose: "TREAT"},
		"who asks, too long": {Roots: []Root{root(1)}, Purpose: "TREAT", By: strings.Repeat("x", 65)},
	} {
		if _, err := south.Search.Ask(t.Context(), q); !errors.Is(err, ErrQuestion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(south.ops(t)); n != 0 {
		t.Errorf("%d entries of questions that were not asked", n)
	}
}

func FuzzAnswer(f *testing.F) {
	w := newWorld()
	south := w.add(f, "south", seal.P256, nil)
	north := w.add(f, "north", seal.P256, treatment(1<<20))
	good := south.query(f, north, same)
	f.Add(good)
	f.Add(good[:200])
	f.Fuzz(func(t *testing.T, message []byte) {
		var refused *Refusal
		if _, err := north.Answer(t.Context(), Peer{ID: "south", Key: make(ed25519.PublicKey, 32)}, message); !errors.As(err, &refused) {
			t.Errorf("what nobody signed is answered: %v", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	e := envelope{useQuery, chainID, ID{1}, "south", "north"}
	q := query{"TREAT", 1, []Root{root(1)}}
	a := answer{outcome: No, reason: Incomplete}
	f.Add(e.append(nil))
	f.Add(q.append(nil))
	f.Add(a.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseEnvelope(b); err == nil && !bytes.Equal(e.append(nil), b) {
			t.Errorf("an envelope reads as %+v, which is written otherwise", e)
		}
		if q, err := parseQuery(b); err == nil && !bytes.Equal(q.append(nil), b) {
			t.Errorf("a query reads as one that is written otherwise")
		}
		if a, err := parseAnswer(b); err == nil && !bytes.Equal(a.append(nil), b) {
			t.Errorf("an answer reads as %+v, which is written otherwise", a)
		}
	})
}
