package adapter_test

import (
	"fmt"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
)

// TestPartitionsThatGoExplainTheirRowsOnMariaDB: of each way of parting that the
// tap can tell, the rows of a partition that was dropped or truncated are gone,
// and no other row is.
func TestPartitionsThatGoExplainTheirRowsOnMariaDB(t *testing.T) {
	checkHoles(t, append(partedHoles(), verifiedPartedHoles()...))
}

// parted makes a table of rows 1 to 20 whose key is one column.
func parted(column, value, by string) []string {
	return []string{`CREATE TABLE @ (id ` + column + ` PRIMARY KEY, v VARCHAR(40)) PARTITION BY ` + by,
		`INSERT INTO @ SELECT ` + value + `, CONCAT('v', seq) FROM ` + sequence}
}

// byNumber parts rows at 10 and 15.
const byNumber = `RANGE (id) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (15), PARTITION c VALUES LESS THAN MAXVALUE)`

// partedHoles take the rows of a partition. What is edited is put back, or lies
// in another partition.
func partedHoles() []hole {
	const (
		day      = `DATE'2024-01-01' + INTERVAL seq DAY`
		moment   = `TIMESTAMP'2024-01-01 12:00:00' + INTERVAL seq DAY`
		year     = `DATE'2000-06-01' + INTERVAL seq YEAR`
		truncate = `ALTER TABLE @ TRUNCATE PARTITION b`
		dropped  = `ALTER TABLE @ DROP PARTITION b`
	)
	back := func(h hole, row, line string) hole {
		h.late, h.edit, h.edited = true, []string{`INSERT INTO @ VALUES (` + row + `)`}, []string{"found @ " + line + " "}
		return h
	}
	return []hole{
		onTable(back(hole{name: "TRUNCATE PARTITION by numbers", before: parted("INT", "seq", byNumber), cause: []string{truncate}},
			`12, 'v12'`, "12"), "part_truncated", ""),
		onTable(back(hole{name: "DROP PARTITION by numbers, a new one and new rows", before: parted("INT UNSIGNED", "seq",
			`RANGE COLUMNS (id) (PARTITION a VALUES LESS THAN (10), PARTITION b VALUES LESS THAN (15), PARTITION c VALUES LESS THAN (30))`),
			cause: []string{dropped, `ALTER TABLE @ ADD PARTITION (PARTITION d VALUES LESS THAN (40))`, `INSERT INTO @ VALUES (35, 'v35'), (13, 'new')`}},
			`12, 'v12'`, "12"), "part_dropped", ""),
		onTable(hole{name: "TRUNCATE PARTITION and an edit in another", before: parted("INT", "seq", byNumber), cause: []string{truncate},
			edit: []string{`DELETE FROM @ WHERE id = 3`}, edited: []string{"deleted @ 3 "}}, "part_beside", ""),
		onTable(hole{name: "TRUNCATE PARTITION and other values", before: parted("INT", "seq", byNumber), cause: []string{truncate}, late: true,
			edit: []string{`INSERT INTO @ VALUES (12, 'forged')`}, edited: []string{"found @ 12 v"}}, "part_forged", ""),
		onTable(hole{name: "TRUNCATE PARTITION b, DROP a, c", before: parted("INT", "seq", `LIST (id) (PARTITION a VALUES IN (1, 3, 5, 7), `+
			`PARTITION b VALUES IN (2, 4, 6), PARTITION c VALUES IN (20), PARTITION d DEFAULT)`), cause: []string{truncate, `ALTER TABLE @ DROP PARTITION a, c`},
			edit: []string{`DELETE FROM @ WHERE id = 8`}, edited: []string{"deleted @ 8 "}}, "part_listed", ""),
		onTable(back(hole{name: "TRUNCATE PARTITION by days", before: parted("DATE", day,
			`RANGE COLUMNS (id) (PARTITION a VALUES LESS THAN ('2024-01-10'), PARTITION b VALUES LESS THAN ('2024-01-15'), PARTITION c VALUES LESS THAN (MAXVALUE))`),
			cause: []string{truncate}}, `'2024-01-12', 'v11'`, `2024-01-12`), "part_days", ""),
		onTable(back(hole{name: "DROP PARTITION by listed days", before: parted("DATE", day,
			`LIST COLUMNS (id) (PARTITION a DEFAULT, PARTITION b VALUES IN ('2024-01-12', '2024-01-13'))`),
			cause: []string{dropped}}, `'2024-01-12', 'v11'`, `2024-01-12`), "part_listed_days", ""),
		onTable(back(hole{name: "TRUNCATE PARTITION by moments", before: parted("DATETIME(3)", moment,
			`RANGE COLUMNS (id) (PARTITION a VALUES LESS THAN ('2024-01-10'), PARTITION b VALUES LESS THAN ('2024-01-15 12:00:00'), PARTITION c VALUES LESS THAN (MAXVALUE))`),
			cause: []string{truncate}}, `'2024-01-12 12:00:00', 'v11'`, `2024-01-12T12:00:00`), "part_moments", ""),
		onTable(back(hole{name: "DROP PARTITION by years", before: parted("DATE", year,
			`RANGE (YEAR(id)) (PARTITION a VALUES LESS THAN (2010), PARTITION b VALUES LESS THAN (2015), PARTITION c VALUES LESS THAN MAXVALUE)`),
			cause: []string{dropped}}, `'2012-06-01', 'v12'`, `2012-06-01`), "part_years", ""),
		onTable(back(hole{name: "TRUNCATE PARTITION by instants", before: parted("TIMESTAMP DEFAULT '2024-01-01'", moment,
			`RANGE (UNIX_TIMESTAMP(id)) (PARTITION a VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-10')), PARTITION b VALUES LESS THAN (UNIX_TIMESTAMP('2024-01-15')), `+
				`PARTITION c VALUES LESS THAN MAXVALUE)`),
			cause: []string{truncate}}, `'2024-01-12 12:00:00', 'v11'`, `2024-01-12T12:00:00`), "part_instants", ""),
	}
}

