package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Survey implements tap.Surveyor. Among the tables, "emr.*" stands for all of a
// database's. It uses one connection, and one of a replica for a moment.
func (t *Tap) Survey(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
	s, err := readSettings(q.Config.Settings)
	if err == nil {
		err = checkPatterns(q.Config.Tables)
	}
	if err != nil {
		return refused(err)
	}
	look := &inspection{settings: s, connections: 1, now: time.Now}
	defer look.close()
	return look.survey(ctx, q)
}

// refused makes checks of what Open would refuse before it connects.
func refused(err error) (tap.Survey, error) {
	var setup *tap.SetupError
	if !errors.As(err, &setup) {
		return tap.Survey{}, err
	}
	var found tap.Survey
	for _, p := range setup.Problems {
		found.Checks = append(found.Checks, tap.Check{Thing: p.Thing, State: tap.CheckFail, Reason: p.Reason, Mend: p.Mend})
	}
	return found, nil
}

// checkPatterns is checkNames, which "schema.*" passes, as does nothing at all.
func checkPatterns(names []string) error {
	if len(names) == 0 {
		return nil
	}
	return checkNames(names)
}

func (c *inspection) survey(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
	var found tap.Survey
	connected, err := c.connect(ctx)
	if err != nil {
		return found, err
	}
	if !connected {
		found.Checks = c.checks
		return found, nil
	}
	sizes, err := c.readSizes(ctx, q.Config.Tables)
	if err != nil {
		return found, err
	}
	c.tables = sizes.names
	if err := c.run(ctx, true); err != nil {
		return found, err
	}
	if !c.dialect.supported() {
		sizes.names = nil
	}
	for _, name := range sizes.names {
		table, err := c.surveyTable(ctx, name, sizes, q.SampleRows)
		if err != nil {
			return found, fmt.Errorf("survey table %s: %w", name, err)
		}
		found.Tables = append(found.Tables, table)
	}
	c.checkParents()
	found.Checks, found.Facts = c.checks, c.facts()
	return found, nil
}

func (c *inspection) facts() []tap.Fact {
	facts := []tap.Fact{{Name: "server", Value: c.server.version}, {Name: "account", Value: c.server.account.String()}}
	if name := c.server.variables["hostname"]; name != "" {
		facts = append(facts, tap.Fact{Name: "host", Value: name})
	}
	return facts
}

// sizes are the tables that a request names, and what the server believes of
// each. A table that it does not show has none.
type sizes struct {
	names []string
	known map[string]size
}

type size struct {
	engine      string
	rows, bytes uint64
}

// readSizes expands patterns and asks for sizes.
func (c *inspection) readSizes(ctx context.Context, patterns []string) (*sizes, error) {
	out := &sizes{known: make(map[string]size)}
	if len(patterns) == 0 {
		return out, c.addSizes(ctx, out, "", true)
	}
	var schemas []string
	for _, pattern := range patterns {
		schema, table := tableName(pattern)
		whole := table == "*"
		if !whole {
			out.names = append(out.names, pattern)
		}
		if whole || !slices.Contains(schemas, schema) {
			schemas = append(schemas, schema)
			if err := c.addSizes(ctx, out, schema, whole); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// addSizes asks for the tables of a schema, or of all but the server's own.
func (c *inspection) addSizes(ctx context.Context, out *sizes, schema string, list bool) error {
	where, args := "table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')", []any{}
	if schema != "" {
		where, args = "table_schema = ?", []any{schema}
	}
	rows, err := c.db.QueryContext(ctx, `SELECT CONCAT(table_schema, '.', table_name), engine, table_rows, data_length
		FROM information_schema.tables WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND `+where+` ORDER BY 1`, args...)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	found := 0
	for rows.Next() {
		var name string
		var engine sql.NullString
		var count, bytes sql.Null[uint64]
		if err := rows.Scan(&name, &engine, &count, &bytes); err != nil {
			return closeRows(rows, fmt.Errorf("list tables: %w", err))
		}
		found++
		out.known[name] = size{engine.String, count.V, bytes.V}
		if list && !slices.Contains(out.names, name) {
			out.names = append(out.names, name)
		}
	}
	if list && found == 0 {
		c.add(c.nothingThere(schema))
	}
	return closeRows(rows, nil)
}

// nothingThere says that the account sees no table where it was to look.
func (c *inspection) nothingThere(schema string) tap.Check {
	own := c.server.account.String()
	check := tap.Check{Thing: "tables", State: tap.CheckFail, Found: "none", Reason: "the account " + own + " sees no table"}
	if schema == "" {
		check.Mend = "GRANT SELECT ON the EMR's database to the account"
		return check
	}
	check.Thing, check.Mend = "tables of database "+schema, "or correct the database's name"
	check.SQL = []string{"GRANT SELECT ON " + quoteName(schema) + ".* TO " + own}
	return check
}

func (c *inspection) surveyTable(ctx context.Context, name string, all *sizes, rows int) (tap.SurveyedTable, error) {
	known := all.known[name]
	out := tap.SurveyedTable{Engine: known.engine, Bytes: known.bytes}
	d, err := readDefinition(ctx, c.db, c.dialect, name)
	if err != nil {
		return out, err
	}
	c.definitions = append(c.definitions, d)
	out.Table = *d.table()
	out.EstimatedRows = known.rows
	if d.refused == "" && rows > 0 {
		out.Sample = c.sample(ctx, name, rows)
	}
	return out, nil
}

// checkParents looks for foreign keys by which tables that are not tapped change
// rows of tables that are.
func (c *inspection) checkParents() {
	cascading, alone := 0, 0
	for _, d := range c.definitions {
		for _, p := range d.parents {
			cascading++
			if slices.ContainsFunc(c.tables, func(name string) bool { return c.server.same(name, p.table) }) {
				continue
			}
			alone++
			c.add(tap.Check{Thing: "foreign key " + p.key + " of table " + d.name, State: tap.CheckWarn,
				Found:  p.actions + " from table " + p.table + ", which is not tapped",
				Reason: "the tap tells no rows of that table, so each change of it that the key follows is a gap: rows that went or changed with it stay findings until somebody closes them",
				Mend:   "add " + p.table + " to source.tables"})
		}
	}
	if alone == 0 {
		c.add(tap.Check{Thing: "foreign keys that cascade", State: tap.CheckOK,
			Found: fmt.Sprintf("%d, whose parents are tapped too", cascading)})
	}
}

// same reports whether two names are of one table.
func (s *server) same(a, b string) bool {
	return a == b || s.folded && strings.EqualFold(a, b)
}
