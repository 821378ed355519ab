package adapter_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

const keylessTable = "emr.observations"

// keylessSource is mariadbSource with a table whose rows no key names: 100 that
// differ, and three times three that are equal.
func keylessSource(t *testing.T, durable bool, options string) (*mariadbtest.Server, sidecartest.Source) {
	t.Helper()
	server, source := mariadbSource(t, durable)
	server.Exec(`CREATE TABLE ` + keylessTable + ` (id INT, pid INT, taken DATETIME, code VARCHAR(40), note TEXT, weight DECIMAL(6,2)) ` + options)
	for i := 1; i <= 100; i++ {
		server.Exec(fmt.Sprintf(`INSERT INTO %s VALUES (%d, %d, '2026-01-01 10:00:00', 'c%d', NULL, %d.5)`, keylessTable, i, i%20+1, i, i))
	}
	for i := 1; i <= 3; i++ {
		server.Exec(fmt.Sprintf(`INSERT INTO %s VALUES (NULL, %d, NULL, 'same', '', 1), (NULL, %[2]d, NULL, 'same', '', 1), (NULL, %[2]d, NULL, 'same', '', 1)`,
			keylessTable, i))
	}
	source.Tables = append(source.Tables, sidecartest.Table{Name: keylessTable, Patient: "pid"})
	return server, source
}

func startKeyless(t *testing.T, options string) (*mariadbtest.Server, *sidecartest.Sidecar) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server, source := keylessSource(t, false, options)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	return server, sidecar
}

// keylessFindings audits and returns the findings as "verdict number", those of
// the table without a key.
func keylessFindings(t *testing.T, sidecar *sidecartest.Sidecar) (lines []string, report *api.AuditReport) {
	t.Helper()
	report = sidecar.Audit()
	if len(report.Covered.Tables) != 3 || len(report.Covered.NotCovered) != 0 {
		t.Fatalf("covered %+v", report.Covered)
	}
	for _, f := range report.Findings {
		lines = append(lines, fmt.Sprintf("%s %d", f.Verdict, keylessNumber(t, f.Key)))
		if f.Table != keylessTable || !strings.Contains(f.Detail, "no key names") || f.FirstSeenBad == nil || f.Version > 0 && f.LastSeenGood == nil {
			t.Errorf("finding %+v", f)
		}
	}
	slices.Sort(lines)
	return lines, report
}

// keylessNumber reads the number in a row's key.
func keylessNumber(t *testing.T, key string) (number int) {
	t.Helper()
	var digest string
	if err := json.Unmarshal([]byte(key), &[]any{&digest, &number}); err != nil || len(digest) != 2+2*16 {
		t.Fatalf("key %s: %v", key, err)
	}
	return number
}

func expectKeyless(t *testing.T, sidecar *sidecartest.Sidecar, want ...string) {
	t.Helper()
	got, report := keylessFindings(t, sidecar)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("found %v, want %v; %+v", got, want, report.Findings)
	}
}

