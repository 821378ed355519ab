package mysql

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A gtid names one transaction of a MariaDB server.
type gtid struct {
	domain, server uint32
	sequence       uint64
}

func (g gtid) String() string { return string(g.append(nil)) }

func (g gtid) append(b []byte) []byte {
	b = append(strconv.AppendUint(b, uint64(g.domain), 10), '-')
	b = append(strconv.AppendUint(b, uint64(g.server), 10), '-')
	return strconv.AppendUint(b, g.sequence, 10)
}

func parseGTID(text string) (gtid, error) {
	var g gtid
	parts := strings.Split(text, "-")
	if len(parts) != 3 {
		return g, fmt.Errorf("parse GTID %q: want domain-server-sequence", text)
	}
	domain, err1 := strconv.ParseUint(parts[0], 10, 32)
	server, err2 := strconv.ParseUint(parts[1], 10, 32)
	sequence, err3 := strconv.ParseUint(parts[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || sequence == 0 {
		return g, fmt.Errorf("parse GTID %q: want three numbers, the last from 1 on", text)
	}
	return gtid{domain: uint32(domain), server: uint32(server), sequence: sequence}, nil
}

// A gtidSet is a point in a server's history: the last transaction of each
// domain, ordered by domain.
type gtidSet []gtid

func parseGTIDSet(text string) (gtidSet, error) {
	var set gtidSet
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		g, err := parseGTID(part)
		if err != nil {
			return nil, err
		}
		set = set.with(g)
	}
	return set, nil
}

func (s gtidSet) String() string { return string(s.append(nil)) }

func (s gtidSet) append(b []byte) []byte {
	for i, g := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = g.append(b)
	}
	return b
}

// find returns the domain's place in the set and whether it is there.
func (s gtidSet) find(domain uint32) (int, bool) {
	return slices.BinarySearchFunc(s, domain, func(g gtid, domain uint32) int {
		return int(int64(g.domain) - int64(domain))
	})
}

// with returns the set after one more transaction. It may change s.
func (s gtidSet) with(g gtid) gtidSet {
	i, found := s.find(g.domain)
	if found {
		s[i] = g
		return s
	}
	return slices.Insert(s, i, g)
}

// covers reports whether the transaction is at or before this point.
func (s gtidSet) covers(g gtid) bool {
	i, found := s.find(g.domain)
	return found && s[i].sequence >= g.sequence
}

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

// A transactionDigest is the SHA-256 of a transaction's content: what a server
// that was set back and reuses its GTIDs cannot repeat by accident.
type transactionDigest [sha256.Size]byte

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
}

// A groupID names an event group of the log: its GTID and the one before it in
// its domain, zero if it was the first.
type groupID struct{ gtid, previous gtid }

// next names the group that comes next after the executed ones.
func (s gtidSet) next(g gtid) groupID {
	id := groupID{gtid: g}
	if i, found := s.find(g.domain); found {
		id.previous = s[i]
	}
	return id
}

// before moves the set back, where it is not before it yet, to where the group
// is still to come. It may change s.
func (s gtidSet) before(id groupID) gtidSet {
	i, found := s.find(id.gtid.domain)
	switch {
	case !found || s[i] != id.gtid && s[i].sequence <= id.previous.sequence:
		return s
	case id.previous == gtid{}:
		return slices.Delete(s, i, i+1)
	}
	s[i] = id.previous
	return s
}

// from returns the point from which the log must be read again: the last
// transaction is still to come there, and so are the given groups.
func (p *position) from(groups []groupID) gtidSet {
	set := slices.Clone(p.executed)
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
	p.last, p.digest = p.executed.next(g), digest
	p.executed = p.executed.with(g)
}

// prepare notes that the transaction is prepared, before advance does.
func (p *position) prepare(g gtid) { p.prepared = append(p.prepared, p.executed.next(g)) }

// resolve forgets a prepared transaction.
func (p *position) resolve(g gtid) {
	p.prepared = slices.DeleteFunc(p.prepared, func(id groupID) bool { return id.gtid == g })
}
