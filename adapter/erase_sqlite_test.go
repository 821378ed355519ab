package adapter_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	tmdb "github.com/tendermint/tm-db"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
)

// office is where an officer works: a directory away from the sidecar's, in which the
// program runs without configuration.
type office struct {
	t       *testing.T
	dir     string
	sidecar *sidecartest.Sidecar
	orders  int
}

// startOffice starts an EMR with a sidecar, and puts an officer's key on record.
func startOffice(t *testing.T) (*emr, *office, *findings) {
	t.Helper()
	e, sidecar, found := startOnSQLite(t, sqlite.DefaultKeep)
	o := &office{t: t, dir: t.TempDir(), sidecar: sidecar}
	made := o.must(o.run("officer", "keygen", "-o", "officer.key"))
	o.must(o.run("officer", "register", "--socket", sidecar.Socket(), "--name", "Dr. Grace, data protection",
		"--key", regexp.MustCompile(`[0-9a-f]{64}`).FindString(made)))
	sidecar.Anchored()
	return e, o, found
}

func (o *office) run(arguments ...string) (string, error) {
	command := exec.Command(sidecartest.Program(o.t), arguments...)
	command.Dir = o.dir
	out, err := command.CombinedOutput()
	return string(out), err
}

func (o *office) must(out string, err error) string {
	o.t.Helper()
	if err != nil {
		o.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// signed prepares an order at the sidecar and signs it with a key.
func (o *office) signed(key string, command ...string) (file string) {
	o.t.Helper()
	o.orders++
	name := fmt.Sprintf("%d.order", o.orders)
	o.must(o.run(append(command, "--reason", "case 12", "--prepare", "-o", name, "--socket", o.sidecar.Socket())...))
	shown := o.must(o.run("officer", "sign", name, "--key", key, "-o", name+".signed", "--yes"))
	if !strings.Contains(shown, `Reason: "case 12"`) {
		o.t.Errorf("the officer is shown %s", shown)
	}
	return name + ".signed"
}

// carryOut carries a signed order out.
func (o *office) carryOut(file string, command ...string) (*api.Certificate, error) {
	o.t.Helper()
	out, err := o.run(append(command, "--order", file, "--json", "--socket", o.sidecar.Socket())...)
	if err != nil {
		return nil, fmt.Errorf("%s", out)
	}
	c := new(api.Certificate)
	if err := json.Unmarshal([]byte(out), c); err != nil {
		o.t.Fatalf("%v: %s", err, out)
	}
	return c, nil
}

// order has an order signed and carried out.
func (o *office) order(command ...string) (*api.Certificate, string) {
	o.t.Helper()
	file := o.signed("officer.key", command...)
	c, err := o.carryOut(file, command[:slices.IndexFunc(command, func(word string) bool { return strings.HasPrefix(word, "--") })]...)
	if err != nil {
		o.t.Fatal(err)
	}
	return c, file
}

// refuses demands that an error says some words.
func refuses(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("not refused with %q: %v", words, err)
	}
}

// authorised demands how many rows were erased and corrected, and that the report
// says who ordered it and why.
func (o *office) authorised(erased, corrected uint64) *api.AuditReport {
	o.t.Helper()
	r := o.sidecar.Audit()
	if r.Counts["erased (authorised)"] != erased || r.Counts["corrected (authorised)"] != corrected {
		o.t.Errorf("erased and corrected: %v, not %d and %d", r.Counts, erased, corrected)
	}
	for _, a := range r.Authorised {
		if !strings.Contains(a.Detail, "Dr. Grace, data protection") || !strings.Contains(a.Detail, "case 12") {
			o.t.Errorf("it does not say who and why: %+v", a)
		}
	}
	return r
}

// TestAnErasedPatientStaysErased goes the whole way: hold, release, erasure, audits and
// proofs after it, rotation of the wrapping key, and stores put back from before.
func TestAnErasedPatientStaysErased(t *testing.T) {
	e, o, found := startOffice(t)
	found.expect()
	s := o.sidecar
	erase := []string{"patient", "erase", "--patient", "7"}

	// Nobody but an officer on record may order it, and a hold keeps it off.
	o.must(o.run("officer", "keygen", "-o", "stranger.key"))
	_, err := o.carryOut(o.signed("stranger.key", erase...), "patient", "erase")
	refuses(t, err, "is not on record")
	_, err = o.carryOut("1.order", "patient", "erase")
	refuses(t, err, "not signed")
	o.order("patient", "hold", "--patient", "7")
	blocked := o.signed("officer.key", erase...)
	_, err = o.carryOut(blocked, "patient", "erase")
	refuses(t, err, "held against erasure")
	found.expect()
	o.authorised(0, 0)
	o.order("patient", "release", "--patient", "7")
	s.Anchored()
	s.Stop()
	before := s.CopyStore()
	s.Start()
	s.Covered()

	certificate, err := o.carryOut(blocked, "patient", "erase")
	if err != nil || certificate.Versions != 6 || certificate.Keys != 1 || certificate.Repeated {
		t.Fatalf("%+v: %v", certificate, err)
	}
	s.Anchored()
	again, err := o.carryOut(blocked, "patient", "erase")
	if err != nil || !again.Repeated || again.Leaf != certificate.Leaf || len(again.Receipt) == 0 || again.Anchored == nil {
		t.Errorf("the order again: %+v: %v", again, err)
	}
	found.expect()
	o.authorised(6, 0)
	_, err = s.Control().Prove(t.Context(), api.ProveRequest{Table: "patients", Key: "7"})
	refuses(t, err, "was erased on")
	if v, err := s.Control().RowVerdict(t.Context(), "results", "6"); err != nil || v.Verdict != "erased (authorised)" {
		t.Errorf("%+v: %v", v, err)
	}

	// What the EMR does with the rows afterwards is protected anew; what is done to
	// them unrecorded before that is nobody's to tell.
	e.unrecorded(`UPDATE results SET note = 'unseen' WHERE id = 206`)
	e.exec(`UPDATE results SET note = 'seen' WHERE id = 6`, `DELETE FROM results WHERE id = 406`,
		`INSERT INTO results VALUES (7000, 7, 'back', 1, '2026-01-02 10:00:00', NULL)`)
	s.Recorded("results", "7000", 1)
	found.expect()
	o.authorised(4, 0)
	e.unrecorded(`UPDATE results SET note = 'forged' WHERE id IN (6, 7000)`)
	found.expect("altered results 6 note", "altered results 7000 note")

	// The wrapping key is rotated: the store from before opens with no key, the one of
	// now goes on.
	s.Anchored()
	s.Stop()
	o.must(o.run("keys", "rotate", "--config", s.Config()))
	now := s.CopyStore()
	s.PutBackStore(before)
	if out, err := o.run("run", "--config", s.Config()); err == nil || !strings.Contains(out, "is not the key that wraps the owner keys") {
		t.Errorf("a store from before the rotation is used: %v %s", err, out)
	}
	s.PutBackStore(now)
	s.Start()
	s.Covered()
	found.expect()
	o.authorised(4, 0)

	// A store from before another erasure, under the same wrapping key, is a rewound
	// one: the chain holds the log that has the erasure.
	s.Stop()
	rewound := s.CopyStore()
	s.Start()
	s.Covered()
	if c, _ := o.order("patient", "erase", "--patient", "8"); c.Versions != 6 {
		t.Errorf("%+v", c)
	}
	s.Anchored()
	s.Stop()
	latest := s.CopyStore()
	s.PutBackStore(rewound)
	s.Start()
	s.NotReady("anchoring has halted")
	s.Stop()
	s.PutBackStore(latest)
	s.Start()
	s.Covered()
	found.expect()
	o.authorised(10, 0)
}

// TestAKeyLostWithoutAnOfficerIsUnverifiable: a wrapped key that is taken out of the
// store, one with the store's own words that it was erased, by an entry that is
// no order, and a key of an erased patient that is put back.
func TestAKeyLostWithoutAnOfficerIsUnverifiable(t *testing.T) {
	e, o, found := startOffice(t)
	found.expect()
	s := o.sidecar
	s.Stop()
	index := openIndexOf(t, s)
	wrapped := index.wrapped(index.owner(13))
	index.drop(9)
	index.drop(11)
	index.set(index.heir(11), dcbor.AppendUint(dcbor.AppendUint(dcbor.AppendArray(nil, 2), index.owner(12)), 0))
	index.close()
	s.Start()
	s.Covered()
	lost := []string{"unverifiable patients 9 ", "unverifiable patients 11 "}
	for id := 8; id <= 1000; id += 200 {
		lost = append(lost, fmt.Sprintf("unverifiable results %d ", id), fmt.Sprintf("unverifiable results %d ", id+2))
	}
	found.expect(lost...)
	_, err := s.Control().Prove(t.Context(), api.ProveRequest{Table: "patients", Key: "9"})
	refuses(t, err, "no officer ordered that")

	// Work goes on with such rows, and stays a finding where it was.
	e.exec(`UPDATE results SET note = 'later' WHERE id = 8`, `DELETE FROM results WHERE id = 208`)
	s.Recorded("results", "8", 2)
	found.expect()

	o.order("patient", "erase", "--patient", "13")
	s.Anchored()
	s.Stop()
	index = openIndexOf(t, s)
	index.set(wrapKeyOf(index.owner(13)), wrapped)
	index.close()
	s.Start()
	s.Covered()
	if !strings.Contains(s.Told(), `"event":"destroyed keys were put back"`) {
		t.Error("a key that was put back is not told")
	}
	found.expect()
	o.authorised(6, 0)
}

// indexOf is the index of a store that no sidecar uses, as somebody sees it who rules
// over the host.
type indexOf struct {
	t  *testing.T
	db *tmdb.GoLevelDB
}

func openIndexOf(t *testing.T, s *sidecartest.Sidecar) *indexOf {
	t.Helper()
	db, err := tmdb.NewGoLevelDB("index", s.Store())
	if err != nil {
		t.Fatal(err)
	}
	return &indexOf{t, db}
}

func (x *indexOf) close() {
	x.t.Helper()
	if err := x.db.Close(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *indexOf) get(key []byte) []byte {
	x.t.Helper()
	value, err := x.db.Get(key)
	if err != nil || value == nil {
		x.t.Fatalf("%x is not in the index: %v", key, err)
	}
	return value
}

func (x *indexOf) set(key, value []byte) {
	x.t.Helper()
	if err := x.db.SetSync(key, value); err != nil {
		x.t.Fatal(err)
	}
}

// owner is the number of a patient's owner.
func (x *indexOf) owner(patient uint64) uint64 {
	x.t.Helper()
	r := dcbor.NewReader(x.get(row.AppendCell([]byte{'o', 3}, row.NewUint(patient))))
	return r.Uint()
}

func wrapKeyOf(owner uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'w'}, owner) }

