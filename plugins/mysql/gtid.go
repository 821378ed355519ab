package mysql

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// A gtid names one transaction of a server: of MariaDB by domain, server and
// sequence, of MySQL by the UUID of the server that ran it, a tag that is mostly
// empty, and sequence.
type gtid struct {
	domain, server uint32
	source         uuid
	tag            string
	sequence       uint64
}

// A uuid names a MySQL server. No server has the zero one.
type uuid [16]byte

// isMySQL reports whether a transaction was named by MySQL.
func (g gtid) isMySQL() bool { return g.source != uuid{} }

func (g gtid) String() string { return string(g.append(nil)) }

func (g gtid) append(b []byte) []byte {
	if g.isMySQL() {
		return strconv.AppendUint(append(line{g.source, g.tag}.append(b), ':'), g.sequence, 10)
	}
	b = append(strconv.AppendUint(b, uint64(g.domain), 10), '-')
	b = append(strconv.AppendUint(b, uint64(g.server), 10), '-')
	return strconv.AppendUint(b, g.sequence, 10)
}

func parseMariaDBGTID(text string) (gtid, error) {
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

// parseMySQLGTID reads uuid:sequence or uuid:tag:sequence.
func parseMySQLGTID(text string) (gtid, error) {
	set, err := parseMySQLSet(text)
	if err != nil {
		return gtid{}, err
	}
	only, ok := set.only()
	if !ok {
		return gtid{}, fmt.Errorf("parse GTID %q: want one of uuid:sequence or uuid:tag:sequence", text)
	}
	return only, nil
}

// parseUUID reads 32 digits, with or without dashes.
func parseUUID(text string) (id uuid, err error) {
	digits := strings.ReplaceAll(text, "-", "")
	if len(digits) != hex.EncodedLen(len(id)) {
		return id, fmt.Errorf("server %q is no UUID", text)
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil || id == (uuid{}) {
		return id, fmt.Errorf("server %q is no UUID", text)
	}
	return id, nil
}

// A gtidSet is a point in a server's history: the transactions that were
// executed. Methods that return a set may change the one that they belong to.
type gtidSet interface {
	append(b []byte) []byte
	String() string
	// covers reports whether the transaction is in the set.
	covers(g gtid) bool
	// beyond returns a transaction of the set, other than except, that another
	// set has not got.
	beyond(other gtidSet, except gtid) (gtid, bool)
	// with returns the set after one more transaction.
	with(g gtid) gtidSet
	// previous returns what a group of that GTID, which comes next, follows.
	previous(g gtid) gtid
	// before moves the set back, where it is not before it yet, to where the
	// group is still to come.
	before(id groupID) gtidSet
	clone() gtidSet
}
