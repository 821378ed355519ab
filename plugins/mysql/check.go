package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// An inspection is a look at a server by the rules of this package. Open asks
// those that it cannot do without, and a survey all of them.
type inspection struct {
	settings *settings
	dialect  *dialect
	db       *sql.DB
	// connections is how many it, or the tap after it, may open at once.
	connections int
	tables      []string
	now         func() time.Time

	server      server
	definitions []*definition // of the tables of a survey
	checks      []tap.Check
}

// A rule looks at one thing and adds a check of it.
type rule struct {
	// opens says that Open asks it too. What another rule finds never fails: the
	// tap works in spite of it.
	opens bool
	look  func(*inspection, context.Context) error
}

// rules are the one list of what is looked at, in the order in which people
// read it. None but the first two runs on a server that is not supported.
func inspectionRules() []rule {
	return []rule{
		{true, (*inspection).checkVersion},
		{false, (*inspection).checkEncryption},
		{true, (*inspection).checkVariables},
		{true, (*inspection).checkFilters},
		{false, (*inspection).checkReplica},
		{false, (*inspection).checkServerID},
		{false, (*inspection).checkRetention},
		{true, (*inspection).checkLogRight},
		{true, (*inspection).checkTableRights},
		{false, (*inspection).checkExcess},
		{false, (*inspection).checkConnections},
		{false, (*inspection).checkHiders},
		{false, (*inspection).checkClock},
	}
}

// admit looks at what Open cannot do without. Its error is a *tap.SetupError of
// all that is missing, unless the look broke off.
func (c *inspection) admit(ctx context.Context) error {
	if connected, err := c.connect(ctx); err != nil {
		return err
	} else if connected {
		if err := c.run(ctx, false); err != nil {
			return err
		}
	}
	return c.refusal()
}

// connect reports whether there is a connection, and reads what the rules need.
// The connections are for the caller to close.
func (c *inspection) connect(ctx context.Context) (bool, error) {
	var err error
	if c.db, c.dialect, err = connect(ctx, c.settings); err != nil {
		c.add(connectCheck(c.settings, err))
		return false, ctx.Err()
	}
	c.db.SetMaxOpenConns(c.connections)
	if err := c.readServer(ctx); err != nil {
		return false, fmt.Errorf("look at the server: %w", err)
	}
	return true, nil
}

func (c *inspection) close() {
	if c.db != nil {
		c.db.Close()
	}
}

// run follows the rules. Its error says that the look broke off.
func (c *inspection) run(ctx context.Context, all bool) error {
	for _, r := range inspectionRules() {
		if !r.opens && !all {
			continue
		}
		if err := r.look(c, ctx); err != nil {
			return fmt.Errorf("look at the server: %w", err)
		}
		if !c.dialect.supported() {
			return nil // the variables of others have other names
		}
	}
	return nil
}

func (c *inspection) add(check tap.Check) { c.checks = append(c.checks, check) }

// refusal returns a *tap.SetupError of every check that failed, or nil.
func (c *inspection) refusal() error {
	refused := &tap.SetupError{}
	for i := range c.checks {
		if c.checks[i].State == tap.CheckFail {
			refused.Problems = append(refused.Problems, c.checks[i].Problem())
		}
	}
	if len(refused.Problems) > 0 {
		return refused
	}
	return nil
}

// connectCheck explains why no connection came about. The driver's message may
// name account and host, never the password.
func connectCheck(s *settings, err error) tap.Check {
	network, address := s.network()
	c := tap.Check{Thing: "connection", State: tap.CheckFail, Found: network + " " + address}
	switch serverError(err) {
	case 1045, 1698:
		c.Reason = "the server refuses the account " + strconv.Quote(s.User) + " or its password"
		c.Mend = "correct user and password_file; if the account has REQUIRE SSL, set tls to required or verify; " +
			"if it has REQUIRE X509, name its tls_cert and tls_key"
	case 1130:
		c.Reason = "the server does not allow connections from this machine"
		c.Mend = "CREATE USER for the address that the tap connects from"
	case 1226:
		c.Reason = "the account has reached its limit of connections"
		c.Mend = fmt.Sprintf("allow the account %d connections: ALTER USER … WITH MAX_USER_CONNECTIONS %d", NeededConnections, NeededConnections)
	case 1193:
		c.Reason = "it is no server that the tap is made for: " + err.Error()
		c.Mend = supportedServers
	case 0:
		c.Reason = "there is none: " + err.Error()
		c.Mend = "correct host, port, socket and tls, and see that the server runs"
	default:
		c.Reason = "the server refuses it: " + err.Error()
		c.Mend = "see the server's error log"
	}
	return c
}

// A server is what the rules need to know of a server.
type server struct {
	version   string
	folded    bool // table names are compared without case
	account   account
	variables map[string]string // global ones, by their lower-case names
	grants    []grant
}

// An account is the one that the server took the connection for.
type account struct{ user, host string }

// String writes the account for SQL.
func (a account) String() string { return quoteText(a.user) + "@" + quoteText(a.host) }

// quoteText writes a text for SQL, in any sql_mode but NO_BACKSLASH_ESCAPES.
func quoteText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
}

func (c *inspection) readServer(ctx context.Context) error {
	rows, err := queryStrings(ctx, c.db, "SELECT @@version, @@lower_case_table_names, CURRENT_USER()")
	if err != nil {
		return err
	}
	c.server.version, c.server.folded = rows[0][0], rows[0][1] != "0"
	at := strings.LastIndexByte(rows[0][2], '@') // a user's name may hold one
	c.server.account = account{rows[0][2][:max(at, 0)], rows[0][2][at+1:]}
	if rows, err = queryStrings(ctx, c.db, "SHOW GLOBAL VARIABLES"); err != nil {
		return err
	}
	c.server.variables = make(map[string]string, len(rows))
	for _, r := range rows {
		c.server.variables[strings.ToLower(r[0])] = r[1]
	}
	if rows, err = queryStrings(ctx, c.db, "SHOW GRANTS"); err != nil {
		return err
	}
	for _, r := range rows {
		if g, ok := parseGrant(r[0]); ok {
			c.server.grants = append(c.server.grants, g)
		}
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
