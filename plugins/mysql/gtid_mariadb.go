package mysql

import (
	"slices"
	"strings"
)

// A mariadbSet holds the last transaction of each domain, ordered by domain: all
// before it are in the set.
type mariadbSet []gtid

func parseMariaDBSet(text string) (gtidSet, error) {
	var set mariadbSet
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		g, err := parseMariaDBGTID(part)
		if err != nil {
			return nil, err
		}
		set = set.put(g)
	}
	return set, nil
}

func (s mariadbSet) String() string { return string(s.append(nil)) }

func (s mariadbSet) append(b []byte) []byte {
	for i, g := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = g.append(b)
	}
	return b
}

// find returns the domain's place in the set and whether it is there.
func (s mariadbSet) find(domain uint32) (int, bool) {
	return slices.BinarySearchFunc(s, domain, func(g gtid, domain uint32) int {
		return int(int64(g.domain) - int64(domain))
	})
}

func (s mariadbSet) with(g gtid) gtidSet { return s.put(g) }

func (s mariadbSet) put(g gtid) mariadbSet {
	i, found := s.find(g.domain)
	if found {
		s[i] = g
		return s
	}
	return slices.Insert(s, i, g)
}

func (s mariadbSet) covers(g gtid) bool {
	i, found := s.find(g.domain)
	return found && s[i].sequence >= g.sequence
}

func (s mariadbSet) beyond(other gtidSet, except gtid) (gtid, bool) {
	for _, g := range s {
		if g != except && !other.covers(g) {
			return g, true
		}
	}
	return gtid{}, false
}

func (s mariadbSet) previous(g gtid) gtid {
	if i, found := s.find(g.domain); found {
		return s[i]
	}
	return gtid{}
}

func (s mariadbSet) before(id groupID) gtidSet {
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

func (s mariadbSet) clone() gtidSet { return slices.Clone(s) }
