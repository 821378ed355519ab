package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/doctor"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// TestTryLooksAtADatabaseAndLeavesNothing runs the real program beside a real
// server, by each way that a password may come.
func TestTryLooksAtADatabaseAndLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts a database server")
	}
	const password = "a secret password"
	server := mariadbtest.Start(t, mariadbtest.Options{Durable: true})
	server.Exec("CREATE DATABASE emr", "CREATE TABLE emr.patients (id INT PRIMARY KEY, name VARCHAR(40))",
		"CREATE TABLE emr.odd (v INT) ENGINE=MEMORY", "INSERT INTO emr.patients SELECT seq, 'Ada Lovelace' FROM emr.seq_1_to_500",
		"GRANT SELECT ON emr.* TO reader@'%' IDENTIFIED BY '"+password+"'")
	file := filepath.Join(t.TempDir(), "my.cnf")
	for name, text := range map[string]string{file: fmt.Sprintf("[client]\nuser=reader\npassword=%s\nhost=127.0.0.1\nport=%d\n", password, server.Port()),
		file + ".pw": password + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dsn := fmt.Sprintf("reader@tcp(127.0.0.1:%d)/emr", server.Port())
	for name, arguments := range map[string][]string{"file": {dsn, "--password-file", file + ".pw"}, "variable": {dsn},
		"option file": {"--defaults-file", file}} {
		command := exec.Command(sidecartest.Program(t), append([]string{"try", "--json"}, arguments...)...)
		if name == "variable" {
			command.Env = append(os.Environ(), passwordVariable+"="+password)
		}
		text, _ := command.Output() // it exits 1: the account may not follow the log
		r := new(surveyReport)
		if err := json.Unmarshal(text, r); err != nil || command.ProcessState.ExitCode() != exitFailure {
			t.Fatalf("%s: %v, exit code %d in %s", name, err, command.ProcessState.ExitCode(), text)
		}
		if c := find(t, r, "right to follow the binary log"); c.State != "fail" || len(c.SQL) != 1 {
			t.Errorf("%s: %+v", name, c)
		}
		if r.Load.Covered != 1 || r.Load.Refused != 1 || r.Load.LogBytes == 0 || r.Load.RowsPerSecond == 0 {
			t.Errorf("%s: load %+v", name, r.Load)
		}
		if strings.Contains(string(text), password) || strings.Contains(string(text), "Lovelace") {
			t.Errorf("%s: a password or a row is told", name)
		}
	}
}

// TestTryRefusesAPasswordInItsArguments, and does not repeat it.
func TestTryRefusesAPasswordInItsArguments(t *testing.T) {
	for _, arguments := range [][]string{{"reader:hunter2@tcp(127.0.0.1:3306)/emr"}, {"reader:hunter2@nowhere"}, {}} {
		var out, problems strings.Builder
		if code := execute(t.Context(), append([]string{"try"}, arguments...), &out, &problems); code != exitUsage {
			t.Errorf("exit code %d", code)
		}
		if strings.Contains(out.String()+problems.String(), "hunter2") {
			t.Errorf("the password is told: %s", problems.String())
		}
	}
}

// TestASurveySaysThatTablesStayOut: no check failed, and yet it does not pass.
func TestASurveySaysThatTablesStayOut(t *testing.T) {
	survey := &tap.Survey{Tables: []tap.SurveyedTable{
		{Table: tap.Table{Name: "emr.patients"}, Sample: &tap.Sample{Rows: 10}},
		{Table: tap.Table{Name: "emr.odd", Refused: "engine MEMORY"}},
		{Table: tap.Table{Name: "emr.locked"}, Sample: &tap.Sample{Problem: "no right to read it"}},
	}}
	for tables, want := range map[int]string{1: "0 failed.\n", 2: "This does not pass: 1 of 2 tables cannot be", 3: "This does not pass: 2 of 3 tables cannot be"} {
		part := &tap.Survey{Tables: survey.Tables[:tables]}
		load := doctor.Estimate(part)
		r := newSurveyReport(part, load)
		text := surveyText(r, load)
		if !strings.Contains(text, want) || r.OK != (tables == 1) || r.OK == strings.Contains(text, "does not pass") {
			t.Errorf("%d tables: passes %v, and says\n%s", tables, r.OK, text)
		}
		for line := range strings.Lines(text) {
			if len(line) > 81 {
				t.Errorf("a line of %d characters: %s", len(line), line)
			}
		}
	}
}
