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