func (x *indexOf) heir(patient uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{'x'}, x.owner(patient))
}

func (x *indexOf) wrapped(owner uint64) []byte { return x.get(wrapKeyOf(owner)) }

func (x *indexOf) drop(patient uint64) {
	x.t.Helper()
	if err := x.db.DeleteSync(wrapKeyOf(x.owner(patient))); err != nil {
		x.t.Fatal(err)
	}
}

// TestACorrectionIsThatAndNothingMore: what an officer signed is no finding any more;
// whatever is done to the row afterwards is one again.
func TestACorrectionIsThatAndNothingMore(t *testing.T) {
	e, o, found := startOffice(t)
	e.unrecorded(`UPDATE results SET value = 1 WHERE id IN (5, 6)`, `DELETE FROM patients WHERE id = 44`,
		`INSERT INTO patients VALUES (900, 'Written by hand', '1990-01-01', NULL)`)
	found.expect("altered results 5 value", "altered results 6 value", "deleted patients 44 ", "unlogged insert patients 900 ")
	correct := func(table, key string) {
		t.Helper()
		if c, _ := o.order("correct", "--table", table, "--key", key); c.Corrected != 1 {
			t.Errorf("%+v", c)
		}
	}
	stale := o.signed("officer.key", "correct", "--table", "patients", "--key", "900")
	e.unrecorded(`UPDATE patients SET phone = '1' WHERE id = 900`)
	_, err := o.carryOut(stale, "correct")
	refuses(t, err, "was changed since")
	for key, table := range map[string]string{"5": "results", "6": "results", "44": "patients", "900": "patients"} {
		correct(table, key)
	}
	clear(found.open)
	found.expect()
	report := o.authorised(0, 4)
	if len(report.Authorised) != 4 || report.Verdict != "intact" {
		t.Errorf("%s, %+v", report.Verdict, report.Authorised)
	}
	if v, err := o.sidecar.Control().RowVerdict(context.Background(), "results", "5"); err != nil || v.Verdict != "corrected (authorised)" {
		t.Errorf("%+v: %v", v, err)
	}

	// A recorded change of a corrected row is an honest one, an unrecorded one is not.
	e.exec(`UPDATE results SET note = 'recorded' WHERE id = 6`)
	o.sidecar.Recorded("results", "6", 2)
	found.expect()
	e.unrecorded(`UPDATE results SET value = 2 WHERE id IN (5, 6)`, `UPDATE patients SET phone = '2' WHERE id = 900`)
	found.expect("altered results 5 value", "altered results 6 value", "unlogged insert patients 900 ")
	o.authorised(0, 3)
}

