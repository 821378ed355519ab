package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// check is what Open finds out about a server. All problems are told at once.
type check struct {
	settings *settings
	db       *sql.DB
	tables   []string

	problems []tap.Problem
	account  string // as SQL writes it
	charsets map[uint64]string
	folded   bool
}

func (c *check) problem(thing, reason, mend string) {
	c.problems = append(c.problems, tap.Problem{Thing: thing, Reason: reason, Mend: mend})
}

// run returns a *tap.SetupError of everything that is missing.
func (c *check) run(ctx context.Context) error {
	if err := c.db.PingContext(ctx); err != nil {
		return connectProblem(c.settings, err)
	}
	for _, step := range []func(context.Context) error{
		c.checkVariables, c.checkGrants, c.checkTables, c.readCharsets, c.checkFilters,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("check server: %w", err)
		}
	}
	if len(c.problems) > 0 {
		return &tap.SetupError{Problems: c.problems}
	}
	return nil
}

// connectProblem explains why no connection came about. The driver's message
// may name account and host, never the password.
func connectProblem(s *settings, err error) error {
	network, address := s.network()
	thing := "server at " + network + " " + address
	switch serverError(err) {
	case 1045, 1698:
		return tap.NewSetupError(thing, "it refuses the account "+strconv.Quote(s.User)+" or its password",
			"correct user and password_file; if the account has REQUIRE SSL, set tls to required or verify")
	case 1130:
		return tap.NewSetupError(thing, "it does not allow connections from this machine",
			"CREATE USER for the address that the tap connects from")
	case 0:
		return tap.NewSetupError(thing, "no connection: "+err.Error(), "correct host, port, socket and tls, and see that the server runs")
	}
	return tap.NewSetupError(thing, "it refuses the connection: "+err.Error(), "see the server's error log")
}

// A wanted is a server variable that must have a value.
type wanted struct {
	variable string
	good     func(value string) bool
	reason   string
	mend     string
}

func is(values ...string) func(string) bool {
	return func(value string) bool {
		for _, v := range values {
			if strings.EqualFold(v, value) {
				return true
			}
		}
		return false
	}
}

func wantedVariables(s *settings) []wanted {
	own := strconv.FormatUint(uint64(s.ServerID), 10)
	list := []wanted{
		{"log_bin", is("1", "ON"), "the server keeps no binary log",
			"set log_bin in the [mariadb] section of my.cnf and restart the server"},
		{"server_id", func(v string) bool { return v != "0" && v != own },
			"the server has no id, or the tap was given the server's own",
			"SET GLOBAL server_id=1, and give the tap another in its setting server_id or none"},
		{"binlog_format", is("ROW"), "changes are not logged as rows", "SET GLOBAL binlog_format=ROW"},
		{"binlog_row_image", is("FULL"), "rows are not logged whole", "SET GLOBAL binlog_row_image=FULL"},
		{"binlog_row_metadata", is("FULL"), "the log does not name columns", "SET GLOBAL binlog_row_metadata=FULL"},
	}
	if s.AcceptNotDurable {
		return list
	}
	const lost = "a crash of the server may lose commits that were logged, or log entries of commits that were kept"
	return append(list,
		wanted{"innodb_flush_log_at_trx_commit", is("1", "3"), lost, "SET GLOBAL innodb_flush_log_at_trx_commit=1"},
		wanted{"sync_binlog", is("1"), lost, "SET GLOBAL sync_binlog=1"})
}

func (c *check) checkVariables(ctx context.Context) error {
	rows, err := queryStrings(ctx, c.db, "SELECT @@version, @@lower_case_table_names, CURRENT_USER()")
	if err != nil {
		return err
	}
	c.folded = rows[0][1] != "0"
	user, host, _ := strings.Cut(rows[0][2], "@")
	c.account = "'" + user + "'@'" + host + "'"
	if !supported(rows[0][0]) {
		c.problem("server version "+rows[0][0], "the tap is built and tested for MariaDB from 10.11 on",
			"tap a MariaDB server of 10.11 or later")
		return nil // the variables below have other names elsewhere
	}
	for _, w := range wantedVariables(c.settings) {
		value, err := queryStrings(ctx, c.db, "SELECT @@GLOBAL."+w.variable)
		if err != nil {
			return err
		}
		if !w.good(value[0][0]) {
			mend := w.mend
			if strings.HasPrefix(mend, "SET GLOBAL") {
				mend += " (and in my.cnf, to last)"
			}
			c.problem("variable "+w.variable+"="+value[0][0], w.reason, mend)
		}
	}
	return nil
}

