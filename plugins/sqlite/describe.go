package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// ReadTables describes tables of a database for InstallSQL and RemoveSQL: those
// named, or every table of the application. A table that cannot be covered has
// the reason in Refused.
func ReadTables(ctx context.Context, db *sql.DB, names ...string) ([]tap.Table, error) {
	if len(names) == 0 {
		var err error
		if names, err = tableNames(ctx, db); err != nil {
			return nil, err
		}
	}
	tables := make([]tap.Table, 0, len(names))
	for _, name := range names {
		t, err := describeTable(ctx, db, name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, *t.table)
	}
	return tables, nil
}

func tableNames(ctx context.Context, q querier) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT name FROM pragma_table_list
		WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> ? ORDER BY name`, Outbox)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// describeTable describes one table as it stands in the transaction of q.
func describeTable(ctx context.Context, q querier, name string) (*covered, error) {
	t := &covered{table: &tap.Table{Name: name}}
	var kind, spelt string
	err := q.QueryRowContext(ctx, "SELECT type, name FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE", name).
		Scan(&kind, &spelt)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		t.missing = "there is no such table"
	case err != nil:
		return nil, fmt.Errorf("describe table %s: %w", name, err)
	case spelt != name:
		t.missing = "the schema spells it " + spelt
	case kind != "table":
		t.table.Refused = "it is a " + kind + ", not a table"
	}
	t.table.Refused += t.missing
	if t.table.Refused != "" {
		return t, nil
	}
	nullable, err := describeColumns(ctx, q, t.table)
	if err != nil {
		return nil, fmt.Errorf("describe table %s: %w", name, err)
	}
	if t.table.Refused = refusal(t.table); t.table.Refused != "" {
		return t, nil
	}
	return t, errors.Join(noteIndexes(ctx, q, t.table), refuseNulls(ctx, q, t.table, nullable))
}

// describeColumns fills in columns, key and notes, and returns the key columns
// whose definition allows null.
func describeColumns(ctx context.Context, q querier, t *tap.Table) (nullable []string, err error) {
	rows, err := q.QueryContext(ctx, "SELECT name, pk, hidden, \"notnull\" FROM pragma_table_xinfo(?) ORDER BY cid", t.Name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var key []int // pairs of place in the key and column, as one number
	for rows.Next() {
		var name string
		var place, hidden int
		var notNull bool
		if err := rows.Scan(&name, &place, &hidden, &notNull); err != nil {
			return nil, err
		}
		if hidden != 0 {
			t.Notes = append(t.Notes, "column "+name+" is generated from the others and left out")
			continue
		}
		if place > 0 {
			key = append(key, place<<16|len(t.Columns))
		}
		if place > 0 && !notNull {
			nullable = append(nullable, name)
		}
		t.Columns = append(t.Columns, row.Column{Name: name, Type: row.Any})
	}
	slices.Sort(key)
	for _, k := range key {
		t.Key = append(t.Key, k&0xffff)
	}
	return nullable, rows.Err()
}

// refusal says why a table cannot be covered by what its definition is.
func refusal(t *tap.Table) string {
	if len(t.Key) == 0 {
		return "it has no primary key, and SQLite may renumber its rows at VACUUM; rebuild it with one, such as INTEGER PRIMARY KEY"
	}
	if len(t.Key) > MaxKey {
		return fmt.Sprintf("its primary key has %d columns, at most %d are served", len(t.Key), MaxKey)
	}
	if !utf8.ValidString(t.Name) {
		return "its name is not valid UTF-8; rename it"
	}
	for _, c := range t.Columns {
		if !utf8.ValidString(c.Name) {
			return "the name of a column is not valid UTF-8; rename it"
		}
	}
	return ""
}

// refuseNulls refuses a table that holds a row with null in its key: SQLite
// allows many of them, which nothing tells apart.
func refuseNulls(ctx context.Context, q querier, t *tap.Table, nullable []string) error {
	for _, name := range nullable {
		var found bool
		query := "SELECT EXISTS (SELECT 1 FROM " + identifier(t.Name) + " WHERE " + identifier(name) + " IS NULL)"
		if err := q.QueryRowContext(ctx, query).Scan(&found); err != nil {
			return fmt.Errorf("describe table %s: %w", t.Name, err)
		}
		if found {
			t.Refused = nullKey(name)
			return nil
		}
	}
	return nil
}

func nullKey(column string) string {
	return "a row has null in the key's column " + column + "; give it a value, and declare the column NOT NULL"
}

// noteIndexes notes what a second unique key hides.
func noteIndexes(ctx context.Context, q querier, t *tap.Table) error {
	var names sql.NullString
	err := q.QueryRowContext(ctx, `SELECT group_concat(name, ', ') FROM pragma_index_list(?) WHERE "unique" AND origin <> 'pk'`, t.Name).
		Scan(&names)
	if err != nil {
		return fmt.Errorf("describe table %s: %w", t.Name, err)
	}
	if names.Valid {
		t.Notes = append(t.Notes, "a row that INSERT OR REPLACE removes by the unique index "+strings.TrimSpace(names.String)+
			" fires no delete trigger unless the application sets PRAGMA recursive_triggers: only the scan finds it")
	}
	return nil
}