// TestRowsWithoutAKeyAreCoveredOnMariaDB: equal ones are counted, and what was done
// to one of them past the log is found, and nothing else.
func TestRowsWithoutAKeyAreCoveredOnMariaDB(t *testing.T) {
	for _, engine := range []string{"InnoDB", "MyISAM"} {
		t.Run(engine, func(t *testing.T) {
			server, sidecar := startKeyless(t, "ENGINE="+engine)
			if _, report := keylessFindings(t, sidecar); report.Counts["intact"]+report.Counts["not yet anchored"] != 1200+109 {
				t.Errorf("counts %v", report.Counts)
			}
			server.Exec(`INSERT INTO emr.observations VALUES (NULL, 1, NULL, 'same', '', 1), (200, 1, NULL, 'new', NULL, 2)`,
				`UPDATE emr.observations SET note = 'changed' WHERE pid = 2 AND code = 'same' LIMIT 1`,
				`UPDATE emr.observations SET note = '' WHERE note = 'changed'`,
				`UPDATE emr.observations SET code = 'other' WHERE pid = 2 AND code = 'same' LIMIT 2`,
				`DELETE FROM emr.observations WHERE pid = 3 AND code = 'same' LIMIT 1`,
				`DELETE FROM emr.observations WHERE id = 9`)
			expectKeyless(t, sidecar)

			unlogged(t, server.Admin(), `INSERT INTO emr.observations VALUES (NULL, 1, NULL, 'same', '', 1)`)
			want := []string{"unlogged insert 5"}
			expectKeyless(t, sidecar, want...)
			unlogged(t, server.Admin(), `DELETE FROM emr.observations WHERE pid = 2 AND code = 'other' LIMIT 1`)
			want = append(want, "deleted 2")
			expectKeyless(t, sidecar, want...)
			// What is recorded of rows that are equal to those is no finding.
			server.Exec(`DELETE FROM emr.observations WHERE pid = 2 AND code = 'other'`,
				`INSERT INTO emr.observations VALUES (NULL, 1, NULL, 'same', '', 1), (NULL, 1, NULL, 'same', '', 1)`)
			expectKeyless(t, sidecar, want...)
			server.Exec(`DELETE FROM emr.observations WHERE pid = 1 AND code = 'same' LIMIT 5`)
			expectKeyless(t, sidecar, want...)
			unlogged(t, server.Admin(), `UPDATE emr.observations SET weight = 70 WHERE id = 7`)
			want = append(want, "deleted 1", "unlogged insert 1")
			expectKeyless(t, sidecar, want...)
			server.Exec(`UPDATE emr.observations SET weight = 71 WHERE id = 7`) // as it was not
			expectKeyless(t, sidecar, append(want, "history broken 1")...)
		})
	}
}

// keylessTraffic does recorded work on rows without a key until it is stopped.
func keylessTraffic(t *testing.T, db *sql.DB) (stop func()) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 1000; ; n++ {
			for _, q := range []string{
				fmt.Sprintf(`INSERT INTO emr.observations VALUES (%d, %d, NOW(), 'busy', NULL, 1), (NULL, 7, NULL, 'same', '', 7)`, n, n%20+1),
				fmt.Sprintf(`UPDATE emr.observations SET note = 'again' WHERE id = %d`, n-1),
				`UPDATE emr.observations SET weight = 8 WHERE pid = 7 AND code = 'same' LIMIT 1`,
				fmt.Sprintf(`DELETE FROM emr.observations WHERE id = %d`, n-20),
				`DELETE FROM emr.observations WHERE pid = 7 AND code = 'same' AND RAND() < 0.5 LIMIT 1`,
			} {
				if _, err := db.Exec(q); err != nil {
					ended <- err
					return
				}
			}
			select {
			case <-done:
				ended <- nil
				return
			case <-time.After(2 * time.Millisecond): // the clinic's pace
			}
		}
	}()
	return func() {
		t.Helper()
		close(done)
		if err := <-ended; err != nil {
			t.Errorf("traffic: %v", err)
		}
	}
}

func TestABusyTableWithoutAKeyHasNoFindingsOnMariaDB(t *testing.T) {
	server, source := keylessSource(t, false, "")
	stop := keylessTraffic(t, server.Admin())
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	sidecar.Covered()
	for range 20 {
		expectKeyless(t, sidecar)
	}
	stop()
	expectKeyless(t, sidecar)
}

// TestRowsWithoutAKeySurviveKillsOnMariaDB: nothing is counted twice, or not at
// all, wherever the sidecar or its tap was killed.
func TestRowsWithoutAKeySurviveKillsOnMariaDB(t *testing.T) {
	server, source := keylessSource(t, true, "")
	stop := keylessTraffic(t, server.Admin())
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	for n := range 8 {
		time.Sleep(time.Duration(n*150) * time.Millisecond) // anywhere, also before the table is taken in
		if n%4 == 3 {
			sidecar.KillTap()
			continue
		}
		sidecar.Kill()
		sidecar.Start()
	}
	sidecar.Covered()
	expectKeyless(t, sidecar)
	stop()
	expectKeyless(t, sidecar)
	unlogged(t, server.Admin(), `DELETE FROM emr.observations WHERE id = 44`)
	expectKeyless(t, sidecar, "deleted 1")
}

