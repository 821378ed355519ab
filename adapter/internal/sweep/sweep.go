// Package sweep reads one table of the source from end to end and says how it
// deviates from the record log. Audits report what a sweep finds; ingest uses
// the same sweep to verify a table after a gap before it accepts anything.
//
// The source is read while it is written to. Each read comes with a window:
// the log's size before the read began, and its size once the stream had
// delivered everything that the read could have seen. A row is at rest with the
// log if it equals one of the versions that it had in the window. What is not
// is read once more, by key, and judged on that reading. A row that changes at
// every reading is judged all the same where the source tells each version, for a
// reading shows one of them; elsewhere it is reported as busy and never guessed.
//
// Nothing depends on the order of rows: rows that were seen are marked in a
// bitmap by the leaf of their first version, and the log's live rows without a
// mark are fetched by key at the end.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Source reads rows under fences.
type Source interface {
	Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, recordlog.Window, error)
	Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, recordlog.Window, error)
}

// Coverage says what the record log can vouch for of one table.
type Coverage struct {
	Table   string
	Refused string // why the table cannot be covered, with the mend; empty if it can
	// Since is when the table had been taken in whole, ms since 1970 UTC; 0
	// while it has not. Nothing is claimed about the time before.
	Since int64
	// Suspect says that changes may have been missed and the table has not been
	// verified since.
	Suspect bool
	// Cause is the leaf of the last event that made the table suspect.
	Cause uint64
	// Problem says why the table could not be read when it was last tried; it is
	// tried again.
	Problem string
	// Notes are what the tap says of the table that an operator should know;
	// known while a tap is attached.
	Notes []string
}

// Log is what a sweep reads of the record log.
type Log interface {
	rows.Log
	NewReader() *recordlog.Reader
	Size() uint64
	Heads(ctx context.Context, table string, fn func(key []byte, h recordlog.Head) error) error
	Destroyed(owner uint64) (leaf uint64, ok bool, err error)
}

// Options of a sweep.
type Options struct {
	ChunkRows int // rows per scan; 0 means 2,000
	Retries   int // fetches of a suspect before it is busy; 0 means 5
	// Intact is called for each row that is as the log says, with the leaf of the
	// version that it equals; may be nil.
	Intact func(leaf uint64)
	// Book explains what changed without changes of its own; nil: nothing is.
	Book *cause.Book
	// Renewed is called for each row that is not as its latest version says, and
	// rightly so. Without it, rows that the source told to be other than their
	// versions are Pending.
	Renewed func(*Renewal) error
	// Held is called for each row that is as the log says, with the leaf of the
	// version that it equals and how it was read; may be nil.
	Held func(leaf uint64, t *tap.Table, cells []row.Value) error
	// Progress is called after each chunk with the rows read so far; may be nil.
	Progress func(rows uint64)
}

// Kind is how a row deviates.
type Kind uint8

// The kinds of deviations.
const (
	Altered  Kind = iota // other values than any version
	Deleted              // live in the log, not there
	Inserted             // there, never logged
	Stale                // as an older version
	Busy                 // changed faster than it could be read
	Lost                 // the key that opens its versions is gone
	Erased               // that key was destroyed, as an entry of the log says
	Kept                 // as its latest version, though the source told that it is not
	Pending              // as the source told, which is not in its versions yet
)

// A Renewal is a row that has become another than its version without a change
// of its own, and as the source told.
type Renewal struct {
	Entry    *recordlog.Entry // the version
	Table    *tap.Table
	Cells    []row.Value // as read; nil if the row is gone
	Standing rows.Standing
	Window   recordlog.Window // of the reading
}

// A Deviation is one row that is not as the log says.
type Deviation struct {
	Kind    Kind
	Table   *tap.Table
	Key     []byte           // canonical
	Cells   []row.Value      // as read; nil if not there
	Latest  *recordlog.Entry // the log's latest version; nil if Inserted
	First   uint64           // leaf of the row's first version, unless Inserted
	Matched *recordlog.Entry // Stale: the older version that is back
	Ended   *recordlog.Entry // Stale: the version that had replaced it
	Columns []string         // Altered: names of the columns that differ
	Present []commit.Digest  // Altered: digests of all columns as read, under Latest's salts
	Window  recordlog.Window // of the reading that decided
	Erasure uint64           // Erased: leaf of that entry
	moved   [][]row.Value    // keys that the row may have instead, and was not looked for at
}

