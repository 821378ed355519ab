package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// catalog is what the schema says of the tapped tables, of their triggers and
// of the outbox, at one schema version.
type catalog struct {
	version int64
	tables  map[string]*covered
	order   []string // the tables' names as configured
	charset string   // of every text in the database
	outbox  soundness
}

// soundness is the mark of the triggers that record changes, or the problem
// that keeps them from it.
type soundness struct {
	mark    string
	problem string
}

// covered is one tapped table.
type covered struct {
	table   *tap.Table
	missing string // why there is no such table; table is then refused as well
	cells   *cellReader
	shape   string
	soundness
}

func (t *covered) marks() mark { return mark{Shape: t.shape, Triggers: t.mark} }

// marks returns the marks of all tables.
func (c *catalog) marks() map[string]mark {
	m := make(map[string]mark, len(c.tables))
	for name, t := range c.tables {
		m[name] = t.marks()
	}
	return m
}

// loadCatalog reads the schema within the transaction of q.
func loadCatalog(ctx context.Context, q querier, names []string) (*catalog, error) {
	c := &catalog{tables: make(map[string]*covered, len(names)), order: names}
	if err := q.QueryRowContext(ctx, "PRAGMA schema_version").Scan(&c.version); err != nil {
		return nil, fmt.Errorf("read schema version: %w", err)
	}
	var encoding string
	if err := q.QueryRowContext(ctx, "PRAGMA encoding").Scan(&encoding); err != nil {
		return nil, fmt.Errorf("read encoding: %w", err)
	}
	objects, err := readObjects(ctx, q)
	if err != nil {
		return nil, err
	}
	c.charset = charsetOf(encoding)
	c.outbox = outboxSoundness(objects)
	for _, name := range names {
		t, err := describeTable(ctx, q, name)
		if err != nil {
			return nil, err
		}
		t.cells = newCellReader(t.table, c.charset)
		t.shape = shapeOf(t.table)
		t.soundness = triggerSoundness(t.table, objects)
		c.tables[name] = t
	}
	return c, nil
}

// object is a table or trigger of sqlite_master.
type object struct {
	kind, name, on, sql string
	rowid               int64
}

func readObjects(ctx context.Context, q querier) (map[string]object, error) {
	rows, err := q.QueryContext(ctx, "SELECT type, name, tbl_name, sql, rowid FROM sqlite_master WHERE type = 'trigger' OR name = ?", Outbox)
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	defer rows.Close()
	objects := make(map[string]object)
	for rows.Next() {
		var o object
		var text sql.NullString
		if err := rows.Scan(&o.kind, &o.name, &o.on, &text, &o.rowid); err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		o.sql = strings.ReplaceAll(text.String, "\r\n", "\n")
		objects[o.name] = o
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return objects, nil
}

// keepPattern finds the number of rows that a prune trigger keeps.
var keepPattern = regexp.MustCompile(`NEW\.id - (\d{1,9});`)

// outboxSoundness checks the outbox, its prune trigger, and that no other
// trigger stands on it, for that could swallow rows.
func outboxSoundness(objects map[string]object) soundness {
	box, found := objects[Outbox]
	switch {
	case !found || box.kind != "table":
		return soundness{problem: "the table " + Outbox + " is missing"}
	case box.sql != outboxSQL:
		return soundness{problem: "the table " + Outbox + " is not as it was installed"}
	}
	keep := 0
	if m := keepPattern.FindStringSubmatch(objects[pruneTrigger].sql); m != nil {
		keep, _ = strconv.Atoi(m[1])
	}
	if objects[pruneTrigger].sql != pruneSQL(keep) {
		return soundness{problem: "the trigger " + pruneTrigger + " is missing or altered"}
	}
	for _, o := range objects {
		if o.kind == "trigger" && strings.EqualFold(o.on, Outbox) && o.name != pruneTrigger {
			return soundness{problem: "a foreign trigger stands on " + Outbox}
		}
	}
	return soundness{mark: digest(box.sql)}
}

// triggerSoundness checks that the triggers of a table are as they should be.
// The mark takes in their places in the schema, so that most triggers that
// were dropped and made again have another one.
func triggerSoundness(t *tap.Table, objects map[string]object) soundness {
	if t.Refused != "" {
		return soundness{}
	}
	var parts []string
	for _, want := range triggersOf(t) {
		got, found := objects[want.name]
		switch {
		case !found:
			return soundness{problem: "the trigger " + want.name + " is missing"}
		case got.sql != want.sql:
			return soundness{problem: "the trigger " + want.name + " is not as it was installed"}
		}
		parts = append(parts, got.sql, strconv.FormatInt(got.rowid, 10))
	}
	return soundness{mark: digest(parts...)}
}

func shapeOf(t *tap.Table) string {
	parts := []string{t.Refused}
	for _, c := range t.Columns {
		parts = append(parts, c.Name)
	}
	for _, k := range t.Key {
		parts = append(parts, strconv.Itoa(k))
	}
	return digest(parts...)
}

// digest is eight hex digits that tell apart what differs by accident.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

func charsetOf(encoding string) string {
	switch strings.ToLower(encoding) {
	case "utf-16le":
		return "utf16le"
	case "utf-16be":
		return "utf16be"
	}
	return "utf8"
}
