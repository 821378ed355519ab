package main

import (
	"context"
	"crypto/sha1"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/configs"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
)

// A source is what init makes for one kind of database.
type source struct {
	settings []setting
	files    []initFile
	sql      string // for the owner of the database to read; holds no secret
	advice   string // what to do with it
}

// A setting is a line of source.settings.
type setting struct {
	name  string
	value any
	says  string
}

// readTables reads the tables, those with patients first.
func (f *initFlags) readTables() ([]config.Table, error) {
	if f.preset != "" || f.schema != "" {
		return f.presetTables()
	}
	var tables []config.Table
	for _, text := range f.tables {
		name, column, ok := strings.Cut(text, "=")
		if !ok || name == "" || column == "" {
			return nil, usagef("--table: %q is not of the form NAME=COLUMN; a table whose rows belong to no patient goes by --nobody", text)
		}
		tables = append(tables, config.Table{Name: name, Patient: config.Patient{Column: column}})
	}
	for _, name := range f.nobody {
		tables = append(tables, config.Table{Name: name, Nobody: true})
	}
	if len(tables) == 0 {
		return nil, usagef("--table is missing; name each table to protect with its patient column, as NAME=COLUMN")
	}
	return tables, nil
}

// presetTables reads the tables of a preset.
func (f *initFlags) presetTables() ([]config.Table, error) {
	text, ok := configs.Preset(f.preset)
	switch {
	case f.preset == "":
		return nil, usagef("--schema names the database of a preset; add --preset, or write DATABASE.TABLE=COLUMN in --table")
	case !ok:
		return nil, usagef("--preset: there is none of the name %q; write %s", f.preset, strings.Join(configs.Presets(), " or "))
	case len(f.tables)+len(f.nobody) > 0:
		return nil, usagef("--preset lists the tables; add others to the configuration that it makes, without --table and --nobody")
	case f.tap != "mysql":
		return nil, usagef("--preset: %s runs on MariaDB; write --tap mysql", f.preset)
	case strings.ContainsAny(f.schema, " .\"'`#:{}[],\\\t\n"):
		return nil, usagef("--schema: %q is not a database's plain name; give --table for each table instead", f.schema)
	case f.schema == "":
		f.schema = f.preset
	}
	c, err := config.Parse(f.preset, []byte(text))
	if err != nil {
		return nil, err
	}
	for i := range c.Source.Tables {
		t := &c.Source.Tables[i]
		t.Name = f.schema + strings.TrimPrefix(t.Name, f.preset)
	}
	return c.Source.Tables, nil
}

func (f *initFlags) readSource(ctx context.Context, directory string, tables []config.Table) (source, error) {
	names := make([]string, len(tables))
	for i, t := range tables {
		names[i] = t.Name
	}
	switch f.tap {
	case "sqlite":
		return f.sqliteSource(ctx, directory, names)
	case "mysql":
		if f.database != "" {
			return source{}, usagef("--database is of the sqlite tap; name the database in --table, as DATABASE.TABLE=COLUMN")
		}
		return f.mysqlSource(directory, names)
	}
	return source{}, usagef("--tap: %q is no kind of database; write mysql or sqlite", f.tap)
}

// sqliteSource reads the tables' keys, which the triggers are made of.
func (f *initFlags) sqliteSource(ctx context.Context, directory string, names []string) (source, error) {
	if f.database == "" {
		return source{}, usagef("--database is missing; name the application's database file")
	}
	file, err := absolute(f.database, "")
	if err != nil {
		return source{}, err
	}
	install, err := installSQL(ctx, file, names)
	if err != nil {
		return source{}, fmt.Errorf("database %s: %w", file, err)
	}
	script := filepath.Join(directory, sqlName)
	return source{
		settings: []setting{{"path", file, "the database file; opened for reading only"}},
		files:    []initFile{{sqlName, []byte(install), true, "the triggers, for the owner of the database to run once"}},
		sql:      install,
		advice:   fmt.Sprintf("As the owner of the database run: sqlite3 %s < %s\n   It installs triggers that note which rows changed:", file, script),
	}, nil
}

