package mysql_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	library "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/go-mysql-org/go-mysql/server"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A double stands for a server of MySQL 8, or of MariaDB 11.4, neither of which
// can be had where the tests run: it speaks the protocol and answers the tap's own
// queries, and its log holds the events that a test puts in.
type double struct {
	server.EmptyReplicationHandler
	t    testing.TB
	port int

	mu        sync.Mutex
	version   string
	variables map[string]string
	grants    []string
	tables    map[string]*doubleTable
	file      string
	end       uint32 // of the file
	shown     uint32 // the place that a snapshot of MariaDB shows, if it is not the end
	groups    []doubleGroup
	// unseen are transactions that are in the log and whose engine has not
	// committed them.
	unseen  []string
	refused error // what a reader of the log gets
	from    string
	streams []*replication.BinlogStreamer
}

// A doubleTable answers what is asked of a table.
type doubleTable struct {
	engine, create string
	columns        [][]any // as information_schema.columns is asked for them
	rows           [][]any
}

type doubleGroup struct {
	gtid   string
	events [][]byte
}

const (
	sourceID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	otherID  = "4e11fa47-71ca-11e1-9e33-c80aa9429562"
	mysql84  = "8.4.3"
	mysql80  = "8.0.36"
	maria114 = "11.4.5-MariaDB-log"
)

// newDouble starts a double that is set up as the tap wants it.
func newDouble(t testing.TB, version string) *double {
	t.Helper()
	d := &double{t: t, version: version, file: "binlog.000001", end: 4,
		variables: map[string]string{"log_bin": "ON", "server_id": "1", "binlog_format": "ROW", "binlog_row_image": "FULL",
			"binlog_row_metadata": "FULL", "innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1", "gtid_mode": "ON",
			"enforce_gtid_consistency": "ON", "binlog_row_value_options": "", "log_replica_updates": "ON", "gtid_strict_mode": "ON",
			"binlog_expire_logs_seconds": "2592000", "log_slave_updates": "ON"},
		grants: []string{"GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO `tap`@`%`", "GRANT SELECT ON `emr`.* TO `tap`@`%`"},
		tables: make(map[string]*doubleTable)}
	d.append("", format(version))
	d.groups = nil
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.port = listener.Addr().(*net.TCPAddr).Port
	var group sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		d.cut()
		group.Wait()
	})
	own := server.NewServer(version, library.DEFAULT_COLLATION_ID, library.AUTH_NATIVE_PASSWORD, nil, nil)
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { d.serve(own, conn) })
		}
	})
	return d
}

func (d *double) serve(own *server.Server, conn net.Conn) {
	defer conn.Close()
	c, err := own.NewConn(conn, "tap", "", d)
	for err == nil && !c.Closed() {
		err = c.HandleCommand()
	}
}

// section is the tap's settings.
func (d *double) section() json.RawMessage {
	return fmt.Appendf(nil, `{"host":"127.0.0.1","port":%d,"user":"tap","tls":"off"}`, d.port)
}

func (d *double) open(tables ...string) tap.Tap {
	d.t.Helper()
	m := mysql.New()
	if err := m.Open(d.t.Context(), tap.Config{Settings: d.section(), Tables: tables}); err != nil {
		d.t.Fatalf("Open: %v", err)
	}
	d.t.Cleanup(func() { m.Close() })
	return m
}

// append adds a group of events to the log, and sends it to those who read it.
func (d *double) append(gtid string, events ...logEvent) {
	d.mu.Lock()
	defer d.mu.Unlock()
	group := doubleGroup{gtid: gtid}
	for _, e := range events {
		var raw []byte
		raw, d.end = e.raw(d.end)
		group.events = append(group.events, raw)
	}
	d.groups = append(d.groups, group)
	for _, s := range d.streams {
		d.send(s, group.events...)
	}
}

// set changes what the double says.
func (d *double) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *double) send(s *replication.BinlogStreamer, events ...[]byte) {
	for _, raw := range events {
		if err := s.AddEventToStreamer(&replication.BinlogEvent{RawData: raw}); err != nil {
			return
		}
	}
}

// beat says that there is nothing more to read.
func (d *double) beat() {
	e := logEvent{kind: heartbeatEvent, body: []byte(d.file)}
	raw, _ := e.raw(d.end - 19 - uint32(len(d.file)))
	for _, s := range d.streams {
		d.send(s, raw)
	}
}

// cut ends all streams.
func (d *double) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.streams {
		s.AddErrorToStreamer(errors.New("the double cuts the stream"))
	}
	d.streams = nil
}

// HandleRegisterSlave implements server.ReplicationHandler.
func (d *double) HandleRegisterSlave([]byte) error { return nil }

// HandleBinlogDumpGTID implements server.ReplicationHandler.
func (d *double) HandleBinlogDumpGTID(set *library.MysqlGTIDSet) (*replication.BinlogStreamer, error) {
	return d.dump(set.String(), func(gtid string) bool {
		one, err := library.ParseMysqlGTIDSet(gtid)
		return gtid == "" || err == nil && !set.Contain(one)
	})
}

