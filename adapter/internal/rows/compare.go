package rows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// ErrDamaged says that the log's own copy of a version does not lead to its
// leaf's commitment: the store was changed or the owner's key is another one.
var ErrDamaged = errors.New("the log's copy of a version does not match its leaf")

// Log is what a comparison reads.
type Log interface {
	Head(table string, key []byte) (recordlog.Head, bool, error)
	Entry(index uint64) (*recordlog.Entry, error)
	OwnerKey(id uint64) (*commit.Owner, error)
}

// State is how a row as it was read stands to what the log holds of it.
type State uint8

// The states of a comparison.
const (
	// Equal: the row is as one of the versions that it had in the window.
	Equal State = iota
	// Hot: it is not, but it changed within the window, so that the read may lie
	// between two versions; read again.
	Hot
	// Unknown: the log has no version of the row.
	Unknown
	// Resurrected: the log's latest version is a delete.
	Resurrected
	// Differs: the log's latest version has other values.
	Differs
)

// A Comparison is the outcome of comparing one row.
type Comparison struct {
	State State
	// Entry is the version compared with: the equal one, or the latest of the
	// window. Nil if State is Unknown.
	Entry *recordlog.Entry
	Head  recordlog.Head
	// Columns are the names of the columns that differ, Present their digests
	// under the salts of Entry, all in Entry's columns' order; of Differs.
	Columns []string
	Present []commit.Digest
}

// Comparer compares rows with a log. It keeps buffers and is not safe for
// concurrent use.
type Comparer struct {
	log       Log
	dropped   Dropped
	committer commit.Committer
	owners    map[uint64]*commit.Owner
	key       []byte
	cells     []row.Value
}

// maxOwners bounds how many owners' keys a Comparer holds ready.
const maxOwners = 4096

// NewComparer returns a Comparer over a log.
func NewComparer(log Log) *Comparer {
	return &Comparer{log: log, owners: make(map[uint64]*commit.Owner)}
}

// Dropped reports whether the source recorded, after a version's leaf, that the
// table has no such column any more.
type Dropped func(leaf uint64, table, column string) bool

// Accept makes c accept the loss of columns that d explains.
func (c *Comparer) Accept(d Dropped) { c.dropped = d }

func (c *Comparer) explained(e *recordlog.Entry, column int) bool {
	return c.dropped != nil && c.dropped(e.Header.Index, e.Header.Table, e.Header.Columns[column].Name)
}

// Compare compares a row, read within the window, with the versions that it
// had in it: the latest before the window and all within.
func (c *Comparer) Compare(t *tap.Table, cells []row.Value, w recordlog.Window) (Comparison, error) {
	c.key = appendKeyOf(c.key[:0], t, cells)
	head, known, err := c.log.Head(t.Name, c.key)
	if err != nil {
		return Comparison{}, fmt.Errorf("look up row: %w", err)
	}
	if !known {
		return Comparison{State: Unknown}, nil
	}
	e, err := c.latestBefore(head.Index, w.To)
	if err != nil || e == nil {
		return Comparison{State: Unknown, Head: head}, err
	}
	latest, hot := e, false
	for e != nil {
		if equal, err := c.Matches(e, t, cells); err != nil || equal {
			return Comparison{State: Equal, Entry: e, Head: head}, err
		}
		if e.Header.Index < w.From {
			break
		}
		hot = true
		if e, err = c.previous(e); err != nil {
			return Comparison{}, err
		}
	}
	if hot {
		return Comparison{State: Hot, Entry: latest, Head: head}, nil
	}
	return c.describe(latest, t, cells, head)
}

func (c *Comparer) describe(e *recordlog.Entry, t *tap.Table, cells []row.Value, head recordlog.Head) (Comparison, error) {
	if e.Header.Op == commit.Delete {
		return Comparison{State: Resurrected, Entry: e, Head: head}, nil
	}
	out := Comparison{State: Differs, Entry: e, Head: head}
	p, err := c.digest(e, t, cells)
	if err != nil {
		return out, err
	}
	for i, d := range p.digests {
		switch {
		case d == e.Digests[i]:
		case p.lost[i] && c.explained(e, i):
			p.digests[i] = e.Digests[i] // nothing is said of it
		default:
			out.Columns = append(out.Columns, e.Header.Columns[i].Name)
		}
	}
	if len(out.Columns) == 0 {
		return out, fmt.Errorf("%w: leaf %d", ErrDamaged, e.Header.Index)
	}
	out.Present = slices.Clone(p.digests)
	return out, nil
}

// latestBefore returns the row's latest version with a leaf index below to,
// walking back from index; nil if there is none.
func (c *Comparer) latestBefore(index, to uint64) (*recordlog.Entry, error) {
	e, err := c.log.Entry(index)
	for err == nil && e != nil && e.Header.Index >= to {
		e, err = c.previous(e)
	}
	return e, err
}

func (c *Comparer) previous(e *recordlog.Entry) (*recordlog.Entry, error) {
	if e.Header.Previous == commit.NoPrevious {
		return nil, nil
	}
	return c.log.Entry(e.Header.Previous)
}

