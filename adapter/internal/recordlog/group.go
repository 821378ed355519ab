package recordlog

import (
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Commitments are most of the work of a batch and need nothing of one another, so
// they are computed beside it, for groups of entries. An entry has its place and
// its row's head from the moment that it is appended; its record and its leaf are
// made when its group is done, in the order of the entries.
const (
	groupEntries = 64
	groupsAtOnce = 8 // that wait for their records, which bounds their memory
)

// A pending entry lacks its commitment.
type pending struct {
	entry         *Entry
	key           commit.Key
	cells         []row.Value
	table, schema uint32
	err           error
}

// A group of entries is committed to by one goroutine.
type group struct {
	entries   []pending
	digests   []commit.Digest
	committer commit.Committer
	done      chan struct{} // holds a token when it has been
}

// commit computes the commitments.
func (g *group) commit() {
	g.digests = g.digests[:0]
	for i := range g.entries {
		p := &g.entries[i]
		c, digests, err := g.committer.Commit(p.key, &p.entry.Header, p.cells)
		first := len(g.digests)
		g.digests = append(g.digests, digests...)
		p.entry.Leaf.Commitment, p.entry.Digests, p.err = c, g.digests[first:], err
	}
	g.done <- struct{}{}
}

// wait adds an entry to the open group, and has the group committed to when it is
// full.
func (b *Batch) wait(p pending) error {
	if b.open == nil {
		b.open = b.log.writer.group()
	}
	b.open.entries = append(b.open.entries, p)
	b.waiting++
	if len(b.open.entries) < groupEntries {
		return nil
	}
	b.start()
	if len(b.running) < groupsAtOnce {
		return nil
	}
	return b.finish()
}

// start has the open group committed to.
func (b *Batch) start() {
	go b.open.commit()
	b.running, b.open = append(b.running, b.open), nil
}

// settle makes the records of all entries that lack them.
func (b *Batch) settle() error {
	if b.open != nil {
		b.start()
	}
	for len(b.running) > 0 {
		if err := b.finish(); err != nil {
			return err
		}
	}
	return nil
}

// finish makes the records of the oldest group.
func (b *Batch) finish() error {
	g := b.running[0]
	b.running = b.running[1:]
	<-g.done
	defer b.log.writer.free(g)
	for i := range g.entries {
		p := &g.entries[i]
		if p.err != nil {
			return fmt.Errorf("commit to entry %d: %w", p.entry.Header.Index, p.err)
		}
		if err := b.appendLeaf(p.entry, p.table, p.schema); err != nil {
			return err
		}
		b.waiting--
	}
	return nil
}

// abandon waits until nobody uses the entries that were not settled.
func (b *Batch) abandon() {
	for _, g := range b.running {
		<-g.done
	}
	b.running, b.open = nil, nil
}

// group returns an empty group.
func (w *writer) group() *group {
	if n := len(w.groups); n > 0 {
		g := w.groups[n-1]
		w.groups = w.groups[:n-1]
		return g
	}
	return &group{entries: make([]pending, 0, groupEntries), done: make(chan struct{}, 1)}
}

// free keeps a group's memory for another.
func (w *writer) free(g *group) {
	clear(g.entries)
	g.entries = g.entries[:0]
	w.groups = append(w.groups, g)
}
