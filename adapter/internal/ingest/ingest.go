// Package ingest brings what the tap delivers into the record log.
//
// The tap's stream and the scans that take a table in, or verify it after a
// gap, run side by side and meet in the log's Update, which is serialised. The
// stream's events go to disk in batches, each one synced batch with the place
// where the stream stands; only then is a position acknowledged to the tap.
//
// Nothing is ever re-baselined silently. A table's first snapshot records rows
// that the log has never seen. After a gap or a schema change a table is swept:
// rows that are as the log says stay as they are; any other is recorded as it
// is now and becomes a finding. While rows stream by, the row as it was before
// each change is compared with its last version: an unrecorded edit shows in
// the next recorded one.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/clinical"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Options of an Ingest.
type Options struct {
	Mappings []rows.Mapping
	Rules    []clinical.Rules
	// Identities learns by what patients are known; nil if nobody is to be found.
	Identities Identities
	ChunkRows  int // rows per scan; 0 means 2,000
	// MaxRowsPerSecond is how many rows are read in a second at most, by all who
	// read through the Ingest together; 0 is no limit. The stream knows none.
	MaxRowsPerSecond int
	Logger           zerolog.Logger
	Now              func() time.Time
}

// Identities keeps an index of the identifiers in patients' rows, in the batches
// that record these.
type Identities interface {
	rows.Observer
	// CheckTable says why a table's rows cannot be indexed as is configured, or nil.
	CheckTable(t *tap.Table) error
	// Whole reports whether all recorded rows of a table are indexed as they would
	// be now. SetWhole says that they are.
	Whole(b *recordlog.Batch, table string) (bool, error)
	SetWhole(b *recordlog.Batch, table string)
}

// Ingest brings one source into one log.
type Ingest struct {
	log     *recordlog.Log
	options Options
	pace    pace
	gate    gate
	meter   sweep.Meter // of snapshots and verifications
	pausing sync.Mutex  // orders pauses and their ends as they are recorded

	mu       sync.Mutex
	session  *session      // while a tap is attached
	changed  chan struct{} // closed, and made anew, when a table's state changes
	streamed Progress
}

// Progress is how far the stream has come.
type Progress struct {
	Attached   bool
	Changes    uint64    // logged since the process started
	LastCommit time.Time // the source's time of the last commit logged
	LastLogged time.Time // when something was last logged
}

// ErrDetached says that no tap is attached, or that the tap was restarted
// while a read waited for its fence. Reading again later helps.
var ErrDetached = errors.New("the tap is not attached")

// New returns an Ingest into log. A pause of an earlier one holds until it is over.
func New(log *recordlog.Log, o Options) (*Ingest, error) {
	if o.ChunkRows == 0 {
		o.ChunkRows = 2000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	i := &Ingest{log: log, options: o, pace: pace{perSecond: o.MaxRowsPerSecond}, changed: make(chan struct{})}
	return i, i.keepPaused()
}

// session is one attachment to a tap, from Run's start to its end.
type session struct {
	*Ingest
	tap       tap.Tap
	described tap.Description
	recorder  *rows.Recorder
	numberer  *rows.Numberer
	tables    map[string]*tap.Table // as they stand now
	estimates map[string]uint64     // of their rows, when the tap was attached
	states    map[string]TableState
	there     map[string]there // as the tables are where the stream stands
	book      *cause.Book
	doubts    []*doubt
	asides    map[string]aside
	reforms   map[string]uint64
	place     place
	placed    chan struct{} // closed once the stream has a place: what is read from then on is followed
	arrival   arrival
	rules     map[string]*clinical.Rules
	fences    *fences
	sightings findings.Sightings // used under mu
	work      chan struct{}      // a table may need a scan
	mu        sync.Mutex         // guards tables, states, doubts, asides and reforms, and orders batches, between stream and scans
}

// Run attaches to an opened tap and ingests until ctx ends, the tap fails, or
// the log can't be written. Run it again with a new tap to go on.
func (i *Ingest) Run(ctx context.Context, t tap.Tap) error {
	s, err := i.attach(ctx, t)
	if err != nil {
		return err
	}
	defer i.detach(s)
	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	group.Go(func() { cancel(s.stream(ctx)) })
	group.Go(func() {
		if err := s.takeIn(ctx); err != nil && ctx.Err() == nil {
			cancel(err)
		}
	})
	group.Wait()
	return context.Cause(ctx)
}

// attach prepares a session from the log's state and the source's tables.
func (i *Ingest) attach(ctx context.Context, t tap.Tap) (*session, error) {
	s := &session{Ingest: i, tap: t, described: t.Describe(), tables: make(map[string]*tap.Table), estimates: make(map[string]uint64),
		there: make(map[string]there), asides: make(map[string]aside), rules: make(map[string]*clinical.Rules), fences: newFences(), work: make(chan struct{}, 1), placed: make(chan struct{})}
	for n := range i.options.Rules {
		if r := &i.options.Rules[n]; r.Any() {
			s.rules[r.Table] = r
		}
	}
	s.recorder = rows.NewRecorder(i.log.Origin(), s.described.Assurance, i.options.Mappings)
	if i.options.Identities != nil {
		s.recorder.Observe(i.options.Identities)
	}
	var err error
	if s.place, err = readPlace(i.log); err != nil {
		return nil, err
	}
	s.hasPlace()
	if s.arrival, err = readArrival(i.log, i.options.Now().UnixMilli()); err != nil {
		return nil, err
	}
	if s.states, err = Tables(i.log); err != nil {
		return nil, err
	}
	if s.book, err = readBook(i.log); err != nil {
		return nil, err
	}
	s.book.SetColumnsTold(s.described.ColumnsTold)
	if s.doubts, err = readDoubts(i.log); err != nil {
		return nil, err
	}
	for _, d := range s.doubts {
		s.missing(d, true)
	}
	if s.reforms, err = readReforms(i.log); err != nil {
		return nil, err
	}
	listed, err := t.Tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the source's tables: %w", err)
	}
	for _, t := range listed {
		s.estimates[t.Name] = t.EstimatedRows
	}
	s.logNotes(listed)
	if err := s.meetTables(listed); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.session, i.streamed.Attached = s, true
	return s, nil
}