// supported reports whether the version is MariaDB 10.11 or later.
func supported(version string) bool {
	if !strings.Contains(version, "MariaDB") {
		return false
	}
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return false
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (major > 10 || major == 10 && minor >= 11)
}

// checkGrants looks for the right to follow the log. The right to read each
// table is tried out instead.
func (c *check) checkGrants(ctx context.Context) error {
	rows, err := queryStrings(ctx, c.db, "SHOW GRANTS")
	if err != nil {
		return err
	}
	for _, r := range rows {
		rights, _, global := strings.Cut(r[0], " ON *.* TO ")
		if global && (strings.Contains(rights, "ALL PRIVILEGES") || strings.Contains(rights, "REPLICATION SLAVE")) {
			return nil
		}
	}
	c.problem("account "+c.account, "it may not follow the binary log",
		"GRANT REPLICATION SLAVE ON *.* TO "+c.account)
	return nil
}

func (c *check) checkTables(ctx context.Context) error {
	for _, name := range c.tables {
		_, err := queryStrings(ctx, c.db, "SELECT * FROM "+quoteTable(name)+" LIMIT 0")
		switch serverError(err) {
		case errorTableDenied, errorSchemaDenied, errorColumnDenied:
			c.problem("account "+c.account, "it may not read table "+name+" (or there is none of that name)",
				"GRANT SELECT ON "+quoteTable(name)+" TO "+c.account)
		case errorNoTable, errorNoDatabase: // Tables says so, for each table
		default:
			if err != nil && !unopened(serverError(err)) {
				return err
			}
		}
	}
	return nil
}

func (c *check) readCharsets(ctx context.Context) error {
	rows, err := queryStrings(ctx, c.db,
		"SELECT id, character_set_name FROM information_schema.collation_character_set_applicability")
	if err != nil {
		return err
	}
	c.charsets = make(map[uint64]string, len(rows))
	for _, r := range rows {
		id, err := strconv.ParseUint(r[0], 10, 64)
		if err != nil {
			return fmt.Errorf("number of a collation: %w", err)
		}
		c.charsets[id] = r[1]
	}
	return nil
}

// checkFilters looks whether databases are left out of the log, where the
// account may ask. Without the right BINLOG MONITOR this stays unknown.
func (c *check) checkFilters(ctx context.Context) error {
	rows, err := queryStrings(ctx, c.db, "SHOW MASTER STATUS")
	if err != nil || len(rows) == 0 || len(rows[0]) < 4 {
		return nil
	}
	if only := rows[0][2]; only != "" {
		c.problem("option binlog_do_db="+only, "changes of other databases are not logged, and USE decides which",
			"remove binlog_do_db from my.cnf and restart the server")
	}
	if but := rows[0][3]; but != "" {
		c.problem("option binlog_ignore_db="+but, "changes of these databases are not logged, and USE decides which",
			"remove binlog_ignore_db from my.cnf and restart the server")
	}
	return nil
}

// checkNames demands "schema.table", each once.
func checkNames(names []string) error {
	seen := make(map[string]bool)
	e := &tap.SetupError{}
	for _, name := range names {
		schema, table := tableName(name)
		switch {
		case schema == "" || table == "":
			e.Problems = append(e.Problems, tap.Problem{Thing: "table " + strconv.Quote(name),
				Reason: "it is not written as schema.table", Mend: "name the database before the table, with a point"})
		case seen[name]:
			e.Problems = append(e.Problems, tap.Problem{Thing: "table " + name,
				Reason: "it is configured twice", Mend: "remove one"})
		}
		seen[name] = true
	}
	if len(names) == 0 {
		e.Problems = append(e.Problems, tap.Problem{Thing: "tables", Reason: "none is configured",
			Mend: "name the tables to tap as schema.table"})
	}
	if len(e.Problems) > 0 {
		return e
	}
	return nil
}
