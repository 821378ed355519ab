package mysql_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

func survey(t testing.TB, config tap.Config, rows int) tap.Survey {
	t.Helper()
	found, err := mysql.New().(tap.Surveyor).Survey(t.Context(), tap.SurveyRequest{Config: config, SampleRows: rows})
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	return found
}

// checkOf returns the check of a thing.
func checkOf(t testing.TB, found tap.Survey, thing string) tap.Check {
	t.Helper()
	at := slices.IndexFunc(found.Checks, func(c tap.Check) bool { return c.Thing == thing })
	if at < 0 {
		t.Fatalf("nothing is said of %s, but of:\n%s", thing, things(found))
	}
	return found.Checks[at]
}

func things(found tap.Survey) string {
	var b strings.Builder
	for _, c := range found.Checks {
		fmt.Fprintf(&b, "%-7s %s: %s; %s\n", c.State, c.Thing, c.Found, c.Reason)
	}
	return b.String()
}

// A fault is a state of the server that a survey must find, and whose mend it
// must know.
type fault struct {
	name     string
	make     []string // as administrator
	settings map[string]any
	tables   []string
	thing    string
	state    tap.CheckState
}

func faults() []fault {
	const account = "tap@'%'"
	return []fault{
		{name: "format", make: []string{"SET GLOBAL binlog_format=MIXED"}, thing: "variable binlog_format", state: tap.CheckFail},
		{name: "row image", make: []string{"SET GLOBAL binlog_row_image=MINIMAL"}, thing: "variable binlog_row_image", state: tap.CheckFail},
		{name: "row metadata", make: []string{"SET GLOBAL binlog_row_metadata=NO_LOG"}, thing: "variable binlog_row_metadata", state: tap.CheckFail},
		{name: "redo log", make: []string{"SET GLOBAL innodb_flush_log_at_trx_commit=2"}, thing: "variable innodb_flush_log_at_trx_commit", state: tap.CheckFail},
		{name: "sync", make: []string{"SET GLOBAL sync_binlog=0"}, thing: "variable sync_binlog", state: tap.CheckFail},
		{name: "sync, accepted", make: []string{"SET GLOBAL sync_binlog=0"}, settings: map[string]any{"accept_not_durable": true},
			thing: "variable sync_binlog", state: tap.CheckWarn},
		{name: "strict GTIDs", make: []string{"SET GLOBAL gtid_strict_mode=OFF"}, thing: "variable gtid_strict_mode", state: tap.CheckWarn},
		{name: "the server's id", settings: map[string]any{"server_id": 1}, thing: "variable server_id", state: tap.CheckFail},
		{name: "right to the log", make: []string{"REVOKE REPLICATION SLAVE ON *.* FROM " + account},
			thing: "right to follow the binary log", state: tap.CheckFail},
		{name: "right to a table", make: []string{"REVOKE SELECT ON emr.* FROM " + account},
			thing: "right to read table emr.t", state: tap.CheckFail},
		{name: "right to any table", make: []string{"REVOKE SELECT ON emr.* FROM " + account}, tables: []string{"emr.*"},
			thing: "tables of database emr", state: tap.CheckFail},
		{name: "right to see filters", make: []string{"REVOKE BINLOG MONITOR ON *.* FROM " + account},
			thing: "databases left out of the binary log", state: tap.CheckUnknown},
		{name: "right to see sizes", make: []string{"REVOKE BINLOG MONITOR ON *.* FROM " + account},
			thing: "size of the binary log", state: tap.CheckUnknown},
		{name: "writes to a table", make: []string{"GRANT INSERT, UPDATE (v) ON emr.t TO " + account}, thing: "rights of the account", state: tap.CheckWarn},
		{name: "everything in a database", make: []string{"GRANT ALL PRIVILEGES ON emr.* TO " + account}, thing: "rights of the account", state: tap.CheckWarn},
		{name: "everything", make: []string{"GRANT ALL PRIVILEGES ON *.* TO " + account + " WITH GRANT OPTION"}, thing: "rights of the account", state: tap.CheckWarn},
		{name: "SUPER", make: []string{"GRANT SUPER, FILE ON *.* TO " + account}, thing: "rights of the account", state: tap.CheckWarn},
		{name: "reads everything", make: []string{"GRANT SELECT ON *.* TO " + account}, thing: "rights of the account", state: tap.CheckWarn},
		{name: "reads another database", make: []string{"GRANT SELECT ON mysql.* TO " + account}, thing: "rights of the account", state: tap.CheckWarn},
		{name: "a role that writes", make: []string{"CREATE OR REPLACE ROLE writer", "GRANT DELETE ON emr.* TO writer", "GRANT writer TO " + account,
			"SET DEFAULT ROLE writer FOR " + account}, thing: "rights of the account", state: tap.CheckWarn},
		{name: "retention", make: []string{"SET GLOBAL binlog_expire_logs_seconds=86400"}, thing: "binary log kept for", state: tap.CheckWarn},
		{name: "retention for a longer outage", make: []string{"SET GLOBAL binlog_expire_logs_seconds=604800"},
			settings: map[string]any{"survive_outage": "240h"}, thing: "binary log kept for", state: tap.CheckWarn},
		{name: "connections", make: []string{"ALTER USER " + account + " WITH MAX_USER_CONNECTIONS 3"}, thing: "connections of the account", state: tap.CheckWarn},
		{name: "an application that may hide", make: []string{"GRANT SELECT ON mysql.* TO " + account,
			"CREATE OR REPLACE USER app@'%'", "GRANT ALL PRIVILEGES ON *.* TO app@'%'"}, thing: "accounts that may write past the log", state: tap.CheckWarn},
	}
}

