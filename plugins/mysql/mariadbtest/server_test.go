package mariadbtest_test

import (
	"testing"

	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

func TestServerSurvivesKillAndRestart(t *testing.T) {
	s := mariadbtest.Start(t, mariadbtest.Options{Durable: true})
	s.Exec("CREATE DATABASE emr", "CREATE TABLE emr.t (id INT PRIMARY KEY)", "INSERT INTO emr.t VALUES (1)")
	s.Kill()
	s.Restart()
	if got := s.QueryString("SELECT COUNT(*) FROM emr.t"); got != "1" {
		t.Errorf("rows after SIGKILL = %s, want 1", got)
	}
	if len(s.Binlogs()) < 2 {
		t.Errorf("binary logs = %d, want a new one after the restart", len(s.Binlogs()))
	}
}

func TestRestoreBringsTheOldStateBack(t *testing.T) {
	s := mariadbtest.Start(t, mariadbtest.Options{})
	s.Exec("CREATE DATABASE emr", "CREATE TABLE emr.t (id INT PRIMARY KEY)", "INSERT INTO emr.t VALUES (1)")
	old := s.Backup()
	s.Exec("INSERT INTO emr.t VALUES (2)")
	s.Restore(old)
	if got := s.QueryString("SELECT COUNT(*) FROM emr.t"); got != "1" {
		t.Errorf("rows after restore = %s, want 1", got)
	}
}

func TestServersAreApart(t *testing.T) {
	a := mariadbtest.Start(t, mariadbtest.Options{Args: []string{"--binlog-row-metadata=NO_LOG"}})
	b := mariadbtest.Start(t, mariadbtest.Options{})
	a.Exec("CREATE DATABASE only_here")
	if got := b.QueryString("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name='only_here'"); got != "0" {
		t.Error("two servers share their data")
	}
	if got := a.QueryString("SELECT @@binlog_row_metadata"); got != "NO_LOG" {
		t.Errorf("row metadata = %s, want what Args say", got)
	}
}
