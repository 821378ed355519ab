package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A follower works out what the references to rows that changed did to other
// rows. It gathers what one foreign key did, until something could depend on it,
// and enters that as one entry and one rule.
type follower struct {
	*session
	batch  *recordlog.Batch
	groups []*group
	gaps   map[string]bool
}

// group is what following one foreign key did, not entered yet.
type group struct {
	cause.Step
	by    string // the table whose rows changed
	known map[string]bool
}

// followed takes a change of a row that others may refer to.
func (f *follower) followed(c *tap.Change) error {
	if c.Followed == tap.NotFollowed || c.Before == nil {
		return nil
	}
	for _, child := range f.tables {
		for i := range child.References {
			ref := &child.References[i]
			if ref.Table != c.Table.Name {
				continue
			}
			if err := f.refer(child, ref, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// refer follows one reference to a row that changed.
func (f *follower) refer(child *tap.Table, ref *tap.Reference, c *tap.Change) error {
	link := move{child: child, ref: ref, action: ref.OnDelete, sure: c.Followed == tap.Followed, at: noLeaf}
	var ok bool
	if link.old, ok = cellsOf(c.Table, c.Before, ref.Of); !ok {
		return f.unknown(child, ref)
	}
	if c.Op == tap.Update {
		link.action = ref.OnUpdate
		link.now, _ = cellsOf(c.Table, c.After, ref.Of)
	}
	return f.move(link)
}

func cellsOf(t *tap.Table, cells []row.Value, names []string) ([]row.Value, bool) {
	out := make([]row.Value, len(names))
	for i, name := range names {
		at := slices.IndexFunc(t.Columns, func(c row.Column) bool { return strings.EqualFold(c.Name, name) })
		if at < 0 {
			return nil, false
		}
		out[i] = cells[at]
	}
	return out, true
}

// noLeaf says that a rule stands at its own entry.
const noLeaf = ^uint64(0)

// A move is what became of the rows that held old in a reference's columns.
type move struct {
	child  *tap.Table
	ref    *tap.Reference
	action tap.Action
	old    []row.Value
	now    []row.Value // nil if what they refer to is gone
	sure   bool
	at     uint64 // the leaf of the rule that this one follows from, or noLeaf
}

func (m *move) effect() cause.Effect {
	switch {
	case m.action == tap.SetNull:
		return cause.Nulled
	case m.now == nil:
		return cause.Gone
	}
	return cause.Replaced
}

// move gathers a move, and those of the rows that refer to the moved ones as far
// as their cells are known.
func (f *follower) move(m move) error {
	if m.action == tap.NoAction || slices.ContainsFunc(m.old, row.Value.IsNull) || slices.EqualFunc(m.old, m.now, row.Equal) {
		return nil
	}
	if !f.gather(&m) {
		return nil
	}
	for _, next := range f.tables {
		for i := range next.References {
			if ref := &next.References[i]; ref.Table == m.child.Name {
				if err := f.further(next, ref, &m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// further follows a reference to rows that moved. Where it goes by the columns
// that they moved in, its cells are known; where it goes by their key too, they
// will be once those rows are found; else nobody can tell.
func (f *follower) further(next *tap.Table, ref *tap.Reference, m *move) error {
	on := m.then(ref)
	if on == tap.NoAction {
		return nil
	}
	n := move{child: next, ref: ref, action: on, sure: m.sure, at: m.at}
	if covers(m.ref.Columns, ref.Of) {
		n.old = pick(m.ref.Columns, m.old, ref.Of)
		switch m.effect() {
		case cause.Nulled:
			n.now = make([]row.Value, len(n.old))
		case cause.Replaced:
			n.now = pick(m.ref.Columns, m.now, ref.Of)
		}
		return f.move(n)
	}
	if covers(append(keyNames(m.child), m.ref.Columns...), ref.Of) {
		return nil // settle finds the rows, and derives it
	}
	return f.unknown(next, ref)
}

// then is what a reference to a moved row does because of it.
func (m *move) then(ref *tap.Reference) tap.Action {
	if m.effect() == cause.Gone {
		return ref.OnDelete
	}
	if slices.ContainsFunc(ref.Of, func(name string) bool { return covers(m.ref.Columns, []string{name}) }) {
		return ref.OnUpdate
	}
	return tap.NoAction
}

func covers(names, wanted []string) bool {
	for _, w := range wanted {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, w) }) {
			return false
		}
	}
	return true
}

func pick(names []string, cells []row.Value, wanted []string) []row.Value {
	out := make([]row.Value, len(wanted))
	for i, w := range wanted {
		out[i] = cells[slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, w) })]
	}
	return out
}

// gather adds a move to its group; fresh is false if it is in it, or was found
// to follow before. One that
// depends on another of the group begins a new one.
func (f *follower) gather(m *move) (fresh bool) {
	if m.at != noLeaf && f.book.Has(m.child.Name, m.ref.Name, m.at, m.old) {
		return false
	}
	old := string(row.AppendCells(nil, m.old))
	g := f.group(m)
	if g != nil && g.known[old] {
		if g.Link.Effect != cause.Replaced {
			return false
		}
		g = nil
	}
	if g == nil {
		g = f.begin(m)
	}
	change := cause.Change{Old: m.old}
	g.known[old] = true
	if g.Link.Effect == cause.Replaced {
		change.New = m.now
		g.known[string(row.AppendCells(nil, m.now))] = true
	}
	g.Link.Changes = append(g.Link.Changes, change)
	return true
}

// group returns the group that a move can join: there is none behind it that
// the move may not overtake.
func (f *follower) group(m *move) *group {
	for _, g := range slices.Backward(f.groups) {
		switch {
		case g.Table != m.child.Name:
		case g.Link.Name == m.ref.Name && g.Link.Effect == m.effect() && g.Sure == m.sure && g.Leaf == m.at:
			return g
		case g.Link.Effect != cause.Gone || m.effect() != cause.Gone:
			return nil
		}
	}
	return nil
}

func (f *follower) begin(m *move) *group {
	g := &group{by: m.ref.Table, known: make(map[string]bool), Step: cause.Step{Table: m.child.Name, Leaf: m.at, Sure: m.sure,
		Link: &cause.Link{Name: m.ref.Name, Columns: m.ref.Columns, Effect: m.effect()}}}
	f.groups = append(f.groups, g)
	return g
}

// before enters what was gathered, if a change of a table could depend on it.
func (f *follower) before(c *tap.Change) error {
	for _, g := range f.groups {
		// A row that is deleted by name was none of those that went by the rule.
		if g.Table == c.Table.Name && (c.Op != tap.Delete || g.Link.Effect != cause.Gone) {
			return f.flush()
		}
	}
	return nil
}

// flush enters what was gathered.
func (f *follower) flush() error {
	groups := f.groups
	f.groups = nil
	for _, g := range groups {
		if f.book.Size(g.Table)+g.Size() > maxRuleValues {
			if err := f.gapOf(g.Table, fmt.Sprintf("more rows went or changed by foreign key %s than can be followed one by one", g.Link.Name)); err != nil {
				return err
			}
			continue
		}
		if err := f.enter(g); err != nil {
			return err
		}
	}
	return nil
}

// consequenceFormat is the version of the body of a consequence entry.
const consequenceFormat = 1

// enter writes a group's entry, which tells the rule and how many rows caused
// it and no value, and its rule. The body is [1, table, rule, columns, effect,
// because of table, rows, sure, leaf that it follows from or null].
func (f *follower) enter(g *group) error {
	body := dcbor.AppendUint(dcbor.AppendArray(nil, 9), consequenceFormat)
	body = dcbor.AppendText(dcbor.AppendText(body, g.Table), g.Link.Name)
	body = dcbor.AppendArray(body, len(g.Link.Columns))
	for _, name := range g.Link.Columns {
		body = dcbor.AppendText(body, name)
	}
	body = dcbor.AppendText(dcbor.AppendText(body, g.Link.Effect.String()), g.by)
	body = dcbor.AppendUint(dcbor.AppendUint(body, uint64(g.Size())), flag(g.Sure))
	if g.Leaf == noLeaf {
		body = dcbor.AppendNull(body)
	} else {
		body = dcbor.AppendUint(body, g.Leaf)
	}
	index, err := f.batch.AppendEvent(commit.Consequence, body)
	if err != nil {
		return fmt.Errorf("record a consequence: %w", err)
	}
	g.Entry = index
	if g.Leaf == noLeaf {
		g.Leaf = index
	}
	f.addRule(f.batch, g.Step)
	f.wake()
	return nil
}

// unknown says that rows of a table went or changed and nobody can tell which.
func (f *follower) unknown(t *tap.Table, ref *tap.Reference) error {
	return f.gapOf(t.Name, fmt.Sprintf("rows went or changed by foreign key %s to %s, by columns of rows that the source does not tell",
		ref.Name, ref.Table))
}

// gapOf records a gap of one table, once per batch and reason.
func (f *follower) gapOf(table, reason string) error {
	if f.gaps[table+reason] {
		return nil
	}
	if f.gaps == nil {
		f.gaps = make(map[string]bool)
	}
	f.gaps[table+reason] = true
	return f.gap(f.batch, tap.Gap{Tables: []string{table}, Reason: reason})
}
