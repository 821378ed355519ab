package adapter_test

import (
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// keyHoles are foreign keys that MariaDB follows below the binary log. In each,
// rows 1 to 20 of c refer to rows 1 to 20 of p; what is edited lies beside what
// the key did, before it or behind it.
func keyHoles() []hole {
	keyed := func(name, action string) hole {
		p, c := name+"p", name+"c"
		return hole{name: name + ": " + action, tables: []sidecartest.Table{{Name: p}, {Name: c}},
			before: []string{`CREATE TABLE ` + p + ` (id INT PRIMARY KEY, note VARCHAR(40))`,
				`INSERT INTO ` + p + ` SELECT seq, CONCAT('p ', seq) FROM ` + sequence,
				`CREATE TABLE ` + c + ` (id INT PRIMARY KEY, p INT, note VARCHAR(40), FOREIGN KEY (p) REFERENCES ` + p + ` (id) ` + action + `)`,
				`INSERT INTO ` + c + ` SELECT seq, seq, CONCAT('c ', seq) FROM ` + sequence}}
	}
	with := func(h hole, cause, edit, edited string, late bool) hole {
		h.cause, h.late = strings.Split(cause, "; "), late
		h.edit, h.edited = strings.Split(edit, "; "), strings.Split(edited, "; ")
		return h
	}
	const unchecked = `SET STATEMENT foreign_key_checks = 0 FOR `
	return append([]hole{
		with(keyed("kda", "ON DELETE CASCADE"), `DELETE FROM kdap WHERE id < 10`,
			`DELETE FROM kdac WHERE id = 12`, "deleted @kdac 12 ", false),
		with(keyed("kdb", "ON DELETE CASCADE"), `DELETE FROM kdbp WHERE id < 10`,
			`INSERT INTO kdbc VALUES (3, 12, 'c 3')`, "changed in a gap @kdbc 3 p", true),
		with(keyed("kdc", "ON DELETE CASCADE"), `DELETE FROM kdcp WHERE id < 10`,
			unchecked+`INSERT INTO kdcc VALUES (3, 3, 'c 3')`, "history broken @kdcc 3 ", true),
		with(keyed("kdn", "ON DELETE SET NULL"), `DELETE FROM kdnp WHERE id < 10`,
			`UPDATE kdnc SET note = 'forged' WHERE id = 3`, "changed in a gap @kdnc 3 note", false),
		with(keyed("kuc", "ON UPDATE CASCADE"), `UPDATE kucp SET id = id + 100 WHERE id < 10`,
			`UPDATE kucc SET note = 'forged' WHERE id = 3`, "changed in a gap @kucc 3 note", false),
		with(keyed("kun", "ON UPDATE SET NULL"), `UPDATE kunp SET id = id + 100 WHERE id < 10`,
			`UPDATE kunc SET note = 'forged' WHERE id = 3`, "changed in a gap @kunc 3 note", false),
		with(keyed("kno", "ON DELETE CASCADE"), unchecked+`DELETE FROM knop WHERE id < 10`,
			`DELETE FROM knoc WHERE id = 3`, "deleted @knoc 3 ", false),
		with(keyed("kag", "ON DELETE CASCADE"), `DELETE FROM kagp WHERE id = 3; INSERT INTO kagp VALUES (3, 'again'); INSERT INTO kagc VALUES (3, 3, 'again')`,
			`UPDATE kagc SET note = 'forged' WHERE id = 3`, "altered @kagc 3 note", true),
		with(keyed("krp", "ON DELETE CASCADE"), `REPLACE INTO krpp VALUES (3, 'replaced'); INSERT INTO krpp VALUES (4, 'x') ON DUPLICATE KEY UPDATE note = 'dup'`,
			`DELETE FROM krpc WHERE id = 4`, "deleted @krpc 4 ", false),
		with(keyed("kdr", "ON DELETE CASCADE"), `DELETE FROM kdrp WHERE id = 3; ALTER TABLE kdrc DROP FOREIGN KEY kdrc_ibfk_1; DELETE FROM kdrp WHERE id = 4`,
			`DELETE FROM kdrc WHERE id = 4`, "found @kdrc 4 ", false),
	}, familyHoles()...)
}

// familyHoles are foreign keys of more tables, more columns or one table.
func familyHoles() []hole {
	return []hole{
		{name: "three deep", tables: []sidecartest.Table{{Name: "d1"}, {Name: "d2"}, {Name: "d3"}, {Name: "d4"}},
			before: []string{`CREATE TABLE d1 (id INT PRIMARY KEY)`, `INSERT INTO d1 SELECT seq FROM ` + sequence,
				`CREATE TABLE d2 (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES d1 (id) ON DELETE CASCADE)`, `INSERT INTO d2 SELECT id + 100, id FROM d1`,
				`CREATE TABLE d3 (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES d2 (id) ON DELETE CASCADE)`, `INSERT INTO d3 SELECT id + 100, id FROM d2`,
				`CREATE TABLE d4 (id INT PRIMARY KEY, up INT, FOREIGN KEY (up) REFERENCES d3 (id) ON DELETE SET NULL)`, `INSERT INTO d4 SELECT id + 100, id FROM d3`},
			cause: []string{`DELETE FROM d1 WHERE id < 10`},
			edit:  []string{`DELETE FROM d3 WHERE id = 212`}, edited: []string{"deleted @d3 212 ", "altered @d4 312 up"}},
		{name: "parent not tapped", tables: []sidecartest.Table{{Name: "outc"}},
			before: []string{`CREATE TABLE outp (id INT PRIMARY KEY, v INT)`, `INSERT INTO outp SELECT seq, 0 FROM ` + sequence,
				`CREATE TABLE outc (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES outp (id) ON DELETE CASCADE)`, `INSERT INTO outc SELECT id, id FROM outp`},
			cause: []string{`DELETE FROM outp WHERE id = 3`}, honest: []string{"changed in a gap @outc 3 "},
			edit: []string{`UPDATE outc SET p = 7 WHERE id = 8`}, edited: []string{"changed in a gap @outc 3 ", "changed in a gap @outc 8 p"}},
		{name: "tree", tables: []sidecartest.Table{{Name: "tree"}},
			before: []string{`CREATE TABLE tree (id INT PRIMARY KEY, up INT, note VARCHAR(40), FOREIGN KEY (up) REFERENCES tree (id) ON DELETE CASCADE)`,
				`INSERT INTO tree SELECT seq, NULLIF(FLOOR(seq / 2), 0), 'leaf' FROM ` + sequence},
			cause: []string{`DELETE FROM tree WHERE id = 2`},
			edit:  []string{`UPDATE tree SET note = 'forged' WHERE id = 7`}, edited: []string{"altered @tree 7 note"}},
		{name: "diamond", tables: []sidecartest.Table{{Name: "top"}, {Name: "lft"}, {Name: "rgt"}, {Name: "low"}},
			before: []string{`CREATE TABLE top (id INT PRIMARY KEY)`, `INSERT INTO top SELECT seq FROM ` + sequence,
				`CREATE TABLE lft (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES top (id) ON DELETE CASCADE)`, `INSERT INTO lft SELECT id, id FROM top`,
				`CREATE TABLE rgt (id INT PRIMARY KEY, t INT, FOREIGN KEY (t) REFERENCES top (id) ON DELETE CASCADE)`, `INSERT INTO rgt SELECT id, id FROM top`,
				`CREATE TABLE low (id INT PRIMARY KEY, l INT, r INT, FOREIGN KEY (l) REFERENCES lft (id) ON DELETE CASCADE, FOREIGN KEY (r) REFERENCES rgt (id) ON DELETE SET NULL)`,
				`INSERT INTO low SELECT id, id, 21 - id FROM top`},
			cause: []string{`DELETE FROM top WHERE id < 5`},
			edit:  []string{`UPDATE low SET l = 11 WHERE id = 10`}, edited: []string{"altered @low 10 l"}},
		{name: "columns", tables: []sidecartest.Table{{Name: "twop"}, {Name: "twoc"}},
			before: []string{`CREATE TABLE twop (id INT PRIMARY KEY, a INT, b VARCHAR(20), UNIQUE (a, b))`, `INSERT INTO twop SELECT seq, seq % 3, CONCAT('b', seq) FROM ` + sequence,
				`CREATE TABLE twoc (id INT PRIMARY KEY, a INT, b VARCHAR(20), note VARCHAR(20), FOREIGN KEY (a, b) REFERENCES twop (a, b) ON DELETE CASCADE ON UPDATE CASCADE)`,
				`INSERT INTO twoc SELECT id, a, b, 'two' FROM twop`},
			cause: []string{`DELETE FROM twop WHERE id < 5`, `UPDATE twop SET b = CONCAT('new ', b) WHERE id BETWEEN 5 AND 9`},
			edit:  []string{`UPDATE twoc SET note = 'forged' WHERE id = 6`}, edited: []string{"changed in a gap @twoc 6 note"}},
		{name: "5,000 rows", tables: []sidecartest.Table{{Name: "onep"}, {Name: "manyc"}},
			before: []string{`CREATE TABLE onep (id INT PRIMARY KEY)`, `INSERT INTO onep VALUES (1), (2)`,
				`CREATE TABLE manyc (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES onep (id) ON DELETE CASCADE)`,
				`INSERT INTO manyc SELECT seq, 1 FROM seq_1_to_5000`, `INSERT INTO manyc SELECT seq, 2 FROM seq_6001_to_6005`},
			cause: []string{`DELETE FROM onep WHERE id = 1`},
			edit:  []string{`DELETE FROM manyc WHERE id = 6003`}, edited: []string{"deleted @manyc 6003 "}},
	}
}
