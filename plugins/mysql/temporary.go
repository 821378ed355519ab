package mysql

import (
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A temporary table hides the table of its name from its session. Where a session
// logs statements instead of rows, those on its temporary tables are logged too
// (only if its CREATE was) and look like ones on tables that last. The server marks
// them, for replicas; but it marks a statement as well whose procedure, or default,
// used something else that is the session's own. So the mark is a doubt, no proof.
// RENAME TABLE is never marked; the rows behind the name are compared in any case.

// temporaryFlag marks an event whose session's temporary tables had a part in it.
const temporaryFlag = 0x4

// shadow notes the tables that a temporary table hides from now on, for some session.
func (s *stream) shadow(statement *statement) {
	for _, name := range s.tap.tables {
		if statement.concerns(tableName(name)) && !slices.Contains(s.at.shadowed, name) {
			s.at.shadowed = append(s.at.shadowed, name)
		}
	}
}

// mayBeHidden reports whether a statement that empties a table may have emptied a
// temporary one of its name. Only one whose CREATE was seen counts: a TRUNCATE that
// is wrongly believed makes a finding of each row that is there, and hides none of
// these. DROP and CREATE TABLE are logged of tables that last alone.
func (s *stream) mayBeHidden(statement *statement, name string) bool {
	return statement.temporary && strings.HasPrefix(statement.title, "TRUNCATE") && slices.Contains(s.at.shadowed, name)
}

// seenMoves are those of a doubtful statement's columns that went or came by what
// the table's definitions show, so that no column which stayed is taken for another
// one. Late says that the former definition is not known: which columns are new is
// then for the host to find.
func seenMoves(moved []tap.Moved, former, now *tap.Table, late bool) []tap.Moved {
	var seen []tap.Moved
	for _, m := range moved {
		switch {
		case m.From != "" && hasColumn(now, m.From):
		case m.From == "" && late:
			if !slices.Contains(seen, tap.Moved{}) {
				seen = append(seen, tap.Moved{})
			}
		case m.From == "" && (former == nil || hasColumn(former, m.To)):
		default:
			seen = append(seen, m)
		}
	}
	return seen
}