// TestPartitionsThatAreExchangedExplainTheRowsThatWentOnMariaDB: rows that go with a
// partition to another table are gone, and no other row is. Rows that come from one
// came without a change of their own, so each is found.
func TestPartitionsThatAreExchangedExplainTheRowsThatWentOnMariaDB(t *testing.T) {
	other := func(rows string) []string {
		return append(parted("INT", "seq", byNumber), `CREATE TABLE @_x (id INT PRIMARY KEY, v VARCHAR(40))`, `INSERT INTO @_x `+rows)
	}
	const exchange = `ALTER TABLE @ EXCHANGE PARTITION b WITH TABLE @_x`
	forged := []string{"changed in a gap @ 3 v"}
	coming := onTable(hole{name: "rows of a tapped table", before: append(other(`SELECT seq, 'x' FROM `+sequence+` WHERE seq BETWEEN 10 AND 14`), `DELETE FROM @ WHERE id BETWEEN 10 AND 14`),
		cause: []string{exchange}, honest: []string{"changed in a gap @ 10 ", "changed in a gap @ 11 ", "changed in a gap @ 12 ", "changed in a gap @ 13 ", "changed in a gap @ 14 "},
		edited: []string{"changed in a gap @ 3 v", "changed in a gap @ 10 ", "changed in a gap @ 11 ", "changed in a gap @ 12 ", "changed in a gap @ 13 ", "changed in a gap @ 14 "},
		edit:   []string{forgeV}}, "part_tapped", "")
	coming.tables = append(coming.tables, sidecartest.Table{Name: "part_tapped_x"})
	checkHoles(t, []hole{coming,
		onTable(hole{name: "an empty table", before: other(`SELECT 1, 'x' FROM DUAL WHERE FALSE`), cause: []string{exchange},
			edit: []string{forgeV}, edited: forged}, "part_exchanged", ""),
		onTable(hole{name: "an empty table, and a row after it", before: other(`SELECT 1, 'x' FROM DUAL WHERE FALSE`), cause: []string{exchange,
			`INSERT INTO @ VALUES (12, 'new')`, `UPDATE @ SET v = 'newer' WHERE id = 12`}, edit: []string{forgeV}, edited: forged}, "part_refilled", ""),
		onTable(hole{name: "a copy", before: other(`SELECT seq, CONCAT('v', seq) FROM ` + sequence + ` WHERE seq BETWEEN 10 AND 14`), cause: []string{exchange},
			edit: []string{forgeV}, edited: forged}, "part_copied", ""),
		onTable(hole{name: "another row", before: other(`VALUES (12, 'came')`), cause: []string{exchange}, honest: []string{"changed in a gap @ 12 v"},
			edit: []string{forgeV}, edited: []string{"changed in a gap @ 3 v", "changed in a gap @ 12 v"}}, "part_came", ""),
		onTable(hole{name: "CONVERT PARTITION TO TABLE", before: parted("INT", "seq", byNumber), cause: []string{`ALTER TABLE @ CONVERT PARTITION b TO TABLE @_out`},
			edit: []string{`DELETE FROM @ WHERE id = 3`}, edited: []string{"deleted @ 3 "}}, "part_converted", ""),
	})
}

