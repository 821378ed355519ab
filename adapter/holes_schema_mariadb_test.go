package adapter_test

import (
	"fmt"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// onTable names the one table of a hole, which its statements write as @.
func onTable(h hole, table, columns string) hole {
	if h.before == nil {
		h.before = []string{`CREATE TABLE @ (` + columns + `)`, `INSERT INTO @ SELECT ` + values(columns) + ` FROM ` + sequence}
	}
	h.tables = []sidecartest.Table{{Name: table}}
	h.before, h.cause, h.edit, h.after = naming(table, h.before), naming(table, h.cause), naming(table, h.edit), naming(table, h.after)
	h.honest, h.edited = naming("@"+table, h.honest), naming("@"+table, h.edited)
	return h
}

func naming(table string, texts []string) (named []string) {
	for _, text := range texts {
		named = append(named, strings.ReplaceAll(text, "@", table))
	}
	return named
}

const (
	idAndV  = "id INT PRIMARY KEY, v VARCHAR(40)"
	idVAndW = "id INT PRIMARY KEY, v VARCHAR(40), w VARCHAR(40)"
)

func values(columns string) string {
	if columns == idVAndW {
		return "seq, CONCAT('v', seq), CONCAT('w', seq)"
	}
	return "seq, CONCAT('v', seq)"
}

// eachRow is a finding of each of the 20 rows.
func eachRow(verdict, columns string) (lines []string) {
	for id := range 20 {
		lines = append(lines, fmt.Sprintf("%s @ %d %s", verdict, id+1, columns))
	}
	return lines
}

const forgeV = `UPDATE @ SET v = 'forged' WHERE id = 3`

// movedHoles give columns other names.
func movedHoles() []hole {
	found := []string{"changed in a gap @ 3 v"}
	return []hole{
		onTable(hole{name: "RENAME COLUMN", cause: []string{`ALTER TABLE @ RENAME COLUMN v TO w`},
			edit: []string{forgeV}, edited: found}, "renamed", idAndV),
		onTable(hole{name: "RENAME COLUMN and an edit after it", cause: []string{`ALTER TABLE @ RENAME COLUMN v TO w`},
			edit: []string{`UPDATE @ SET w = 'forged' WHERE id = 3`}, late: true, edited: []string{"found @ 3 v"}}, "renamed_then_edited", idAndV),
		onTable(hole{name: "CHANGE COLUMN", cause: []string{"ALTER TABLE @ /* to */ CHANGE `v` `w` VARCHAR(60) NOT NULL DEFAULT 'v, x'"},
			edit: []string{forgeV}, edited: found}, "changed_name", idAndV),
		onTable(hole{name: "names there and back", cause: []string{`ALTER TABLE @ RENAME COLUMN v TO w`, `ALTER TABLE @ RENAME COLUMN w TO v`},
			edit: []string{forgeV}, edited: found}, "there_and_back", idAndV),
		onTable(hole{name: "swap of two names", cause: []string{`ALTER TABLE @ RENAME COLUMN v TO w, RENAME COLUMN w TO v`},
			edit: []string{forgeV}, edited: found}, "swapped", idVAndW),
		onTable(hole{name: "DROP without the word COLUMN", cause: []string{`SET STATEMENT lock_wait_timeout=9 FOR ALTER TABLE @ DROP IF EXISTS w`},
			edit: []string{forgeV}, edited: found}, "dropped_shortly", idVAndW),
		onTable(hole{name: "ANSI quotes", cause: []string{`SET SESSION sql_mode = 'ANSI_QUOTES'`, `ALTER TABLE "@" DROP "w", RENAME COLUMN "v" TO "x y"`},
			edit: []string{forgeV}, edited: found}, "ansi", idVAndW),
		onTable(hole{name: "ADD then DROP", cause: []string{`ALTER TABLE @ ADD COLUMN n INT DEFAULT 5`, `UPDATE @ SET n = 6 WHERE id < 9`,
			`ALTER TABLE @ DROP COLUMN n`, `ALTER TABLE @ ADD COLUMN n INT DEFAULT 5`, `UPDATE @ SET n = 7 WHERE id > 9`, `ALTER TABLE @ DROP COLUMN n`},
			edit: []string{forgeV}, edited: []string{"history broken @ 3 v"}}, "added_and_dropped", idAndV),
		onTable(hole{name: "a row that is put back as it was before its key changed", cause: []string{
			`ALTER TABLE @ ADD COLUMN n INT NOT NULL DEFAULT 4, DROP PRIMARY KEY, ADD PRIMARY KEY (id, n)`, `DELETE FROM @ WHERE id = 5`},
			edit: []string{`INSERT INTO @ VALUES (5, 'v5', 4)`}, late: true, edited: []string{"found @ [5,4] "}}, "put_back", idAndV),
		onTable(hole{name: "several at once", cause: []string{`ALTER TABLE @ ADD COLUMN a INT, CHANGE v x TEXT, DROP w`, `INSERT INTO @ VALUES (21, 'x', 1)`,
			`ALTER TABLE @ RENAME COLUMN x TO y, MODIFY a BIGINT`, `UPDATE @ SET a = 3 WHERE id = 5`},
			edit: []string{forgeV}, edited: found}, "several", idVAndW),
	}
}

// unrecordedShapeHoles change columns past the log.
func unrecordedShapeHoles() []hole {
	comment := `ALTER TABLE @ COMMENT = 'm'`
	return []hole{
		onTable(hole{name: "unrecorded rename and a recorded comment", cause: []string{comment}, edit: []string{
			forgeV, `ALTER TABLE @ RENAME COLUMN v TO w`}, edited: eachRow("changed in a gap", "v,w")}, "x_renamed", idAndV),
		onTable(hole{name: "unrecorded DROP and ADD after a recorded DROP", cause: []string{`ALTER TABLE @ DROP COLUMN v`}, late: true,
			edit: []string{`ALTER TABLE @ ADD COLUMN v VARCHAR(40) DEFAULT 'forged'`}, after: []string{comment},
			edited: eachRow("found", "v")}, "x_added", idAndV),
		onTable(hole{name: "unrecorded generated column", cause: []string{comment}, edit: []string{
			`ALTER TABLE @ DROP COLUMN v, ADD COLUMN v VARCHAR(40) AS ('forged') VIRTUAL`},
			edited: eachRow("changed in a gap", "v")}, "x_generated", idAndV),
		onTable(hole{name: "unrecorded loss of nulls", before: []string{`CREATE TABLE @ (` + idAndV + `)`, `INSERT INTO @ SELECT seq, NULL FROM ` + sequence},
			cause: []string{comment}, edit: []string{`ALTER TABLE @ DROP COLUMN v`}, edited: eachRow("changed in a gap", "v")}, "x_nulls", idAndV),
	}
}

// emptiedHoles take rows away.
func emptiedHoles() []hole {
	again := `INSERT INTO @ VALUES (3, 'v3')`
	return []hole{
		onTable(hole{name: "TRUNCATE", cause: []string{`TRUNCATE TABLE @`}, late: true, edit: []string{again},
			edited: []string{"found @ 3 "}}, "truncated", idAndV),
		onTable(hole{name: "TRUNCATE and new rows", cause: []string{`TRUNCATE @`, `INSERT INTO @ VALUES (3, 'new'), (4, 'new')`}, late: true,
			edit: []string{forgeV}, edited: []string{"found @ 3 v"}}, "truncated_refilled", idAndV),
		onTable(hole{name: "DROP and CREATE", cause: []string{`DROP TABLE @`, `CREATE TABLE @ (id INT PRIMARY KEY, v VARCHAR(40), n INT)`,
			`INSERT INTO @ VALUES (3, 'new', 1)`}, late: true, edit: []string{`INSERT INTO @ VALUES (4, 'forged', 1)`},
			edited: []string{"found @ 4 "}}, "dropped_created", idAndV),
		onTable(hole{name: "CREATE OR REPLACE", cause: []string{`CREATE OR REPLACE TABLE @ (id INT PRIMARY KEY, v TEXT)`, again}, late: true,
			edit: []string{`INSERT INTO @ VALUES (4, 'forged')`}, edited: []string{"found @ 4 "}}, "replaced", idAndV),
		onTable(hole{name: "RENAME TABLE away and back", cause: []string{`RENAME TABLE @ TO elsewhere`, `RENAME TABLE elsewhere TO @`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 v"}}, "table_renamed", idAndV),
	}
}

// convertedHoles give columns other types, or the table another key.
func convertedHoles() []hole {
	numbers := []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT)`, `INSERT INTO @ SELECT seq, seq * 7 FROM ` + sequence}
	return []hole{
		onTable(hole{name: "MODIFY to text", before: numbers, cause: []string{`ALTER TABLE @ MODIFY n VARCHAR(20)`},
			edit: []string{`UPDATE @ SET n = 9 WHERE id = 3`}, edited: []string{"changed in a gap @ 3 n"}}, "modified", ""),
		onTable(hole{name: "CONVERT TO CHARACTER SET", before: []string{`CREATE TABLE @ (` + idAndV + `) CHARACTER SET latin1`,
			`INSERT INTO @ SELECT seq, CONCAT('Zoë ', seq) FROM ` + sequence}, cause: []string{`ALTER TABLE @ CONVERT TO CHARACTER SET utf8mb4`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 v"}}, "converted", ""),
		onTable(hole{name: "MODIFY CHARACTER SET", before: []string{`CREATE TABLE @ (` + idAndV + `) CHARACTER SET latin1`,
			`INSERT INTO @ SELECT seq, CONCAT('Zoë ', seq) FROM ` + sequence}, cause: []string{`ALTER TABLE @ MODIFY v VARCHAR(40) CHARACTER SET utf8mb4`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 v"}}, "modified_charset", ""),
		onTable(hole{name: "another PRIMARY KEY", before: []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40))`,
			`INSERT INTO @ SELECT seq, 30 - seq, CONCAT('v', seq) FROM ` + sequence}, cause: []string{`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 27 ", "changed in a gap @ 3 "}}, "rekeyed", ""),
		onTable(hole{name: "ENUM renumbered", before: []string{`CREATE TABLE @ (id INT PRIMARY KEY, v ENUM('a', 'b', 'forged'))`,
			`INSERT INTO @ SELECT seq, 1 + seq % 2 FROM ` + sequence}, cause: []string{`ALTER TABLE @ MODIFY v ENUM('z', 'b', 'a', 'forged')`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 v"}}, "renumbered", ""),
	}
}
