package mysql

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

const supportedServers = "tap a MariaDB server of 10.11 or later, or MySQL 8.0 or 8.4"

// notVerified is said wherever the tap tells what it taps, until its tests have
// run on such a server.
const notVerified = "not verified on MySQL 8: the tap was made for it from documentation, and its tests have not run on a server of it"

func (c *inspection) checkVersion(context.Context) error {
	check := tap.Check{Thing: "server version", State: tap.CheckOK, Found: c.server.version}
	switch {
	case !c.dialect.supported():
		check.State, check.Reason = tap.CheckFail, "the tap is not made for this server"
		check.Mend = supportedServers
	case c.dialect.isMySQL():
		check.State, check.Reason = tap.CheckWarn, notVerified
		check.Mend = "try it beside a copy of the database first"
	}
	c.add(check)
	return nil
}

// A wanted is a server variable that should have a value.
type wanted struct {
	variable string
	good     func(value string) bool
	state    tap.CheckState // where it has another
	reason   string
	value    string // to give it
	how      how
}

// how a variable is changed.
type how uint8

const (
	atOnce       how = iota // SET GLOBAL, in force for everybody
	bySession               // SET GLOBAL, in force for sessions that connect from then on
	inSteps                 // SET GLOBAL, of gtid_mode: one of its four values after the other
	afterRestart            // in my.cnf alone
)

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

// wantedVariables are those of both kinds of server, and of the dialect's own.
func wantedVariables(s *settings, d *dialect) []wanted {
	own := strconv.FormatUint(uint64(s.ServerID), 10)
	const lost = "a crash of the server may lose commits that were logged, or log entries of commits that were kept"
	notDurable := tap.CheckFail
	if s.AcceptNotDurable {
		notDurable = tap.CheckWarn
	}
	list := []wanted{
		{"log_bin", is("1", "ON"), tap.CheckFail, "the server keeps no binary log", "binlog", afterRestart},
		{"server_id", func(v string) bool { return v != "0" && v != own }, tap.CheckFail,
			"the server has no id, or the tap was given the server's own", freeServerID(s), atOnce},
		{"binlog_format", is("ROW"), tap.CheckFail, "changes are not logged as rows", "ROW", bySession},
		{"binlog_row_image", is(d.rowImages...), tap.CheckFail, "rows are not logged whole", "FULL", bySession},
		{"binlog_row_metadata", is("FULL"), tap.CheckFail, "the log does not name columns", "FULL", atOnce},
		{"innodb_flush_log_at_trx_commit", is("1", "3"), notDurable, lost, "1", atOnce},
		{"sync_binlog", is("1"), notDurable, lost, "1", atOnce},
	}
	if d.isMySQL() {
		return append(list, wantedOfMySQL()...)
	}
	return append(list, wanted{"gtid_strict_mode", is("1", "ON"), tap.CheckWarn,
		"the server lets GTIDs go out of order, and then cannot say after a failover what the tap has seen", "ON", atOnce})
}

// wantedOfMySQL are variables that MariaDB has not.
func wantedOfMySQL() []wanted {
	return []wanted{
		{"enforce_gtid_consistency", is("ON", "1"), tap.CheckFail, "transactions may have no GTID, by which the tap tells what it has read", "ON", atOnce},
		{"gtid_mode", is("ON"), tap.CheckFail, "transactions have no GTID, by which the tap tells what it has read", "ON", inSteps},
		{"show_gipk_in_create_table_and_information_schema", is("ON", ""), tap.CheckFail, // "" before 8.0.30
			"primary keys that the server made (my_row_id) are in the log and not in its definitions", "ON", bySession},
		{"binlog_row_value_options", is(""), tap.CheckFail, "JSON values are logged in part (PARTIAL_JSON), and the tap needs them whole", "''", bySession},
	}
}

// freeServerID is an id for the server that is not the tap's.
func freeServerID(s *settings) string {
	if s.ServerID == 1 {
		return "2"
	}
	return "1"
}

func (c *inspection) checkVariables(context.Context) error {
	for _, w := range wantedVariables(c.settings, c.dialect) {
		check := tap.Check{Thing: "variable " + w.variable, State: tap.CheckOK, Found: c.server.variables[w.variable]}
		if !w.good(check.Found) {
			check.State, check.Reason = w.state, w.reason
			w.mend(&check, c.dialect)
		}
		c.add(check)
	}
	return nil
}

func (w *wanted) mend(check *tap.Check, d *dialect) {
	check.SQL = []string{"SET GLOBAL " + w.variable + "=" + w.value}
	check.Mend = "and in my.cnf, to last"
	switch w.how {
	case afterRestart:
		check.SQL, check.Mend = nil, d.restart(w.variable+"="+w.value)
	case bySession:
		check.Mend += "; sessions that are open keep the old value until they connect again"
	case inSteps:
		check.SQL = []string{"SET GLOBAL gtid_mode=OFF_PERMISSIVE", "SET GLOBAL gtid_mode=ON_PERMISSIVE", "SET GLOBAL gtid_mode=ON"}
		check.Mend += "; before the last step wait until ongoing_anonymous_transaction_count is 0, and all replicas have what was logged until then"
	}
}

func (d *dialect) restart(line string) string {
	return "write " + line + " into the section [" + d.section + "] of my.cnf and restart the server"
}

