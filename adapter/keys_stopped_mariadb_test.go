package adapter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// TestForeignKeysAreThoseOfTheirTimeAfterAStop: what came while the sidecar was
// stopped went by the keys of then, not by those that it finds when it starts.
func TestForeignKeysAreThoseOfTheirTimeAfterAStop(t *testing.T) {
	checkHolesWhileStopped(t, lateKeyHoles())
}

// checkHolesWhileStopped is checkHoles with a sidecar that is stopped meanwhile.
func checkHolesWhileStopped(t *testing.T, holes []hole) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server := mariadbtest.Start(t, mariadbtest.Options{})
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), holeSource(t, server, holes))
	sidecar.Start()
	sidecar.Covered()
	sidecar.Stop()
	for _, h := range holes {
		h.make(t, server.Admin())
	}
	sidecar.Start()
	seen := auditedAfter(t, server, sidecar)
	for _, h := range holes {
		t.Run(h.name, func(t *testing.T) {
			h.compare(t, honestDatabase, h.honest, seen)
			h.compare(t, editedDatabase, h.edited, seen)
		})
	}
}

func lateKeyHoles() []hole {
	tables := func(p, c, key string) []string {
		return []string{`CREATE TABLE ` + p + ` (id INT PRIMARY KEY)`, `INSERT INTO ` + p + ` SELECT seq FROM ` + sequence,
			`CREATE TABLE ` + c + ` (id INT PRIMARY KEY, p INT, note VARCHAR(20)` + key + `)`,
			`INSERT INTO ` + c + ` SELECT id, id, 'note' FROM ` + p}
	}
	return []hole{
		{name: "followed, then dropped", tables: []sidecartest.Table{{Name: "goep"}, {Name: "goec"}},
			before: tables("goep", "goec", `, CONSTRAINT goek FOREIGN KEY (p) REFERENCES goep (id) ON DELETE CASCADE`),
			cause:  []string{`DELETE FROM goep WHERE id < 5`, `ALTER TABLE goec DROP FOREIGN KEY goek`},
			edit:   []string{`DELETE FROM goec WHERE id = 9`}, edited: []string{"changed in a gap @goec 9 "}},
		{name: "dropped, then not followed", tables: []sidecartest.Table{{Name: "gonp"}, {Name: "gonc"}},
			before: tables("gonp", "gonc", `, CONSTRAINT gonk FOREIGN KEY (p) REFERENCES gonp (id) ON DELETE CASCADE`),
			cause:  []string{`ALTER TABLE gonc DROP FOREIGN KEY gonk`, `DELETE FROM gonp WHERE id < 5`},
			edit:   []string{`DELETE FROM gonc WHERE id = 3`}, edited: []string{"changed in a gap @gonc 3 "}},
		{name: "added, then followed", tables: []sidecartest.Table{{Name: "newp"}, {Name: "newc"}},
			before: tables("newp", "newc", ``),
			cause: []string{`DELETE FROM newp WHERE id = 1`, `DELETE FROM newc WHERE id = 2`, `INSERT INTO newp VALUES (1)`,
				`ALTER TABLE newc ADD CONSTRAINT newk FOREIGN KEY (p) REFERENCES newp (id) ON DELETE CASCADE`, `DELETE FROM newp WHERE id < 5`},
			edit: []string{`UPDATE newc SET note = 'forged' WHERE id = 9`}, edited: []string{"changed in a gap @newc 9 note"}},
		{name: "keys of rows moved again and again", tables: []sidecartest.Table{{Name: "farp"}, {Name: "farc"}},
			before: []string{`CREATE TABLE farp (id INT PRIMARY KEY)`, `INSERT INTO farp SELECT seq FROM ` + sequence,
				`CREATE TABLE farc (p INT PRIMARY KEY, note VARCHAR(20), FOREIGN KEY (p) REFERENCES farp (id) ON UPDATE CASCADE)`,
				`INSERT INTO farc SELECT id, 'note' FROM farp`},
			cause: []string{`UPDATE farp SET id = id + 100 WHERE id < 10`, `UPDATE farp SET id = id + 100 WHERE id BETWEEN 101 AND 109`,
				`UPDATE farp SET id = id + 100 WHERE id BETWEEN 201 AND 205`},
			edit: []string{`UPDATE farc SET note = 'forged' WHERE p = 3`}, edited: []string{"changed in a gap @farc 3 ", "changed in a gap @farc 303 "}},
	}
}

