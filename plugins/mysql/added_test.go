package mysql_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A newColumn is the definition of a column v that is added to a table with a row
// in it.
type newColumn struct {
	definition string
	known      bool // the tap must tell what the row holds in it
}

func newColumns() []newColumn {
	return []newColumn{
		{"INT", true}, {"INT NULL DEFAULT NULL", true}, {"INT NOT NULL", true}, {"TINYINT(1) NOT NULL DEFAULT '0'", true},
		{"BOOL NOT NULL DEFAULT FALSE", true}, {"BIGINT UNSIGNED DEFAULT 18446744073709551615", true}, {"INT DEFAULT -7 AFTER id", true},
		{"INT ZEROFILL DEFAULT 7 FIRST", true}, {"INTEGER DEFAULT 7", true}, {"TINYINT DEFAULT 300", false}, {"INT DEFAULT 1.5", false},
		{"INT DEFAULT '05'", false}, {"INT DEFAULT 0x41", false}, {"INT DEFAULT (1 + 1)", false}, {"INT NOT NULL NULL", false},
		{"INT NULL NOT NULL", false}, {"INT DEFAULT '1e2'", false}, {"INT UNSIGNED DEFAULT -1", false}, {"INT DEFAULT 5 INVISIBLE", true},
		{"DECIMAL(8,2) NOT NULL DEFAULT 0.00", true}, {"DECIMAL(8,2) DEFAULT '-1.50'", true}, {"DECIMAL(4,1) DEFAULT 1.25", false},
		{"DECIMAL(3,1) DEFAULT 1000", false}, {"DECIMAL DEFAULT 4", false}, {"DECIMAL(6,2) NOT NULL", true}, {"NUMERIC(6,2) DEFAULT 1.5", false},
		{"DECIMAL(3,1) DEFAULT -0.0", false}, {"DECIMAL(4,2) UNSIGNED DEFAULT -1", false},
		{"FLOAT NOT NULL DEFAULT 0", true}, {"DOUBLE DEFAULT 16777216", false}, {"FLOAT DEFAULT 0.1", false}, {"FLOAT(7,2) DEFAULT 1.5", false},
		{"DOUBLE DEFAULT '-0'", false}, {"FLOAT DEFAULT -0", false}, {"DOUBLE NOT NULL", true},
		{"BIT(3) DEFAULT b'101'", false}, {"BIT(1) NOT NULL DEFAULT 0", false}, {"BIT(9) NOT NULL", false},
		{"VARCHAR(20)", true}, {"VARCHAR(20) NOT NULL", true}, {"VARCHAR(20) NOT NULL DEFAULT ''", true}, {"VARCHAR(20) DEFAULT ''", true}, {"VARCHAR(20) DEFAULT 'a''b'", true},
		{`VARCHAR(20) DEFAULT 'a\nb'`, false}, {`VARCHAR(20) DEFAULT 'a\%b'`, false}, {`VARCHAR(20) DEFAULT 'a\'b'`, false}, {"VARCHAR(20) DEFAULT 'Zoë'", false},
		{"VARCHAR(20) DEFAULT 'a ' COMMENT 'DEFAULT 5'", false}, {"CHAR(5) DEFAULT 'a '", false}, {"CHAR(5) DEFAULT 'abc'", true},
		{"VARCHAR(3) DEFAULT 'toolong'", false}, {"VARCHAR(20) CHARACTER SET ucs2 DEFAULT 'abc'", false}, {"VARCHAR(20) CHARACTER SET latin1 DEFAULT 'abc'", true},
		{"VARCHAR(20) DEFAULT 'a' 'b'", false}, {"VARCHAR(20) DEFAULT _latin1'a'", false}, {"VARCHAR(20) DEFAULT N'a'", false},
		{"VARCHAR(20) DEFAULT 5", false}, {`VARCHAR(20) DEFAULT "abc"`, false}, {"VARCHAR(20) CHARACTER SET binary DEFAULT 'a'", false},
		{"TEXT", true}, {"TEXT NOT NULL", true}, {"TEXT DEFAULT 'abc'", true}, {"LONGTEXT COLLATE utf8mb4_bin DEFAULT 'abc'", true}, {"JSON", true},
		{"TEXT NOT NULL DEFAULT (CONCAT('a', 'b'))", false}, {"VARCHAR(20) COMPRESSED DEFAULT 'abc'", true},
		{"ENUM('a','b')", true}, {"ENUM('a','b') NOT NULL", false}, {"ENUM('a','b') DEFAULT 'b'", true}, {"ENUM('A','b') DEFAULT 'a'", false},
		{"ENUM('a','b') DEFAULT 2", false}, {"ENUM('a','b','') DEFAULT ''", false}, {"SET('a','b') NOT NULL DEFAULT 'a,b'", false}, {"SET('a','b') NOT NULL", false},
		{"DATE", true}, {"DATE NOT NULL", false}, {"DATE DEFAULT '2026-01-02'", true}, {"DATE DEFAULT '2026-02-31'", false}, {"DATE DEFAULT '0000-00-00'", false},
		{"DATE DEFAULT 20260102", false}, {"DATE DEFAULT '26-01-02'", false}, {"DATE DEFAULT '2026-13-02'", false},
		{"DATETIME DEFAULT '2026-01-02 03:04:05'", true}, {"DATETIME(3) DEFAULT '2026-01-02 03:04:05.678'", false}, {"DATETIME DEFAULT '2026-01-02'", false},
		{"DATETIME DEFAULT '2026-01-02 99:04:05'", false}, {"DATETIME DEFAULT NOW() ON UPDATE NOW()", false}, {"DATETIME NOT NULL", false},
		{"TIMESTAMP", false}, {"TIMESTAMP NULL", false}, {"TIMESTAMP DEFAULT '2026-01-02 03:04:05'", false}, {"TIME DEFAULT '01:02:03'", false},
		{"YEAR DEFAULT 2026", false}, {"YEAR NOT NULL", false}, {"BINARY(4) NOT NULL", false}, {"BINARY(4) DEFAULT 'a'", false},
		{"VARBINARY(9) NOT NULL DEFAULT 'abc'", true}, {"VARBINARY(9) DEFAULT x'00ff'", false}, {"BLOB NOT NULL", true}, {"POINT", true},
		{"UUID", true}, {"INET6 DEFAULT '::1'", false}, {"UUID NOT NULL DEFAULT UUID()", false},
		{"INT NOT NULL UNIQUE", false}, {"INT UNIQUE", false}, {"INT, ADD UNIQUE (v)", true}, {"INT, DROP PRIMARY KEY, ADD PRIMARY KEY (v)", false},
		{"INT NOT NULL DEFAULT 5, DROP COLUMN w, ADD w INT DEFAULT 6", true}, {"INT CHECK (v > 0)", false}, {"INT AUTO_INCREMENT UNIQUE", false},
		{"INT DEFAULT 5, ALGORITHM=INSTANT", true}, {"INT DEFAULT 5, ALGORITHM=COPY", true}, {"INT AS (id + 1) STORED", false},
	}
}

