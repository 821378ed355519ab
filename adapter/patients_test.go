package adapter_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/crypto/vid"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
)

const mrnSystem = "https://north.example/mrn"

// patientKeys writes the keys of a site and of two epochs into a sidecar's
// directory.
func patientKeys(t *testing.T, s *sidecartest.Sidecar) {
	t.Helper()
	site, err := vid.GenerateSite(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"site.key": vid.FormatSite(site)}
	for _, epoch := range []uint16{1, 2} {
		key, err := vid.GenerateKeyed(rand.Reader, epoch)
		if err != nil {
			t.Fatal(err)
		}
		files[fmt.Sprintf("epoch-%d.key", epoch)] = vid.FormatKeyed(key)
	}
	for name, text := range files {
		if err := os.WriteFile(s.File(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// patientsSection is the section of patients, for a table and its columns, in some
// epochs.
func patientsSection(s *sidecartest.Sidecar, table, columns string, epochs ...int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "patients:\n  site_key_file: %s\n  opaque: [%q]\n  epochs:\n", s.File("site.key"), mrnSystem)
	for _, e := range epochs {
		fmt.Fprintf(&b, "    - {number: %d, key_file: %s}\n", e, s.File(fmt.Sprintf("epoch-%d.key", e)))
	}
	fmt.Fprintf(&b, "  identities:\n    - table: %s\n      identifiers:\n", table)
	for _, c := range strings.Fields(columns) {
		fmt.Fprintf(&b, "        - {column: %s, system: %q}\n", c, mrnSystem)
	}
	return b.String()
}

// found asks for a patient and returns the keys, and how many ids.
func found(t *testing.T, s *sidecartest.Sidecar, value string) (patients string, ids int) {
	t.Helper()
	p, err := s.Control().PatientID(t.Context(), api.PatientQuery{System: mrnSystem, Value: value})
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, m := range p.Patients {
		keys = append(keys, m.Key)
	}
	slices.Sort(keys)
	return strings.Join(keys, " "), len(p.IDs)
}

// whole waits until the index lacks nothing.
func whole(s *sidecartest.Sidecar) {
	s.Until(func(status *api.Status) error {
		switch {
		case status.Patients == nil:
			return errors.New("nobody is to be found")
		case len(status.Patients.Lacking) > 0:
			return fmt.Errorf("still to be read: %v", status.Patients.Lacking)
		}
		return nil
	})
	s.Covered()
}

// TestPatientsAreFoundAlikeFromSnapshotStreamAndReReadOnMariaDB: in columns of three
// character sets, through two epochs of which the first ends; and nothing of it is a
// finding, or stands on disk or in a diary.
func TestPatientsAreFoundAlikeFromSnapshotStreamAndReReadOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server, source := mariadbSource(t, true)
	server.Exec(`CREATE TABLE emr.people (id INT PRIMARY KEY, patient INT, name VARCHAR(40), u VARCHAR(40) CHARACTER SET utf8mb4,
		l VARCHAR(40) CHARACTER SET latin1, g VARCHAR(40) CHARACTER SET gbk)`)
	source.Tables = append(source.Tables, sidecartest.Table{Name: "emr.people", Patient: "patient"})
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("门诊")
	if err != nil {
		t.Fatal(err)
	}
	latin1, err := charmap.Windows1252.NewEncoder().String("MÜNCHEN")
	if err != nil {
		t.Fatal(err)
	}
	// A row's bytes are given as such: no client's character set comes between.
	row := func(id int) string {
		return fmt.Sprintf(`(%d, %d, 'Bartholomew', 'UNICODE-%d', CONCAT(X'%x', '%d'), CONCAT(X'%x', '%d'))`, id, id%1000, id, latin1, id, gbk, id)
	}
	check := func(s *sidecartest.Sidecar, what string, id, ids int, want string) {
		t.Helper()
		for _, value := range []string{fmt.Sprint("unicode ", id), fmt.Sprint("münchen", id), fmt.Sprint("门诊", id)} {
			if got, n := found(t, s, value); got != want || n != ids {
				t.Errorf("%s: %s is of %q with %d ids, want %q with %d", what, value, got, n, want, ids)
			}
		}
	}
	for id := 1; id <= 40; id++ {
		server.Exec(`INSERT INTO emr.people VALUES ` + row(id))
	}
	server.Exec(`INSERT INTO emr.people VALUES (90, 90, '', '', CONCAT('A', X'81'), NULL)`) // no character of latin1
	s := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	patientKeys(t, s)
	s.Patients = patientsSection(s, "emr.people", "u l g", 1)
	s.Start()
	whole(s)
	check(s, "snapshot", 7, 1, "7")
	server.Exec(`INSERT INTO emr.people VALUES `+row(1007), `INSERT INTO emr.people VALUES `+row(2008),
		`UPDATE emr.people SET u = 'UNICODE-7777', l = CONCAT(LEFT(l, 7), '7777'), g = CONCAT(LEFT(g, 2), '7777') WHERE id = 8`,
		`DELETE FROM emr.people WHERE id = 9`, `UPDATE emr.people SET id = 5000, patient = 500 WHERE id = 10`,
		`UPDATE emr.people SET u = 'UNICODE-1', l = NULL, g = NULL WHERE id = 11`)
	s.Recorded("emr.people", "11", 2)
	streamed := func(what string, ids int) {
		t.Helper()
		check(s, what, 7, ids, "7")
		check(s, what+", streamed", 1007, ids, "7")
		check(s, what+", changed", 7777, ids, "8")
		check(s, what+", before the change", 8, ids, "")
		check(s, what+", deleted", 9, ids, "")
		check(s, what+", of another key and patient", 10, ids, "500")
		if got, _ := found(t, s, "unicode-1"); got != "1 11" {
			t.Errorf("%s: two with one identifier are %q", what, got)
		}
		if status, err := s.Control().Status(t.Context()); err != nil || status.Patients.Refused[mrnSystem] != 1 {
			t.Errorf("%s: refused: %+v, %v", what, status.Patients, err)
		}
		if report := s.Audit(); report.Verdict != "intact" {
			t.Errorf("%s: audit: %s, findings %+v", what, report.Verdict, report.Findings)
		}
	}
	streamed("stream", 1)
	for _, epochs := range [][]int{{1, 2}, {2}} {
		s.Stop()
		s.Patients = patientsSection(s, "emr.people", "u l g", epochs...)
		s.Start()
		whole(s)
		streamed(fmt.Sprint("epochs ", epochs), len(epochs))
	}
	s.Stop()
	sidecartest.KeepsSecret(t, s, []string{"UNICODE-", latin1, gbk, "MÜNCHEN", "门诊"})
	for _, secret := range []string{"UNICODE-", "Bartholomew", latin1, gbk} {
		if file := holds(t, s.Store(), secret); file != "" {
			t.Errorf("%q stands in %s", secret, file)
		}
	}
	if holds(t, s.Store(), "emr.people") == "" {
		t.Error("the control is not found: the search would find nothing")
	}
}

// holds returns a file of a directory that holds a text.
func holds(t *testing.T, dir, what string) (file string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), what) {
			file = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestTheIndexOfPatientsSurvivesKillsOnSQLite changes identifiers at random while
// the sidecar is killed again and again: in the end each leads to whom the database
// says, and none that is gone leads to anybody.
func TestTheIndexOfPatientsSurvivesKillsOnSQLite(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain and a sidecar, and kills it")
	}
	e, source := sqliteSource(t, sqlite.DefaultKeep)
	seed := killSeed(t)
	random := mathrand.New(mathrand.NewPCG(seed, 3))
	s := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	s.ChunkRows = 50
	patientKeys(t, s)
	s.Patients = patientsSection(s, "patients", "phone", 1)
	ever := map[string]bool{}
	number := func() string {
		n := fmt.Sprintf("N%d", random.IntN(400)) // few enough that patients share some
		ever[n] = true
		return n
	}
	kills := 6
	if full() {
		kills = 30
	}
	s.Start()
	for range kills {
		for until := time.Now().Add(time.Duration(200+random.IntN(500)) * time.Millisecond); time.Now().Before(until); {
			id := 1 + random.IntN(250)
			switch random.IntN(5) {
			case 0:
				e.exec(fmt.Sprintf(`DELETE FROM patients WHERE id = %d`, id))
			case 1:
				e.exec(fmt.Sprintf(`UPDATE OR IGNORE patients SET id = %d WHERE id = %d`, 1+random.IntN(250), id))
			default:
				e.exec(fmt.Sprintf(`INSERT INTO patients VALUES (%d, 'Kill', NULL, '%s') ON CONFLICT DO UPDATE SET phone = excluded.phone`, id, number()))
			}
		}
		s.Kill()
		s.Start()
	}
	e.exec(`INSERT INTO patients VALUES (999999, 'last', NULL, 'LAST')`)
	whole(s)
	s.Recorded("patients", "999999", 1)
	wanted := map[string][]string{}
	rows, err := e.db.QueryContext(context.Background(), `SELECT id, phone FROM patients ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, phone string
		if err := rows.Scan(&id, &phone); err != nil {
			t.Fatal(err)
		}
		wanted[phone] = append(wanted[phone], id)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	gone, shared := 0, 0
	for phone := range ever {
		if wanted[phone] == nil {
			gone++
		}
	}
	for phone := range wanted {
		ever[phone] = true
		if len(wanted[phone]) > 1 {
			shared++
		}
	}
	for phone := range ever {
		want := slices.Clone(wanted[phone])
		slices.Sort(want)
		if got, _ := found(t, s, phone); got != strings.Join(want, " ") {
			t.Errorf("%s is of %q, want %v", phone, got, want)
		}
	}
	if gone == 0 || shared == 0 {
		t.Errorf("too little happened: %d identifiers gone, %d shared", gone, shared)
	}
	t.Logf("%d kills; %d identifiers, %d of them gone, %d shared", kills, len(ever), gone, shared)
}
