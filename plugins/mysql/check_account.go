package mysql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A grant is one line of SHOW GRANTS. The line itself may hold the hash of the
// account's password, so that it is never shown.
type grant struct {
	rights []string // in upper case, with the columns that they are bound to
	on     string   // as the server writes it: *.*, `emr`.*, `emr`.`t`
	role   string   // instead of rights: a role that is granted
	to     string   // as the server writes it
	option bool     // it may be passed on
}

// parseGrant reads a line of SHOW GRANTS; other lines than grants are not ok.
func parseGrant(line string) (grant, bool) {
	rest, ok := strings.CutPrefix(line, "GRANT ")
	if !ok || strings.HasPrefix(rest, "PROXY ") {
		return grant{}, false
	}
	subject, rest, ok := cutOutside(rest, " TO ")
	if !ok {
		return grant{}, false
	}
	to, rest, _ := cutOutside(rest, " ")
	g := grant{to: to, option: strings.Contains(rest, "WITH GRANT OPTION")}
	rights, on, ok := cutOutside(subject, " ON ")
	if !ok {
		g.role = subject
		return g, true
	}
	g.on = on
	for rights != "" {
		var right string
		right, rest, _ = cutOutside(rights, ",") // MySQL writes some lists without spaces
		g.rights, rights = append(g.rights, right), strings.TrimPrefix(rest, " ")
	}
	return g, true
}

// cutOutside cuts at the first separator outside of quotes and parentheses.
func cutOutside(text, separator string) (before, after string, found bool) {
	var quote byte
	depth := 0
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quote != 0:
			if b == quote {
				quote = 0
			}
		case depth == 0 && strings.HasPrefix(text[i:], separator):
			return text[:i], text[i+len(separator):], true
		case b == '`' || b == '\'' || b == '"':
			quote = b
		case b == '(':
			depth++
		case b == ')':
			depth--
		}
	}
	return text, "", false
}

// everywhere reports whether the account has a right on *.*.
func (s *server) everywhere(rights ...string) bool {
	return slices.ContainsFunc(s.grants, func(g grant) bool {
		return g.on == "*.*" && slices.ContainsFunc(g.rights, func(r string) bool {
			return r == "ALL PRIVILEGES" || slices.Contains(rights, r)
		})
	})
}

// checkLogRight looks for the right to follow the log.
func (c *inspection) checkLogRight(context.Context) error {
	check := tap.Check{Thing: "right to follow the binary log", State: tap.CheckOK, Found: "account " + c.server.account.String()}
	if !c.server.everywhere("REPLICATION SLAVE") {
		check.State, check.Reason = tap.CheckFail, "the account may not follow it"
		check.SQL = []string{"GRANT REPLICATION SLAVE ON *.* TO " + c.server.account.String()}
	}
	c.add(check)
	if c.dialect.isMySQL() && !c.server.everywhere("REPLICATION CLIENT") {
		c.add(tap.Check{Thing: "right to see the end of the binary log", State: tap.CheckFail, Found: check.Found,
			Reason: "the account may not see it, by which the tap tells where a read stands among the changes",
			SQL:    []string{"GRANT REPLICATION CLIENT ON *.* TO " + c.server.account.String()}})
	}
	return nil
}

// checkTableRights tries out the right to read each table.
func (c *inspection) checkTableRights(ctx context.Context) error {
	readable := 0
	for _, name := range c.tables {
		_, err := queryStrings(ctx, c.db, "SELECT * FROM "+quoteTable(name)+" LIMIT 0")
		switch serverError(err) {
		case errorTableDenied, errorSchemaDenied, errorColumnDenied:
			c.add(tap.Check{Thing: "right to read table " + name, State: tap.CheckFail,
				Found: "account " + c.server.account.String(), Reason: "the account may not read it, or there is none of that name",
				SQL: []string{"GRANT SELECT ON " + quoteTable(name) + " TO " + c.server.account.String()}})
		case errorNoTable, errorNoDatabase: // Tables says so, for each table
		default:
			if err != nil && !unopened(serverError(err)) {
				return err
			}
			readable++
		}
	}
	if readable == len(c.tables) {
		c.add(tap.Check{Thing: "right to read the tables", State: tap.CheckOK, Found: fmt.Sprintf("all %d", readable)})
	}
	return nil
}

// needed reports whether the tap uses a right, or it can do no harm.
func (c *inspection) needed(g grant, right string) bool {
	switch right {
	case "USAGE", "REPLICATION SLAVE", "BINLOG MONITOR", "REPLICATION CLIENT", "SLAVE MONITOR", "REPLICA MONITOR", "SHOW VIEW", "SHOW DATABASES":
		return true
	}
	if right != "SELECT" && !strings.HasPrefix(right, "SELECT (") {
		return false
	}
	return g.on != "*.*" && slices.ContainsFunc(c.tables, func(name string) bool { return covers(g.on, name) })
}

