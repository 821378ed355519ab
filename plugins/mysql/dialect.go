package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// A dialect is what MariaDB and MySQL call differently. What differs in kind
// stands where it matters: their GTIDs in gtid.go, their events in group.go,
// where a read stands in their logs in read.go and behind.go.
type dialect struct {
	flavor  string // as the library of the log names it
	release release
	// session holds variables of the tap's own sessions, beside those of both.
	session map[string]string
	// executed is the query for the transactions that were executed.
	executed string
	// logEnd is the statement that tells the end of the log, and what is left out of it.
	logEnd string
	// readers is the statement that lists the readers of the log.
	readers string
	// collations is the query for the character set of each collation by its number.
	collations string
	// usable is the condition on information_schema.statistics by which an index
	// may be used.
	usable string
	// outOfCache keeps a result out of the server's query cache, which is for the
	// hospital's own queries.
	outOfCache string
	// timeLimit bounds statements of the session to a number of seconds.
	timeLimit string
	// monitor is the right to see the log's end, files and filters.
	monitor string
	// hiders are the rights by which an account may switch the log off for itself,
	// and system the server's own accounts that have them.
	hiders, system []string
	// rowImages are the values of binlog_row_image by which rows are logged whole.
	rowImages []string
	section   string // of my.cnf
}

func mariadb(r release) *dialect {
	return &dialect{
		flavor: "mariadb", release: r,
		session: map[string]string{
			"tx_isolation":           "'REPEATABLE-READ'", // else a consistent snapshot is silently none
			"system_versioning_asof": "DEFAULT",
			// A tap that is stopped holds a table's definition no longer than this.
			"idle_readonly_transaction_timeout": stoppedPatience,
		},
		executed:   "SELECT @@GLOBAL.gtid_binlog_pos",
		logEnd:     "SHOW MASTER STATUS",
		readers:    "SHOW SLAVE HOSTS",
		collations: "SELECT id, character_set_name FROM information_schema.collation_character_set_applicability",
		usable:     "ignored = 'NO'",
		outOfCache: "SQL_NO_CACHE ",
		timeLimit:  "SET SESSION max_statement_time=%d",
		monitor:    "BINLOG MONITOR",
		hiders:     []string{"SUPER", "BINLOG ADMIN"},
		system:     []string{"root", "mariadb.sys"},
		rowImages:  []string{"FULL", "FULL_NODUP"},
		section:    "mariadb",
	}
}

func mysqlServer(r release) *dialect {
	d := &dialect{
		flavor: "mysql", release: r,
		session: map[string]string{
			"transaction_isolation": "'REPEATABLE-READ'",
			"max_execution_time":    "0",
			// Estimates come from the engine and are not kept in a table of the server.
			"information_schema_stats_expiry": "0",
			// There is no shorter timeout for a transaction that stands still. The
			// pool gives connections up before that.
			"wait_timeout": "120",
		},
		executed:   "SELECT @@GLOBAL.gtid_executed",
		logEnd:     "SHOW MASTER STATUS",
		readers:    "SHOW SLAVE HOSTS",
		collations: "SELECT id, character_set_name FROM information_schema.collations",
		usable:     "is_visible = 'YES'",
		timeLimit:  "SET SESSION max_execution_time=%d000",
		monitor:    "REPLICATION CLIENT",
		hiders:     []string{"SUPER", "SYSTEM_VARIABLES_ADMIN", "SESSION_VARIABLES_ADMIN"},
		system:     []string{"root", "mysql.sys", "mysql.session", "mysql.infoschema"},
		rowImages:  []string{"FULL"},
		section:    "mysqld",
	}
	if r.reached(8, 0, 22) {
		d.readers = "SHOW REPLICAS"
	}
	if r.reached(8, 2, 0) {
		d.logEnd = "SHOW BINARY LOG STATUS"
	}
	return d
}

func (d *dialect) isMySQL() bool { return d.flavor == "mysql" }

// A release is a server's version in numbers.
type release struct{ major, minor, patch int }

// parseRelease reads the numbers in front of a version; what is none is 0.
func parseRelease(version string) (r release) {
	digits, _, _ := strings.Cut(version, "-")
	parts := strings.SplitN(digits, ".", 3)
	for i, number := range []*int{&r.major, &r.minor, &r.patch} {
		if i < len(parts) {
			*number, _ = strconv.Atoi(parts[i])
		}
	}
	return r
}

func (r release) reached(major, minor, patch int) bool {
	switch {
	case r.major != major:
		return r.major > major
	case r.minor != minor:
		return r.minor > minor
	}
	return r.patch >= patch
}

// supported reports whether the tap is made for the server.
func (d *dialect) supported() bool {
	if d.isMySQL() {
		return d.release.major == 8
	}
	return d.release.reached(10, 11, 0)
}

// askDialect asks the server what it is, before anything is set that not every
// server has.
func askDialect(ctx context.Context, s *settings) (*dialect, error) {
	db, err := openPlain(s)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, err
	}
	return dialectOf(version), nil
}

func dialectOf(version string) *dialect {
	r := parseRelease(version)
	if strings.Contains(version, "MariaDB") {
		return mariadb(r)
	}
	return mysqlServer(r)
}

// connect returns connections for reading rows, and the server's dialect.
func connect(ctx context.Context, s *settings) (*sql.DB, *dialect, error) {
	d, err := askDialect(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	db, err := openReads(s, d)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare connections: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, nil, err
	}
	return db, d, nil
}

// parseSet reads a set of transactions as the server writes it.
func (d *dialect) parseSet(text string) (gtidSet, error) {
	if d.isMySQL() {
		return parseMySQLSet(text)
	}
	return parseMariaDBSet(text)
}

// executedNow asks which transactions were executed. On MySQL those are all that
// others see: a transaction is added once its engine has committed it.
func (d *dialect) executedNow(ctx context.Context, db querier) (gtidSet, error) {
	rows, err := queryStrings(ctx, db, d.executed)
	if err != nil {
		return nil, fmt.Errorf("ask for executed GTIDs: %w", err)
	}
	return d.parseSet(rows[0][0])
}
