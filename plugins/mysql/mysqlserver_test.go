package mysql_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/emrbchain/emrbchain/plugins/tap"
	"github.com/emrbchain/emrbchain/plugins/taptest"
)

// mysqlVariable names a server of MySQL for the tests, which drop the database emr
// and the account tap on it, and purge its log: the data source name, of
// go-sql-driver, of an account that may do all that.
const mysqlVariable = "EMRBCHAIN_TEST_MYSQL_DSN"

// A mysqlServer is a real server of MySQL.
type mysqlServer struct {
	t    testing.TB
	host string
	port int
	db   *sql.DB
}

func (s *mysqlServer) Port() int      { return s.port }
func (s *mysqlServer) Admin() *sql.DB { return s.db }

func (s *mysqlServer) Exec(statements ...string) {
	s.t.Helper()
	for _, statement := range statements {
		if _, err := s.db.Exec(statement); err != nil {
			s.t.Fatalf("run %.80q: %v", statement, err)
		}
	}
}

// realMySQL returns the server that the environment names, with the database emr
// and the tap's account, both empty.
func realMySQL(t testing.TB) *mysqlServer {
	t.Helper()
	name := os.Getenv(mysqlVariable)
	if name == "" {
		t.Skip(mysqlVariable + " names no server of MySQL: the tap stays not verified on MySQL 8")
	}
	config, err := driver.ParseDSN(name)
	if err != nil {
		t.Fatalf("%s is no data source name: %v", mysqlVariable, err)
	}
	s := &mysqlServer{t: t}
	host, port, err := net.SplitHostPort(config.Addr)
	if err == nil {
		s.host = host
		s.port, err = strconv.Atoi(port)
	}
	if err != nil {
		t.Fatalf("%s: want tcp(host:port): %v", mysqlVariable, err)
	}
	connector, err := driver.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	s.db = sql.OpenDB(connector)
	t.Cleanup(func() { s.db.Close() })
	var version string
	if err := s.db.QueryRow("SELECT VERSION()").Scan(&version); err != nil || strings.Contains(version, "MariaDB") {
		t.Fatalf("%s names no server of MySQL, but %q: %v", mysqlVariable, version, err)
	}
	s.Exec("DROP DATABASE IF EXISTS emr", "CREATE DATABASE emr CHARACTER SET utf8mb4", "DROP USER IF EXISTS tap@'%'",
		"CREATE USER tap@'%' IDENTIFIED BY 'test password'", "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO tap@'%'",
		"GRANT SELECT ON emr.* TO tap@'%'")
	return s
}

// createCases makes a table of each case that the server takes, and returns those
// with their values that it takes, and the tables.
func (s *mysqlServer) createCases(all []columnCase) (cases []columnCase, names []string) {
	for _, c := range all {
		name := fmt.Sprintf("emr.c%d", len(cases))
		if _, err := s.db.Exec("CREATE TABLE " + name + " (id INT PRIMARY KEY, v " + c.declared + ")"); err != nil {
			s.t.Logf("left out %s: %v", c.declared, err)
			continue
		}
		c.edges = slices.DeleteFunc(slices.Clone(c.edges), func(value string) bool {
			err := writeLax(s.t.Context(), s, "INSERT IGNORE INTO "+name+" (id, v) VALUES (1, "+value+")", "DELETE FROM "+name)
			if err != nil {
				s.t.Logf("left out %s of %s: %v", value, c.declared, err)
			}
			return err != nil
		})
		cases, names = append(cases, c), append(names, name)
	}
	return cases, names
}

// purge removes every binary log but a new one.
func (s *mysqlServer) purge() error {
	s.Exec("FLUSH BINARY LOGS")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		rows, err := s.db.Query("SHOW BINARY LOGS")
		if err != nil {
			return err
		}
		files, last := 0, ""
		for ; rows.Next(); files++ {
			var size, encrypted sql.RawBytes
			if err := rows.Scan(&last, &size, &encrypted); err != nil {
				return errors.Join(err, rows.Close())
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || files == 1 {
			return err
		}
		s.Exec("PURGE BINARY LOGS TO '" + last + "'")
	}
	return errors.New("the server keeps its old binary logs")
}

// TestMySQLConformance runs the kit on a real server of MySQL, with a table for
// each column type that it has. The server must be set up as the tap wants it:
// emrbchain doctor says what it lacks.
func TestMySQLConformance(t *testing.T) {
	for _, engine := range []string{"InnoDB", "MyISAM"} {
		t.Run(engine, func(t *testing.T) {
			s := realMySQL(t)
			s.Exec("CREATE TABLE emr.ward (id INT PRIMARY KEY, content INT, name VARCHAR(40)) ENGINE="+engine,
				"CREATE TABLE emr.rounds (bed INT, note TEXT) ENGINE="+engine)
			cases, names := s.createCases(columnCases())
			config := tap.Config{Settings: section(t, s, nil), Tables: append(names, "emr.ward", "emr.rounds")}
			h := harness(s, config, s.purge)
			h.NoTransactions = engine == "MyISAM"
			h.Samples = samples(s, cases)
			h.Bad = slices.DeleteFunc(badConfigs(t, s, config), func(b taptest.BadConfig) bool {
				return b.Name == "tls not served" // MySQL serves it unless told otherwise
			})
			remotely(t, &h, config)
			taptest.Subtests(t, h)
		})
	}
}