func installSQL(ctx context.Context, file string, names []string) (text string, err error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("there is no such file; name the application's database file")
	}
	address := url.URL{Scheme: "file", Path: file, RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tables, err := sqlite.ReadTables(ctx, db, names...)
	if err != nil {
		return "", err
	}
	for i := range tables {
		if tables[i].Refused != "" {
			return "", fmt.Errorf("table %s cannot be tapped: %s; correct the name, or leave the table out", tables[i].Name, tables[i].Refused)
		}
	}
	return sqlite.InstallSQL(tables, sqlite.DefaultKeep), nil
}

// mysqlSource makes the account's password, and the SQL that makes the account
// with no more rights than the tap needs.
func (f *initFlags) mysqlSource(directory string, names []string) (source, error) {
	for _, name := range names {
		if schema, table, ok := strings.Cut(name, "."); !ok || schema == "" || table == "" {
			return source{}, usagef("--table: %q does not name the database; write it as DATABASE.TABLE", name)
		}
	}
	password := randomHex(20)
	script := filepath.Join(directory, sqlName)
	s := source{
		settings: f.mysqlSettings(directory),
		files: []initFile{
			{passwordName, []byte(password + "\n"), false, "the password of the tap's account"},
			{sqlName, []byte(f.grants(names, passwordHash(password))), false, "makes the tap's account, by the hash of its password"},
		},
		sql:    f.grants(names, "…"),
		advice: fmt.Sprintf("As administrator of the server run: mariadb < %s, then delete that file.\n   %s\n   It makes the account of the tap, which may only read:", script, serverNeeds),
	}
	return s, nil
}

func (f *initFlags) mysqlSettings(directory string) []setting {
	password := setting{"password_file", filepath.Join(directory, passwordName), "of mode 0600"}
	user := setting{"user", f.user, "the tap's own account; it needs no right to write"}
	if f.unix != "" {
		return []setting{{"socket", f.unix, "the server's unix socket"}, user, password}
	}
	return []setting{{"host", f.host, "the server"}, {"port", f.port, ""}, user, password}
}

// serverNeeds says what the tap demands of the server before it starts.
const serverNeeds = `The server needs these in my.cnf: log_bin, server_id not 0, binlog_format=ROW,
   binlog_row_image=FULL, binlog_row_metadata=FULL, sync_binlog=1 and
   innodb_flush_log_at_trx_commit=1; the tap names those that it misses.`

// passwordHash is a password as the server keeps it. The server writes the SQL
// that makes an account to its logs as it is, so that must not hold the password.
func passwordHash(password string) string {
	once := sha1.Sum([]byte(password))
	return fmt.Sprintf("*%X", sha1.Sum(once[:]))
}

// grants is the least that the tap can do with.
func (f *initFlags) grants(names []string, hash string) string {
	account := quoteSQL(f.user) + "@" + quoteSQL(f.accountHost())
	var b strings.Builder
	if f.accountHost() == "%" {
		b.WriteString("-- Put the address of the tap's host in place of %.\n")
	}
	fmt.Fprintf(&b, "CREATE USER %s IDENTIFIED BY PASSWORD %s%s;\n", account, quoteSQL(hash), f.encryption())
	fmt.Fprintf(&b, "GRANT REPLICATION SLAVE ON *.* TO %s; -- to follow the binary log\n", account)
	for _, name := range names {
		schema, table, _ := strings.Cut(name, ".")
		fmt.Fprintf(&b, "GRANT SELECT ON %s.%s TO %s;\n", quoteName(schema), quoteName(table), account)
	}
	fmt.Fprintf(&b, "GRANT BINLOG MONITOR ON *.* TO %s; -- to see databases that are left out of it\n", account)
	return b.String()
}

// accountHost is where the server sees the tap come from.
func (f *initFlags) accountHost() string {
	if f.unix != "" || f.host == "localhost" {
		return "localhost"
	}
	if ip := net.ParseIP(f.host); ip != nil && ip.IsLoopback() {
		return f.host
	}
	return "%"
}

func (f *initFlags) encryption() string {
	if f.accountHost() == "%" {
		return " REQUIRE SSL"
	}
	return ""
}

func quoteSQL(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
