package recordlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// model is the log as plain values in memory.
type model struct {
	entries []Entry
	heads   map[string]map[string]Head // table, canonical key
	named   map[string][]byte
	owners  map[string]uint64
}

func newModel() *model {
	return &model{heads: map[string]map[string]Head{}, named: map[string][]byte{}, owners: map[string]uint64{}}
}

func (m *model) clone() *model {
	c := &model{entries: slices.Clone(m.entries), heads: map[string]map[string]Head{}, named: maps.Clone(m.named), owners: maps.Clone(m.owners)}
	for table, heads := range m.heads {
		c.heads[table] = maps.Clone(heads)
	}
	return c
}

// apply takes over an appended entry.
func (m *model) apply(e *Entry) {
	kept := *e
	kept.Digests = slices.Clone(e.Digests)
	kept.Header.EncodedColumns = nil
	m.entries = append(m.entries, kept)
	h := &e.Header
	if !h.Op.IsRow() {
		return
	}
	if m.heads[h.Table] == nil {
		m.heads[h.Table] = map[string]Head{}
	}
	head := m.heads[h.Table][string(h.Key)]
	if head.Version == 0 {
		head.First = h.Index
	}
	head.Index, head.Version, head.Deleted = h.Index, head.Version+1, h.Op == commit.Delete
	m.heads[h.Table][string(h.Key)] = head
}

// naiveRoot is the Merkle tree hash of RFC 6962, section 2.1, to the letter.
func naiveRoot(leaves [][]byte) (root merkle.Hash) {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		left, right := naiveRoot(leaves[:k]), naiveRoot(leaves[k:])
		return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
	}
}

// differs tells how a log differs from the model, reading everything.
func (m *model) differs(l *Log) error {
	if l.Size() != uint64(len(m.entries)) {
		return fmt.Errorf("size %d, want %d", l.Size(), len(m.entries))
	}
	var leaves [][]byte
	for i := range m.entries {
		e, err := l.Entry(uint64(i))
		if err != nil {
			return err
		}
		e.Header.EncodedColumns = nil
		if d := cmp.Diff(m.entries[i], *e); d != "" {
			return fmt.Errorf("entry %d (-want +got): %s", i, d)
		}
		leaves = append(leaves, m.entries[i].Leaf.Append(nil))
	}
	for size := len(leaves); size >= 0; size = size*2/3 - 1 {
		if root, err := l.Root(uint64(size)); err != nil || root != naiveRoot(leaves[:size]) {
			return fmt.Errorf("root at %d differs: %w", size, errors.Join(err))
		}
	}
	return errors.Join(m.headsDiffer(l), m.readerDiffers(l), m.namedDiffer(l), m.ownersDiffer(l))
}

