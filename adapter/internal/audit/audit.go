// Package audit re-reads the source and reports every deviation from the
// record log.
//
// An audit sweeps each covered table, judges what deviates, and enters one
// entry in the log: what was read, the root over all live rows, the root over
// the findings. So "nothing was found" is itself on record, and each finding
// can be proven later without showing another. A finding stays open, with its
// first moment, and every later audit reports it until a named person closes
// it.
package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// Source is what an audit reads.
type Source interface {
	sweep.Source
	Coverage() ([]sweep.Coverage, error)
	// Settle waits until a table is taken in and not suspect, or ctx ends.
	Settle(ctx context.Context, table string) (sweep.Coverage, error)
	// Book is what the source told of rows that changed without changes of their
	// own, as far as it is not in their versions.
	Book() *cause.Book
	// Settled waits until what was told so far is in the versions, or ctx ends.
	Settled(ctx context.Context)
}

// Anchors tells what the chain holds of the log.
type Anchors interface {
	// Last returns the size and moment of the newest anchor; size 0 if none.
	Last() (size uint64, at findings.Moment, err error)
	// Covering returns the moment of the oldest anchor that covers a leaf, and
	// whether there is one.
	Covering(leaf uint64) (at findings.Moment, ok bool, err error)
	// Before returns the size of the newest anchor that does not cover a leaf; 0 if
	// there is none.
	Before(leaf uint64) (size uint64, err error)
}

// ErrTable says that an audit was asked for of a table that is not tapped.
var ErrTable = errors.New("table is not tapped")

// Options of an Auditor.
type Options struct {
	ChunkRows int
	// Patience is how long an audit waits for a table that is being taken in or
	// verified; 0 means a minute.
	Patience time.Duration
	// Secret is the log's, of authority.RowDigest.
	Secret [commit.KeySize]byte
	Logger zerolog.Logger
	Now    func() time.Time
}

// Auditor audits one source against one log.
type Auditor struct {
	log     *recordlog.Log
	source  Source
	anchors Anchors
	options Options
}

// New returns an Auditor.
func New(log *recordlog.Log, source Source, anchors Anchors, o Options) *Auditor {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	return &Auditor{log: log, source: source, anchors: anchors, options: o}
}

// Request says what to audit.
type Request struct {
	Tables []string // none means all
	// Progress is called when the reading of a table begins, with 0, and after each
	// chunk with the rows read so far; may be nil.
	Progress func(table string, rows uint64)
}

// Coverage is what one audit read of one table.
type Coverage struct {
	Table   string
	Read    uint64 // rows read from the source
	Known   uint64 // live rows in the log
	Since   int64  // protected since, ms since 1970 UTC; 0 if not yet
	ReadAt  int64  // when the reading began, ms since 1970 UTC; 0 if not read
	From    uint64 // the log's size when the reading began
	Refused string // why the table was not read; empty if it was
	// Failed says that it should have been read: it is covered otherwise.
	Failed bool
}

// Report is the outcome of one audit.
type Report struct {
	Started, Ended int64 // ms since 1970 UTC
	Covered        []Coverage
	Counts         map[findings.Verdict]uint64 // of rows
	Findings       []findings.Finding          // all that are open in the tables asked for
	// Authorised are not findings, since officers ordered them: those that are
	// corrections, and for each table and order how many rows were erased.
	Authorised []findings.Finding
	// NotCovered are rows that changed too fast to be judged.
	NotCovered []findings.Finding
	Entry      uint64 // leaf of this audit in the log
	Anchored   uint64 // size of the newest anchor when the audit ended
	AnchoredAt findings.Moment
}

// Clean reports whether there are no findings.
func (r *Report) Clean() bool { return len(r.Findings) == 0 }

// Failed lists the tables that should have been read and were not.
func (r *Report) Failed() []string {
	var tables []string
	for _, c := range r.Covered {
		if c.Failed {
			tables = append(tables, c.Table)
		}
	}
	return tables
}

// ProtectedSince is the moment from which on something is claimed of all
// tables that were read; 0 if none was.
func (r *Report) ProtectedSince() int64 {
	var since int64
	for _, c := range r.Covered {
		if c.Refused == "" {
			since = max(since, min(c.Since, c.ReadAt)) // a clock set back must not put it after the reading
		}
	}
	return since
}

// Run audits and enters the outcome in the log.
func (a *Auditor) Run(ctx context.Context, q Request) (*Report, error) {
	p := &pass{Auditor: a, report: &Report{Started: a.now(), Counts: make(map[findings.Verdict]uint64)},
		authorised: newAuthorised(), intact: make(leaves), listed: make(leaves), whole: len(q.Tables) == 0}
	if err := p.sweepAll(ctx, q); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if err := p.enter(ctx); err != nil {
		return nil, fmt.Errorf("audit: enter the outcome: %w", err)
	}
	r := p.report
	a.options.Logger.Info().Str("event", "audit").Int("findings", len(r.Findings)).
		Uint64("intact", r.Counts[findings.Intact]).Uint64("leaf", r.Entry).Msg("audit complete")
	return r, nil
}