// TestColumnsAreThoseOfTheirTimeAfterAStop: what came while the sidecar was
// stopped is read by the columns of then, and in their order.
func TestColumnsAreThoseOfTheirTimeAfterAStop(t *testing.T) {
	checkHolesWhileStopped(t, slices.Concat(lateColumnHoles(), newColumnHoles(), laterColumnHoles()))
}

func lateColumnHoles() []hole {
	found := []string{"found @ 3 v"}
	return []hole{
		onTable(hole{name: "another order", cause: []string{`UPDATE @ SET v = 'a' WHERE id = 1`, `INSERT INTO @ VALUES (30, 'v30', 'w30')`,
			`ALTER TABLE @ MODIFY v VARCHAR(40) AFTER w`, `UPDATE @ SET v = 'b' WHERE id = 2`},
			edit: []string{forgeV}, edited: found}, "reordered", idVAndW),
		onTable(hole{name: "one column to the front", cause: []string{`UPDATE @ SET v = 'a' WHERE id = 1`, `ALTER TABLE @ MODIFY v TEXT FIRST`,
			`UPDATE @ SET v = 'b' WHERE id = 2`}, edit: []string{forgeV}, edited: found}, "fronted", idAndV),
		onTable(hole{name: "columns come, go and move", cause: []string{`ALTER TABLE @ ADD COLUMN a INT DEFAULT 4`, `UPDATE @ SET a = 5 WHERE id = 1`,
			`ALTER TABLE @ DROP COLUMN w`, `INSERT INTO @ (id, v) VALUES (30, 'v30')`, `ALTER TABLE @ RENAME COLUMN v TO x`, `UPDATE @ SET x = 'y' WHERE id = 7`,
			`ALTER TABLE @ MODIFY x TEXT`, `INSERT INTO @ (id, x) VALUES (31, 'v31')`, `ALTER TABLE @ MODIFY x VARCHAR(300) FIRST`, `UPDATE @ SET x = 'z' WHERE id = 8`},
			edit: []string{forgeV}, edited: found}, "kneaded", idVAndW),
		onTable(hole{name: "another primary key", cause: []string{`UPDATE @ SET w = 'a' WHERE id = 1`,
			`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (id, v)`, `UPDATE @ SET w = 'b' WHERE id = 2`, `INSERT INTO @ VALUES (40, 'v40', 'w40')`},
			edit: []string{`UPDATE @ SET w = 'forged' WHERE id = 3`}, edited: []string{"changed in a gap @ 3 ", `changed in a gap @ [3,"v3"] `}}, "rekeyed", idVAndW),
		onTable(hole{name: "a primary key of other rows' numbers", before: []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40))`,
			`INSERT INTO @ SELECT seq, 30 - seq, CONCAT('v', seq) FROM ` + sequence}, cause: []string{`UPDATE @ SET v = 'a' WHERE id = 11`,
			`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`, `UPDATE @ SET v = 'b' WHERE n = 12`, `DELETE FROM @ WHERE n = 13`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 27 ", "changed in a gap @ 3 "}}, "renumbered", ""),
		onTable(hole{name: "a new row of another's number", before: []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40))`,
			`INSERT INTO @ SELECT seq, 30 + seq, CONCAT('v', seq) FROM ` + sequence}, cause: []string{`UPDATE @ SET v = 'a' WHERE id = 11`,
			`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`, `INSERT INTO @ VALUES (40, 5, 'new')`, `UPDATE @ SET n = 6 WHERE n = 37`},
			edit: []string{`DELETE FROM @ WHERE id = 9`}, edited: []string{"changed in a gap @ 9 "}}, "reused", ""),
		onTable(hole{name: "a new row of the number of one that is gone", before: []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40))`,
			`INSERT INTO @ SELECT seq, 30 + seq, CONCAT('v', seq) FROM ` + sequence}, cause: []string{`UPDATE @ SET v = 'a' WHERE id = 11`,
			`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`, `INSERT INTO @ VALUES (40, 5, 'new')`},
			edit: []string{`DELETE FROM @ WHERE id = 5`}, edited: []string{"history broken @ 5 "}}, "reused_gone", ""),
		onTable(hole{name: "a new row of another's number, then none", before: []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40))`,
			`INSERT INTO @ SELECT seq, 30 + seq, CONCAT('v', seq) FROM ` + sequence}, cause: []string{`UPDATE @ SET v = 'a' WHERE id = 11`,
			`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`, `INSERT INTO @ VALUES (40, 5, 'new')`, `TRUNCATE TABLE @`}, late: true,
			edit: []string{`INSERT INTO @ VALUES (40, 50, 'forged')`}, edited: []string{"found @ 50 "}}, "reused_emptied", ""),
	}
}

