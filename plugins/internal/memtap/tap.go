package memtap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Settings are the tap's own section of the configuration.
type Settings struct {
	// Source is the name that the source must have.
	Source string `json:"source"`
}

// Tap taps a Backend. Its fields are set before Open.
type Tap struct {
	Backend   Backend
	Assurance tap.Assurance
	Known     []tap.Table // the tables that the source has
	// Merge makes a tap of assurance last version read rows as they are now and
	// tell transactions that wait together as one.
	Merge bool

	name    string
	covered []tap.Table

	mu      sync.Mutex
	pending []pendingFence
	fences  uint64
	added   chan struct{} // holds a token when a fence was added
	acked   tap.Position
}

type pendingFence struct{ id, seen uint64 }

// New returns a tap of the source.
func New(backend Backend, assurance tap.Assurance, tables ...tap.Table) *Tap {
	return &Tap{Backend: backend, Assurance: assurance, Known: tables, added: make(chan struct{}, 1)}
}

// Describe implements tap.Tap.
func (t *Tap) Describe() tap.Description {
	return tap.Description{Name: "memory", Version: "1", Assurance: t.Assurance, Scan: true, Fetch: true, Survey: true,
		Schema:       json.RawMessage(`{"type":"object","properties":{"source":{"type":"string"}}}`),
		BeforeImages: t.Assurance == tap.EveryVersion}
}

// Open implements tap.Tap.
func (t *Tap) Open(ctx context.Context, config tap.Config) error {
	var settings Settings
	decoder := json.NewDecoder(bytes.NewReader(config.Settings))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&settings); err != nil {
		return tap.NewSetupError("settings", "they are not as the schema says", "look at the schema")
	}
	bounds, err := t.Backend.Bounds(ctx)
	if err != nil {
		return tap.NewSetupError("source", "it does not answer", "start it")
	}
	if settings.Source != bounds.Name {
		return tap.NewSetupError("source", "it has another name", "set source to the name that it has")
	}
	t.name = bounds.Name
	var missing []tap.Problem
	for _, name := range config.Tables {
		i := slices.IndexFunc(t.Known, func(table tap.Table) bool { return table.Name == name })
		if i < 0 {
			missing = append(missing, tap.Problem{Thing: "table " + name, Reason: "it does not exist", Mend: "take it out"})
			continue
		}
		t.covered = append(t.covered, t.Known[i])
	}
	if missing != nil {
		return &tap.SetupError{Problems: missing}
	}
	return nil
}

// Tables implements tap.Tap.
func (t *Tap) Tables(context.Context) ([]tap.Table, error) { return slices.Clone(t.covered), nil }

func (t *Tap) table(name string) *tap.Table {
	for i := range t.covered {
		if t.covered[i].Name == name {
			return &t.covered[i]
		}
	}
	return nil
}

func (t *Tap) position(number uint64) tap.Position {
	return tap.Position("memory/" + t.name + "/" + strconv.FormatUint(number, 10))
}

func (t *Tap) parse(position tap.Position, last uint64) (uint64, error) {
	rest, ours := strings.CutPrefix(string(position), "memory/"+t.name+"/")
	number, err := strconv.ParseUint(rest, 10, 64)
	if !ours || err != nil || number > last || strconv.FormatUint(number, 10) != rest {
		return 0, tap.ErrPosition
	}
	return number, nil
}

// Scan implements tap.Tap.
func (t *Tap) Scan(ctx context.Context, name string, after []row.Value, limit int) (tap.Chunk, error) {
	table := t.table(name)
	if table == nil {
		return tap.Chunk{}, tap.ErrTable
	}
	view, err := t.Backend.View(ctx, name)
	if err != nil {
		return tap.Chunk{}, fmt.Errorf("read table: %w", err)
	}
	chunk := tap.Chunk{Table: table, Last: true}
	for _, image := range view.Rows {
		cells := image.Cells()
		key := row.AppendKey(nil, table.KeyOf(cells))
		if table.Keyless() && len(view.Rows) > limit {
			return tap.Chunk{}, fmt.Errorf("table %s has no key and more rows than can be read whole", name)
		}
		if after != nil && bytes.Compare(key, row.AppendKey(nil, after)) <= 0 {
			continue
		}
		if len(chunk.Rows) == limit {
			chunk.Last = false
			break
		}
		chunk.Rows = append(chunk.Rows, tap.Row{Cells: cells})
	}
	chunk.Fence = t.fence(view.Seen)
	return chunk, nil
}

// Fetch implements tap.Tap.
func (t *Tap) Fetch(ctx context.Context, name string, keys [][]row.Value) (tap.Chunk, error) {
	table := t.table(name)
	if table == nil {
		return tap.Chunk{}, tap.ErrTable
	}
	view, err := t.Backend.View(ctx, name)
	if err != nil {
		return tap.Chunk{}, fmt.Errorf("read table: %w", err)
	}
	asked := map[string]bool{}
	for _, key := range keys {
		asked[string(row.AppendKey(nil, key))] = true
	}
	chunk := tap.Chunk{Table: table, Last: true}
	for _, image := range view.Rows {
		if cells := image.Cells(); asked[string(row.AppendKey(nil, table.KeyOf(cells)))] {
			chunk.Rows = append(chunk.Rows, tap.Row{Cells: cells})
		}
	}
	chunk.Fence = t.fence(view.Seen)
	return chunk, nil
}