func (a *Auditor) now() int64 { return a.options.Now().UnixMilli() }

// pass is one run of an audit.
type pass struct {
	*Auditor
	report *Report
	authorised
	results []*sweep.Result
	lost    []findings.Finding // of tables that were covered once
	failed  error              // of the first table that could not be read
	whole   bool               // all tables were asked for
	intact  leaves             // versions that rows were found to hold
	listed  leaves             // those of them that the manifest lists
}

// leaves is a sparse set of leaf indexes.
type leaves map[uint64]uint64

func (l leaves) add(i uint64)      { l[i/64] |= 1 << (i % 64) }
func (l leaves) has(i uint64) bool { return l[i/64]&(1<<(i%64)) != 0 }

func (p *pass) sweepAll(ctx context.Context, q Request) error {
	tables, err := p.selected(q.Tables)
	if err != nil {
		return err
	}
	anchored, at, err := p.anchors.Last()
	if err != nil {
		return err
	}
	p.report.Anchored, p.report.AnchoredAt = anchored, at
	for _, t := range tables {
		if err := p.cover(ctx, t.Table, q.Progress); err != nil {
			return err
		}
	}
	if len(p.results) == 0 && len(p.lost) == 0 {
		return p.failed
	}
	return nil
}

func (p *pass) selected(names []string) ([]sweep.Coverage, error) {
	all, err := p.source.Coverage()
	if err != nil || len(names) == 0 {
		return all, err
	}
	byName := make(map[string]sweep.Coverage, len(all))
	for _, t := range all {
		byName[t.Table] = t
	}
	selected := make([]sweep.Coverage, 0, len(names))
	for _, n := range names {
		t, ok := byName[n]
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrTable, n)
		}
		selected = append(selected, t)
	}
	return selected, nil
}

func (p *pass) settle(ctx context.Context, table string) (sweep.Coverage, error) {
	waiting, cancel := context.WithTimeout(ctx, p.options.Patience)
	defer cancel()
	c, err := p.source.Settle(waiting, table)
	if err == nil {
		err = ctx.Err()
	}
	return c, err
}

func (p *pass) sweep(ctx context.Context, t sweep.Coverage, progress func(string, uint64)) (*sweepResult, Coverage, error) {
	covered := Coverage{Table: t.Table, Since: t.Since, ReadAt: p.now(), From: p.log.Size()}
	out := &sweepResult{intact: make(leaves)}
	read := func(rows uint64) {
		if progress != nil {
			progress(t.Table, rows)
		}
	}
	read(0)
	options := sweep.Options{
		ChunkRows: p.options.ChunkRows,
		Book:      p.source.Book(),
		Intact: func(leaf uint64) {
			out.intact.add(leaf)
			if leaf < p.report.Anchored {
				out.anchored++
			}
		},
		Progress: read,
	}
	result, err := sweep.Run(ctx, p.source, p.log, t.Table, options)
	if err == nil {
		err = p.again(ctx, result, options)
	}
	if err != nil {
		return nil, covered, err
	}
	out.Result = result
	covered.Read, covered.Known = result.Read, result.Known
	return out, covered, nil
}

// again reads those deviating rows once more of which the log knows more since:
// what the source told of them is in their versions by then.
func (p *pass) again(ctx context.Context, r *sweep.Result, o sweep.Options) error {
	if len(r.Deviations) == 0 {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, p.options.Patience)
	p.source.Settled(waiting)
	cancel()
	var keys [][]row.Value
	var kept []sweep.Deviation
	for _, d := range r.Deviations {
		head, known, err := p.log.Head(d.Table.Name, d.Key)
		if err != nil {
			return err
		}
		if d.Kind != sweep.Pending && (!known || head.Index < d.Window.To) {
			kept = append(kept, d)
			continue
		}
		key, err := row.ParseKey(d.Key)
		if err != nil {
			return fmt.Errorf("read a row's key: %w", err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil
	}
	second, err := sweep.Keys(ctx, p.source, p.log, r.Table.Name, keys, o)
	if err != nil {
		return err
	}
	r.Deviations, r.Intact = append(kept, second.Deviations...), r.Intact+second.Intact
	r.Erased = append(r.Erased, second.Erased...)
	r.NewestIntact, r.AnyIntact = max(r.NewestIntact, second.NewestIntact), r.AnyIntact || second.AnyIntact
	return nil
}

// sweepResult is a sweep with the versions that it found rows to hold.
type sweepResult struct {
	*sweep.Result
	intact   leaves
	anchored uint64 // intact rows whose version is anchored
}

// accept takes a sweep over into the report.
func (p *pass) accept(r *sweepResult, covered Coverage) {
	for word, bits := range r.intact {
		p.intact[word] |= bits
	}
	p.report.Counts[findings.Intact] += r.anchored
	if rest := r.Intact - r.anchored; rest > 0 {
		p.report.Counts[findings.NotYetAnchored] += rest
	}
	p.report.Covered = append(p.report.Covered, covered)
	p.results = append(p.results, r.Result)
}
