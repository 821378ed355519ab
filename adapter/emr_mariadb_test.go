package adapter_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/configs"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// A knownEMR is a database in the shape of a known EMR, and a day's work in it.
type knownEMR struct {
	preset string
	schema string // its database; not the preset's own name
	// refused are the preset's tables that cannot be covered, and why.
	refused map[string]string
	day     []string // recorded
	// found are identifiers, by "system value", and whom they lead to.
	found map[string]string
	// late and final are what the day's work is found to have done: "table key".
	late, final []string
	edit        []string // past the log
	edited      []string // "verdict table key columns"
}

func knownEMRs() []knownEMR {
	return []knownEMR{
		{preset: "openemr", schema: "clinic",
			found: map[string]string{"https://north-hospital.example/openemr/pubpid mrn-401": "401"},
			day: []string{
				"INSERT INTO patient_data (uuid, fname, lname, DOB, pubpid, pid) VALUES (UNHEX(MD5('new')), 'Maja', 'Lind', '0000-00-00', 'MRN401', 401)",
				"INSERT INTO form_encounter (id, date, reason, pid, encounter) VALUES (2001, NOW(), 'Cough', 401, 2001), (2002, NOW() - INTERVAL 60 DAY, 'Written up later', 7, 2002)",
				"INSERT INTO form_vitals (date, pid, activity, bps, weight) VALUES (NOW(), 401, 1, '130', 71.25)",
				"UPDATE form_vitals SET activity = 0 WHERE id = 1950",
				"UPDATE form_ros SET fatigue = 'NO' WHERE id = 3",
				"INSERT INTO procedure_result (procedure_result_id, procedure_report_id, result_code, result, result_status) VALUES (1001, 1, 'GLU', '91', 'final')",
				"UPDATE procedure_result SET result = '99' WHERE procedure_result_id = 5",
				"UPDATE procedure_result SET result = '98', result_status = 'final' WHERE procedure_result_id = 6",
				"UPDATE procedure_report SET review_status = 'reviewed' WHERE procedure_report_id = 2",
				"UPDATE patient_data SET street = 'Ny väg 1' WHERE pid = 12",
				"REPLACE INTO prescriptions (id, patient_id, drug) VALUES (10, 11, 'Insulin')",
				"DELETE FROM lists_medication WHERE id = 9",
				"INSERT INTO log (date, event, patient_id) VALUES (NOW(), 'update', 12)",
				"DELETE FROM form_observation WHERE id = 4",
				"INSERT INTO form_observation SELECT 4, '2020-01-01', 8, '7', 'C1', 'pain', '3', 'score' FROM seq_1_to_3",
				"UPDATE form_care_plan SET description = 'Swim' WHERE id = 9 LIMIT 1",
				"INSERT INTO amendments_history VALUES (7, 'seen', 'approved', NOW()), (7, 'seen', 'approved', NOW())",
				"INSERT INTO audit_details (table_name, field_name, audit_master_id) VALUES ('patient_data', 'street', 3)",
			},
			late: []string{"clinic.form_encounter 2002"}, final: []string{"clinic.procedure_result 5"},
			edit: []string{"UPDATE patient_data SET ss = '1' WHERE pid = 30", "DELETE FROM procedure_result WHERE procedure_result_id = 44", "UPDATE form_ros SET weakness = 'YES' WHERE id = 8",
				"UPDATE form_observation SET ob_value = '9' WHERE id = 4 LIMIT 1", "DELETE FROM amendments_history WHERE amendment_id = 9"},
			edited: []string{"altered clinic.patient_data 30 [ss]", "deleted clinic.procedure_result 44 []", "altered clinic.form_ros 8 [weakness]",
				"deleted clinic.form_observation row 3 []", "unlogged insert clinic.form_observation row 1 []", "deleted clinic.amendments_history row 1 []"}},
		{preset: "openmrs", schema: "ward",
			found: map[string]string{"https://north-hospital.example/openmrs/id x 401": "401", "https://north-hospital.example/openmrs/id x402": "",
				"http://hl7.org/fhir/sid/us-ssn 078 05 1120": "9", "https://north-hospital.example/openmrs/id ID7": ""},
			day: []string{
				"INSERT INTO patient_identifier (patient_id, identifier, identifier_type, voided) VALUES (9, 'X-402', 2, 1), (9, '078-05-1120', 5, 0)",

				"INSERT INTO person (person_id, gender, birthdate, date_created, uuid) VALUES (401, 'F', NULL, NOW(), UUID())",
				"INSERT INTO person_name (person_id, given_name, uuid) VALUES (401, 'Wanjiru', UUID())",
				"INSERT INTO patient (patient_id, date_created) VALUES (401, NOW())",
				"UPDATE patient_identifier SET identifier = 'X-401', identifier_type = 2, patient_id = 401 WHERE identifier = 'ID5'",
				"INSERT INTO encounter (encounter_id, encounter_type, patient_id, encounter_datetime, uuid) VALUES (501, 1, 401, NOW(), UUID()), (502, 1, 9, NOW() - INTERVAL 90 DAY, UUID())",
				"INSERT INTO obs (obs_id, person_id, encounter_id, obs_datetime, value_numeric, uuid) VALUES (4001, 401, 501, NOW(), 37.2, UUID())",
				"UPDATE obs SET voided = 1, voided_by = 1, date_voided = NOW(), void_reason = 'wrong patient' WHERE obs_id = 11",
				"UPDATE obs SET value_numeric = 12 WHERE obs_id = 12",
				"UPDATE obs SET value_numeric = 13 WHERE obs_id = 20",
				"DELETE FROM person_attribute WHERE person_id = 395",
				"UPDATE person SET person_id = 9000 WHERE person_id = 395",
				"UPDATE drug_order SET dose = 0.1 WHERE order_id = 3",
			},
			late: []string{"ward.encounter 502"}, final: []string{"ward.obs 12"},
			edit:   []string{"UPDATE obs SET value_numeric = 1 WHERE obs_id = 77", "INSERT INTO allergy (allergy_id, patient_id, coded_allergen) VALUES (900, 1, 5)"},
			edited: []string{"altered ward.obs 77 [value_numeric]", "unlogged insert ward.allergy 900 []"}},
	}
}