func (m *model) headsDiffer(l *Log) error {
	for table, heads := range m.heads {
		got := map[string]Head{}
		var last []byte
		err := l.Heads(context.Background(), table, func(key []byte, h Head) error {
			got[string(key)] = h
			if bytes.Compare(last, key) >= 0 {
				return fmt.Errorf("heads of %s are not in the order of their keys", table)
			}
			last = key
			single, found, err := l.Head(table, key)
			if err != nil || !found || single != h {
				return fmt.Errorf("head %v, in the iteration %v: %w", single, h, errors.Join(err))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if d := cmp.Diff(heads, got); d != "" {
			return fmt.Errorf("heads of %s (-want +got): %s", table, d)
		}
	}
	return nil
}

func (m *model) namedDiffer(l *Log) error {
	got := map[string][]byte{}
	err := l.Each("", func(name string, value []byte) error { got[name] = value; return nil })
	if err != nil {
		return err
	}
	if d := cmp.Diff(m.named, got); d != "" {
		return fmt.Errorf("states (-want +got): %s", d)
	}
	return nil
}

// ownersDiffer opens every entry with its owner's key.
func (m *model) ownersDiffer(l *Log) error {
	var c commit.Committer
	for i := range m.entries {
		e := &m.entries[i]
		o, err := l.OwnerKey(e.Owner)
		if err != nil {
			return err
		}
		h := e.Header
		if c.Recombine(o.VersionKey(testOrigin, h.Index), &h, e.Digests) != e.Leaf.Commitment {
			return fmt.Errorf("entry %d does not open with owner %d", i, e.Owner)
		}
	}
	return nil
}

var testTables = []string{"patients", "visits", "results"}

func drawKey(t *rapid.T) []byte {
	edge := rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -256, -1, 0, 1, 23, 24, 255, 256, math.MaxInt64})
	n := rapid.OneOf(edge, rapid.Int64Range(-20, 20)).Draw(t, "key")
	switch rapid.IntRange(0, 3).Draw(t, "key form") {
	case 0:
		return row.AppendKey(nil, []row.Value{row.NewInt(n), row.NewText("utf8", []byte("part"))})
	case 1:
		return row.AppendKey(nil, []row.Value{row.NewText("utf8", fmt.Append(nil, n))})
	}
	return intKey(n)
}

func drawOwner(t *rapid.T, table string, key []byte) OwnerName {
	switch rapid.IntRange(0, 3).Draw(t, "owner") {
	case 0:
		return OwnerName{Kind: OwnerTable, Table: table}
	case 1:
		return OwnerName{Kind: OwnerRow, Table: table, Key: key}
	}
	return patient(rapid.Int64Range(-5, 5).Draw(t, "patient"))
}

var errDropped = errors.New("dropped on purpose")

// drawBatch fills a batch and the model alike.
func drawBatch(t *rapid.T, b *Batch, m *model, makers []*maker) error {
	for range rapid.IntRange(0, 40).Draw(t, "changes") {
		if b.Next() != uint64(len(m.entries)) {
			t.Fatalf("next is %d, want %d", b.Next(), len(m.entries))
		}
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			name := rapid.SampledFrom([]string{"a", "b", "ba", "c/d"}).Draw(t, "name")
			value := rapid.SampledFrom([][]byte{nil, {}, {1}, bytes.Repeat([]byte{7}, 300)}).Draw(t, "value")
			b.Set(name, value)
			if m.named[name] = value; value == nil {
				delete(m.named, name)
			}
		case 1:
			if err := drawEvent(t, b, m); err != nil {
				return err
			}
		default:
			if err := drawVersion(t, b, m, makers); err != nil {
				return err
			}
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "drop") == 0 {
		return errDropped
	}
	return nil
}

func drawEvent(t *rapid.T, b *Batch, m *model) error {
	body := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "body")
	index, err := b.AppendEvent(commit.Gap, body)
	if err != nil {
		return err
	}
	id, o, err := b.Owner(OwnerName{Kind: OwnerLog})
	if err != nil {
		return err
	}
	e := &Entry{Owner: id, Body: body, Header: eventHeader(testOrigin, index, commit.Gap)}
	var c commit.Committer
	e.Leaf = commit.Leaf{Op: commit.Gap, Time: b.Time()}
	e.Leaf.Commitment, e.Digests, err = c.Commit(o.VersionKey(testOrigin, index), &e.Header, []row.Value{row.NewBytes(body)})
	m.apply(e)
	return err
}

func drawVersion(t *rapid.T, b *Batch, m *model, makers []*maker) error {
	table := rapid.SampledFrom(testTables).Draw(t, "table")
	key := drawKey(t)
	owner := drawOwner(t, table, key)
	op := rapid.SampledFrom([]commit.Op{commit.Insert, commit.Update, commit.Delete}).Draw(t, "op")
	head, found, err := b.Head(table, key)
	if want := m.heads[table][string(key)]; err != nil || head != want || found != (want.Version > 0) {
		t.Fatalf("head %+v, want %+v: %v", head, want, err)
	}
	e, err := makers[rapid.IntRange(0, len(makers)-1).Draw(t, "columns")].add(b, owner, table, key, op)
	if err != nil {
		return err
	}
	m.apply(e)
	name := fmt.Sprint(owner)
	if id, ok := m.owners[name]; ok && id != e.Owner {
		t.Fatalf("owner has numbers %d and %d", id, e.Owner)
	}
	m.owners[name] = e.Owner
	return nil
}

// TestLogEqualsModel runs random updates, dropped updates and reopens against
// the model, reading everything back after each.
func TestLogEqualsModel(t *testing.T) {
	makers := []*maker{newMaker(0), newMaker(1), newMaker(7)}
	o := testOptions(t)
	o.segment, o.buffer = 2000, 4<<10
	rapid.Check(t, func(t *rapid.T) {
		dir := quickDir(t)
		if err := Create(dir, testOrigin, o); err != nil {
			t.Fatal(err)
		}
		l, m := reopen(t, nil, dir, o), newModel()
		defer func() { l.Close() }()
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			next := m.clone()
			err := l.Update(func(b *Batch) error { return drawBatch(t, b, next, makers) })
			if err == nil {
				m = next
			} else if !errors.Is(err, errDropped) {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "reopen") {
				l = reopen(t, l, dir, o)
			}
			if err := errors.Join(m.differs(l), l.Check(t.Context(), 0, l.Size())); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func reopen(t *rapid.T, l *Log, dir string, o Options) *Log {
	if l != nil {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
