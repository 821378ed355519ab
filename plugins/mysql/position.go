package mysql

import (
	"slices"
	"strconv"
	"strings"
)

// A logPoint is a place in the server's binary log files.
type logPoint struct {
	file   string
	offset uint64
}

// reached reports whether a reader at p has read everything before other. The
// zero point is before all.
func (p logPoint) reached(other logPoint) bool {
	if other == (logPoint{}) {
		return true
	}
	if p.file == other.file {
		return p.offset >= other.offset
	}
	base, number := splitLogFile(p.file)
	otherBase, otherNumber := splitLogFile(other.file)
	return base == otherBase && number > otherNumber
}

// splitLogFile splits mysql-bin.000123 into mysql-bin and 123.
func splitLogFile(file string) (base string, number uint64) {
	dot := strings.LastIndexByte(file, '.')
	number, err := strconv.ParseUint(file[dot+1:], 10, 64)
	if dot < 0 || err != nil {
		return file, 0
	}
	return file[:dot], number
}

// A position is what the tap needs to resume on this server or on another one
// of the same history: the transactions executed, the last of them, by which a
// history that was changed is recognised, and those that wait for XA COMMIT.
type position struct {
	executed gtidSet
	started  int64 // when the server started, Unix seconds
	// The last transaction, if one was read since the tap began, and its digest.
	last   groupID
	digest transactionDigest
	// point is where the last transaction begins in the log's files or, where there
	// is none, where the tap began; zero if that is not known. It helps where the server cannot find a place by GTIDs.
	point logPoint
	// prepared are the XA transactions that were prepared and not yet resolved,
	// in the order of the log. Their rows are read again on resume.
	prepared []groupID
	// shadowed are the tapped tables that a session's temporary table has hidden.
	shadowed []string
}

// A groupID names an event group of the log: its GTID and, of MariaDB, the one
// before it in its domain, zero if it was the first.
type groupID struct{ gtid, previous gtid }

// from returns the point from which the log must be read again: the last
// transaction is still to come there, and so are the given groups.
func (p *position) from(groups []groupID) gtidSet {
	set := p.executed.clone()
	if p.hasLast() {
		set = set.before(p.last)
	}
	for _, id := range groups {
		set = set.before(id)
	}
	return set
}

func (p *position) hasLast() bool { return p.last.gtid != gtid{} }

// advance moves the position behind one more transaction.
func (p *position) advance(g gtid, digest transactionDigest) {
	p.last, p.digest = groupID{g, p.executed.previous(g)}, digest
	p.executed = p.executed.with(g)
}

// prepare notes that the transaction is prepared, before advance does.
func (p *position) prepare(g gtid) {
	p.prepared = append(p.prepared, groupID{g, p.executed.previous(g)})
}

// resolve forgets a prepared transaction.
func (p *position) resolve(g gtid) {
	p.prepared = slices.DeleteFunc(p.prepared, func(id groupID) bool { return id.gtid == g })
}