// TestDatabasesOfKnownEMRsGoTheWholeWayOnMariaDB: looked at, set up from the
// preset by the commands that a hospital would give, taken in, worked in, edited
// past the log, and audited.
func TestDatabasesOfKnownEMRsGoTheWholeWayOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and sidecars")
	}
	server := mariadbtest.Start(t, mariadbtest.Options{Durable: true})
	chain := sidecartest.StartChain(t, 1)
	keys := sidecartest.NewSidecar(t, chain, sidecartest.Source{}) // for the member's key
	for _, e := range knownEMRs() {
		t.Run(e.preset, func(t *testing.T) {
			e.make(t, server)
			e.try(t, server)
			client := e.start(t, server, chain, keys.File("member.key"))
			covered := e.covered(t, client)
			e.work(t, server, client)
			e.find(t, client)
			t.Logf("%d tables covered, %d refused", covered, len(e.refused))
		})
	}
}

// make makes the database from its SQL.
func (e *knownEMR) make(t *testing.T, server *mariadbtest.Server) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", e.preset+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	server.Exec("CREATE DATABASE " + e.schema + " CHARACTER SET utf8mb4")
	inDatabase(t, server.Admin(), e.schema, slices.DeleteFunc(strings.Split(string(text), ";\n"), func(s string) bool {
		return strings.TrimSpace(s) == ""
	})...)
}

// try looks at the database before anything is set up.
func (e *knownEMR) try(t *testing.T, server *mariadbtest.Server) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("test-only\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server.Exec("CREATE OR REPLACE USER looker@'127.0.0.1' IDENTIFIED BY 'test-only'", "GRANT SELECT ON "+e.schema+".* TO looker@'127.0.0.1'",
		"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO looker@'127.0.0.1'")
	text, _ := exec.Command(sidecartest.Program(t), "try", "--json", "--password-file", file, // it exits 1: of each EMR some table cannot be covered
		fmt.Sprintf("looker@tcp(127.0.0.1:%d)/%s", server.Port(), e.schema)).Output()
	var seen struct {
		Load struct {
			Covered, Refused int
		}
	}
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if tables := e.tables(t); seen.Load.Covered < len(tables)-len(e.refused) || seen.Load.Refused != len(e.refused) {
		t.Errorf("try: %+v, want all but %d of %d tables covered", seen.Load, len(e.refused), len(tables))
	}
}

// tables lists the preset's tables by the names that they have here.
func (e *knownEMR) tables(t *testing.T) []string {
	t.Helper()
	text, ok := configs.Preset(e.preset)
	if !ok {
		t.Fatal("no preset ", e.preset)
	}
	var names []string
	for _, rest := range strings.Split(text, "name: "+e.preset+".")[1:] {
		name := rest[:strings.IndexFunc(rest, func(r rune) bool { return r == ',' || r == '\n' })]
		if !strings.Contains(text, "# - {name: "+e.preset+"."+name) {
			names = append(names, e.schema+"."+name)
		}
	}
	return names
}

