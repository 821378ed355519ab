package tap

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/crypto/row"
)

// Checked returns a Sink that passes a stream's events on to sink, as long as
// they keep to the contract, and else returns a *ContractError. The stream is
// that of a tap so described, started from the given position. The host puts
// one before every stream of a tap process; an author may do so in tests.
func Checked(sink Sink, of Description, from Position) Sink {
	return &checked{sink: sink, of: of, unplaced: from == nil}
}

type checked struct {
	sink          Sink
	of            Description
	unplaced      bool // streaming from now on, and not told yet where that is
	inTransaction bool
	known         *Table // the last table that was found valid
}

func (c *checked) Change(change Change) error {
	if c.unplaced {
		return broken("change", "stands before the Commit that tells where now is")
	}
	if err := c.checkChange(&change); err != nil {
		return err
	}
	c.inTransaction = true
	return c.sink.Change(change)
}

func (c *checked) Commit(commit Commit) error {
	if err := checkPosition("commit", commit.Position); err != nil {
		return err
	}
	c.inTransaction, c.unplaced = false, false
	return c.sink.Commit(commit)
}

func (c *checked) Fence(fence Fence) error {
	if err := c.outside("fence", fence.Position); err != nil {
		return err
	}
	return c.sink.Fence(fence)
}

func (c *checked) Gap(gap Gap) error {
	if err := c.outside("gap", gap.Position); err != nil {
		return err
	}
	if gap.Reason == "" {
		return broken("gap", "has no reason")
	}
	return c.sink.Gap(gap)
}

func (c *checked) Schema(change SchemaChange) error {
	if err := c.outside("schema change", change.Position); err != nil {
		return err
	}
	if err := c.checkTable("schema change", change.Table); err != nil {
		return err
	}
	if reason := checkEffects(&change); reason != "" {
		return broken("schema change of table "+change.Table.Name, reason)
	}
	return c.sink.Schema(change)
}

// outside checks an event that must stand between transactions.
func (c *checked) outside(thing string, position Position) error {
	if c.unplaced {
		return broken(thing, "stands before the Commit that tells where now is")
	}
	if c.inTransaction {
		return broken(thing, "stands inside a transaction")
	}
	return checkPosition(thing, position)
}

func checkPosition(thing string, position Position) error {
	if len(position) == 0 {
		return broken(thing, "has no position")
	}
	return nil
}

func (c *checked) checkChange(change *Change) error {
	if err := c.checkTable("change", change.Table); err != nil {
		return err
	}
	thing := "change of table " + change.Table.Name
	if change.Table.Refused != "" {
		return broken(thing, "the table is refused and can have no changes")
	}
	if change.EventID == "" || !utf8.ValidString(change.EventID) {
		return broken(thing, "its event id is empty or not UTF-8")
	}
	if reason := c.wrongOp(change); reason != "" {
		return broken(thing, reason)
	}
	return checkImages(thing, change)
}

// wrongOp says what is wrong with a change's operation and the images that
// come with it, or nothing.
func (c *checked) wrongOp(change *Change) string {
	before, after, key := change.Before != nil, change.After != nil, change.Key != nil
	switch {
	case c.of.Assurance == ScanOnly:
		return "a tap of assurance scan only delivers no changes"
	case c.of.Assurance == EveryVersion && change.Op == Put:
		return "a tap of assurance every version tells insert from update"
	case c.of.BeforeImages && !before && (change.Op == Update || change.Op == Delete):
		return "the row as it was is missing, which Describe promises"
	case change.Table.Keyless() && (!c.of.BeforeImages || c.of.Assurance != EveryVersion):
		return "the table has no key, so it needs every version with the row as it was"
	case change.Followed > MaybeFollowed || change.Followed != NotFollowed && (!before || change.Op == Insert || change.Op == Put):
		return "references are followed of an update or delete with the row as it was"
	}
	switch change.Op {
	case Insert, Put:
		if !after || before || key {
			return "an insert or put has the row as it is, and nothing else"
		}
	case Update:
		if !after || key {
			return "an update has the row as it is, and may have it as it was"
		}
	case Delete:
		if after || before == key {
			return "a delete has either the row as it was or its key"
		}
	default:
		return "its operation is unknown"
	}
	return ""
}

func checkImages(thing string, change *Change) error {
	if change.Before != nil {
		if err := checkRow(thing, change.Table, change.Before); err != nil {
			return err
		}
	}
	if change.After != nil {
		if err := checkRow(thing, change.Table, change.After); err != nil {
			return err
		}
	}
	if change.Key != nil {
		return checkKey(thing, change.Table, change.Key)
	}
	return nil
}

