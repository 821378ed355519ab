package mysql

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emrbchain/emrbchain/plugins/tap"
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
	if err1 != nil || err2 != nil || err3 != nil {
		return g, fmt.Errorf("parse GTID %q: want three numbers", text)
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

// reached reports whether a reader at p has read everything before other.
func (p logPoint) reached(other logPoint) bool {
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

// A position is what the tap needs to resume: the point reached, and the last
// transaction before it, by which a history that was changed is recognised.
type position struct {
	executed gtidSet
	point    logPoint
	started  int64 // when the server started, Unix seconds
	// The last transaction, if one was read since the tap began: its GTID, the
	// one before it in its domain (zero if it was the first) and its digest.
	last, previous gtid
	digest         transactionDigest
}

// before returns the point at which the last transaction is the next one.
func (p *position) before() gtidSet {
	set := slices.Clone(p.executed)
	if !p.hasLast() {
		return set
	}
	i, found := set.find(p.last.domain)
	switch {
	case !found:
		return set
	case p.previous == gtid{}:
		return slices.Delete(set, i, i+1)
	}
	set[i] = p.previous
	return set
}

func (p *position) hasLast() bool { return p.last != gtid{} }

// advance moves the position behind one more transaction.
func (p *position) advance(g gtid, digest transactionDigest) {
	p.previous = gtid{}
	if i, found := p.executed.find(g.domain); found {
		p.previous = p.executed[i]
	}
	p.executed = p.executed.with(g)
	p.last, p.digest = g, digest
}

const positionVersion = "mariadb1"

// encode writes the position as text, fields between semicolons.
func (p *position) encode() tap.Position {
	b := make([]byte, 0, 192)
	b = append(append(b, positionVersion...), ';')
	b = append(p.executed.append(b), ';')
	b = append(append(b, p.point.file...), ';')
	b = append(strconv.AppendUint(b, p.point.offset, 10), ';')
	b = append(strconv.AppendInt(b, p.started, 10), ';')
	if !p.hasLast() {
		return append(b, ";;"...)
	}
	b = append(p.last.append(b), ';')
	if p.previous != (gtid{}) {
		b = p.previous.append(b)
	}
	return hex.AppendEncode(append(b, ';'), p.digest[:])
}

// parsePosition reads what encode wrote; its error wraps tap.ErrPosition.
func parsePosition(text tap.Position) (*position, error) {
	fields := strings.Split(string(text), ";")
	if len(fields) != 8 || fields[0] != positionVersion {
		return nil, fmt.Errorf("parse position: not made by this tap: %w", tap.ErrPosition)
	}
	p := &position{point: logPoint{file: fields[2]}}
	var err error
	if p.executed, err = parseGTIDSet(fields[1]); err != nil {
		return nil, badPosition(err)
	}
	if p.point.offset, err = strconv.ParseUint(fields[3], 10, 64); err != nil {
		return nil, badPosition(err)
	}
	if p.started, err = strconv.ParseInt(fields[4], 10, 64); err != nil {
		return nil, badPosition(err)
	}
	if err := p.parseLast(fields[5], fields[6], fields[7]); err != nil {
		return nil, badPosition(err)
	}
	return p, nil
}

func (p *position) parseLast(last, previous, digest string) (err error) {
	if last == "" && previous+digest == "" {
		return nil
	}
	if p.last, err = parseGTID(last); err != nil {
		return err
	}
	if previous != "" {
		if p.previous, err = parseGTID(previous); err != nil {
			return err
		}
	}
	if hex.DecodedLen(len(digest)) != len(p.digest) {
		return fmt.Errorf("digest of %d digits", len(digest))
	}
	_, err = hex.Decode(p.digest[:], []byte(digest))
	return err
}

func badPosition(err error) error { return fmt.Errorf("parse position: %w: %w", tap.ErrPosition, err) }
