// Package memtap is a tap whose source lives in memory: the reference by which
// the conformance kit and the host are tested. Its source may live in this
// process or, through a socket, in the one that launched the tap. Only tests
// import it.
package memtap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Image is a row as its canonical cells.
type Image []byte

// ImageOf returns the image of cells.
func ImageOf(cells []row.Value) Image { return row.AppendCells(nil, cells) }

// Cells returns the row's cells.
func (i Image) Cells() []row.Value {
	cells, err := row.ParseKey(i)
	if err != nil {
		return nil
	}
	return cells
}

// Change is one row change of a source: an insert has no Before, a delete no
// After.
type Change struct {
	Table         string
	Before, After Image
}

// Transaction is a committed transaction; its number counts from 1.
type Transaction struct {
	Number  uint64
	Changes []Change
}

// Bounds tells which transactions a source still has: those after Lost, up to
// Last.
type Bounds struct {
	Name       string
	Lost, Last uint64
}

// View is the rows of a table, ordered by key, as they were after the
// transaction Seen.
type View struct {
	Rows []Image
	Seen uint64
}

// Backend is what the tap reads of its source.
type Backend interface {
	Bounds(ctx context.Context) (Bounds, error)
	// Read returns transactions after a number; it waits a while for the first
	// and may return none.
	Read(ctx context.Context, after uint64) ([]Transaction, error)
	View(ctx context.Context, table string) (View, error)
}

// Source is a database in memory.
type Source struct {
	name   string
	tables map[string]*tap.Table

	mu      sync.Mutex
	rows    map[string]map[string]Image // table → key → row
	hidden  int                         // the number that tells the last row of a table without a key from others
	log     []Transaction
	lost    uint64
	changed chan struct{} // closed and replaced at each commit
}

// NewSource returns an empty source with the given tables.
func NewSource(name string, tables ...tap.Table) *Source {
	s := &Source{name: name, tables: map[string]*tap.Table{}, rows: map[string]map[string]Image{},
		changed: make(chan struct{})}
	for _, t := range tables {
		s.tables[t.Name] = &t
		s.rows[t.Name] = map[string]Image{}
	}
	return s
}

// Writer changes rows inside one transaction.
type Writer struct {
	source  *Source
	changes []Change
	undo    []func()
}

var errRow = errors.New("row is there already, or is not there")

// Insert adds a row.
func (w *Writer) Insert(table string, cells []row.Value) error {
	return w.change(table, nil, cells)
}

// Update replaces the row of a key, which may change.
func (w *Writer) Update(table string, key, cells []row.Value) error {
	return w.change(table, key, cells)
}

// Delete removes the row of a key.
func (w *Writer) Delete(table string, key []row.Value) error {
	return w.change(table, key, nil)
}

func (w *Writer) change(table string, key, cells []row.Value) error {
	rows := w.source.rows[table]
	if rows == nil {
		return tap.ErrTable
	}
	change := Change{Table: table}
	if key != nil {
		old := w.place(table, key)
		if change.Before = rows[old]; change.Before == nil {
			return errRow
		}
		w.undo = append(w.undo, func() { rows[old] = change.Before })
		delete(rows, old)
	}
	if cells != nil {
		now := w.newPlace(table, cells)
		if rows[now] != nil {
			return errRow
		}
		change.After = ImageOf(cells)
		w.undo = append(w.undo, func() { delete(rows, now) })
		rows[now] = change.After
	}
	w.changes = append(w.changes, change)
	return nil
}

// place returns where the row of a key stands, or, in a table without a key, one that
// has these cells.
func (w *Writer) place(table string, key []row.Value) string {
	if w.source.tables[table].Keyless() {
		for place, image := range w.source.rows[table] {
			if bytes.Equal(image, ImageOf(key)) {
				return place
			}
		}
	}
	return string(row.AppendKey(nil, key))
}

func (w *Writer) newPlace(table string, cells []row.Value) string {
	if w.source.tables[table].Keyless() {
		w.source.hidden++
		return strconv.Itoa(w.source.hidden)
	}
	return string(row.AppendKey(nil, w.source.tables[table].KeyOf(cells)))
}

// Do runs one transaction: it commits when fn returns nil and else is rolled
// back.
func (s *Source) Do(fn func(*Writer) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &Writer{source: s}
	if err := fn(w); err != nil {
		for _, undo := range slices.Backward(w.undo) {
			undo()
		}
		return err
	}
	s.log = append(s.log, Transaction{Number: s.last() + 1, Changes: w.changes})
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

func (s *Source) last() uint64 { return s.lost + uint64(len(s.log)) }

// Forget loses the history so far.
func (s *Source) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost, s.log = s.last(), nil
}

// Bounds implements Backend.
func (s *Source) Bounds(context.Context) (Bounds, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Bounds{Name: s.name, Lost: s.lost, Last: s.last()}, nil
}

// maxRead bounds the transactions of one Read.
const maxRead = 256

// Read implements Backend.
func (s *Source) Read(ctx context.Context, after uint64) ([]Transaction, error) {
	for {
		s.mu.Lock()
		found, changed, err := s.after(after), s.changed, error(nil)
		if after < s.lost {
			err = fmt.Errorf("transactions up to %d are forgotten", s.lost)
		}
		s.mu.Unlock()
		if len(found) > 0 || err != nil {
			return found, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Source) after(number uint64) []Transaction {
	if number < s.lost || number >= s.last() {
		return nil
	}
	rest := s.log[number-s.lost:]
	return slices.Clone(rest[:min(len(rest), maxRead)])
}

// View implements Backend.
func (s *Source) View(ctx context.Context, table string) (View, error) {
	if err := ctx.Err(); err != nil {
		return View{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows, known := s.rows[table]
	if !known {
		return View{}, tap.ErrTable
	}
	keys := make([]string, 0, len(rows))
	for key := range rows {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	view := View{Seen: s.last()}
	for _, key := range keys {
		view.Rows = append(view.Rows, rows[key])
	}
	return view, nil
}