// TestMendsMend makes each bad state, sees it found, runs the SQL that the
// check gives as it stands, and sees the state gone.
func TestMendsMend(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v INT)", "INSERT INTO emr.t VALUES (1, 1)")
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			// Rights are given anew, so that each fault stands alone.
			s.Exec("CREATE OR REPLACE USER tap@'%' IDENTIFIED BY 'test password'",
				"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO tap@'%'", "GRANT SELECT ON emr.* TO tap@'%'")
			s.Exec(f.make...)
			tables := f.tables
			if tables == nil {
				tables = []string{"emr.t"}
			}
			config := tap.Config{Settings: section(t, s, f.settings), Tables: tables}
			check := checkOf(t, survey(t, config, 0), f.thing)
			if check.State != f.state || len(check.SQL) == 0 {
				t.Fatalf("found %+v, want state %s and SQL", check, f.state)
			}
			s.Exec(check.SQL...)
			agrees(t, config)
			found := survey(t, config, 0)
			for _, c := range found.Checks {
				if c.Thing == f.thing && c.State != tap.CheckOK || c.State == tap.CheckFail {
					t.Errorf("after %q: %+v", check.SQL, c)
				}
			}
			if f.tables == nil {
				opens(t, config)
			}
		})
	}
}

// agrees demands that Open refuses exactly where a check fails.
func agrees(t *testing.T, config tap.Config) {
	t.Helper()
	if strings.Contains(strings.Join(config.Tables, ""), "*") {
		return
	}
	fails := slices.ContainsFunc(survey(t, config, 0).Checks, func(c tap.Check) bool { return c.State == tap.CheckFail })
	m := mysql.New()
	defer m.Close()
	if err := m.Open(t.Context(), config); (err != nil) != fails {
		t.Errorf("Open: %v; a check of the survey fails: %v", err, fails)
	}
}

func opens(t *testing.T, config tap.Config) {
	t.Helper()
	m := mysql.New()
	defer m.Close()
	if err := m.Open(t.Context(), config); err != nil {
		t.Errorf("Open after the mend: %v", err)
	}
}

// A restart is a bad state that only an option of the server's start mends.
type restart struct {
	name, thing string
	bad         []string // options
	make        []string
	state       tap.CheckState
}

func restarts() []restart {
	return []restart{
		{name: "no binary log", thing: "variable log_bin", bad: []string{"--skip-log-bin"}, state: tap.CheckFail},
		{name: "only some databases", thing: "option binlog_do_db", bad: []string{"--binlog-do-db=emr"}, state: tap.CheckFail},
		{name: "not some databases", thing: "option binlog_ignore_db", bad: []string{"--binlog-ignore-db=other"}, state: tap.CheckFail},
		{name: "a replica that logs nothing", thing: "variable log_slave_updates", bad: []string{"--skip-log-slave-updates"},
			make: []string{"SET GLOBAL gtid_slave_pos=CONCAT(@@gtid_binlog_pos, ',7-5-1')"}, state: tap.CheckWarn},
	}
}

// TestMendsInTheServersFileMend starts the server anew with the line that the
// check gives, or without the one that it names.
func TestMendsInTheServersFileMend(t *testing.T) {
	t.Parallel()
	s := mariadbtest.Start(t, mariadbtest.Options{Durable: true})
	s.Exec("CREATE DATABASE emr", "CREATE TABLE emr.t (id INT PRIMARY KEY)", "CREATE USER tap@'%' IDENTIFIED BY 'test password'",
		"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO tap@'%'", "GRANT SELECT ON emr.t TO tap@'%'")
	config := tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}
	for _, r := range restarts() {
		t.Run(r.name, func(t *testing.T) {
			s.Restart(r.bad...)
			s.Exec(r.make...)
			check := checkOf(t, survey(t, config, 0), r.thing)
			if check.State != r.state {
				t.Fatalf("found %+v, want state %s", check, r.state)
			}
			agrees(t, config)
			s.Restart(mended(check.Mend)...)
			for _, c := range survey(t, config, 0).Checks {
				if c.Thing == r.thing && c.State != tap.CheckOK || c.State == tap.CheckFail {
					t.Errorf("after %q: %+v", check.Mend, c)
				}
			}
		})
	}
}

