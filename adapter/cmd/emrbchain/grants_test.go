package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// The SQL that init writes is all that the tap needs, on a real server.
func TestPrintedGrantsAreEnoughForTheTap(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a database server")
	}
	server := mariadbtest.Start(t, mariadbtest.Options{Durable: true})
	server.Exec("CREATE DATABASE emr", "CREATE TABLE emr.patients (id INT PRIMARY KEY, name VARCHAR(40))")
	directory := filepath.Join(t.TempDir(), "site")
	var out, errors strings.Builder
	code := execute(t.Context(), []string{"init", directory, "--tap", "mysql", "--port", strconv.Itoa(server.Port()),
		"--chain", "try", "--member", "north", "--table", "emr.patients=id"}, &out, &errors)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errors.String())
	}
	server.Exec(statements(t, filepath.Join(directory, sqlName))...)
	openTap(t, filepath.Join(directory, configName))
}

func statements(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func openTap(t *testing.T, file string) {
	t.Helper()
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	m := mysql.New()
	if err := m.Open(t.Context(), tap.Config{Settings: c.Source.Settings, Tables: []string{c.Source.Tables[0].Name}}); err != nil {
		t.Fatal(err)
	}
	tables, err := m.Tables(t.Context())
	if err != nil || len(tables) != 1 || tables[0].Refused != "" {
		t.Errorf("tables %+v: %v", tables, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
