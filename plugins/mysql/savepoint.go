package mysql

import (
	"slices"
	"strings"
)

// The server takes rows that were rolled back to a savepoint out of what it will
// log. Where it cannot, because the transaction also wrote a table without
// transactions or made a temporary one, it logs them, and ROLLBACK TO after them.
// SAVEPOINT stands in the log where rows stand before it. RELEASE SAVEPOINT does
// not: whoever rolls back to a savepoint has not released it.

// A savepoint is a place in the open transaction.
type savepoint struct {
	name string // as savepointName returns it
	rows int    // row events before it
}

// setSavepoint takes SAVEPOINT, by which an earlier one of its name is gone.
func (x *transaction) setSavepoint(s *statement) {
	name := s.savepointName()
	x.savepoints = slices.DeleteFunc(x.savepoints, func(p savepoint) bool { return p.name == name && name != "" })
	x.savepoints = append(x.savepoints, savepoint{name, x.rows.count})
}

// rollbackTo takes ROLLBACK TO: the rows since the savepoint are undone. Which
// ones these are is not known where the savepoint is not, nor where one has a
// name that the tap cannot compare.
func (x *transaction) rollbackTo(s *statement) error {
	if x.skipped {
		return nil
	}
	at := func(name string) int {
		return slices.IndexFunc(x.savepoints, func(p savepoint) bool { return p.name == name })
	}
	n := at(s.savepointName())
	if n < 0 || at("") >= 0 {
		x.savepoints = nil
		return x.rollback()
	}
	x.rows.undo(x.savepoints[n].rows)
	x.savepoints = x.savepoints[:n+1]
	return nil
}

// savepointName returns the name in SAVEPOINT or ROLLBACK TO such that equal
// names are the same savepoint; nothing if that cannot be told, for the server
// also takes letters with and without accents for equal.
func (s *statement) savepointName() string {
	r := scanner{s.lexemes}
	if !r.take("savepoint") {
		r.take("rollback", "to")
	}
	name, ok := r.name()
	if !ok || !r.done() || !isASCII([]byte(name)) {
		return ""
	}
	return strings.ToLower(strings.TrimRight(name, " "))
}