// hasPlace lets rows be read once the stream has told where it begins: changes of
// rows that were read before that would be told by nobody.
func (s *session) hasPlace() {
	select {
	case <-s.placed:
	default:
		if s.place.position != nil {
			close(s.placed)
		}
	}
}

func (i *Ingest) detach(s *session) {
	s.fences.close()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.session, i.streamed.Attached = nil, false
}

// meetTables compares the tables with what was last seen of them, and records
// what changed while nobody looked.
func (s *session) meetTables(listed []tap.Table) error {
	return s.log.Update(func(b *recordlog.Batch) (err error) {
		if s.numberer, err = rows.NewNumberer(b, s.recorder.Leads); err != nil {
			return err
		}
		for n := range listed {
			t := s.numberer.Table(&listed[n])
			if err := s.recallReferences(b, t); err != nil {
				return err
			}
			s.tables[t.Name] = t
			if t.Refused == "" {
				if err := s.checkTable(t); err != nil {
					return err
				}
			}
			if err := s.meetTable(b, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *session) meetTable(b *recordlog.Batch, t *tap.Table) error {
	state, known := s.states[t.Name]
	refused := state.Refused
	if t.Refused == "" {
		known, err := s.recallThere(b, t, &state)
		if err != nil {
			return err
		}
		s.setThere(b, t.Name, known)
		s.book.SetKey(t.Name, known.key)
	}
	if changed := state.setShape(t); changed || refused != t.Refused && known {
		index, err := appendSchema(b, &tap.SchemaChange{Table: t, Statement: "seen when the tap was attached", Rewritten: true})
		if err != nil {
			return err
		}
		state.Suspect, state.Cause = state.Suspect || state.Baselined, index
	}
	if err := s.meetPath(b, t, &state); err != nil {
		return err
	}
	s.setState(b, t.Name, state)
	return nil
}

func (s *session) setState(b *recordlog.Batch, table string, state TableState) {
	s.states[table] = state
	b.Set(tablePrefix+table, state.append(nil))
}

// wake tells the scanning side that a table may need it.
func (s *session) wake() {
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// Progress tells how far the stream has come.
func (i *Ingest) Progress() Progress {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.streamed
}

// Coverage tells what is known of each table that was ever seen.
func (i *Ingest) Coverage() ([]sweep.Coverage, error) {
	states, err := Tables(i.log)
	if err != nil {
		return nil, err
	}
	coverage := make([]sweep.Coverage, 0, len(states))
	for _, m := range i.options.Mappings {
		s, ok := states[m.Table]
		if !ok {
			continue
		}
		coverage = append(coverage, sweep.Coverage{Table: m.Table, Refused: s.Refused, Since: s.Since,
			Suspect: s.Suspect, Cause: s.Cause, Problem: i.problem(m.Table), Notes: append(i.notes(m.Table), unled(m, states)...)})
	}
	return coverage, nil
}

// unled says that the rows of a table cannot be led to their patient.
func unled(m rows.Mapping, states map[string]TableState) []string {
	if m.To == "" || states[m.To].Refused == "" {
		return nil
	}
	return []string{"whose its rows are stays unknown while table " + m.To + " is not covered"}
}

// notes returns what the attached tap says of a table, and what it could not say
// of its columns.
func (i *Ingest) notes(table string) []string {
	i.mu.Lock()
	s := i.session
	i.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tables[table]
	if !ok {
		return nil
	}
	notes := slices.Clone(t.Notes)
	for _, column := range s.book.Untold(table) {
		notes = append(notes, fmt.Sprintf("column %s: not protected before leaf %d, with which it came: the source does not tell "+
			"what rows held in it", column.Name, column.Leaf))
	}
	return notes
}

// announce wakes those who wait for a table's state to change, once the change
// is durable.
func (i *Ingest) announce() {
	i.mu.Lock()
	defer i.mu.Unlock()
	close(i.changed)
	i.changed = make(chan struct{})
}

// Settle waits until a table is taken in and not suspect, and no change of it so far
// is in doubt, or ctx ends, and returns what is known of it then.
func (i *Ingest) Settle(ctx context.Context, table string) (sweep.Coverage, error) {
	size := i.log.Size()
	for {
		i.mu.Lock()
		changed := i.changed
		i.mu.Unlock()
		states, err := Tables(i.log)
		if err != nil {
			return sweep.Coverage{}, err
		}
		s := states[table]
		c := sweep.Coverage{Table: table, Refused: s.Refused, Since: s.Since, Suspect: s.Suspect, Cause: s.Cause, Problem: i.problem(table)}
		if c.Refused != "" || c.Since != 0 && !c.Suspect && !i.inDoubt(table, size) {
			return c, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return c, nil
		}
	}
}