// mended are the options of a server whose file was changed as a mend says.
func mended(mend string) []string {
	line, ok := strings.CutPrefix(mend, "write ")
	if !ok {
		return []string{"--loose-nothing"} // the line is removed
	}
	line, _, _ = strings.Cut(line, " into the section [mariadb]")
	return []string{"--" + strings.ReplaceAll(line, "_", "-")}
}

func TestSurveyOfAGoodServerFindsNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("GRANT BINLOG MONITOR ON *.* TO tap@'%'", "CREATE TABLE emr.t (id INT PRIMARY KEY, v VARCHAR(40))",
		"INSERT INTO emr.t VALUES (1, '"+secret+"'), (2, ''), (3, NULL)")
	found := survey(t, tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}, 2)
	for _, c := range found.Checks {
		if c.State != tap.CheckOK && c.State != tap.CheckUnknown {
			t.Errorf("%+v", c)
		}
	}
	table := found.Tables[0]
	if table.Engine != "InnoDB" || table.EstimatedRows == 0 || table.Bytes == 0 || table.Sample == nil || table.Sample.Rows != 2 {
		t.Errorf("table %+v, sample %+v", table, table.Sample)
	}
	if size := checkOf(t, found, "size of the binary log"); !strings.Contains(size.Found, "files since 20") {
		t.Errorf("size: %+v", size)
	}
	if strings.Contains(fmt.Sprintf("%+v", found), secret) {
		t.Error("a survey tells a row")
	}
}

// TestSurveyNeverTellsThePasswordsHash: SHOW GRANTS shows it.
func TestSurveyNeverTellsThePasswordsHash(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("GRANT ALL PRIVILEGES ON *.* TO tap@'%' WITH GRANT OPTION")
	hash := s.QueryString("SELECT PASSWORD('test password')")
	if text := fmt.Sprintf("%+v", survey(t, tap.Config{Settings: section(t, s, nil)}, 1)); strings.Contains(text, hash) || strings.Contains(text, "test password") {
		t.Error("the survey tells the password or its hash")
	}
}

func TestSurveyNamesParentsThatAreNotTapped(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE DATABASE other", "CREATE TABLE other.`far``p` (id INT PRIMARY KEY)", "CREATE TABLE emr.p (id INT PRIMARY KEY)",
		"CREATE TABLE emr.c (id INT PRIMARY KEY, a INT, b INT, c INT, CONSTRAINT near FOREIGN KEY (a) REFERENCES emr.p (id) ON DELETE CASCADE,"+
			" CONSTRAINT far FOREIGN KEY (b) REFERENCES other.`far``p` (id) ON UPDATE SET NULL,"+
			" CONSTRAINT calm FOREIGN KEY (c) REFERENCES emr.p (id))")
	config := tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.c"}}
	found := survey(t, config, 0)
	for key, parent := range map[string]string{"near": "emr.p", "far": "other.far`p"} {
		check := checkOf(t, found, "foreign key "+key+" of table emr.c")
		if check.State != tap.CheckWarn || !strings.HasSuffix(check.Mend, "add "+parent+" to source.tables") {
			t.Errorf("%+v", check)
		}
	}
	config.Tables = []string{"emr.c", "emr.p", "other.far`p"}
	s.Exec("GRANT SELECT ON other.* TO tap@'%'")
	if check := checkOf(t, survey(t, config, 0), "foreign keys that cascade"); check.State != tap.CheckOK || !strings.HasPrefix(check.Found, "2,") {
		t.Errorf("with the parents tapped: %+v", check)
	}
}

func TestSurveyListsEveryTableOfADatabase(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.a (id INT PRIMARY KEY)", "CREATE TABLE emr.b (v INT)", "CREATE VIEW emr.v AS SELECT 1", "CREATE SEQUENCE emr.s",
		"CREATE DATABASE other", "CREATE TABLE other.c (id INT PRIMARY KEY)", "GRANT SELECT ON other.* TO tap@'%'")
	names := func(tables ...string) string {
		var list []string
		for _, table := range survey(t, tap.Config{Settings: section(t, s, nil), Tables: tables}, 0).Tables {
			list = append(list, table.Name)
		}
		return strings.Join(list, " ")
	}
	if got := names("emr.*"); got != "emr.a emr.b" {
		t.Errorf("of emr: %s", got)
	}
	if got := names(); got != "emr.a emr.b other.c" {
		t.Errorf("of all: %s", got)
	}
	if got := names("other.c", "emr.*"); got != "other.c emr.a emr.b" {
		t.Errorf("of one and a database: %s", got)
	}
}