// TestAStrangerChecksARowWithoutAKey: one that is there, and one that is gone.
func TestAStrangerChecksARowWithoutAKey(t *testing.T) {
	server, sidecar := startKeyless(t, "")
	unlogged(t, server.Admin(), `UPDATE emr.observations SET weight = 70 WHERE id = 7`)
	_, report := keylessFindings(t, sidecar)
	sidecar.Anchored()
	o := newStranger(t, sidecar)
	o.show(keylessTable, `{"id":8,"pid":9,"weight":8.5}`, evidence.Committed, "", "intact")
	o.show(keylessTable, `{"pid":2,"code":"same","id":null}`, evidence.Committed, "", "intact")
	if out, err := o.command("prove", "--socket", sidecar.Socket(), "--table", keylessTable, "--key", `{"pid":2}`, "-o", "-"); err == nil || !strings.Contains(out, "name more columns") {
		t.Errorf("a row that several have the cells of: %v\n%s", err, out)
	}
	for _, f := range report.Findings {
		if f.Verdict == "deleted" {
			o.show(keylessTable, f.Key, evidence.Deleted, "", "deleted")
		}
	}
	if len(report.Findings) != 2 {
		t.Errorf("findings %+v", report.Findings)
	}
}

// TestAnHonestChangeOfATableWithoutAKeyIsNoFindingOnMariaDB: its columns, a key that
// it is given as advised, and one that it loses; while the sidecar looks and while it
// is stopped. What was edited before is found all the same, and nothing else.
func TestAnHonestChangeOfATableWithoutAKeyIsNoFindingOnMariaDB(t *testing.T) {
	for _, c := range []struct {
		name   string
		alter  []string
		before int // findings of the edit before
	}{
		{"columns with and without a value", []string{`ADD COLUMN unit VARCHAR(9) FIRST, ADD COLUMN side VARCHAR(9) NOT NULL DEFAULT 'left'`}, 2},
		{"a column that goes and one renamed", []string{`DROP COLUMN taken, CHANGE note remark TEXT`}, 2},
		{"names that are swapped", []string{`CHANGE code note VARCHAR(40), CHANGE note code TEXT`}, 2},
		{"another type", []string{`MODIFY pid VARCHAR(20), MODIFY code VARCHAR(40) CHARACTER SET latin1`}, 2},
		{"a key of a new column", []string{`ADD COLUMN row_id INT AUTO_INCREMENT PRIMARY KEY FIRST`}, 2},
		{"a key that comes and goes", []string{`ADD COLUMN row_id INT AUTO_INCREMENT PRIMARY KEY`, `MODIFY row_id INT, DROP PRIMARY KEY`, `DROP COLUMN row_id`}, 2},
		{"emptied", nil, 0},
	} {
		for _, stopped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stopped %v", c.name, stopped), func(t *testing.T) {
				server, sidecar := startKeyless(t, "")
				unlogged(t, server.Admin(), `UPDATE emr.observations SET weight = 70 WHERE id = 7`)
				if stopped {
					sidecar.Stop()
				}
				for _, alter := range c.alter {
					server.Exec(`ALTER TABLE emr.observations ` + alter)
				}
				if c.alter == nil {
					server.Exec(`TRUNCATE TABLE emr.observations`, `INSERT INTO emr.observations VALUES (50, 5, NULL, 'c50', NULL, 1), (NULL, 1, NULL, 'same', '', 1)`)
				}
				server.Exec(`UPDATE emr.observations SET weight = 2 WHERE id = 50`, `DELETE FROM emr.observations WHERE pid = 3 AND weight = 1 LIMIT 1`,
					`INSERT INTO emr.observations (id, pid, weight) VALUES (300, 4, 1)`)
				if stopped {
					sidecar.Start()
				}
				sidecar.Covered()
				report := sidecar.Audit()
				if len(report.Findings) != c.before || len(report.Covered.Tables) != 3 {
					t.Errorf("%d findings, covered %+v", len(report.Findings), report.Covered)
					for _, f := range report.Findings {
						t.Logf("%s: %s", findingLine(f), f.Detail)
					}
				}
			})
		}
	}
}