// checkExcess looks for rights that the tap has no use for: whoever gets hold
// of its password would have them too.
func (c *inspection) checkExcess(context.Context) error {
	check := tap.Check{Thing: "rights of the account", State: tap.CheckOK, Found: "no more than the tap needs"}
	var found []string
	for _, g := range c.server.grants {
		if too := c.excess(g); len(too) > 0 {
			found = append(found, strings.Join(too, ", ")+" on "+g.on)
			check.SQL = append(check.SQL, c.revoke(g, too)...)
		}
	}
	if len(found) > 0 {
		check.State, check.Found = tap.CheckWarn, strings.Join(found, "; ")
		check.Reason = "the tap needs no right to write, and none to read what it does not tap"
		check.Mend = "the account should be the tap's alone"
	}
	c.add(check)
	return nil
}

func (c *inspection) excess(g grant) []string {
	var too []string
	for _, right := range g.rights {
		if !c.needed(g, right) {
			too = append(too, right)
		}
	}
	if g.option {
		too = append(too, grantOption)
	}
	return too
}

// revoke takes rights away, and gives back what the tap needs of them.
func (c *inspection) revoke(g grant, too []string) []string {
	own := c.server.account.String()
	switch {
	case g.to == "PUBLIC":
		return nil // they are everybody's
	case !c.isOwn(g.to):
		return []string{"REVOKE " + g.to + " FROM " + own}
	}
	var back []string
	all := slices.Contains(too, "ALL PRIVILEGES")
	if all && g.on == "*.*" {
		back = append(back, "GRANT REPLICATION SLAVE, "+c.dialect.monitor+" ON *.* TO "+own)
	}
	if all || slices.Contains(too, "SELECT") {
		for _, name := range c.tables {
			if covers(g.on, name) {
				back = append(back, "GRANT SELECT ON "+quoteTable(name)+" TO "+own)
			}
		}
	}
	away := []string{}
	if rights := slices.DeleteFunc(too, func(right string) bool { return right == grantOption }); len(rights) > 0 {
		away = append(away, "REVOKE "+strings.Join(rights, ", ")+" ON "+g.on+" FROM "+own)
	}
	if g.option {
		away = append(away, "REVOKE "+grantOption+" ON "+g.on+" FROM "+own)
	}
	return append(away, back...)
}

// grantOption cannot be taken away in one statement with all others.
const grantOption = "GRANT OPTION"

// covers reports whether a grant's object holds a table.
func covers(on, name string) bool {
	schema, _ := tableName(name)
	return on == "*.*" || on == quoteTable(name) || on == quoteName(schema)+".*" ||
		on == quoteName(strings.ReplaceAll(schema, "_", `\_`))+".*"
}

// isOwn reports whether a grant's receiver is the account itself, and not a
// role that it has.
func (c *inspection) isOwn(to string) bool {
	return to == quoteName(c.server.account.user)+"@"+quoteName(c.server.account.host)
}

// checkHiders looks for other accounts that may write past the binary log,
// where the account may look.
func (c *inspection) checkHiders(ctx context.Context) error {
	who := "SELECT DISTINCT grantee FROM information_schema.user_privileges " +
		"WHERE privilege_type IN ('" + strings.Join(c.dialect.hiders, "', '") + "')"
	for _, name := range c.dialect.system {
		who += " AND grantee NOT LIKE '''" + name + "''@%'"
	}
	check := tap.Check{Thing: "accounts that may write past the log", State: tap.CheckOK, Found: "none but root"}
	seen, err := queryStrings(ctx, c.db, "SELECT COUNT(DISTINCT grantee) FROM information_schema.user_privileges")
	if err != nil {
		return err
	}
	if seen[0][0] == "1" { // its own
		check.State, check.Found = tap.CheckUnknown, ""
		check.Reason = "the tap's account may not see other accounts, and need not"
		check.Mend = "as administrator: " + who + "; none of them should be an application's"
		c.add(check)
		return nil
	}
	rows, err := queryStrings(ctx, c.db, who+" ORDER BY grantee")
	if err != nil {
		return err
	}
	var found []string
	for _, r := range rows {
		if r[0] == c.server.account.String() {
			continue // its own rights are another check
		}
		found = append(found, r[0])
		check.SQL = append(check.SQL, "REVOKE "+strings.Join(c.dialect.hiders, ", ")+" ON *.* FROM "+r[0])
	}
	if len(found) > 0 {
		check.State, check.Found = tap.CheckWarn, strings.Join(found, ", ")
		check.Reason = "they can switch the binary log off for their session: what they change then, only an audit sees"
		check.Mend = "for every account that is no administrator's"
	}
	c.add(check)
	return nil
}