func checkRow(thing string, table *Table, cells []row.Value) error {
	if len(cells) != len(table.Columns) {
		return broken(thing, fmt.Sprintf("a row has %d cells, the table %d columns", len(cells), len(table.Columns)))
	}
	for i, cell := range cells {
		if !cell.Fits(table.Columns[i].Type) {
			return misfit(thing, cell, table.Columns[i])
		}
	}
	return nil
}

func checkKey(thing string, table *Table, key []row.Value) error {
	if len(key) != len(table.Key) {
		return broken(thing, fmt.Sprintf("a key has %d cells, the table's key %d columns", len(key), len(table.Key)))
	}
	for i, cell := range key {
		if column := table.Columns[table.Key[i]]; !cell.Fits(column.Type) {
			return misfit(thing, cell, column)
		}
	}
	return nil
}

func misfit(thing string, cell row.Value, column row.Column) error {
	return broken(thing, fmt.Sprintf("column %s is of type %s and got a cell of type %s",
		column.Name, column.Type, cell.Type()))
}

// checkTable checks a table's description, once as long as it stays the same.
func (c *checked) checkTable(thing string, table *Table) error {
	if table != nil && table == c.known {
		return nil
	}
	if err := CheckTable(table); err != nil {
		return broken(thing, err.Error())
	}
	c.known = table
	return nil
}

// CheckTable says what is wrong with a table's description, or nil.
func CheckTable(table *Table) error {
	switch {
	case table == nil:
		return fmt.Errorf("names no table")
	case table.Name == "" || !utf8.ValidString(table.Name):
		return fmt.Errorf("the name of a table is empty or not UTF-8")
	case table.Refused != "":
		return nil
	case len(table.Columns) == 0:
		return fmt.Errorf("table %s has no columns", table.Name)
	case len(table.Key) == 0 && len(table.References) > 0:
		return fmt.Errorf("table %s has no key, and references that change its rows unseen", table.Name)
	}
	names := make([]string, len(table.Columns))
	for i, column := range table.Columns {
		if column.Name == "" || !utf8.ValidString(column.Name) || !column.Type.Valid() {
			return fmt.Errorf("column %d of table %s has no UTF-8 name or no known type", i+1, table.Name)
		}
		names[i] = column.Name
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != len(table.Columns) {
		return fmt.Errorf("table %s has two columns of one name", table.Name)
	}
	if err := checkKeyColumns(table); err != nil {
		return err
	}
	return checkReferences(table)
}

func checkKeyColumns(table *Table) error {
	for i, column := range table.Key {
		if column < 0 || column >= len(table.Columns) || slices.Contains(table.Key[:i], column) {
			return fmt.Errorf("the key of table %s names a column that is not there, or one twice", table.Name)
		}
	}
	return nil
}

// checkChunk checks what Scan or Fetch read.
func checkChunk(call string, name string, most int, chunk *Chunk) error {
	switch err := CheckTable(chunk.Table); {
	case err != nil:
		return broken(call, err.Error())
	case chunk.Table.Name != name:
		return broken(call, "the chunk is of another table than "+name)
	case chunk.Table.Refused != "":
		return broken(call, "table "+name+" is refused and can have no rows")
	case len(chunk.Rows) > most:
		return broken(call, fmt.Sprintf("%d rows of table %s where at most %d were asked for", len(chunk.Rows), name, most))
	}
	for _, r := range chunk.Rows {
		if err := checkRow(call+" of table "+name, chunk.Table, r.Cells); err != nil {
			return err
		}
	}
	if chunk.Table.Keyless() && !chunk.Last {
		return broken(call, "table "+name+" has no key and was not read whole")
	}
	return nil
}

// checkUnread checks the keys that Fetch did not look for: they are some of those
// asked for, not all, and have no row in the chunk.
func checkUnread(table string, keys [][]row.Value, chunk *Chunk) error {
	if len(chunk.Unread) == 0 {
		return nil
	}
	asked := make(map[string]bool, len(keys))
	for _, key := range keys {
		asked[string(row.AppendKey(nil, key))] = true
	}
	for _, r := range chunk.Rows {
		delete(asked, string(row.AppendKey(nil, chunk.Table.KeyOf(r.Cells))))
	}
	for _, key := range chunk.Unread {
		if !asked[string(row.AppendKey(nil, key))] {
			return broken("fetch of table "+table, "a key is said to be unread that was not asked for or has a row")
		}
	}
	if len(chunk.Unread) >= len(keys) {
		return broken("fetch of table "+table, "none of the keys was looked for")
	}
	return nil
}

func broken(thing, reason string) error { return &ContractError{Thing: thing, Reason: reason} }