// Older looks for the newest version of the row before e, deletes aside, that
// the cells are equal to; nil if there is none. A version without one of the
// columns that differ from e's cannot explain that they do.
func (c *Comparer) Older(e *recordlog.Entry, t *tap.Table, cells []row.Value, differ ...string) (older, successor *recordlog.Entry, err error) {
	for successor = e; ; successor = older {
		if older, err = c.previous(successor); err != nil || older == nil {
			return nil, nil, err
		}
		if slices.ContainsFunc(differ, func(name string) bool { return indexOf(older.Header.Columns, name) < 0 }) {
			continue
		}
		if equal, err := c.Matches(older, t, cells); err != nil || equal {
			return older, successor, err
		}
	}
}

// Matches reports whether the cells are those that the version committed to.
// Columns that the table has gained since are not part of it; one that it has
// lost counts as changed, unless the source recorded that it was dropped.
func (c *Comparer) Matches(e *recordlog.Entry, t *tap.Table, cells []row.Value) (bool, error) {
	if e.Header.Op == commit.Delete {
		return false, nil
	}
	p, err := c.digest(e, t, cells)
	if err != nil || p.commitment == e.Leaf.Commitment {
		return err == nil, err
	}
	for i, d := range p.digests {
		if d != e.Digests[i] && (!p.lost[i] || !c.explained(e, i)) {
			return false, nil
		}
	}
	return true, c.CheckEntry(e)
}

// Differences compares cells with one version: State is Equal or Differs, with
// what differs.
func (c *Comparer) Differences(e *recordlog.Entry, t *tap.Table, cells []row.Value) (Comparison, error) {
	if equal, err := c.Matches(e, t, cells); err != nil || equal {
		return Comparison{State: Equal, Entry: e}, err
	}
	return c.describe(e, t, cells, recordlog.Head{})
}

// CheckEntry checks that the log's copy of a version leads to the commitment
// in its leaf.
func (c *Comparer) CheckEntry(e *recordlog.Entry) error {
	owner, err := c.owner(e.Owner)
	if err != nil {
		return err
	}
	k := owner.VersionKey(e.Header.Log, e.Header.Index)
	if c.committer.Recombine(k, &e.Header, e.Digests) != e.Leaf.Commitment {
		return fmt.Errorf("%w: leaf %d", ErrDamaged, e.Header.Index)
	}
	return nil
}

// present is a row as it was read, under the salts of a recorded version.
type present struct {
	commitment commit.Digest
	digests    []commit.Digest
	lost       map[int]bool // columns of the version that the table no longer has
}

func (c *Comparer) digest(e *recordlog.Entry, t *tap.Table, cells []row.Value) (p present, err error) {
	if len(e.Digests) != len(e.Header.Columns) {
		return p, fmt.Errorf("%w: leaf %d", ErrDamaged, e.Header.Index)
	}
	owner, err := c.owner(e.Owner)
	if err != nil {
		return p, err
	}
	c.cells, p.lost = project(c.cells[:0], t, cells, e.Header.Columns)
	k := owner.VersionKey(e.Header.Log, e.Header.Index)
	p.commitment, p.digests, err = c.committer.Commit(k, &e.Header, c.cells)
	return p, err
}

// owner returns an owner's key. The rows of one owner tend to lie together.
func (c *Comparer) owner(id uint64) (*commit.Owner, error) {
	if o, ok := c.owners[id]; ok {
		return o, nil
	}
	o, err := c.log.OwnerKey(id)
	if err != nil {
		return nil, err
	}
	if len(c.owners) >= maxOwners {
		clear(c.owners)
	}
	c.owners[id] = o
	return o, nil
}

// Project orders a row's cells as a version's columns are, null where the table
// has no column of that name any more.
func Project(t *tap.Table, cells []row.Value, columns []row.Column) []row.Value {
	out, _ := project(nil, t, cells, columns)
	return out
}

// project orders cells by the recorded columns, null where the table has none
// of them any more.
func project(dst []row.Value, t *tap.Table, cells []row.Value, columns []row.Column) ([]row.Value, map[int]bool) {
	var lost map[int]bool
	for i, want := range columns {
		at := i
		if at >= len(t.Columns) || t.Columns[at].Name != want.Name {
			at = indexOf(t.Columns, want.Name)
		}
		if at < 0 {
			at = respelled(t.Columns, columns, want.Name)
		}
		if at < 0 {
			if lost == nil {
				lost = make(map[int]bool)
			}
			lost[i] = true
			dst = append(dst, row.Null())
			continue
		}
		dst = append(dst, cells[at])
	}
	return dst, lost
}

// SameColumns reports whether a version covers just the columns that the table
// has, in any order.
func SameColumns(e *recordlog.Entry, t *tap.Table) bool {
	if len(e.Header.Columns) != len(t.Columns) {
		return false
	}
	for i, c := range t.Columns {
		if e.Header.Columns[i].Name != c.Name && indexOf(e.Header.Columns, c.Name) < 0 {
			return false
		}
	}
	return true
}

// respelled returns where a recorded column stands with its name in other case,
// or -1. To the database it is the same column still.
func respelled(now, recorded []row.Column, name string) int {
	for at := range now {
		if strings.EqualFold(now[at].Name, name) && indexOf(recorded, now[at].Name) < 0 {
			return at
		}
	}
	return -1
}

func indexOf(columns []row.Column, name string) int {
	for i := range columns {
		if columns[i].Name == name {
			return i
		}
	}
	return -1
}
