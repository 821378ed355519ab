package adapter_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/seal"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

// epochKey is the key that the members of a test derive with.
func epochKey(t *testing.T) *vid.Keyed {
	t.Helper()
	key, err := vid.GenerateKeyed(rand.Reader, 1)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// letSpeak gives a sidecar its keys towards other members, and the rules by which it
// answers them. The column of its table of patients holds NHS numbers.
func letSpeak(t *testing.T, s *sidecartest.Sidecar, epoch *vid.Keyed, suite seal.Suite, table, column, answers string) {
	t.Helper()
	site, err := vid.GenerateSite(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tls, err := keys.GenerateMember()
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := seal.GenerateRecipient(suite)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := seal.FormatRecipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"site.key": vid.FormatSite(site), "epoch-1.key": vid.FormatKeyed(epoch),
		"tls.key": keys.FormatMember(tls), "recipient.key": sealed} {
		if err := os.WriteFile(s.File(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := sidecartest.FreeAddress(t)
	s.Patients = fmt.Sprintf("patients:\n  site_key_file: %s\n  epochs: [{number: 1, key_file: %s}]\n"+
		"  identities:\n    - {table: %s, identifiers: [{column: %s, system: %q}]}\n",
		s.File("site.key"), s.File("epoch-1.key"), table, column, vid.EnglandNHS)
	s.Peers = fmt.Sprintf("peers:\n  listen: %s\n  endpoint: %s\n  tls_key_file: %s\n  recipient_key_files: [%s]\n%s",
		address, address, s.File("tls.key"), s.File("recipient.key"), answers)
}

// findable waits until all recorded rows of the tables of patients are indexed.
func findable(t *testing.T, s *sidecartest.Sidecar) {
	t.Helper()
	s.Covered()
	c := s.Control()
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
		status, err := c.Status(ctx)
		if err == nil && (status.Patients == nil || len(status.Patients.Lacking) > 0) {
			err = errors.New("not all patients are indexed")
		}
		return err
	})
}

// answersTo asks and returns what each member says.
func answersTo(t *testing.T, s *sidecartest.Sidecar, typed, purpose string, members ...string) map[string]string {
	t.Helper()
	r, err := s.Control().PatientSearch(t.Context(), api.PatientSearch{Purpose: purpose, Members: members, By: "dr.house",
		Identifiers: []api.PatientQuery{{System: vid.EnglandNHS, Value: typed}}})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, a := range r.Answers {
		out[a.Member] = a.Answer
	}
	return out
}

// A patient of a hospital with MariaDB is found by a hospital with SQLite, by a
// national id that is typed otherwise than it stands in the record, over the real
// chain and real TLS; who may ask what, each hospital decides.
func TestAHospitalFindsAnothersPatient(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain, a server and three sidecars")
	}
	chain := sidecartest.StartChain(t, 1, "south", "west")
	server, source := mariadbSource(t, true)
	server.Exec(`UPDATE emr.patients SET phone = '943 476 5919' WHERE id = 17`)
	epoch := epochKey(t)
	north := sidecartest.NewSidecar(t, chain, source)
	letSpeak(t, north, epoch, seal.MLKEM768X25519, "emr.patients", "phone",
		"  answers:\n    - {member: south, purposes: [TREAT, ETREAT], max_per_day: 4}\n")
	_, embedded := sqliteSource(t, 1000)
	south := sidecartest.NewSidecarOf(t, chain, "south", embedded)
	letSpeak(t, south, epoch, seal.P256, "patients", "phone", "")
	_, third := sqliteSource(t, 1000)
	west := sidecartest.NewSidecarOf(t, chain, "west", third)
	letSpeak(t, west, epoch, seal.P256, "patients", "phone", "  answers:\n    - {member: \"*\", purposes: [HRESCH], max_per_day: 100}\n")
	for _, s := range []*sidecartest.Sidecar{north, south, west} {
		s.Start()
	}
	for _, s := range []*sidecartest.Sidecar{north, south, west} {
		findable(t, s)
	}
	// Everybody has told the chain how it is reached, and read it of the others.
	client := chain.Client(0)
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) error {
		for _, s := range []*sidecartest.Sidecar{north, south, west} {
			if status, err := s.Control().Status(ctx); err != nil || !status.Peers.Published {
				return fmt.Errorf("a contact is not published: %w", err)
			}
		}
		contacts, err := client.Contacts(ctx)
		if err == nil && len(contacts) != 3 {
			err = fmt.Errorf("%d contacts", len(contacts))
		}
		return err
	})
	for member, want := range map[string]string{"north": "no", "west": "refused"} {
		sidecartest.Eventually(t, time.Minute, func(context.Context) error {
			if got := answersTo(t, south, "401 023 2137", "ETREAT", member); got[member] != want {
				return fmt.Errorf("%v", got)
			}
			return nil
		})
	}

	for _, c := range []struct {
		name, typed, purpose string
		want                 map[string]string
	}{
		{"as in the record", "943 476 5919", "TREAT", map[string]string{"north": "yes", "west": "refused"}},
		{"in other digits and spaces", "９４３－４７６-59 19 ", "ETREAT", map[string]string{"north": "yes", "west": "refused"}},
		{"for another purpose", "9434765919", "HRESCH", map[string]string{"north": "refused", "west": "no"}},
		{"more than a day has", "9434765919", "TREAT", map[string]string{"north": "refused", "west": "refused"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, answersTo(t, south, c.typed, c.purpose)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	sidecartest.Eventually(t, time.Minute, func(context.Context) error { // north has read west's contact too
		if got := answersTo(t, west, "9434765919", "TREAT", "north"); got["north"] != "refused" {
			return fmt.Errorf("who has no rule is told %v", got)
		}
		return nil
	})
	_, err := south.Control().PatientSearch(t.Context(), api.PatientSearch{Purpose: "TREAT",
		Identifiers: []api.PatientQuery{{System: vid.EnglandNHS, Value: "9434765918"}}})
	var refused *api.Problem
	if !errors.As(err, &refused) || bytes.Contains([]byte(err.Error()), []byte("9434765918")) {
		t.Errorf("a mistyped number: %v", err)
	}

	// Both sides have it in their logs, anchored.
	for _, s := range []*sidecartest.Sidecar{north, south} {
		s.Anchored()
		s.Stop()
	}
	queried := events(t, north, commit.Queried)
	if !bytes.Contains(queried[len(queried)-1], []byte("west")) || !bytes.Contains(queried[1], []byte("south")) {
		t.Error("the entries of the hospital that answered do not say who asked")
	}
	asked, answers := events(t, south, commit.Query), events(t, south, commit.Answers)
	if len(asked) != len(answers) || !bytes.Contains(asked[len(asked)-1], []byte("dr.house")) || !bytes.Contains(asked[len(asked)-1], []byte("lid1")) {
		t.Errorf("the hospital that asked entered %d queries and %d answers, or not who asked for whom", len(asked), len(answers))
	}
	id, err := new(vid.Systems).Normalize(vid.EnglandNHS, "9434765919")
	if err != nil {
		t.Fatal(err)
	}
	root := epoch.Root(id)
	chain.Node(0).Stop()
	stored := files(t, chain.Home(0))
	for name, secret := range map[string][]byte{"root": root[:], "identifier": []byte(id.Value()), "identifier as recorded": []byte("943 476 5919"), "local id": []byte("lid1")} {
		if bytes.Contains(stored, secret) {
			t.Errorf("the chain holds a patient's %s", name)
		}
	}
	if planted := []byte(strings.Fields(north.Peers)[4]); !bytes.Contains(stored, planted) {
		t.Errorf("the chain does not seem to hold the endpoint %s: what is not found in it proves nothing", planted)
	}
	for _, body := range append(append(queried, asked...), answers...) {
		if bytes.Contains(body, root[:]) || bytes.Contains(body, []byte(id.Value())) {
			t.Error("an entry holds a root or an identifier")
		}
	}
}

// files returns the contents of all files below a directory.
func files(t *testing.T, dir string) (all []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, text...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// events returns the bodies of a log's entries of an op.
func events(t *testing.T, s *sidecartest.Sidecar, op commit.Op) (bodies [][]byte) {
	t.Helper()
	log := s.OpenLog()
	defer func() { _ = log.Close() }() // only read
	for i := range log.Size() {
		e, err := log.Entry(i)
		if err != nil {
			t.Fatal(err)
		}
		if e.Header.Op == op {
			bodies = append(bodies, e.Body)
		}
	}
	if len(bodies) == 0 {
		t.Fatalf("the log has no entry %s", op)
	}
	return bodies
}