// verifiedPartedHoles take rows of partitions that the tap cannot tell: each is
// found.
func verifiedPartedHoles() []hole {
	var gone, goneDays []string
	for id := range 20 {
		if id%4 == 0 && id > 0 {
			gone = append(gone, fmt.Sprintf("changed in a gap @ %d ", id))
		}
		if id > 0 && id < 9 {
			goneDays = append(goneDays, fmt.Sprintf("changed in a gap @ 2024-01-%02d ", id+1))
		}
	}
	gone = append(gone, "changed in a gap @ 20 ")
	return []hole{
		onTable(hole{name: "TRUNCATE PARTITION by hash", before: parted("INT", "seq", `HASH (id) PARTITIONS 4`),
			cause: []string{`ALTER TABLE @ TRUNCATE PARTITION p0`}, honest: gone,
			edit: []string{`UPDATE @ SET v = 'forged' WHERE id = 3`}, edited: append(gone, "changed in a gap @ 3 v")}, "part_hash", ""),
		onTable(hole{name: "DROP PARTITION by numbers of days", before: parted("DATE", `DATE'2024-01-01' + INTERVAL seq DAY`,
			`RANGE (TO_DAYS(id)) (PARTITION a VALUES LESS THAN (TO_DAYS('2024-01-10')), PARTITION b VALUES LESS THAN MAXVALUE)`),
			cause: []string{`ALTER TABLE @ DROP PARTITION a`}, honest: goneDays,
			edit: []string{`UPDATE @ SET v = 'forged' WHERE id = '2024-01-20'`}, edited: append(goneDays, "changed in a gap @ 2024-01-20 v")}, "part_to_days", ""),
	}
}

// TestPartitionsThatGoWhileTheTapIsStoppedAreVerified: what partitions there were
// before the statement is not known then.
func TestPartitionsThatGoWhileTheTapIsStoppedAreVerified(t *testing.T) {
	var gone []string
	for id := 10; id < 15; id++ {
		gone = append(gone, fmt.Sprintf("changed in a gap @ %d ", id))
	}
	checkHolesWhileStopped(t, []hole{
		onTable(hole{name: "TRUNCATE PARTITION", before: parted("INT", "seq", byNumber), cause: []string{`ALTER TABLE @ TRUNCATE PARTITION b`}, honest: gone,
			edit: []string{forgeV}, edited: append(gone, "changed in a gap @ 3 v")}, "part_truncated", ""),
		onTable(hole{name: "DROP PARTITION of other bounds", before: parted("INT", "seq", byNumber),
			cause:  []string{`ALTER TABLE @ DROP PARTITION b`, `ALTER TABLE @ REORGANIZE PARTITION c INTO (PARTITION b VALUES LESS THAN (18), PARTITION c VALUES LESS THAN MAXVALUE)`},
			honest: gone, edit: []string{forgeV}, edited: append(gone, "changed in a gap @ 3 v")}, "part_dropped", ""),
	})
}