// HandleBinlogDump implements server.ReplicationHandler, for a replica of
// MariaDB that has told where it is.
func (d *double) HandleBinlogDump(library.Position) (*replication.BinlogStreamer, error) {
	d.mu.Lock()
	from := sequence(d.from)
	d.mu.Unlock()
	return d.dump(d.from, func(gtid string) bool { return sequence(gtid) > from })
}

func sequence(gtid string) int {
	n, _ := strconv.Atoi(gtid[strings.LastIndexByte(gtid, '-')+1:])
	return n
}

func (d *double) dump(from string, wanted func(gtid string) bool) (*replication.BinlogStreamer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.from = from
	if d.refused != nil {
		return nil, d.refused
	}
	s := replication.NewBinlogStreamer()
	head, _ := rotate(d.file, 4).raw(0)
	described, _ := logEvent{kind: formatEvent, body: format(d.version).body, unplaced: true}.raw(0)
	d.send(s, head, described)
	for _, g := range d.groups {
		if wanted(g.gtid) {
			d.send(s, g.events...)
		}
	}
	d.streams = append(d.streams, s)
	d.beat()
	return s, nil
}

// HandleQuery implements server.Handler.
func (d *double) HandleQuery(query string) (*library.Result, error) {
	return d.answer(query, nil, false)
}

// HandleStmtPrepare implements server.Handler.
func (d *double) HandleStmtPrepare(query string) (int, int, any, error) {
	return strings.Count(query, "?"), 0, nil, nil
}

// HandleStmtExecute implements server.Handler.
func (d *double) HandleStmtExecute(_ any, query string, args []any) (*library.Result, error) {
	return d.answer(query, args, true)
}

// HandleStmtClose implements server.Handler.
func (d *double) HandleStmtClose(any) error { return nil }

func (d *double) answer(query string, args []any, binary bool) (*library.Result, error) {
	rows, err := d.rows(strings.Join(strings.Fields(query), " "), args)
	if err != nil || rows == nil {
		return nil, err
	}
	width := 1
	if len(rows) > 0 {
		width = len(rows[0])
	}
	names := make([]string, width)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i)
	}
	set, err := library.BuildSimpleResultset(names, rows, binary && len(rows) > 0)
	return library.NewResult(set), err
}

// ours are the variables that a session of each kind of server has, of those
// that the tap sets.
var assigned = regexp.MustCompile(`(?:^SET |,)\s*(@?)([a-z_]+)\s*=`)

func (d *double) isMariaDB() bool { return strings.Contains(d.version, "MariaDB") }

func (d *double) sessionVariables() []string {
	both := []string{"time_zone", "character_set_results", "sql_mode", "lock_wait_timeout", "sql_select_limit", "sql_quote_show_create",
		"max_sort_length", "autocommit", "completion_type", "net_write_timeout", "wait_timeout"}
	if d.isMariaDB() {
		return append(both, "tx_isolation", "system_versioning_asof", "idle_readonly_transaction_timeout")
	}
	return append(both, "transaction_isolation", "max_execution_time", "information_schema_stats_expiry")
}

// rows answers a query: nil is done, without rows.
func (d *double) rows(query string, args []any) ([][]any, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	is := func(prefix string) bool { return strings.HasPrefix(query, prefix) }
	logEnd := "SHOW BINARY LOG STATUS"
	if d.version == mysql80 || d.isMariaDB() {
		logEnd = "SHOW MASTER STATUS"
	}
	switch {
	case is("SET @slave_connect_state='"):
		d.from = strings.Split(query, "'")[1]
		return nil, nil
	case is("SET NAMES"), is("START TRANSACTION"), query == "ROLLBACK":
		return nil, nil
	case is("SET "):
		for _, m := range assigned.FindAllStringSubmatch(query, -1) {
			if m[1] == "" && !slices.Contains(d.sessionVariables(), m[2]) {
				return nil, library.NewError(1193, "Unknown system variable '"+m[2]+"'")
			}
		}
		return nil, nil
	case is("KILL "):
		for _, s := range d.streams {
			s.AddErrorToStreamer(errors.New("killed"))
		}
		d.streams = nil
		return nil, nil
	case query == "SELECT @@max_allowed_packet":
		return [][]any{{"67108864"}}, nil
	case query == "SELECT VERSION()":
		return [][]any{{d.version}}, nil
	case is("SELECT @@version"):
		return [][]any{{d.version, "0", "tap@%"}}, nil
	case is("SHOW GLOBAL VARIABLES LIKE 'BINLOG_CHECKSUM'"):
		return [][]any{{"binlog_checksum", "CRC32"}}, nil
	case is("SHOW GLOBAL VARIABLES LIKE"):
		return [][]any{}, nil
	case query == "SHOW GLOBAL VARIABLES":
		var list [][]any
		for _, name := range slices.Sorted(maps.Keys(d.variables)) {
			list = append(list, []any{name, d.variables[name]})
		}
		return list, nil
	case query == "SHOW GRANTS":
		var list [][]any
		for _, g := range d.grants {
			list = append(list, []any{g})
		}
		return list, nil
	case query == logEnd:
		d.beat()
		return [][]any{{d.file, strconv.Itoa(int(d.end)), "", "", ""}}, nil
	case is("SHOW STATUS LIKE 'binlog_snapshot_%'") && d.isMariaDB():
		d.beat()
		shown := d.end
		if d.shown > 0 {
			shown = d.shown
		}
		return [][]any{{"Binlog_snapshot_file", d.file}, {"Binlog_snapshot_position", strconv.Itoa(int(shown))}}, nil
	case is("SELECT BINLOG_GTID_POS") && d.isMariaDB(), query == "SELECT @@GLOBAL.gtid_binlog_pos" && d.isMariaDB(),
		query == "SELECT @@GLOBAL.gtid_executed" && !d.isMariaDB():
		return [][]any{{d.executed()}}, nil
	case is("SELECT id, character_set_name FROM information_schema.collation"):
		return [][]any{{"255", "utf8mb4"}, {"45", "utf8mb4"}, {"8", "latin1"}, {"63", "binary"}}, nil
	case query == "SELECT 'now', UNIX_TIMESTAMP()":
		return [][]any{{"now", strconv.Itoa(eventTime)}}, nil
	case query == "SHOW GLOBAL STATUS LIKE 'Uptime'":
		return [][]any{{"Uptime", "1000"}}, nil
	case query == "XA RECOVER" && d.isMariaDB():
		return [][]any{}, nil
	}
	if rows := d.surveyRows(query); rows != nil {
		return rows, nil
	}
	return d.tableRows(query, args)
}