// TestANewColumnHoldsWhatTheTapTells: whatever a statement says of a new column,
// the rows that were there hold what the tap tells, unless it tells nothing. The
// modes are those in which servers read values and strings otherwise.
func TestANewColumnHoldsWhatTheTapTells(t *testing.T) {
	t.Parallel()
	s := start(t)
	m, r := newColumnTables(t, s)
	for n, mode := range newColumnModes {
		for i, c := range newColumns() {
			name := fmt.Sprintf("emr.t%d_%d", n, i)
			err := writeInSession(t.Context(), s, "SET SESSION sql_mode='"+mode+"'", "ALTER TABLE "+name+" ADD COLUMN v "+c.definition)
			if err != nil {
				if c.known && n == 0 {
					t.Errorf("%s: %v", c.definition, err)
				}
				continue // so no row holds anything
			}
			moved := r.awaitNewColumn(t, name)
			chunk, err := m.Scan(t.Context(), name, nil, 10)
			if err != nil {
				if moved.Holds != nil {
					t.Errorf("%s, mode %q: told of a table that cannot be read: %v", c.definition, mode, err)
				}
				continue
			}
			compareNewColumn(t, c, n == 0, mode, moved, chunk)
		}
	}
}

var newColumnModes = []string{"STRICT_TRANS_TABLES", "", "ALLOW_INVALID_DATES,NO_BACKSLASH_ESCAPES", "EMPTY_STRING_IS_NULL,ANSI_QUOTES", "ORACLE"}

func newColumnTables(t *testing.T, s *mariadbtest.Server) (tap.Tap, *running) {
	t.Helper()
	var names, queries []string
	for n := range newColumnModes {
		for i := range newColumns() {
			name := fmt.Sprintf("emr.t%d_%d", n, i)
			names = append(names, name)
			queries = append(queries, "CREATE TABLE "+name+" (id INT PRIMARY KEY, w INT)", "INSERT INTO "+name+" VALUES (1, 1)")
		}
	}
	s.Exec(queries...)
	m := open(t, s, names...)
	return m, stream(t, m, nil)
}

// awaitNewColumn waits until the stream tells that a table has a new column v, or
// that it cannot be covered.
func (r *running) awaitNewColumn(t *testing.T, name string) (moved tap.Moved) {
	t.Helper()
	r.await(t, "new column of "+name, func(events []any) bool {
		for _, e := range events {
			c, ok := e.(tap.SchemaChange)
			if !ok || c.Table.Name != name {
				continue
			}
			for _, m := range c.Moved {
				if strings.EqualFold(m.To, "v") {
					moved = m
				}
			}
			return true
		}
		return false
	})
	return moved
}

func compareNewColumn(t *testing.T, c newColumn, first bool, mode string, moved tap.Moved, chunk tap.Chunk) {
	t.Helper()
	for at, column := range chunk.Table.Columns {
		switch held := chunk.Rows[0].Cells[at]; {
		case column.Name != "v":
		case moved.Holds == nil && c.known && first:
			t.Errorf("%s: not told, holds %s", c.definition, held.Display())
		case moved.Holds != nil && !row.Equal(*moved.Holds, held):
			t.Errorf("%s, mode %q: told %s, holds %s", c.definition, mode, moved.Holds.Display(), held.Display())
		}
	}
}
