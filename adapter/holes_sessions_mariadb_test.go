package adapter_test

import (
	"database/sql"
	"slices"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// TestStatementsMeanWhatTheirSessionMeantOnMariaDB: a name stands for other bytes,
// and for another table, in some sessions.
func TestStatementsMeanWhatTheirSessionMeantOnMariaDB(t *testing.T) {
	checkHoles(t, sessionHoles())
}

func TestStatementsMeanWhatTheirSessionMeantAfterAStop(t *testing.T) {
	checkHolesWhileStopped(t, sessionHoles())
}

func sessionHoles() []hole {
	return slices.Concat(charsetHoles(), shadowHoles(), procedureHoles())
}

const toLatin1, toUTF8 = "SET NAMES latin1", "SET NAMES utf8mb4"

func charsetHoles() []hole {
	sizes := "id INT PRIMARY KEY, `größe` VARCHAR(40)"
	in := func(names string, statements ...string) []string {
		return append(append([]string{names}, statements...), toUTF8)
	}
	return []hole{
		onTable(hole{name: "latin1 truncate", cause: in(toLatin1, "TRUNCATE TABLE `gr\xf6\xdfen`"), late: true,
			edit: []string{`INSERT INTO @ VALUES (3, 'v3')`}, edited: []string{"found @ 3 "}}, "größen", idAndV),
		onTable(hole{name: "latin1 drop", cause: append(in(toLatin1, "DROP TABLE `h\xf6he`"), `CREATE TABLE @ (`+idAndV+`)`), late: true,
			edit: []string{`INSERT INTO @ VALUES (3, 'v3')`}, edited: []string{"found @ 3 "}}, "höhe", idAndV),
		onTable(hole{name: "latin1 create or replace", cause: in(toLatin1, "CREATE OR REPLACE TABLE `l\xe4nge` (PRIMARY KEY (id)) AS SELECT 7 AS id, 'n' AS v"),
			late: true, edit: []string{`UPDATE @ SET v = 'f' WHERE id = 7`}, edited: []string{"found @ 7 v"}}, "länge", idAndV),
		onTable(hole{name: "latin1 rename column", cause: in(toLatin1, "ALTER TABLE @ RENAME COLUMN `gr\xf6\xdfe` TO `ma\xdf\x80`"),
			edit: []string{"UPDATE @ SET `größe` = 'forged' WHERE id = 3"}, edited: []string{"found @ 3 größe"}}, "l1renamed", sizes),
		onTable(hole{name: "latin1 drop column", before: []string{"CREATE TABLE @ (id INT PRIMARY KEY, `größe` INT, v VARCHAR(40))",
			"INSERT INTO @ SELECT seq, 1, 'v' FROM " + sequence}, cause: in(toLatin1, "ALTER TABLE @ DROP COLUMN `gr\xf6\xdfe`"),
			edit: []string{forgeV}, edited: []string{"found @ 3 v"}}, "l1dropped", ""),
		onTable(hole{name: "swe7 alter", cause: in("SET NAMES swe7", "ALTER TABLE `m}tt` DROP COLUMN v"), // } is å
			honest: eachRow("changed in a gap", "v"), edit: []string{toUTF8}, edited: eachRow("changed in a gap", "v")}, "mått", idAndV),
		onTable(hole{name: "gbk truncate", cause: in("SET NAMES gbk", "TRUNCATE TABLE `\xb2\xa1\xc8\xcb`"),
			honest: eachRow("changed in a gap", ""), edit: []string{toUTF8}, edited: eachRow("changed in a gap", "")}, "病人", idAndV),
	}
}

// shadowed is what a session says that logs statements, around those on a temporary
// table which has the name of one that lasts.
func shadowed(format string, statements ...string) []string {
	return slices.Concat([]string{`SET SESSION binlog_format = ` + format, `CREATE TEMPORARY TABLE @ (id INT, v INT)`}, statements,
		[]string{`DROP TEMPORARY TABLE @`, `SET SESSION binlog_format = ROW`})
}

func shadowHoles() []hole {
	found := []string{"found @ 3 v"}
	named := func(name, table string, cause []string) hole {
		return onTable(hole{name: name, cause: cause, edit: []string{forgeV}, edited: found}, table, idAndV)
	}
	anew := `ALTER TABLE @ DROP COLUMN v, ADD COLUMN v VARCHAR(40) DEFAULT (UUID())`
	return []hole{
		named("shadow truncated", "sh_empty", shadowed("STATEMENT", `TRUNCATE TABLE @`)),
		named("shadow truncated in a mixed session", "sh_mixed", shadowed("MIXED", `TRUNCATE TABLE @`)),
		named("shadow's column made anew", "sh_anew", shadowed("STATEMENT", anew)),
		named("shadow's column made anew in a mixed session", "sh_anew_mixed", shadowed("MIXED", anew)),
		named("shadow's column dropped, then added", "sh_twice", shadowed("STATEMENT", `ALTER TABLE @ DROP COLUMN v`, `ALTER TABLE @ ADD COLUMN v VARCHAR(40) DEFAULT (UUID())`)),
		named("shadow's column renamed", "sh_column", shadowed("STATEMENT", `ALTER TABLE @ RENAME COLUMN v TO w`, `ALTER TABLE @ RENAME COLUMN w TO v`)),
		named("shadow's column added", "sh_added", shadowed("STATEMENT", `ALTER TABLE @ ADD COLUMN w INT DEFAULT 5`)),
		named("shadow made from a table", "sh_like", []string{`SET SESSION binlog_format = STATEMENT`, `CREATE TEMPORARY TABLE @_t LIKE @`, `RENAME TABLE @_t TO @`, anew,
			`DROP TABLE @`, `SET SESSION binlog_format = ROW`}),
		named("shadow renamed", "sh_renamed", shadowed("STATEMENT", `RENAME TABLE @ TO sh_other`, `RENAME TABLE sh_other TO @`, `ALTER TABLE @ RENAME TO sh_other`, `ALTER TABLE sh_other RENAME TO @`)),
		onTable(hole{name: "shadow dropped with the table", cause: []string{`SET SESSION binlog_format = STATEMENT`, `CREATE TEMPORARY TABLE @ (id INT)`,
			`DROP TABLE @`, `DROP TABLE @`, `SET SESSION binlog_format = ROW`, `CREATE TABLE @ (` + idAndV + `)`}, late: true,
			edit: []string{`INSERT INTO @ VALUES (3, 'v3')`}, edited: []string{"found @ 3 "}}, "sh_dropped", idAndV),
	}
}

// procedureHoles are statements on tables that last, in procedures that use temporary
// ones: the log marks them as if they might be on those.
func procedureHoles() []hole {
	procedure := func(statements string) []string {
		return []string{`CREATE PROCEDURE @_p() BEGIN CREATE TEMPORARY TABLE @_mine (id INT); INSERT INTO @_mine VALUES (1); ` + statements +
			` DROP TEMPORARY TABLE @_mine; END`, `CALL @_p()`}
	}
	found := []string{"found @ 3 v"}
	return []hole{
		onTable(hole{name: "procedure truncates", cause: procedure(`TRUNCATE TABLE @;`), late: true,
			edit: []string{`INSERT INTO @ VALUES (3, 'v3')`}, edited: []string{"found @ 3 "}}, "pr_empty", idAndV),
		onTable(hole{name: "procedure renames a column", cause: procedure(`ALTER TABLE @ RENAME COLUMN v TO w, ADD COLUMN u INT DEFAULT 4;`),
			edit: []string{forgeV}, edited: found}, "pr_renamed", idAndV),
		onTable(hole{name: "procedure renames a column again and again", cause: procedure(`ALTER TABLE @ RENAME COLUMN v TO w; ALTER TABLE @ RENAME COLUMN w TO x;`),
			edit: []string{forgeV}, edited: found}, "pr_again", idAndV),
		onTable(hole{name: "procedure drops a column", cause: procedure(`ALTER TABLE @ DROP COLUMN w;`),
			edit: []string{forgeV}, edited: found}, "pr_dropped", idVAndW),
		onTable(hole{name: "procedure adds columns", cause: procedure(`ALTER TABLE @ ADD COLUMN w VARCHAR(9) DEFAULT 'w'; ALTER TABLE @ ADD COLUMN x INT DEFAULT (id + 1);`),
			edit: []string{forgeV}, edited: found}, "pr_added", idAndV),
	}
}

// TestATemporaryTableIsKnownAfterARestart of the sidecar, which saw it made.
func TestATemporaryTableIsKnownAfterARestart(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	h := onTable(hole{cause: []string{`TRUNCATE TABLE @`}}, "sh_restart", idAndV)
	server := mariadbtest.Start(t, mariadbtest.Options{})
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), holeSource(t, server, []hole{h}))
	sidecar.Start()
	sidecar.Covered()
	conn, err := server.Admin().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	inSession(t, conn, `USE honest`, `SET SESSION binlog_format = STATEMENT`, `CREATE TEMPORARY TABLE sh_restart (id INT)`)
	server.Exec(`INSERT INTO honest.marker VALUES (2)`)
	sidecar.Recorded("honest.marker", "2", 1)
	sidecar.Stop()
	sidecar.Start()
	inSession(t, conn, h.cause...)
	h.compare(t, honestDatabase, nil, auditedAfter(t, server, sidecar))
}

func inSession(t *testing.T, conn *sql.Conn, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}
