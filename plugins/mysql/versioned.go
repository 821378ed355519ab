package mysql

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A system-versioned table keeps beside its rows what they were: each row has a
// period, and only those whose period has no end are rows of the table to
// anybody who does not ask for others. In the log all are rows alike. An update
// comes as an update of the row and the insert of a history row, a delete as an
// update that ends the period, DELETE HISTORY as deletes of history rows. The
// tap takes rows that have ended for no rows at all: what is left of these is
// what happened to the table. The period itself is left out of the row, for the
// server sets it and an unrecorded edit of it leaves the row what it is.
//
// A table whose period counts transactions is logged by statement whatever the
// binlog_format, so the tap cannot follow it.

// Names of the period's columns where CREATE TABLE gives none.
const (
	impliedRowStart = "row_start"
	impliedRowEnd   = "row_end"
)

const omittedPeriod = "the server sets it, to tell since when and until when a row is as it is"

// readPeriod marks the columns of the period, or adds them where they are
// implied. information_schema does not list those, but rows in the log have them.
func (d *definition) readPeriod(create string, generated map[string]string) {
	if !d.isVersioned(create) {
		return
	}
	implied := true
	for i := range d.columns {
		c := &d.columns[i]
		switch generated[c.name] {
		case "ROW START":
			c.omitted, implied = omittedPeriod, false
		case "ROW END":
			c.omitted, c.rowEnd, implied = omittedPeriod, true, false
			d.byTransaction = strings.HasPrefix(c.declared, "bigint")
		}
	}
	if implied {
		d.columns = append(d.columns, column{name: impliedRowStart, kind: kindTimestamp, omitted: omittedPeriod, implied: true},
			column{name: impliedRowEnd, kind: kindTimestamp, omitted: omittedPeriod, implied: true, rowEnd: true})
	}
}

// isVersioned looks behind the columns, where no comment of theirs stands.
func (d *definition) isVersioned(create string) bool {
	if at := strings.LastIndex(create, "\n) ENGINE="); at >= 0 {
		return strings.Contains(create[at:], " WITH SYSTEM VERSIONING")
	}
	return false
}

// versioned reports whether the table keeps history rows.
func (d *definition) versioned() bool {
	for i := range d.columns {
		if d.columns[i].rowEnd {
			return true
		}
	}
	return false
}

func (d *definition) addVersioningNotes() {
	if d.versioned() {
		d.notes = append(d.notes, "it is system-versioned: its rows as they are now are covered; the server's own history of them is not")
	}
}

// lostPeriod reports whether rows seem to have been written while the table was
// versioned, which by the definition in force it is not: the log then has a
// TIMESTAMP(6) that the definition lacks, under the implied name or last in the
// primary key, where the server puts the end of the period. Which of such rows
// are history cannot be told for certain, so they are not read.
func (s *shape) lostPeriod(m *tableMap, d *definition) bool {
	for i := range s.columns {
		c := &s.columns[i]
		if d.find(c.name) >= 0 || c.wire != mysql.MYSQL_TYPE_TIMESTAMP2 || c.meta != 6 {
			continue
		}
		if len(m.key) > 1 && m.key[len(m.key)-1].column == uint64(i) || strings.EqualFold(c.name, impliedRowEnd) {
			return true
		}
	}
	return false
}

// endless reports whether a period's end, as the log has it, is none: the last
// moment of a TIMESTAMP(6), which later servers have moved from 2038 to 2106.
func (c *wireColumn) endless(value []byte) (bool, error) {
	const lastSeconds, lastFraction = 1<<31 - 1, 999_999
	if c.wire != mysql.MYSQL_TYPE_TIMESTAMP2 || len(value) != 7 {
		return false, fmt.Errorf("the end of a row's period is no TIMESTAMP(6)")
	}
	seconds := binary.BigEndian.Uint32(value)
	return (seconds == lastSeconds || seconds == 1<<32-1) && bigEndian(value[4:]) == lastFraction, nil
}

// settle makes of a change of rows what it is to the table: images of history
// rows are nil. It reports false where nothing happened to the table.
func settle(change *tap.Change) bool {
	switch {
	case change.Before == nil && change.After == nil:
		return false
	case change.Before == nil:
		change.Op = tap.Insert
	case change.After == nil:
		change.Op = tap.Delete
	}
	return true
}
