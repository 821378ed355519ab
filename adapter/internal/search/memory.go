package search

import (
	"fmt"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// maxSeen bounds how many queries of one member are held against replays: those
// of twice the Window.
const maxSeen = 1024

// memory is what is kept of a member's queries.
type memory struct {
	day   uint64 // since 1970 UTC
	count uint64 // of its queries that day, no further than one above what it may
	seen  []seen
}

type seen struct {
	id      ID
	created int64
}

func memoryName(member string) string { return "search/from/" + member }

func (m *memory) has(id ID) bool {
	return slices.ContainsFunc(m.seen, func(s seen) bool { return s.id == id })
}

// remember returns what is kept of a member. A query that is too old to be taken
// again is dropped, and yesterday's are not counted.
func (s *Search) remember(member string, now time.Time) (m memory, err error) {
	value, err := s.options.Log.Get(memoryName(member))
	if err != nil {
		return m, err
	}
	if value != nil {
		if m, err = parseMemory(value); err != nil {
			return m, fmt.Errorf("read what is kept of the queries of member %s: %w", member, err)
		}
	}
	m.seen = slices.DeleteFunc(m.seen, func(s seen) bool { return now.Sub(time.UnixMilli(s.created)) > Window })
	if day := uint64(max(0, now.Unix()) / (24 * 60 * 60)); day != m.day {
		m.day, m.count = day, 0
	}
	return m, nil
}

// append appends [1, day, count, [[id, created] …]].
func (m *memory) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendUint(dcbor.AppendArray(b, 4), format), m.day)
	b = dcbor.AppendArray(dcbor.AppendUint(b, m.count), len(m.seen))
	for _, s := range m.seen {
		b = dcbor.AppendInt(dcbor.AppendBytes(dcbor.AppendArray(b, 2), s.id[:]), s.created)
	}
	return b
}

func parseMemory(value []byte) (m memory, err error) {
	r := dcbor.NewReader(value)
	r.ArrayOf(4)
	if v := r.Uint(); r.Err() == nil && v != format {
		r.Fail("of an unknown format")
	}
	m.day, m.count = r.Uint(), r.Uint()
	for range r.Array() {
		var s seen
		r.ArrayOf(2)
		r.Fixed(s.id[:])
		s.created = r.Int()
		m.seen = append(m.seen, s)
	}
	return m, r.Done()
}