// TestEqualRowsThatAreToldApartForAWhileAreCoveredOnMariaDB: one of them is changed
// while they have a key, so the others have other numbers once it is gone.
func TestEqualRowsThatAreToldApartForAWhileAreCoveredOnMariaDB(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped %v", stopped), func(t *testing.T) {
			server, sidecar := startKeyless(t, "")
			unlogged(t, server.Admin(), `UPDATE emr.observations SET weight = 70 WHERE id = 7`)
			if stopped {
				sidecar.Stop()
			}
			server.Exec(`ALTER TABLE emr.observations ADD COLUMN row_id INT AUTO_INCREMENT PRIMARY KEY`,
				`UPDATE emr.observations SET weight = 2 WHERE code = 'same' AND pid < 3 ORDER BY pid, row_id LIMIT 4`,
				`ALTER TABLE emr.observations DROP COLUMN row_id`)
			if stopped {
				sidecar.Start()
			}
			sidecar.Covered()
			expectKeyless(t, sidecar, "changed in a gap 1", "changed in a gap 1")
			server.Exec(`DELETE FROM emr.observations WHERE code = 'same'`)
			expectKeyless(t, sidecar, "changed in a gap 1", "changed in a gap 1")
		})
	}
}

// TestAColumnThatComesBackInATableWithoutAKeyOnMariaDB: a row that is given again what
// it held in a column that went is still one row. An inserted one that holds what
// another held there is taken for that, which shows as such.
func TestAColumnThatComesBackInATableWithoutAKeyOnMariaDB(t *testing.T) {
	again := []string{`ALTER TABLE emr.observations ADD COLUMN unit INT`, `UPDATE emr.observations SET unit = id WHERE id < 60`,
		`ALTER TABLE emr.observations DROP COLUMN unit`, `ALTER TABLE emr.observations ADD COLUMN unit INT DEFAULT 0`}
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("updated, stopped %v", stopped), func(t *testing.T) {
			server, sidecar := startKeyless(t, "")
			unlogged(t, server.Admin(), `UPDATE emr.observations SET weight = 70 WHERE id = 70`)
			if stopped {
				sidecar.Stop()
			}
			server.Exec(append(again[:4:4], `UPDATE emr.observations SET unit = id WHERE id < 30`)...)
			if stopped {
				sidecar.Start()
			}
			sidecar.Covered()
			expectKeyless(t, sidecar, "changed in a gap 1", "changed in a gap 1")
		})
	}
	t.Run("inserted", func(t *testing.T) {
		server, sidecar := startKeyless(t, "")
		sidecar.Stop()
		server.Exec(append(again[:4:4], `INSERT INTO emr.observations SELECT *, id FROM (SELECT id, pid, taken, code, note, weight FROM emr.observations WHERE id = 5) AS one`)...)
		sidecar.Start()
		sidecar.Covered()
		expectKeyless(t, sidecar, "changed in a gap 1", "changed in a gap 1", "changed in a gap 2")
	})
}

// TestATableWithoutAKeyThatIsTooLargeIsNotCovered: status says so with the mend, which
// is enough.
func TestATableWithoutAKeyThatIsTooLargeIsNotCovered(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server, source := keylessSource(t, false, "")
	server.Exec(`INSERT INTO emr.observations SELECT seq, 1, NULL, '', NULL, NULL FROM emr.seq_1_to_100000`)
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	sidecar.Start()
	status := func(want func(api.TableStatus) bool) {
		t.Helper()
		sidecartest.Eventually(t, 2*time.Minute, func(ctx context.Context) error {
			status, err := sidecar.Control().Status(ctx)
			if err != nil {
				return err
			}
			for _, table := range status.Source.Tables {
				if table.Name == keylessTable && want(table) {
					return nil
				}
			}
			return fmt.Errorf("%+v", status.Source.Tables)
		})
	}
	status(func(table api.TableStatus) bool {
		return !table.Covered && strings.Contains(table.Reason, "ADD PRIMARY KEY")
	})
	server.Exec(`ALTER TABLE emr.observations ADD COLUMN row_id INT AUTO_INCREMENT PRIMARY KEY`)
	status(func(table api.TableStatus) bool { return table.Covered })
	if report := sidecar.Audit(); len(report.Findings) != 0 {
		t.Errorf("findings %+v", report.Findings)
	}
}
