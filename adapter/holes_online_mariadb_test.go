package adapter_test

import "testing"

// onlineHoles change a table's columns as online schema change tools do: they
// fill a copy of the table that has other columns, and swap the two by name.
func onlineHoles() []hole {
	swap := func(name, table, alter, edit string, edited ...string) hole {
		h := hole{name: name, cause: []string{`CREATE TABLE @_new LIKE @`, `ALTER TABLE @_new ` + alter, `INSERT INTO @_new (id, v) SELECT id, v FROM @`,
			`RENAME TABLE @ TO @_old, @_new TO @`, `DROP TABLE @_old`, `UPDATE @ SET v = 'touched' WHERE id = 9`},
			edit: []string{edit}, edited: edited}
		return onTable(h, table, idVAndW)
	}
	twice := onTable(hole{name: "a swap in two steps", cause: []string{`CREATE TABLE @_new LIKE @`, `ALTER TABLE @_new DROP w, ADD n INT DEFAULT 5`,
		`INSERT INTO @_new SELECT id, v, 5 FROM @`, `RENAME TABLE @ TO @_old`, `RENAME TABLE @_new TO @`},
		edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 v"}}, "s_twice", idVAndW)
	late := swap("a swap, and an edit after it", "s_late", `ADD n INT DEFAULT 5, DROP w`, forgeV, "found @ 3 v")
	late.late = true
	return []hole{
		swap("a swap for a column more", "s_more", `DROP w, ADD n INT NOT NULL DEFAULT 5`, forgeV, "changed in a gap @ 3 v"),
		swap("a swap for two columns less", "s_less", `DROP COLUMN w, ADD x TIMESTAMP FIRST`, `UPDATE @ SET v = NULL WHERE id = 3`, "changed in a gap @ 3 v"),
		swap("a swap for another type", "s_type", `DROP w, MODIFY v TEXT, ADD n INT`, forgeV, "changed in a gap @ 3 v"),
		late, twice,
	}
}

// TestOnlineSchemaChangesExplainTheColumnsThatComeAndGo, and nothing else.
func TestOnlineSchemaChangesExplainTheColumnsThatComeAndGo(t *testing.T) {
	checkHoles(t, onlineHoles())
}