// TestTablesChangedFirstWhileStoppedAreFollowed: a change of a table's key or of
// the table itself is followed though no row of it was logged before, and the tap
// finds it done when it starts.
func TestTablesChangedFirstWhileStoppedAreFollowed(t *testing.T) {
	checkHolesWhileStopped(t, firstChangeHoles())
}

// takenHoles give rows keys that other rows had, of which one was deleted.
func takenHoles() []hole {
	shifted := func(name, parent, child string, cause ...string) hole {
		return hole{name: name, tables: []sidecartest.Table{{Name: parent}, {Name: child}},
			before: []string{`CREATE TABLE ` + parent + ` (id INT PRIMARY KEY)`, `INSERT INTO ` + parent + ` SELECT seq FROM ` + sequence,
				`CREATE TABLE ` + child + ` (p INT PRIMARY KEY, note VARCHAR(20), FOREIGN KEY (p) REFERENCES ` + parent + ` (id) ON UPDATE CASCADE)`,
				`INSERT INTO ` + child + ` SELECT id, CONCAT('note ', id) FROM ` + parent},
			cause: append([]string{`UPDATE ` + parent + ` SET id = id + 1 ORDER BY id DESC`}, cause...),
			edit:  []string{`DELETE FROM ` + child + ` WHERE p = 9`}, edited: []string{"found @" + child + " 9 "}}
	}
	swapped := func(name, table string, cause ...string) hole {
		return onTable(hole{name: name, before: []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40))`,
			`INSERT INTO @ SELECT seq, 21 - seq, CONCAT('v', seq) FROM ` + sequence}, cause: append([]string{`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`}, cause...),
			edit: []string{`DELETE FROM @ WHERE id = 5`}, edited: []string{"found @ 5 "}}, table, "")
	}
	return []hole{swapped("a key of the same numbers", "taken_swapped"),
		swapped("a key of the same numbers, and rows", "taken_rows", `UPDATE @ SET v = 'a' WHERE n = 5`, `UPDATE @ SET v = 'b' WHERE n = 7`, `DELETE FROM @ WHERE n = 8`),
		shifted("keys moved onto those of others", "shiftp", "shiftc"),
		shifted("keys moved onto those of others, and rows", "shiftedp", "shiftedc", `UPDATE shiftedc SET note = 'a' WHERE p = 9`,
			`UPDATE shiftedc SET note = 'b' WHERE p = 13`, `INSERT INTO shiftedp VALUES (1)`, `INSERT INTO shiftedc VALUES (1, 'new')`, `DELETE FROM shiftedc WHERE p = 15`),
	}
}

// TestRowsWhoseKeyAnotherOneTookAreLookedFor: a row that was given the key of
// another one says nothing of that, which must be there under its own.
func TestRowsWhoseKeyAnotherOneTookAreLookedFor(t *testing.T) {
	t.Run("while the sidecar runs", func(t *testing.T) { checkHoles(t, takenHoles()) })
	t.Run("while it is stopped", func(t *testing.T) { checkHolesWhileStopped(t, takenHoles()) })
}

func firstChangeHoles() []hole {
	numbered := []string{`CREATE TABLE @ (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40))`,
		`INSERT INTO @ SELECT seq, 30 - seq, CONCAT('v', seq) FROM ` + sequence}
	// copied makes another table of the rows, with a column more and one less, that
	// takes the place of the table.
	copied := func(swap ...string) []string {
		return slices.Concat([]string{`CREATE TABLE @_new (id INT PRIMARY KEY, v VARCHAR(40), x INT DEFAULT 7)`, `INSERT INTO @_new (id, v) SELECT id, v FROM @`}, swap)
	}
	found := []string{"changed in a gap @ 3 v"}
	return []hole{
		onTable(hole{name: "another key", before: numbered, cause: []string{`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 27 ", "changed in a gap @ 3 "}}, "first_rekeyed", ""),
		onTable(hole{name: "another key, and rows", before: numbered, cause: []string{`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`,
			`UPDATE @ SET v = 'a' WHERE n = 12`, `INSERT INTO @ VALUES (40, 40, 'new')`, `DELETE FROM @ WHERE n = 13`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 27 ", "changed in a gap @ 3 "}}, "first_rekeyed_rows", ""),
		onTable(hole{name: "another key twice", before: numbered, cause: []string{`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n)`,
			`ALTER TABLE @ DROP PRIMARY KEY, ADD PRIMARY KEY (n, id)`}, edit: []string{forgeV},
			edited: []string{"changed in a gap @ [27,3] ", "changed in a gap @ 3 "}}, "first_rekeyed_twice", ""),
		onTable(hole{name: "a key with a new column", before: numbered, cause: []string{`ALTER TABLE @ ADD m INT NOT NULL DEFAULT 4, DROP PRIMARY KEY, ADD PRIMARY KEY (id, m)`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 ", "changed in a gap @ [3,4] "}}, "first_longer", ""),
		onTable(hole{name: "a key with a new column of no default", before: numbered, cause: []string{`ALTER TABLE @ ADD m INT, DROP PRIMARY KEY, ADD PRIMARY KEY (id, m)`,
			`UPDATE @ SET v = 'a' WHERE id = 12`, `INSERT INTO @ VALUES (12, 1, 'new', 7)`},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 ", "changed in a gap @ [3,0] "}}, "first_longer_null", ""),
		onTable(hole{name: "another table by RENAME TABLE", cause: copied(`RENAME TABLE @ TO @_old, @_new TO @`),
			edit: []string{forgeV}, edited: found}, "first_renamed", idVAndW),
		onTable(hole{name: "another table by RENAME TABLE, then none of the former", cause: copied(`RENAME TABLE @ TO @_old, @_new TO @`,
			`DROP TABLE @_old`, `UPDATE @ SET x = 8 WHERE id = 5`, `INSERT INTO @ VALUES (30, 'v30', 1)`), edit: []string{forgeV}, edited: found}, "first_replaced", idVAndW),
		onTable(hole{name: "another table by ALTER TABLE", cause: copied(`ALTER TABLE @ RENAME TO @_old`, `ALTER TABLE @_new RENAME AS @`),
			edit: []string{forgeV}, edited: found}, "first_altered", idVAndW),
		onTable(hole{name: "another table of another key", before: numbered, cause: []string{`CREATE TABLE @_new (n INT PRIMARY KEY, id INT, v VARCHAR(40), x INT)`,
			`INSERT INTO @_new (id, n, v) SELECT id, n, v FROM @`, `RENAME TABLE @ TO @_old, @_new TO @`}, edit: []string{forgeV},
			edited: []string{"changed in a gap @ 27 ", "changed in a gap @ 3 "}}, "first_swapped_key", ""),
		onTable(hole{name: "a column, then another table without it", cause: slices.Concat([]string{`ALTER TABLE @ ADD y INT`}, copied(`RENAME TABLE @ TO @_old, @_new TO @`)),
			edit: []string{forgeV}, edited: found}, "first_added", idVAndW),
	}
}

// TestATableThatAlterTableRenamesInThePlaceOfAnotherIsFollowed: as RENAME TABLE.
func TestATableThatAlterTableRenamesInThePlaceOfAnotherIsFollowed(t *testing.T) {
	var holes []hole
	for _, h := range firstChangeHoles() {
		if strings.Contains(h.name, "another table") {
			holes = append(holes, h)
		}
	}
	checkHoles(t, holes)
}
