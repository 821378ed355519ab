package rows

import (
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
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
	// Equal: the row is as one of the versions that it had in the window, or as
	// what the source told since makes of it.
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
	// Kept: the row is as the log's latest version, though by what the source
	// told since it must be gone, or otherwise.
	Kept
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
	// Standing is of Equal.
	Standing Standing
	// Former says that Entry is a version of the row under the key that it had
	// before the source gave it another one. Of Unknown and Resurrected it comes
	// with a version that the row may have had, and differs from.
	Former bool
}

// Comparer compares rows with a log. It keeps buffers and is not safe for
// concurrent use.
type Comparer struct {
	log       Log
	book      *cause.Book
	committer commit.Committer
	owners    map[uint64]*commit.Owner
	key       []byte
	cells     []row.Value
	taken     []bool // which of the table's columns the version has
	scratch   image
}

// maxOwners bounds how many owners' keys a Comparer holds ready.
const maxOwners = 4096

// NewComparer returns a Comparer over a log.
func NewComparer(log Log) *Comparer {
	return &Comparer{log: log, owners: make(map[uint64]*commit.Owner)}
}

// Accept makes c take for right what a book explains, and nothing else.
func (c *Comparer) Accept(b *cause.Book) { c.book = b }

// Compare compares a row, read within the window, with the versions that it
// had in it: the latest before the window and all within.
func (c *Comparer) Compare(t *tap.Table, cells []row.Value, w recordlog.Window) (Comparison, error) {
	c.key = appendKeyOf(c.key[:0], t, cells)
	head, known, err := c.log.Head(t.Name, c.key)
	if err != nil {
		return Comparison{}, fmt.Errorf("look up row: %w", err)
	}
	var e *recordlog.Entry
	if known {
		if e, err = c.latestBefore(head.Index, w.To); err != nil {
			return Comparison{}, err
		}
	}
	if e == nil || e.Header.Op == commit.Delete || c.book != nil && e.Header.Index < c.book.Barrier(t.Name) {
		former, err := c.Former(t, cells, w)
		if err != nil || former.Former && (former.State == Equal || former.State == Hot) {
			return former, err
		}
		if former.Former || e == nil || e.Header.Op != commit.Delete {
			former.State, former.Head = Unknown, head
			return former, nil
		}
	}
	found, err := c.walk(e, t, cells, w, head)
	if err != nil || c.book == nil || found.State == Equal || found.State == Hot {
		return found, err
	}
	// It may be another row, that a rule gave the key of this one.
	former, err := c.Former(t, cells, w)
	if err == nil && former.Former && (former.State == Equal || former.State == Hot) {
		return former, nil
	}
	return found, err
}

// walk compares a row with its versions from e back to the one that it had when
// the window began.
func (c *Comparer) walk(e *recordlog.Entry, t *tap.Table, cells []row.Value, w recordlog.Window, head recordlog.Head) (Comparison, error) {
	latest, hot := e, false
	for e != nil {
		m, err := c.standing(e, t, cells, w)
		if err != nil || m.Equal {
			return Comparison{State: Equal, Entry: e, Head: head, Standing: m}, err
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
	return c.describe(latest, t, cells, w, head)
}

// Former compares a row with the versions that it may have had under other keys,
// before the source gave it the one that it has. Its State is Equal, Differs or
// Kept if there is such a version; Former is false if there is none.
func (c *Comparer) Former(t *tap.Table, cells []row.Value, w recordlog.Window) (out Comparison, err error) {
	if c.book == nil {
		return out, nil
	}
	for _, key := range c.book.Former(t, cells) {
		head, known, err := c.log.Head(t.Name, key.Key)
		if err != nil {
			return out, fmt.Errorf("look up row: %w", err)
		}
		if !known {
			continue
		}
		e, err := c.latestBefore(head.Index, min(w.To, key.Before))
		if err != nil {
			return out, err
		}
		if e == nil || e.Header.Op == commit.Delete {
			continue
		}
		past, err := c.past(e, head, w.From)
		if err != nil {
			return out, err
		}
		if past {
			continue
		}
		found, err := c.walk(e, t, cells, w, head)
		if err != nil {
			return out, err
		}
		found.Former, found.Standing.Renew = true, true
		if found.State == Equal || found.State == Hot {
			return found, nil
		}
		if !out.Former {
			out = found
		}
	}
	return out, nil
}

// past reports whether a version was followed by another one under its key before a
// read began: its row is gone or has been found under another key, unless it is still
// missed. Who puts it back is not taken for the source.
func (c *Comparer) past(e *recordlog.Entry, head recordlog.Head, from uint64) (bool, error) {
	if e.Header.Index == head.Index || c.book.Missed(e.Header.Index) {
		return false, nil
	}
	next, err := c.log.Entry(head.Index)
	for err == nil && next.Header.Previous != e.Header.Index {
		next, err = c.log.Entry(next.Header.Previous)
	}
	if err != nil {
		return false, err
	}
	return next.Header.Index < from, nil
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

// Differences compares cells, seen when the log had a size, with one version:
// State is Equal, Kept or Differs, with what differs.
func (c *Comparer) Differences(e *recordlog.Entry, t *tap.Table, cells []row.Value, size uint64) (Comparison, error) {
	w := recordlog.Window{From: size, To: size}
	m, err := c.standing(e, t, cells, w)
	if err != nil || m.Equal {
		return Comparison{State: Equal, Entry: e, Standing: m}, err
	}
	return c.describe(e, t, cells, w, recordlog.Head{})
}

// Holds reports whether a version committed to a value in a column, by its number.
func (c *Comparer) Holds(e *recordlog.Entry, column int, v row.Value) (bool, error) {
	if column < 0 || column >= len(e.Digests) || len(e.Digests) != len(e.Header.Columns) {
		return false, nil
	}
	k, err := c.versionKey(e)
	if err != nil {
		return false, err
	}
	salts := commit.Salts(k, len(e.Digests))
	return commit.ColumnDigest(salts[column], e.Header.Columns[column].Name, v) == e.Digests[column], nil
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