// TestSkewOfClocksIsTold moves this host's clock, as far as the survey sees it.
func TestSkewOfClocksIsTold(t *testing.T) {
	t.Parallel()
	s := start(t)
	config := tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}
	for skew, want := range map[time.Duration]string{time.Minute: "behind this host", -time.Hour: "ahead of this host", 0: "agree"} {
		found, err := mysql.SurveyAt(t.Context(), config, func() time.Time { return time.Now().Add(skew) })
		if err != nil {
			t.Fatal(err)
		}
		check := checkOf(t, found, "clocks")
		if !strings.Contains(check.Found, want) || (check.State == tap.CheckOK) != (skew == 0) {
			t.Errorf("skew of %s: %+v", skew, check)
		}
	}
}

// TestNeededConnectionsAreEnough drives everything that the tap does at once
// under the limit that the grants give.
func TestNeededConnectionsAreEnough(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "INSERT INTO emr.t SELECT seq FROM seq_1_to_2000",
		fmt.Sprintf("ALTER USER tap@'%%' WITH MAX_USER_CONNECTIONS %d", mysql.NeededConnections))
	m := open(t, s, "emr.t")
	r := stream(t, m, nil)
	config := tap.Config{Settings: section(t, s, nil), Tables: []string{"emr.t"}}
	failed := make(chan error, 100)
	for range 8 {
		go func() {
			for range 10 {
				_, err := m.Scan(t.Context(), "emr.t", nil, 500)
				if err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range 3 {
		for _, c := range survey(t, config, 10).Checks {
			if c.State == tap.CheckFail {
				t.Errorf("beside a busy tap: %+v", c)
			}
		}
	}
	for range 8 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	r.end(t)
	stream(t, m, r.position()) // while the server may still hold the first
}

// TestRowsLargerThanTheServersPacketAreRead: max_allowed_packet bounds what
// clients send and not what the tap reads, so that no check is made of it.
func TestRowsLargerThanTheServersPacketAreRead(t *testing.T) {
	t.Parallel()
	s := start(t, "--max-allowed-packet=64M")
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY, v LONGBLOB)")
	m := open(t, s, "emr.t")
	from := stream(t, m, nil)
	position := from.position()
	from.end(t)
	s.Exec("INSERT INTO emr.t VALUES (1, REPEAT('x', 20000000))", "SET GLOBAL max_allowed_packet=1048576")
	m = open(t, s, "emr.t")
	r := stream(t, m, position)
	r.awaitChanges(t, 1)
	chunk, err := m.Scan(t.Context(), "emr.t", nil, 10)
	if err != nil || len(chunk.Rows) != 1 {
		t.Fatalf("scan: %d rows, %v", len(chunk.Rows), err)
	}
	r.awaitFence(t, chunk.Fence)
}

func (r *running) position() tap.Position { return position(r.all()) }

// TestPrintedGrantsAreAllThatTheTapNeeds runs the SQL that is printed, twice,
// and what takes it back.
func TestPrintedGrantsAreAllThatTheTapNeeds(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec("CREATE TABLE emr.`odd``t` (id INT PRIMARY KEY)", "CREATE DATABASE other", "CREATE TABLE other.t (id INT PRIMARY KEY)")
	config := tap.Config{Settings: section(t, s, map[string]any{"user": "o'tap"}), Tables: []string{"emr.odd`t", "other.t"}}
	account, err := mysql.AccountOf(config)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(account.Grants()+account.Revoke(), "test password") {
		t.Error("the password is printed")
	}
	runSQL(t, s, account.Grants())
	runSQL(t, s, account.Grants())
	s.Exec("ALTER USER 'o''tap'@'127.0.0.1' IDENTIFIED BY 'test password' ACCOUNT UNLOCK")
	opens(t, config)
	for _, c := range survey(t, config, 0).Checks {
		if c.State != tap.CheckOK && c.State != tap.CheckUnknown {
			t.Errorf("%+v", c)
		}
	}
	runSQL(t, s, account.Revoke())
	if n := s.QueryString("SELECT COUNT(*) FROM mysql.global_priv WHERE user = 'o''tap'"); n != "0" {
		t.Error("the account is still there")
	}
	problems(t, config)
}

// runSQL runs a script as the client program does, statement by statement.
func runSQL(t testing.TB, s *mariadbtest.Server, script string) {
	t.Helper()
	c, err := driver.ParseDSN(s.DSN("root", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	c.MultiStatements = true
	connector, err := driver.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if _, err := db.Exec(script); err != nil {
		t.Fatalf("%v in:\n%s", err, script)
	}
}
