package adapter_test

// newColumnHoles are columns that come, and hold by the statement what every row
// must hold in them until a recorded change says otherwise.
func newColumnHoles() []hole {
	late := func(h hole, table string) hole {
		h.late = true
		return onTable(h, table, idAndV)
	}
	adds := func(name, table, alter, edit string, edited ...string) hole {
		return late(hole{name: name, cause: []string{"ALTER TABLE @ " + alter}, edit: []string{edit}, edited: edited}, table)
	}
	return []hole{
		late(hole{name: "a default, and recorded changes of rows", cause: []string{`ALTER TABLE @ ADD n INT DEFAULT 5`},
			edit:   []string{`UPDATE @ SET n = 666 WHERE id = 3`},
			after:  []string{`UPDATE @ SET v = 'touched' WHERE id = 3`, `UPDATE @ SET v = 'touched', n = 4 WHERE id = 4`},
			edited: []string{"found @ 3 n"}}, "n_touched"),
		late(hole{name: "a default under another name", cause: []string{`ALTER TABLE @ ADD n INT DEFAULT 5`, `ALTER TABLE @ RENAME COLUMN n TO m, ADD k INT`},
			edit: []string{`UPDATE @ SET m = 666 WHERE id = 3`}, edited: []string{"found @ 3 m"}}, "n_renamed"),
		adds("a default", "n_default", `ADD n INT DEFAULT 5`, `UPDATE @ SET n = 666 WHERE id = 3`, "found @ 3 n"),
		adds("no default", "n_null", `ADD n VARCHAR(20)`, `UPDATE @ SET n = 'forged' WHERE id = 3`, "found @ 3 n"),
		adds("no default and no null", "n_zero", `ADD COLUMN (n INT NOT NULL, t TEXT NOT NULL, d DECIMAL(6,2) NOT NULL, f FLOAT NOT NULL)`,
			`UPDATE @ SET n = 1, t = 'forged', d = 1, f = 1 WHERE id = 3`, "found @ 3 d,f,n,t"),
		adds("defaults of many types", "n_types", `ADD (d DECIMAL(8,2) NOT NULL DEFAULT -1.50, e ENUM('a','b') NOT NULL DEFAULT 'b',
			x DATE DEFAULT '2026-01-02', y DATETIME DEFAULT '2026-01-02 03:04:05', b BIGINT UNSIGNED DEFAULT 18446744073709551615,
			f DOUBLE DEFAULT 3, c VARCHAR(9) CHARACTER SET latin1 DEFAULT 'it''s ', o BOOL NOT NULL DEFAULT TRUE, r VARBINARY(4) DEFAULT 'a')`,
			`UPDATE @ SET d = 2, e = 'a', x = NULL, y = NULL, b = 1, f = 4, c = 'its', o = 0, r = 'b' WHERE id = 3`, "found @ 3 b,c,d,e,f,o,r,x,y"),
		adds("another column of the same name", "n_same", `DROP COLUMN v, ADD COLUMN v VARCHAR(40) DEFAULT 'new'`,
			`UPDATE @ SET v = 'forged' WHERE id = 3`, "found @ 3 v"),
		adds("a column that is there", "n_there", `ADD COLUMN IF NOT EXISTS v VARCHAR(40) DEFAULT 'new'`,
			`UPDATE @ SET v = 'forged' WHERE id = 3`, "found @ 3 v"),
		adds("defaults that are worked out, padded or shifted", "n_others", `ADD (a INT DEFAULT (1 + 1), b DATETIME DEFAULT CURRENT_TIMESTAMP,
			c CHAR(5) NOT NULL DEFAULT 'a ', d BINARY(4) NOT NULL, e BIT(3) DEFAULT b'101', f TIMESTAMP NULL, g SET('x','y') NOT NULL,
			h TIMESTAMP NOT NULL DEFAULT '2026-01-02 03:04:05', i YEAR NOT NULL, j FLOAT(7,2) DEFAULT 1.5, k ENUM('p','q') NOT NULL,
			l INT DEFAULT '7', m VARCHAR(9) DEFAULT 'Zoë', o TIME DEFAULT '01:02:03', q DECIMAL(4,1) DEFAULT 1.25, s JSON, u UUID)`,
			forgeV, "found @ 3 v"),
	}
}

// laterColumnHoles are new columns to which more is done before the first read.
func laterColumnHoles() []hole {
	late := func(name, table string, cause []string, edit string, edited ...string) hole {
		return onTable(hole{name: name, cause: cause, late: true, edit: []string{edit}, edited: edited}, table, idAndV)
	}
	forge := func(column string) string { return `UPDATE @ SET ` + column + ` = 666 WHERE id = 3` }
	add := `ALTER TABLE @ ADD n INT DEFAULT 5`
	gap := late("a default, and a gap", "n_gap", []string{add}, forge("n"), "found @ 3 n", "found @ 20 ")
	gap.after, gap.honest = []string{`SET SESSION binlog_row_image = MINIMAL`, `DELETE FROM n_gap WHERE id = 20`}, []string{"found @n_gap 20 "}
	return []hole{
		gap,
		late("a default, and another column converted", "n_beside", []string{add, `ALTER TABLE @ MODIFY v VARCHAR(60)`}, forge("n"), "found @ 3 n"),
		late("another default of the name", "n_twice", []string{add, `ALTER TABLE @ DROP n`, `ALTER TABLE @ ADD n INT DEFAULT 6`},
			`UPDATE @ SET n = 5 WHERE id = 3`, "found @ 3 n"),
		late("added where it is", "n_again", []string{add, `ALTER TABLE @ ADD COLUMN IF NOT EXISTS n INT DEFAULT 6`}, forgeV, "found @ 3 v"),
		late("a name of two columns", "n_named", []string{`ALTER TABLE @ ADD n VARCHAR(9) DEFAULT '07'`, `ALTER TABLE @ RENAME COLUMN n TO m`, add},
			forge("n"), "found @ 3 n"),
		late("an unrecorded column of a name that was left", "n_left", []string{add, `ALTER TABLE @ RENAME COLUMN n TO m`},
			add, eachRow("found", "n")...),
		late("an escaped default", "n_escaped", []string{`ALTER TABLE @ ADD n VARCHAR(20) DEFAULT 'a\nb', ADD m VARCHAR(20) DEFAULT 'it\'s'`},
			`UPDATE @ SET m = 'forged' WHERE id = 3`, "found @ 3 m"),
	}
}
