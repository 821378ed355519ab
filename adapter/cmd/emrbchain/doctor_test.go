package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// TestDoctorTellsAndItsSQLMends runs the real program beside a real server: it
// finds what is missing, and finds it mended once its SQL was run.
func TestDoctorTellsAndItsSQLMends(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and starts a database server")
	}
	server := mariadbtest.Start(t, mariadbtest.Options{Durable: true})
	server.Exec("CREATE DATABASE emr", "CREATE TABLE emr.patients (id INT PRIMARY KEY, name VARCHAR(40))",
		"INSERT INTO emr.patients VALUES (1, 'Ada Lovelace')")
	directory := filepath.Join(t.TempDir(), "site")
	var out, problems strings.Builder
	if code := execute(t.Context(), []string{"init", directory, "--tap", "mysql", "--port", strconv.Itoa(server.Port()),
		"--chain", "try", "--member", "north", "--table", "emr.patients=id", "--rpc", "http://127.0.0.1:1"}, &out, &problems); code != 0 {
		t.Fatal(problems.String())
	}
	server.Exec(statements(t, filepath.Join(directory, sqlName))...)
	server.Exec("SET GLOBAL sync_binlog=0", "GRANT UPDATE ON emr.* TO emrbchain@'127.0.0.1'")
	doctor := func() (*surveyReport, string) {
		text, err := exec.Command(sidecartest.Program(t), "doctor", "--json", "--config", filepath.Join(directory, configName)).Output()
		if err == nil {
			t.Error("doctor succeeds without a chain")
		}
		r := new(surveyReport)
		if err := json.Unmarshal(text, r); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		return r, string(text)
	}
	first, text := doctor()
	if len(first.Tables) != 1 || first.Tables[0].RowsRead != 1 || strings.Contains(text, "Lovelace") {
		t.Errorf("tables %+v", first.Tables)
	}
	for _, thing := range []string{"variable sync_binlog", "rights of the account"} {
		c := find(t, first, thing)
		if c.State == "ok" || len(c.SQL) == 0 {
			t.Errorf("%+v", c)
		}
		server.Exec(c.SQL...)
	}
	second, _ := doctor()
	for _, c := range second.Checks {
		if c.State == "fail" != (c.Thing == "chain") || c.State == "warn" {
			t.Errorf("after the mends: %+v", c)
		}
	}
}

func find(t *testing.T, r *surveyReport, thing string) surveyCheck {
	t.Helper()
	for _, c := range r.Checks {
		if c.Thing == thing {
			return c
		}
	}
	t.Fatalf("nothing is said of %s in %+v", thing, r.Checks)
	return surveyCheck{}
}