// TestEveryKeyThatWasEverAPatientsIsDestroyed: also that of a row whose patient became
// known later, and the one that came after an erasure.
func TestEveryKeyThatWasEverAPatientsIsDestroyed(t *testing.T) {
	e, o, found := startOffice(t)
	e.exec(`INSERT INTO results VALUES (7001, NULL, 'later', 1, '2026-01-02 10:00:00', NULL)`)
	o.sidecar.Recorded("results", "7001", 1)
	e.exec(`UPDATE results SET patient_id = 14 WHERE id = 7001`)
	o.sidecar.Recorded("results", "7001", 2)
	if c, _ := o.order("patient", "erase", "--patient", "14"); c.Keys != 2 || c.Versions != 8 {
		t.Errorf("%d keys, %d versions, not 2 and 8", c.Keys, c.Versions)
	}
	if v, err := o.sidecar.Control().RowVerdict(t.Context(), "results", "7001"); err != nil || v.Verdict != "erased (authorised)" {
		t.Errorf("%+v: %v", v, err)
	}
	_, err := o.sidecar.Control().Prove(t.Context(), api.ProveRequest{Table: "results", Key: "7001", Version: 1})
	refuses(t, err, "was erased on")
	e.exec(`UPDATE results SET note = 'again' WHERE id = 7001`)
	o.sidecar.Recorded("results", "7001", 3)
	found.expect()
	o.authorised(6, 0)
	// Two owners have heirs by now; the patient's is the one in use.
	if c, _ := o.order("patient", "erase", "--patient", "14"); c.Versions != 1 {
		t.Errorf("%d versions after the second erasure", c.Versions)
	}
	found.expect()
	o.authorised(7, 0)
}
