package adapter_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// A tableKind is a kind of table that is tapped in a way of its own.
type tableKind struct {
	name    string // of the table in the database emr
	columns string
	options string
}

func tableKinds() []tableKind {
	const plain = "(id INT PRIMARY KEY, patient_id INT, dose INT, note VARCHAR(40))"
	return []tableKind{
		{"myisam", plain, "ENGINE=MyISAM"},
		{"aria", plain, "ENGINE=Aria"},
		{"parts", plain, "PARTITION BY HASH (id) PARTITIONS 3"},
	}
}

// kindsSource starts a server with a table of each kind, of 300 rows.
func kindsSource(t *testing.T, kinds []tableKind) (*mariadbtest.Server, sidecartest.Source) {
	t.Helper()
	s := mariadbtest.Start(t, mariadbtest.Options{Args: []string{"--concurrent-insert=ALWAYS"}})
	s.Exec("CREATE DATABASE emr", "CREATE USER tap@'127.0.0.1' IDENTIFIED BY 'test-only'",
		"GRANT REPLICATION SLAVE ON *.* TO tap@'127.0.0.1'", "GRANT SELECT ON emr.* TO tap@'127.0.0.1'")
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("test-only\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	source := sidecartest.Source{Tap: "mysql", Settings: map[string]string{"host": "127.0.0.1", "port": strconv.Itoa(s.Port()),
		"user": "tap", "password_file": password, "accept_not_durable": "true"}}
	for _, k := range kinds {
		s.Exec(fmt.Sprintf("CREATE TABLE emr.%s %s %s", k.name, k.columns, k.options),
			fmt.Sprintf("INSERT INTO emr.%s SELECT seq, seq %% 20, seq %% 90, CONCAT('note ', seq) FROM emr.seq_1_to_300", k.name))
		source.Tables = append(source.Tables, sidecartest.Table{Name: "emr." + k.name, Patient: "patient_id"})
	}
	return s, source
}

// eightWriters change rows 10,000 to 10,199 of every table in every way, until
// stop is called.
func eightWriters(t *testing.T, s *mariadbtest.Server, kinds []tableKind) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	failed := make([]error, 8)
	for i := range failed {
		group.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(i)))
			for ctx.Err() == nil && failed[i] == nil {
				failed[i] = write(s, r, "emr."+kinds[r.IntN(len(kinds))].name, 10_000+r.IntN(200))
			}
		})
	}
	stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
		if err := errors.Join(failed...); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// write does one statement; the server may refuse it for another one.
func write(s *mariadbtest.Server, r *rand.Rand, table string, id int) error {
	query := []string{
		"INSERT IGNORE INTO %[1]s VALUES (%[2]d, 1, %[3]d, 'new'), (%[2]d + 1, 2, %[3]d, 'new')",
		"UPDATE %[1]s SET dose = dose + 1 WHERE id BETWEEN %[2]d AND %[2]d + 2",
		"DELETE FROM %[1]s WHERE id = %[2]d",
	}[r.IntN(3)]
	_, err := s.Admin().Exec(fmt.Sprintf(query, table, id, r.IntN(100)))
	const duplicate, lockWait, deadlock = 1062, 1205, 1213
	if failure := (*mysql.MySQLError)(nil); errors.As(err, &failure) {
		switch failure.Number {
		case duplicate, lockWait, deadlock:
			return nil
		}
	}
	return err
}

// Every kind of table is taken in, and audited, under writers without a finding.
func TestBusyTablesOfEveryKindHaveNoFindingsOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	kinds := tableKinds()
	server, source := kindsSource(t, kinds)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.ChunkRows = 50
	stop := eightWriters(t, server, kinds)
	sidecar.Start()
	sidecar.Covered()
	for n := range 10 {
		if report := sidecar.Audit(); report.Verdict != "intact" || len(report.Covered.Tables) != len(kinds) {
			t.Fatalf("audit %d: %s, findings %+v, not covered %+v", n, report.Verdict, report.Findings, report.Covered.NotCovered)
		}
	}
	stop()
	report := sidecar.Audit()
	if report.Verdict != "intact" || len(report.Covered.NotCovered) != 0 {
		t.Errorf("at rest: %s, findings %+v, not covered %+v", report.Verdict, report.Findings, report.Covered.NotCovered)
	}
}

// What is edited, deleted, inserted or put back past the binary log is named in
// a table of every kind.
func TestUnrecordedChangesAreNamedInTablesOfEveryKindOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	kinds := tableKinds()
	server, source := kindsSource(t, kinds)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	found := newFindings(t, sidecar)
	eightWriters(t, server, kinds)
	for _, k := range kinds {
		table := "emr." + k.name
		unlogged(t, server.Admin(), "UPDATE "+table+" SET dose = 1000, note = 'forged' WHERE id = 5")
		found.expect("altered " + table + " 5 dose,note")
		unlogged(t, server.Admin(), "DELETE FROM "+table+" WHERE id = 7", "INSERT INTO "+table+" VALUES (900, 1, 1, 'forged')")
		found.expect("deleted "+table+" 7 ", "unlogged insert "+table+" 900 ")
		server.Exec("UPDATE " + table + " SET dose = 50 WHERE id = 9")
		sidecar.Recorded(table, "9", 2)
		unlogged(t, server.Admin(), "UPDATE "+table+" SET dose = 9 WHERE id = 9")
		found.expect("stale " + table + " 9 dose")
		unlogged(t, server.Admin(), "UPDATE "+table+" SET note = 'before' WHERE id = 30")
		server.Exec("UPDATE " + table + " SET dose = 77 WHERE id = 30")
		sidecar.Recorded(table, "30", 2)
		found.expect("history broken " + table + " 30 note")
	}
}