// surveyRows answers what only a survey asks.
func (d *double) surveyRows(query string) [][]any {
	switch {
	case strings.HasPrefix(query, "SELECT CONCAT(table_schema, '.', table_name)"):
		var list [][]any
		for name, table := range d.tables {
			list = append(list, []any{name, table.engine, int64(len(table.rows)), int64(16384)})
		}
		return list
	case query == "SHOW BINARY LOGS":
		return [][]any{{d.file, strconv.Itoa(int(d.end)), "No"}}
	case query == "SHOW SESSION STATUS LIKE 'Ssl_version'":
		return [][]any{{"Ssl_version", ""}}
	case query == "SELECT @@SESSION.max_user_connections":
		return [][]any{{"0"}}
	case strings.HasPrefix(query, "SELECT CAST(UNIX_TIMESTAMP(NOW(6))"):
		return [][]any{{strconv.FormatInt(time.Now().UnixMicro(), 10)}}
	case strings.HasPrefix(query, "SELECT COUNT(DISTINCT grantee)"):
		return [][]any{{"1"}}
	}
	return nil
}

// executed is every transaction of the log that its engine has committed.
func (d *double) executed() string {
	var list []string
	for _, g := range d.groups {
		if g.gtid != "" && !slices.Contains(d.unseen, g.gtid) {
			list = append(list, g.gtid)
		}
	}
	return strings.Join(list, ",")
}

// text returns a parameter as text.
func text(arg any) string {
	switch v := arg.(type) {
	case library.TypedBytes:
		return string(v.Bytes)
	case []byte:
		return string(v)
	}
	return fmt.Sprint(arg)
}

var namedTable = regexp.MustCompile("`([^`]+)`\\.`([^`]+)`")

func (d *double) tableRows(query string, args []any) ([][]any, error) {
	name := ""
	if m := namedTable.FindStringSubmatch(query); m != nil {
		name = m[1] + "." + m[2]
	} else if len(args) == 2 {
		name = text(args[0]) + "." + text(args[1])
	}
	table := d.tables[name]
	visible := "is_visible = 'YES'"
	if d.isMariaDB() {
		visible = "ignored = 'NO'"
	}
	switch {
	case table == nil:
	case strings.HasSuffix(query, "LIMIT 0"):
		return [][]any{}, nil
	case strings.HasPrefix(query, "SELECT table_type, engine FROM information_schema.tables"):
		return [][]any{{"BASE TABLE", table.engine}}, nil
	case strings.HasPrefix(query, "SELECT COALESCE(table_rows, 0)"):
		return [][]any{{strconv.Itoa(len(table.rows))}}, nil
	case strings.HasPrefix(query, "SHOW CREATE TABLE"):
		return [][]any{{name, table.create}}, nil
	case strings.Contains(query, "FROM information_schema.columns"):
		return table.columns, nil
	case strings.Contains(query, "FROM information_schema.statistics") && strings.Contains(query, visible):
		return [][]any{{"PRIMARY", table.columns[0][0], "", ""}}, nil
	case strings.Contains(query, " FORCE INDEX (`PRIMARY`)"):
		return table.rows, nil
	}
	d.t.Errorf("the double does not know: %s", query)
	return nil, library.NewError(1064, "unknown query")
}
