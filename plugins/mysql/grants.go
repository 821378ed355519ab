package mysql

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// NeededConnections is how many connections the tap's account needs at once:
// its reads, the stream and the one that the server still holds for a stream
// that was cut, and those of a survey.
const NeededConnections = connections + 4

// Account is an account for the tap, of which SQL is written.
type Account struct {
	User, Host string
	// Hash is the password as the server keeps it. Without one the account is
	// made locked, for the administrator to give it a password.
	Hash   string
	Tables []string // as schema.table, or schema.* for all of a database
}

// AccountOf returns the account that a configuration speaks of. It connects to
// nothing and reads no password, but the option file if one names the account.
func AccountOf(config tap.Config) (Account, error) {
	s := &settings{}
	decoder := json.NewDecoder(bytes.NewReader(config.Settings))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		return Account{}, settingsError(err)
	}
	if err := s.addDefaults(); err != nil {
		return Account{}, err
	}
	if err := s.complete(); err != nil {
		return Account{}, err
	}
	return Account{User: s.User, Host: seenFrom(s.Host, s.Socket), Tables: config.Tables}, nil
}

// seenFrom is where a server sees the tap come from that reaches it so: the
// same machine, or one that only its administrator can name.
func seenFrom(host, socket string) string {
	if socket != "" || host == "localhost" {
		return "localhost"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return host
	}
	return anyHost
}

const anyHost = "%"

// At returns the account of a tap that reaches its server by host, or by socket.
func At(user, host, socket string, tables []string) Account {
	return Account{User: user, Host: seenFrom(host, socket), Tables: tables}
}

func (a Account) name() string { return account{a.User, a.Host}.String() }

// Grants is the SQL that makes the account, with the least that the tap can do
// with. It may be run again.
func (a Account) Grants() string {
	var b strings.Builder
	b.WriteString("-- The account of EMRBchain's tap: it reads these tables and the binary log,\n-- and may write nothing.\n")
	if a.Host == anyHost {
		b.WriteString("-- Put the address of the tap's host in place of %.\n")
	}
	fmt.Fprintf(&b, "CREATE USER IF NOT EXISTS %s%s;\n", a.name(), a.identified())
	fmt.Fprintf(&b, "ALTER USER %s%s WITH MAX_USER_CONNECTIONS %d;\n", a.name(), a.encrypted(), NeededConnections)
	fmt.Fprintf(&b, "GRANT REPLICATION SLAVE ON *.* TO %s; -- to follow the binary log\n", a.name())
	for _, name := range a.Tables {
		schema, table := tableName(name)
		on := quoteName(schema) + ".*"
		if table != "*" {
			on = quoteTable(name)
		}
		fmt.Fprintf(&b, "GRANT SELECT ON %s TO %s;\n", on, a.name())
	}
	fmt.Fprintf(&b, "GRANT REPLICATION CLIENT ON *.* TO %s; -- to see the log's end, which MySQL 8 needs, and what is left out of it; "+
		"optional on MariaDB, which calls it BINLOG MONITOR\n", a.name())
	if a.Hash == "" {
		fmt.Fprintf(&b, "-- Then give it a password and unlock it:\n--   ALTER USER %s IDENTIFIED BY '…' ACCOUNT UNLOCK;\n", a.name())
	}
	return b.String()
}

func (a Account) identified() string {
	if a.Hash == "" {
		return " ACCOUNT LOCK"
	}
	return " IDENTIFIED BY PASSWORD " + quoteText(a.Hash)
}

// encrypted demands TLS of an account that comes from other machines.
func (a Account) encrypted() string {
	if a.Host == anyHost {
		return " REQUIRE SSL"
	}
	return ""
}

// Revoke is the SQL that takes everything back that Grants gave.
func (a Account) Revoke() string {
	return fmt.Sprintf(`-- Takes the account of EMRBchain's tap away, with all its rights.
DROP USER IF EXISTS %s;
-- Its connections end with the tap; on MariaDB this ends them at once:
KILL USER %s;
-- Variables that were set for the tap stay as they are. The defaults of MariaDB:
--   binlog_format=MIXED, binlog_row_metadata=NO_LOG, gtid_strict_mode=OFF, sync_binlog=0
`, a.name(), a.name())
}