// start sets a sidecar up as its operator would, and runs it.
func (e *knownEMR) start(t *testing.T, server *mariadbtest.Server, chain *sidecartest.Chain, member string) *control.Client {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "sidecar")
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(sidecartest.Program(t), args...).CombinedOutput(); err != nil {
			t.Fatalf("emrbchain %s: %v\n%s", args[0], err, out)
		}
	}
	run("init", dir, "--tap", "mysql", "--preset", e.preset, "--patients", "--schema", e.schema, "--port", strconv.Itoa(server.Port()),
		"--user", "tap_"+e.schema, "--chain", sidecartest.ChainID, "--member", sidecartest.Member, "--member-key", member,
		"--rpc", "http://"+chain.RPC(0), "--http", freeAddress(t))
	grants, err := os.ReadFile(filepath.Join(dir, "source.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for statement := range strings.SplitSeq(string(grants), "\n") {
		if statement != "" {
			server.Exec(statement)
		}
	}
	file := filepath.Join(dir, "emrbchain.yaml")
	run("check-config", file)
	sidecartest.StartProcess(t, filepath.Join(dir, "sidecar.log"), sidecartest.Program(t), "run", "--config", file)
	client := control.NewClient(filepath.Join(dir, "control.sock"))
	t.Cleanup(client.Close)
	return client
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// covered waits until every table is taken in but those that are refused for
// the reason that they should be, and returns how many are.
func (e *knownEMR) covered(t *testing.T, client *control.Client) (covered int) {
	t.Helper()
	want := e.tables(t)
	sidecartest.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		status, err := client.Status(ctx)
		if err != nil {
			return err
		}
		covered = 0
		for _, table := range status.Source.Tables {
			reason, refused := e.refused[strings.TrimPrefix(table.Name, e.schema+".")]
			switch {
			case table.Covered && !refused:
				covered++
			case !refused || !strings.Contains(table.Reason, reason):
				return fmt.Errorf("table %s: %+v", table.Name, table)
			}
		}
		if covered != len(want)-len(e.refused) {
			return fmt.Errorf("%d tables are covered: %s", covered, status.Source.Problem)
		}
		return nil
	})
	return covered
}

// work does a day's work, which leaves a late entry and a change after final and
// nothing else to be found; then edits past the log, which are found as well.
func (e *knownEMR) work(t *testing.T, server *mariadbtest.Server, client *control.Client) {
	t.Helper()
	inDatabase(t, server.Admin(), e.schema, e.day...)
	var want []string
	for _, f := range e.late {
		want = append(want, "late entry "+f)
	}
	for _, f := range e.final {
		want = append(want, "changed after final "+f)
	}
	e.audit(t, client, want)
	inDatabase(t, server.Admin(), e.schema, slices.Concat([]string{"SET SESSION sql_log_bin = 0"}, e.edit)...)
	e.audit(t, client, append(want, e.edited...))
}

// find looks for patients by the identifiers of the preset's section.
func (e *knownEMR) find(t *testing.T, client *control.Client) {
	t.Helper()
	for typed, want := range e.found {
		system, value, _ := strings.Cut(typed, " ")
		found, err := client.PatientID(t.Context(), api.PatientQuery{System: system, Value: value})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range found.Patients {
			got = append(got, p.Key)
		}
		if strings.Join(got, " ") != want || found.Incomplete || len(found.IDs) != 1 {
			t.Errorf("%s: %+v, want patient %q", typed, found, want)
		}
	}
}

// audit audits until the findings are the wanted ones.
func (e *knownEMR) audit(t *testing.T, client *control.Client, want []string) {
	t.Helper()
	slices.Sort(want)
	sidecartest.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
		report, err := client.Audit(ctx, api.AuditRequest{})
		if err != nil {
			return err
		}
		var got []string
		for _, f := range report.Findings {
			key := f.Key
			if number, keyless := strings.CutPrefix(key, `["0x`); keyless { // the digest is the log's own
				key = "row " + strings.TrimSuffix(number[strings.Index(number, ",")+1:], "]")
			}
			line := fmt.Sprintf("%s %s %s", f.Verdict, f.Table, key)
			if f.Verdict != "late entry" && f.Verdict != "changed after final" {
				line += fmt.Sprintf(" %v", f.Columns)
			}
			got = append(got, line)
		}
		slices.Sort(got)
		for _, c := range report.Covered.NotCovered {
			if e.refused[strings.TrimPrefix(c.Table, e.schema+".")] == "" {
				return fmt.Errorf("not covered: %+v", c)
			}
		}
		if !slices.Equal(got, want) {
			return errors.New("found\n" + strings.Join(got, "\n") + "\nwant\n" + strings.Join(want, "\n"))
		}
		return nil
	})
}