// fence registers a fence that the stream delivers after transaction seen.
func (t *Tap) fence(seen uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fences++
	t.pending = append(t.pending, pendingFence{id: t.fences, seen: seen})
	select {
	case t.added <- struct{}{}:
	default:
	}
	return t.fences
}

// Ack implements tap.Tap.
func (t *Tap) Ack(_ context.Context, position tap.Position) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acked = position
	return nil
}

// Close implements tap.Tap.
func (t *Tap) Close() error {
	if c, ok := t.Backend.(interface{ Close() error }); ok {
		return c.Close()
	}
	return nil
}

// Acked returns the position that was acknowledged last.
func (t *Tap) Acked() tap.Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.acked
}

// Stream implements tap.Tap.
func (t *Tap) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	at, err := t.begin(ctx, from, sink)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	reader := t.read(ctx, at)
	defer reader.wait()
	defer cancel()
	for {
		if err := t.deliverFences(sink, at); err != nil {
			return err
		}
		select {
		case found := <-reader.found:
			if at, err = t.deliverAll(ctx, sink, found); err != nil {
				return err
			}
		case <-t.added:
		case <-reader.ended:
			return reader.err
		}
	}
}

// begin finds where to start and says so, or that history is lost.
func (t *Tap) begin(ctx context.Context, from tap.Position, sink tap.Sink) (uint64, error) {
	bounds, err := t.Backend.Bounds(ctx)
	if err != nil {
		return 0, fmt.Errorf("read source: %w", err)
	}
	if from == nil {
		return bounds.Last, sink.Commit(tap.Commit{Position: t.position(bounds.Last)})
	}
	at, err := t.parse(from, bounds.Last)
	if err != nil {
		return 0, err
	}
	if at < bounds.Lost {
		return bounds.Lost, sink.Gap(tap.Gap{Position: t.position(bounds.Lost), Reason: "the source forgot its history"})
	}
	return at, nil
}

// A reader reads transactions ahead of the stream.
type reader struct {
	found chan []Transaction
	ended chan struct{}
	err   error // read after ended
}

func (r *reader) wait() { <-r.ended }

func (t *Tap) read(ctx context.Context, at uint64) *reader {
	r := &reader{found: make(chan []Transaction), ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		for r.err == nil {
			var found []Transaction
			found, r.err = t.Backend.Read(ctx, at)
			if len(found) > 0 {
				select {
				case r.found <- found:
					at = found[len(found)-1].Number
				case <-ctx.Done():
				}
			}
			r.err = errors.Join(r.err, ctx.Err())
		}
		if ctx.Err() != nil {
			r.err = ctx.Err()
		}
	}()
	return r
}

func (t *Tap) deliverFences(sink tap.Sink, at uint64) error {
	t.mu.Lock()
	var due []pendingFence
	t.pending = slices.DeleteFunc(t.pending, func(f pendingFence) bool {
		if f.seen > at {
			return false
		}
		due = append(due, f)
		return true
	})
	t.mu.Unlock()
	for _, f := range due {
		if err := sink.Fence(tap.Fence{ID: f.id, Position: t.position(at)}); err != nil {
			return err
		}
	}
	return nil
}

// deliverAll delivers transactions, with the fences that fall between them, and
// returns the number of the last.
func (t *Tap) deliverAll(ctx context.Context, sink tap.Sink, all []Transaction) (uint64, error) {
	last := all[len(all)-1].Number
	if t.Merge {
		return last, t.deliverMerged(ctx, sink, all)
	}
	for _, transaction := range all {
		if err := t.deliver(sink, transaction); err != nil {
			return 0, err
		}
		if err := t.deliverFences(sink, transaction.Number); err != nil {
			return 0, err
		}
	}
	return last, nil
}

func (t *Tap) deliver(sink tap.Sink, transaction Transaction) error {
	for i, change := range transaction.Changes {
		table := t.table(change.Table)
		if table == nil {
			continue
		}
		event := fmt.Sprintf("%d.%d", transaction.Number, i+1)
		for _, c := range t.changes(table, change, event) {
			if err := sink.Change(c); err != nil {
				return err
			}
		}
	}
	return sink.Commit(tap.Commit{Position: t.position(transaction.Number)})
}

// changes returns what a change is to a tap of this assurance.
func (t *Tap) changes(table *tap.Table, change Change, event string) []tap.Change {
	if t.Assurance == tap.ScanOnly {
		return nil
	}
	before, after := change.Before.Cells(), change.After.Cells()
	out := tap.Change{Table: table, Before: before, After: after, EventID: event}
	switch {
	case before == nil:
		out.Op = tap.Insert
	case after == nil:
		out.Op = tap.Delete
	default:
		out.Op = tap.Update
	}
	if t.Assurance == tap.EveryVersion {
		return []tap.Change{out}
	}
	return lastVersion(table, out)
}

// lastVersion tells a change as a tap does that knows keys and current rows.
func lastVersion(table *tap.Table, change tap.Change) []tap.Change {
	var out []tap.Change
	gone := change.Before != nil && (change.After == nil ||
		!bytes.Equal(row.AppendKey(nil, table.KeyOf(change.Before)), row.AppendKey(nil, table.KeyOf(change.After))))
	if gone {
		out = append(out, tap.Change{Table: table, Op: tap.Delete, Key: table.KeyOf(change.Before), EventID: change.EventID + "d"})
	}
	if change.After != nil {
		out = append(out, tap.Change{Table: table, Op: tap.Put, After: change.After, EventID: change.EventID})
	}
	return out
}
