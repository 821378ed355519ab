package adapter_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// Secrets that are planted where a careless message would repeat them.
const (
	rightPassword = "test-only"
	wrongPassword = "planted-wrong-password"
)

// badSource is a MariaDB with a sidecar beside it, and what is wrong with it.
type badSource struct {
	t       *testing.T
	server  *mariadbtest.Server
	sidecar *sidecartest.Sidecar
	secret  string // path of the password's file
	rows    int
	told    []string // problems of all statuses
}

// TestABadSourceIsNamedWithItsMend makes the source bad in each way. The
// status names the thing, the reason and the mend; the mend, done as it is
// told, helps without a restart; what was recorded meanwhile is read; and what
// was not is found. No password and no row value is told to anybody.
func TestABadSourceIsNamedWithItsMend(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server, source := mariadbSource(t, false)
	source.Tables = append(source.Tables, sidecartest.Table{Name: "emr.visits"})
	b := &badSource{t: t, server: server, sidecar: sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source),
		secret: source.Settings["password_file"]}
	for _, step := range []func(){b.wrongPassword, b.noPasswordFile, b.missingGrants, b.missingTable, b.serverDown, b.notRowFormat, b.noBinaryLog} {
		step()
	}
	texts := append(b.told, b.statusText())
	sidecartest.KeepsSecret(t, b.sidecar, []string{rightPassword, wrongPassword, plantedRow}, texts...)
}

func (b *badSource) setPassword(text string) {
	b.t.Helper()
	if err := os.WriteFile(b.secret, []byte(text+"\n"), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// problem starts the sidecar anew and waits until the status tells a problem
// in the words that it must have.
func (b *badSource) problem(says ...string) string {
	b.t.Helper()
	b.sidecar.Start()
	return b.says(says...)
}

func (b *badSource) says(says ...string) string {
	b.t.Helper()
	problem := tapProblem(b.sidecar, says).Source.Problem
	b.told = append(b.told, problem)
	b.t.Logf("told: %s", problem)
	return problem
}

// readOn demands that a row which is inserted now is logged.
func (b *badSource) readOn() {
	b.t.Helper()
	b.rows++
	b.server.Exec(fmt.Sprintf(`INSERT INTO emr.patients VALUES (%d, '%s', NULL, NULL)`, 80_000+b.rows, plantedRow))
	b.sidecar.Recorded("emr.patients", fmt.Sprint(80_000+b.rows), 1)
}

func (b *badSource) wrongPassword() {
	b.setPassword(wrongPassword)
	b.problem(`the server refuses the account "tap" or its password`, "correct user and password_file")
	b.setPassword(rightPassword)
	b.readOn()
	b.sidecar.Stop()
}

func (b *badSource) noPasswordFile() {
	if err := os.Remove(b.secret); err != nil {
		b.t.Fatal(err)
	}
	b.problem("settings: password_file", b.secret, "no such file", "let only the tap read it")
	b.setPassword(rightPassword)
	b.readOn()
	b.sidecar.Stop()
}

var grant = regexp.MustCompile("GRANT [^;]*? TO '[^']*'@'[^']*'")

// missingGrants runs exactly the statements that the message tells.
func (b *badSource) missingGrants() {
	b.server.Exec(`REVOKE REPLICATION SLAVE ON *.* FROM tap@'127.0.0.1'`, `REVOKE SELECT ON emr.* FROM tap@'127.0.0.1'`)
	problem := b.problem("GRANT REPLICATION SLAVE ON *.* TO 'tap'@'127.0.0.1'",
		"GRANT SELECT ON `emr`.`patients` TO 'tap'@'127.0.0.1'", "GRANT SELECT ON `emr`.`results` TO 'tap'@'127.0.0.1'")
	mends := grant.FindAllString(problem, -1)
	if len(mends) < 3 {
		b.t.Fatalf("%d statements stand in %q", len(mends), problem)
	}
	for _, statement := range mends {
		// The table visits does not exist, and a right to it can be given only
		// together with the right to make it.
		b.server.Exec(strings.Replace(statement, "GRANT SELECT ON `emr`.`visits`", "GRANT SELECT, CREATE ON `emr`.`visits`", 1))
	}
	b.readOn()
	b.sidecar.Stop()
}

// missingTable has a table in the configuration that the source has not, until
// it is created.
func (b *badSource) missingTable() {
	b.sidecar.Start()
	b.readOn()
	b.table(func(visits api.TableStatus) error {
		if visits.Covered || !strings.Contains(visits.Reason, "there is no such table") || !strings.Contains(visits.Reason, "correct its name") {
			return fmt.Errorf("the missing table: %+v", visits)
		}
		return nil
	})
	b.server.Exec(`CREATE TABLE emr.visits (id INT PRIMARY KEY, reason VARCHAR(80))`)
	b.table(func(visits api.TableStatus) error {
		if !visits.Covered {
			return fmt.Errorf("the new table: %+v", visits)
		}
		return nil
	})
	b.server.Exec(`INSERT INTO emr.visits VALUES (1, 'first')`)
	b.sidecar.Recorded("emr.visits", "1", 1)
}

func (b *badSource) table(want func(api.TableStatus) error) {
	b.t.Helper()
	b.sidecar.Until(func(status *api.Status) error {
		for _, table := range status.Source.Tables {
			if table.Name == "emr.visits" {
				return want(table)
			}
		}
		return errors.New("the status does not tell of the table")
	})
}

// serverDown stops the server under the running sidecar.
func (b *badSource) serverDown() {
	b.server.Stop()
	b.says("there is none: dial tcp", "correct host, port, socket and tls, and see that the server runs")
	b.server.Restart()
	b.readOn()
}

// notRowFormat logs statements instead of rows.
func (b *badSource) notRowFormat() {
	b.sidecar.Stop()
	b.server.Exec(`SET GLOBAL binlog_format = STATEMENT`, `SET GLOBAL binlog_row_image = MINIMAL`)
	b.problem("variable binlog_format (STATEMENT): changes are not logged as rows", "SET GLOBAL binlog_format=ROW",
		"variable binlog_row_image (MINIMAL)", "SET GLOBAL binlog_row_image=FULL")
	b.server.Restart() // with its options: sessions keep the format that they began with
	b.readOn()
}

// noBinaryLog switches the log off. What was changed without it is found by
// the audit.
func (b *badSource) noBinaryLog() {
	b.server.Restart("--skip-log-bin")
	b.says("variable log_bin (OFF): the server keeps no binary log", "into the section [mariadb] of my.cnf and restart the server")
	b.server.Exec(`INSERT INTO emr.visits VALUES (2, 'unlogged')`)
	b.server.Restart("--log-bin=binlog")
	b.readOn()
	b.sidecar.Covered()
	report := b.sidecar.Audit()
	if len(report.Findings) != 1 || report.Findings[0].Table != "emr.visits" || report.Findings[0].Key != "2" {
		b.t.Errorf("a row that was written without the log: findings %+v", report.Findings)
	}
}

// statusText is what the status command prints.
func (b *badSource) statusText() string {
	b.t.Helper()
	return output(b.t, "status", "--config", b.sidecar.Config())
}