// checkReplica looks whether a server that replicates from another one logs
// what it applies.
func (c *inspection) checkReplica(ctx context.Context) error {
	name := "log_slave_updates"
	if _, renamed := c.server.variables["log_replica_updates"]; renamed {
		name = "log_replica_updates"
	}
	check := tap.Check{Thing: "variable " + name, State: tap.CheckOK, Found: c.server.variables[name]}
	if is("1", "ON")(check.Found) {
		c.add(check)
		return nil
	}
	if !c.dialect.isMySQL() && c.server.variables["gtid_slave_pos"] == "" {
		check.Found += ", and it replicates from no other"
		c.add(check)
		return nil
	}
	check.State = tap.CheckWarn
	check.Reason = "the server replicates from another one, or did, and does not log the changes that it takes over: the tap does not see them"
	check.Mend = c.dialect.restart(name + "=ON")
	c.add(check)
	return nil
}

// checkServerID looks whether another reader of the log has the tap's id.
func (c *inspection) checkServerID(ctx context.Context) error {
	check := tap.Check{Thing: "the tap's server_id", State: tap.CheckOK, Found: "drawn at random at each start"}
	if c.settings.randomID {
		c.add(check)
		return nil
	}
	own := strconv.FormatUint(uint64(c.settings.ServerID), 10)
	check.Found = own
	readers, err := queryStrings(ctx, c.db, c.dialect.readers)
	if err != nil {
		check.State, check.Reason = tap.CheckUnknown, "only an administrator may see the ids of the log's other readers"
		check.Mend = "as administrator: " + c.dialect.readers + "; no other than this tap may have the id " + own
		c.add(check)
		return nil
	}
	same := 0
	for _, r := range readers {
		if r[0] == own {
			same++
		}
	}
	followed, err := queryStrings(ctx, c.db, "SELECT 1 FROM information_schema.processlist "+
		"WHERE command LIKE 'Binlog Dump%' AND user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1)")
	if err != nil {
		return err
	}
	if same > len(followed) {
		check.State, check.Reason = tap.CheckWarn, "another reader of the binary log has it: the server cuts off one for the other, again and again"
		check.Mend = "give the tap another in its setting server_id, or none"
	}
	c.add(check)
	return nil
}

// checkConnections compares the account's limit with what the tap opens.
func (c *inspection) checkConnections(ctx context.Context) error {
	rows, err := queryStrings(ctx, c.db, "SELECT @@SESSION.max_user_connections")
	if err != nil {
		return err
	}
	check := tap.Check{Thing: "connections of the account", State: tap.CheckOK, Found: "no limit"}
	if limit, err := strconv.Atoi(rows[0][0]); err == nil && limit > 0 {
		check.Found = fmt.Sprintf("at most %d", limit)
		if limit < NeededConnections {
			check.State = tap.CheckWarn
			check.Reason = fmt.Sprintf("the tap may open %d at once, and fails where it may not", NeededConnections)
			check.SQL = []string{fmt.Sprintf("ALTER USER %s WITH MAX_USER_CONNECTIONS %d", c.server.account, NeededConnections)}
		}
	}
	c.add(check)
	return nil
}

// checkEncryption looks at the connection itself.
func (c *inspection) checkEncryption(ctx context.Context) error {
	rows, err := queryStrings(ctx, c.db, "SHOW SESSION STATUS LIKE 'Ssl_version'")
	if err != nil {
		return err
	}
	network, address := c.settings.network()
	check := tap.Check{Thing: "connection", State: tap.CheckOK, Found: network + " " + address}
	local := network == "unix" || isLoopback(c.settings.Host)
	switch encrypted := len(rows) > 0 && rows[0][1] != ""; {
	case encrypted:
		check.Found += ", " + rows[0][1]
		if c.settings.TLS == tlsRequired && !local {
			check.State, check.Reason = tap.CheckWarn, "the server's certificate is not checked, so that another machine may pass for it"
			check.Mend = "set tls: verify, and tls_ca if an authority of your own signed the certificate"
		}
	case local:
		check.Found += ", not encrypted, on this machine"
	default:
		check.State, check.Reason = tap.CheckWarn, "rows and the password's proof travel unencrypted"
		check.SQL = []string{"ALTER USER " + c.server.account.String() + " REQUIRE SSL"}
		check.Mend = "set tls: verify first, and tls_ca if an authority of your own signed the certificate"
	}
	c.add(check)
	return nil
}

// maxSkew is how far the clocks of host and server may differ.
const maxSkew = 2 * time.Second

// checkClock compares the server's clock with this host's, as well as a round
// trip allows.
func (c *inspection) checkClock(ctx context.Context) error {
	before := c.now()
	rows, err := queryStrings(ctx, c.db, "SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)")
	if err != nil {
		return err
	}
	trip := c.now().Sub(before)
	us, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		return fmt.Errorf("read the server's clock: %w", err)
	}
	skew := time.UnixMicro(us).Sub(before.Add(trip / 2))
	check := tap.Check{Thing: "clocks", State: tap.CheckOK, Found: "server and host agree to " + agreement(skew, trip)}
	if skew.Abs()-trip/2 > maxSkew {
		check.Found = "the server is " + skew.Abs().Round(100*time.Millisecond).String() + " " + map[bool]string{true: "ahead of", false: "behind"}[skew > 0] + " this host"
		check.State, check.Reason = tap.CheckWarn, "a finding names moments of both clocks, and they contradict each other"
		check.Mend = "let both follow one time service: timedatectl set-ntp true"
	}
	c.add(check)
	return nil
}

// agreement is how well two clocks are known to agree.
func agreement(skew, trip time.Duration) string {
	return (skew.Abs() + trip/2).Round(time.Millisecond).String()
}
