package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Outbox is the name of the table that the triggers write to.
const Outbox = "emrbchain_outbox"

// DefaultKeep is how many of the newest outbox rows are kept by default. At
// about 60 bytes a row the outbox stays below 10 MB. A tap that is down for
// more changes than that reports a gap and the host scans.
const DefaultKeep = 100_000

// MaxKey is the most columns that a primary key may have.
const MaxKey = 8

const pruneTrigger = "emrbchain_outbox_prune"

// outboxSQL creates the outbox. token tells one history of the outbox from
// another; at is the time in ms since 1970 UTC, in terms that old versions of
// SQLite know; k1 … k8 are the key's cells, without affinity, as they are.
const outboxSQL = `CREATE TABLE "emrbchain_outbox" (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  token BLOB NOT NULL DEFAULT (randomblob(8)),
  at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
  tbl TEXT NOT NULL,
  op TEXT NOT NULL,
  k1, k2, k3, k4, k5, k6, k7, k8
)`

// pruneSQL creates the trigger that keeps the newest rows of the outbox.
func pruneSQL(keep int) string {
	return `CREATE TRIGGER "emrbchain_outbox_prune" AFTER INSERT ON "emrbchain_outbox"
BEGIN
  DELETE FROM "emrbchain_outbox" WHERE id <= NEW.id - ` + strconv.Itoa(max(keep, 1)) + `;
END`
}

// trigger is one trigger of a tapped table.
type trigger struct {
	name, sql string
}

// triggersOf returns the triggers that record a table's changes.
func triggersOf(t *tap.Table) []trigger {
	insert := trigger{name: "emrbchain_" + t.Name + "_insert"}
	insert.sql = triggerSQL(insert.name, "INSERT", t, record(t, "I", "NEW"))
	update := trigger{name: "emrbchain_" + t.Name + "_update"}
	update.sql = triggerSQL(update.name, "UPDATE", t, recordMoved(t), record(t, "U", "NEW"))
	remove := trigger{name: "emrbchain_" + t.Name + "_delete"}
	remove.sql = triggerSQL(remove.name, "DELETE", t, record(t, "D", "OLD"))
	return []trigger{insert, update, remove}
}

func triggerSQL(name, event string, t *tap.Table, statements ...string) string {
	return "CREATE TRIGGER " + identifier(name) + " AFTER " + event + " ON " + identifier(t.Name) + "\nBEGIN\n  " +
		strings.Join(statements, ";\n  ") + ";\nEND"
}

// record is the statement that writes the key of the row NEW or OLD.
func record(t *tap.Table, op, row string) string {
	into, values := outboxColumns(t, op, row)
	return into + " VALUES (" + values + ")"
}

// recordMoved writes the key that an update took away. Keys are compared as
// their bytes are, whatever the column's collation; a real number counts as
// changed always, since SQLite holds -0.0 for equal to 0.0.
func recordMoved(t *tap.Table) string {
	into, values := outboxColumns(t, "U", "OLD")
	var same []string
	for _, i := range t.Key {
		c := identifier(t.Columns[i].Name)
		same = append(same, fmt.Sprintf("typeof(OLD.%s) = typeof(NEW.%s) AND typeof(NEW.%s) <> 'real' AND OLD.%s COLLATE BINARY IS NEW.%s",
			c, c, c, c, c))
	}
	return into + " SELECT " + values + "\n    WHERE NOT (" + strings.Join(same, "\n      AND ") + ")"
}

func outboxColumns(t *tap.Table, op, row string) (into, values string) {
	into = `INSERT INTO "emrbchain_outbox" (tbl, op`
	values = literal(t.Name) + ", " + literal(op)
	for n, i := range t.Key {
		into += ", k" + strconv.Itoa(n+1)
		values += ", " + row + "." + identifier(t.Columns[i].Name)
	}
	return into + ")", values
}

// InstallSQL returns the statements that make the tables tappable: the outbox
// and three triggers per table, in one transaction. keep is how many rows the
// outbox keeps. It may be run again at any time, for more tables or another
// keep; what the tap has not followed yet stays. Refused tables are left out.
// ReadTables describes the tables.
func InstallSQL(tables []tap.Table, keep int) string {
	var b strings.Builder
	b.WriteString("BEGIN IMMEDIATE;\n")
	b.WriteString(strings.Replace(outboxSQL, "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1) + ";\n")
	b.WriteString("DROP TRIGGER IF EXISTS " + identifier(pruneTrigger) + ";\n" + pruneSQL(keep) + ";\n")
	// The first row's token tells this outbox from any other.
	b.WriteString(`INSERT INTO "emrbchain_outbox" (tbl, op) VALUES ('', 'S');` + "\n")
	for i := range tables {
		t := &tables[i]
		if t.Refused != "" {
			b.WriteString("-- " + oneLine(t.Name) + " is left out: " + oneLine(t.Refused) + "\n")
			continue
		}
		for _, g := range triggersOf(t) {
			b.WriteString("DROP TRIGGER IF EXISTS " + identifier(g.name) + ";\n" + g.sql + ";\n")
		}
	}
	b.WriteString("COMMIT;\n")
	return b.String()
}

// RemoveSQL returns the statements that take away what InstallSQL installed
// for the tables, and the outbox with it.
func RemoveSQL(tables []tap.Table) string {
	var b strings.Builder
	b.WriteString("BEGIN IMMEDIATE;\n")
	for i := range tables {
		for _, g := range triggersOf(&tables[i]) {
			b.WriteString("DROP TRIGGER IF EXISTS " + identifier(g.name) + ";\n")
		}
	}
	b.WriteString("DROP TRIGGER IF EXISTS " + identifier(pruneTrigger) + ";\n")
	b.WriteString("DROP TABLE IF EXISTS " + identifier(Outbox) + ";\nCOMMIT;\n")
	return b.String()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
