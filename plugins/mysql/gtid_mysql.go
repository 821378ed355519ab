package mysql

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A mysqlSet holds the transactions of each line as spans, ordered by line. No
// line is empty. A replica that applies in parallel may leave holes.
type mysqlSet []lineSpans

// A line is the transactions of one server under one tag, numbered from 1.
type line struct {
	source uuid
	tag    string
}

type lineSpans struct {
	line
	spans []span // in order, with a hole between each two
}

// A span is transactions of a line from first to last.
type span struct{ first, last uint64 }

// parseMySQLSet reads the text of gtid_executed: uuid:1-5:7,uuid:tag:1-3. A tag
// holds for the spans up to the next one.
func parseMySQLSet(text string) (mysqlSet, error) {
	var set mysqlSet
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		fields := strings.Split(part, ":")
		source, err := parseUUID(fields[0])
		if err != nil || len(fields) < 2 {
			return nil, fmt.Errorf("parse GTID set %q: want uuid:first-last", part)
		}
		l := line{source: source}
		for _, field := range fields[1:] {
			if isTag(field) {
				l.tag = strings.ToLower(field)
				continue
			}
			sp, err := parseSpan(field)
			if err != nil {
				return nil, fmt.Errorf("parse GTID set %q: %w", part, err)
			}
			set = set.add(l, sp)
		}
	}
	return set, nil
}

// isTag reports whether a field begins as a tag does: no number begins so.
func isTag(field string) bool {
	return field != "" && (field[0] == '_' || 'a' <= field[0]|0x20 && field[0]|0x20 <= 'z')
}

func parseSpan(field string) (span, error) {
	first, last, isRange := strings.Cut(strings.TrimSpace(field), "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 63)
	to, err2 := strconv.ParseUint(last, 10, 63)
	if err1 != nil || err2 != nil || from == 0 || to < from {
		return span{}, fmt.Errorf("%q is no range of numbers from 1 on", field)
	}
	return span{from, to}, nil
}

func (l line) append(b []byte) []byte {
	digits := hex.EncodeToString(l.source[:])
	for i, width := range []int{8, 4, 4, 4, 12} {
		if i > 0 {
			b = append(b, '-')
		}
		b, digits = append(b, digits[:width]...), digits[width:]
	}
	if l.tag != "" {
		b = append(append(b, ':'), l.tag...)
	}
	return b
}

func (s mysqlSet) String() string { return string(s.append(nil)) }

func (s mysqlSet) append(b []byte) []byte {
	for i := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = s[i].line.append(b)
		for _, sp := range s[i].spans {
			b = strconv.AppendUint(append(b, ':'), sp.first, 10)
			if sp.last > sp.first {
				b = strconv.AppendUint(append(b, '-'), sp.last, 10)
			}
		}
	}
	return b
}

// find returns the line's place in the set and whether it is there.
func (s mysqlSet) find(l line) (int, bool) {
	return slices.BinarySearchFunc(s, l, func(have lineSpans, l line) int {
		return cmp.Or(bytes.Compare(have.source[:], l.source[:]), strings.Compare(have.tag, l.tag))
	})
}

func (g gtid) line() line { return line{g.source, g.tag} }

// only returns the one transaction of a set that holds one.
func (s mysqlSet) only() (gtid, bool) {
	if len(s) != 1 || len(s[0].spans) != 1 || s[0].spans[0].first != s[0].spans[0].last {
		return gtid{}, false
	}
	return s[0].gtid(s[0].spans[0].first), true
}

func (l line) gtid(sequence uint64) gtid {
	return gtid{source: l.source, tag: l.tag, sequence: sequence}
}

// add puts a span in, and closes holes that are none any more.
func (s mysqlSet) add(l line, added span) mysqlSet {
	i, found := s.find(l)
	if !found {
		return slices.Insert(s, i, lineSpans{l, []span{added}})
	}
	spans := s[i].spans
	from := 0
	for from < len(spans) && spans[from].last+1 < added.first {
		from++
	}
	to := from
	for to < len(spans) && spans[to].first <= added.last+1 {
		added = span{min(added.first, spans[to].first), max(added.last, spans[to].last)}
		to++
	}
	s[i].spans = slices.Replace(spans, from, to, added)
	return s
}

func (s mysqlSet) with(g gtid) gtidSet { return s.add(g.line(), span{g.sequence, g.sequence}) }

func (s mysqlSet) covers(g gtid) bool {
	i, found := s.find(g.line())
	return found && s[i].gap(g.sequence, g.sequence) == 0
}

// gap returns the first number from first to last that the line lacks, 0 if it
// has all.
func (l *lineSpans) gap(first, last uint64) uint64 {
	for _, sp := range l.spans {
		if sp.last < first {
			continue
		}
		if sp.first > first {
			break
		}
		if sp.last >= last {
			return 0
		}
		return sp.last + 1
	}
	return first
}

func (s mysqlSet) beyond(other gtidSet, except gtid) (gtid, bool) {
	have, _ := other.(mysqlSet)
	for _, l := range s {
		known := lineSpans{}
		if i, found := have.find(l.line); found {
			known = have[i]
		}
		for _, sp := range l.spans {
			for n := sp.first; n <= sp.last; n++ {
				if n = known.gap(n, sp.last); n == 0 {
					break
				}
				if g := l.gtid(n); g != except {
					return g, true
				}
			}
		}
	}
	return gtid{}, false
}

// previous returns none: a set without a transaction says all that MySQL must
// know to send it again.
func (s mysqlSet) previous(gtid) gtid { return gtid{} }

func (s mysqlSet) before(id groupID) gtidSet {
	i, found := s.find(id.gtid.line())
	if !found {
		return s
	}
	var left []span
	for _, sp := range s[i].spans {
		n := id.gtid.sequence
		if n < sp.first || n > sp.last {
			left = append(left, sp)
			continue
		}
		if sp.first < n {
			left = append(left, span{sp.first, n - 1})
		}
		if n < sp.last {
			left = append(left, span{n + 1, sp.last})
		}
	}
	if left == nil {
		return slices.Delete(s, i, i+1)
	}
	s[i].spans = left
	return s
}

func (s mysqlSet) clone() gtidSet { return s.copy() }

func (s mysqlSet) copy() mysqlSet {
	c := slices.Clone(s)
	for i := range c {
		c[i].spans = slices.Clone(c[i].spans)
	}
	return c
}