// Missing lists the columns that differ because the table has none of that name:
// not even NULL was found in them.
func (d *Deviation) Missing() []string {
	var names []string
	for _, name := range d.Columns {
		if !slices.ContainsFunc(d.Table.Columns, func(c row.Column) bool { return c.Name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// Result is what a sweep found.
type Result struct {
	Table      *tap.Table
	Started    uint64 // log size when it began
	Read       uint64 // rows read
	Intact     uint64
	Told       uint64 // rows that are as the source told, and not as their version
	Known      uint64 // live rows in the log when it ended
	Deviations []Deviation
	Erased     []Deviation // rows whose latest version's key was destroyed, there or not
	// NewestIntact is the highest leaf index among the versions found intact.
	NewestIntact uint64
	AnyIntact    bool
}

type sweep struct {
	source   Source
	log      Log
	options  Options
	comparer *rows.Comparer
	matchers []*rows.Matcher // one for each part of a chunk
	matches  []rows.Match
	table    string
	seen     Leaves
	moved    Leaves          // rows that were found under another key than the log has
	reading  map[string]bool // the keys that are looked for in the reading that is judged
	result   *Result
}

func newSweep(source Source, log Log, table string, o Options) *sweep {
	if o.ChunkRows == 0 {
		o.ChunkRows = 2000
	}
	if o.Retries == 0 {
		o.Retries = 5
	}
	s := &sweep{source: source, log: log, options: o, comparer: rows.NewComparer(log), table: table,
		seen: make(Leaves), moved: make(Leaves), result: &Result{Started: log.Size()}}
	s.comparer.Accept(o.Book)
	return s
}

// Keys reads single rows of a table by key and judges them.
func Keys(ctx context.Context, source Source, log Log, table string, keys [][]row.Value, o Options) (*Result, error) {
	s := newSweep(source, log, table, o)
	if err := s.settle(ctx, keys); err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", table, err)
	}
	return s.result, nil
}

// Run sweeps one table.
func Run(ctx context.Context, source Source, log Log, table string, o Options) (*Result, error) {
	s := newSweep(source, log, table, o)
	for range runtime.GOMAXPROCS(0) {
		s.matchers = append(s.matchers, rows.NewMatcher(log, log.NewReader(), o.Book))
	}
	if err := s.scan(ctx); err != nil {
		return nil, fmt.Errorf("sweep %s: %w", table, err)
	}
	if err := s.findMissing(ctx); err != nil {
		return nil, fmt.Errorf("sweep %s: %w", table, err)
	}
	return s.result, nil
}

// scan compares the table chunk by chunk while the next one is being read.
func (s *sweep) scan(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	chunks := s.readAhead(ctx)
	defer func() {
		cancel()
		for range chunks { // until the reading has ended
		}
	}()
	for r := range chunks {
		if r.err != nil {
			return r.err
		}
		s.result.Table = r.chunk.Table
		suspects, err := s.compareAll(r.chunk, r.window)
		if err != nil {
			return err
		}
		if err := s.settle(ctx, suspects); err != nil {
			return err
		}
		if s.options.Progress != nil {
			s.options.Progress(s.result.Read)
		}
	}
	return ctx.Err()
}

// reading is one chunk of a scan.
type reading struct {
	chunk  tap.Chunk
	window recordlog.Window
	err    error
}

// last reports whether no row of the table follows.
func (r *reading) last() bool { return r.err != nil || r.chunk.Last || len(r.chunk.Rows) == 0 }

// readAhead reads the table in order, one chunk ahead of who takes them. The
// channel is closed after the last chunk or an error, or when ctx ends.
func (s *sweep) readAhead(ctx context.Context) <-chan reading {
	chunks := make(chan reading)
	go func() {
		defer close(chunks)
		var after []row.Value
		for {
			var r reading
			r.chunk, r.window, r.err = s.source.Scan(ctx, s.table, after, s.options.ChunkRows)
			select {
			case chunks <- r:
			case <-ctx.Done():
				return
			}
			if r.last() {
				return
			}
			after = r.chunk.Table.KeyOf(r.chunk.Rows[len(r.chunk.Rows)-1].Cells)
		}
	}()
	return chunks
}

// compareAll compares a chunk's rows and returns the keys of those not at rest.
func (s *sweep) compareAll(chunk tap.Chunk, w recordlog.Window) ([][]row.Value, error) {
	if err := s.match(chunk, w); err != nil {
		return nil, err
	}
	var suspects [][]row.Value
	for i, r := range chunk.Rows {
		s.result.Read++
		if m := s.matches[i]; m.Equal && (m.SameColumns || s.options.Renewed == nil) {
			s.seen.Add(m.First)
			s.intact(m.Leaf)
			if err := s.held(m.Leaf, chunk.Table, r.Cells); err != nil {
				return nil, err
			}
			continue
		}
		atRest, err := s.compare(chunk.Table, r.Cells, w)
		if err != nil {
			return nil, err
		}
		if !atRest {
			suspects = append(suspects, chunk.Table.KeyOf(r.Cells))
		}
	}
	return suspects, nil
}

// match compares the rows with their latest versions, on all cores.
func (s *sweep) match(chunk tap.Chunk, w recordlog.Window) error {
	s.matches = slices.Grow(s.matches[:0], len(chunk.Rows))[:len(chunk.Rows)]
	part := (len(chunk.Rows) + len(s.matchers) - 1) / len(s.matchers)
	errs := make([]error, len(s.matchers))
	var group sync.WaitGroup
	for n, m := range s.matchers {
		from, to := min(n*part, len(chunk.Rows)), min((n+1)*part, len(chunk.Rows))
		group.Go(func() { errs[n] = m.Match(chunk.Table, chunk.Rows[from:to], w, s.matches[from:to]) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// compare compares a row with all the versions that it had in the window, and
// reports whether it is at rest.
func (s *sweep) compare(t *tap.Table, cells []row.Value, w recordlog.Window) (bool, error) {
	c, err := s.comparer.Compare(t, cells, w)
	if err != nil && !errors.Is(err, recordlog.ErrKeyLost) {
		return false, err
	}
	if c.State != rows.Unknown {
		s.seen.Add(c.Head.First)
	}
	if err != nil || c.State != rows.Equal {
		return false, nil
	}
	return true, s.right(&Deviation{Kind: Pending, Table: t, Key: row.AppendKey(nil, t.KeyOf(cells)), Cells: cells, Window: w}, c)
}

// right takes a row that is as the log says, or as the source told since.
func (s *sweep) right(d *Deviation, c rows.Comparison) error {
	d.Latest, d.First = c.Entry, c.Head.First
	if c.Former {
		s.moved.Add(c.Head.First)
	}
	told := c.Standing.Way.Leaf != 0 || c.Former
	switch {
	case told && s.options.Renewed == nil:
		s.result.Deviations = append(s.result.Deviations, *d)
		return nil
	case told:
		s.result.Told++
	default:
		s.intact(c.Entry.Header.Index)
		if err := s.held(c.Entry.Header.Index, d.Table, d.Cells); err != nil {
			return err
		}
	}
	if !c.Standing.Renew || s.options.Renewed == nil {
		return nil
	}
	return s.options.Renewed(&Renewal{Entry: c.Entry, Table: d.Table, Cells: d.Cells, Standing: c.Standing, Window: d.Window})
}

func (s *sweep) held(leaf uint64, t *tap.Table, cells []row.Value) error {
	if s.options.Held == nil {
		return nil
	}
	return s.options.Held(leaf, t, cells)
}

func (s *sweep) intact(leaf uint64) {
	s.result.Intact++
	s.result.AnyIntact = true
	s.result.NewestIntact = max(s.result.NewestIntact, leaf)
	if s.options.Intact != nil {
		s.options.Intact(leaf)
	}
}

// Leaves is a sparse set of leaf indexes.
type Leaves map[uint64]uint64

// Add adds a leaf.
func (l Leaves) Add(leaf uint64) { l[leaf/64] |= 1 << (leaf % 64) }

// Has reports whether a leaf is in the set.
func (l Leaves) Has(leaf uint64) bool { return l[leaf/64]&(1<<(leaf%64)) != 0 }
