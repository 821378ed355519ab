package taptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A kit runs the cases of one way.
type kit struct {
	Harness
	way     Way
	row     int            // the row number given last
	content int            // the content number given last
	keys    map[string]int // canonical key → row number, filled as needed

	mu   sync.Mutex
	told []string // every text that the tap gave
}

func newKit(h Harness, way Way) *kit {
	if h.Patience == 0 {
		h.Patience = 20 * time.Second
	}
	return &kit{Harness: h, way: way, keys: map[string]int{}}
}

// heard keeps a text of the tap for the last case.
func (k *kit) heard(texts ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told = append(k.told, texts...)
}

func (k *kit) heardError(err error) error {
	if err != nil {
		k.heard(err.Error())
	}
	return err
}

// make returns a fresh tap that is not opened.
func (k *kit) make(ctx context.Context) (tap.Tap, tap.Config, error) {
	make := k.Make
	if k.way == Remote {
		make = k.MakeRemote
	}
	t, config, err := make(ctx)
	if err != nil {
		return nil, tap.Config{}, fmt.Errorf("make tap: %w", err)
	}
	return t, config, nil
}

// A session is an open tap, with a stream perhaps.
type session struct {
	kit    *kit
	tap    tap.Tap
	stream *stream
}

// open opens a fresh tap.
func (k *kit) open(ctx context.Context) (*session, error) {
	t, config, err := k.make(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.Open(ctx, config); err != nil {
		return nil, fmt.Errorf("open with the good configuration: %w", errors.Join(k.heardError(err), t.Close()))
	}
	return &session{kit: k, tap: t}, nil
}

// openAt opens a fresh tap and streams from a position.
func (k *kit) openAt(ctx context.Context, from tap.Position) (*session, error) {
	s, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	s.start(ctx, from)
	return s, nil
}

// openNow opens a fresh tap and streams from now on; it returns once the
// stream has told where that is.
func (k *kit) openNow(ctx context.Context) (*session, error) {
	s, err := k.openAt(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := s.awaitNow(ctx); err != nil {
		return nil, errors.Join(err, s.end())
	}
	return s, nil
}

// awaitNow waits until a stream from now on has told where that is.
func (s *session) awaitNow(ctx context.Context) error {
	_, err := s.stream.await(ctx, "the Commit that tells where now is", func(seen []event) bool { return len(seen) > 0 })
	return err
}

func (s *session) start(ctx context.Context, from tap.Position) {
	s.stream = startStream(ctx, s, from)
}

// end stops the stream, if one runs, and closes the tap.
func (s *session) end() error {
	err := s.stopStream()
	if closeErr := s.kit.heardError(s.tap.Close()); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close: %w", closeErr))
	}
	return err
}

// stopStream cancels the stream and demands that it ends with that.
func (s *session) stopStream() error {
	if s.stream == nil {
		return nil
	}
	err := s.stream.stop()
	s.stream = nil
	return err
}

// kill ends the tap as a crash does.
func (s *session) kill() error {
	if s.kit.way == InProcess || s.kit.Kill == nil {
		return s.end()
	}
	err := s.kit.Kill(s.tap)
	s.stream.cancel()
	<-s.stream.ended
	s.kit.heardError(s.stream.err)
	s.stream = nil
	s.kit.heardError(s.tap.Close()) // the tap is dead; only what is left of it here is freed
	return err
}

// newRows returns the numbers of rows that are not there.
func (k *kit) newRows(ctx context.Context, n int) ([]int, error) {
	if k.row == 0 {
		if err := k.look(ctx); err != nil {
			return nil, err
		}
	}
	rows := make([]int, n)
	for i := range rows {
		k.row++
		rows[i] = k.row
	}
	return rows, nil
}

// look finds the first numbers that no row has.
func (k *kit) look(ctx context.Context) error {
	present, err := k.Source.Rows(ctx)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	for number, content := range present {
		k.row, k.content = max(k.row, number), max(k.content, content)
	}
	return nil
}

func (k *kit) newContent() int {
	k.content++
	return k.content
}

func (k *kit) insert(n int) Step {
	return Step{Op: tap.Insert, Row: n, To: n, Content: k.newContent()}
}

func (k *kit) update(n int) Step {
	return Step{Op: tap.Update, Row: n, To: n, Content: k.newContent()}
}

func (k *kit) move(n, to int) Step {
	return Step{Op: tap.Update, Row: n, To: to, Content: k.newContent()}
}

func (k *kit) delete(n int) Step { return Step{Op: tap.Delete, Row: n, To: n} }

func (k *kit) apply(ctx context.Context, steps ...Step) error {
	if err := k.Source.Apply(ctx, true, steps...); err != nil {
		return fmt.Errorf("change the source: %w", err)
	}
	return nil
}

// mark inserts a row and waits until its transaction is delivered, so that
// everything before it must have been. It returns what the stream delivered
// until then.
func (s *session) mark(ctx context.Context) ([]event, error) {
	number, err := s.kit.insertMarker(ctx)
	if err != nil {
		return nil, err
	}
	return s.reach(ctx, number)
}

func (k *kit) insertMarker(ctx context.Context) (int, error) {
	rows, err := k.newRows(ctx, 1)
	if err != nil {
		return 0, err
	}
	return rows[0], k.apply(ctx, k.insert(rows[0]))
}

// reach waits until the transaction that inserted a row is delivered, and
// returns the events up to its Commit.
func (s *session) reach(ctx context.Context, number int) ([]event, error) {
	at := -1
	seen, err := s.stream.await(ctx, fmt.Sprintf("row %d, which was inserted last", number), func(seen []event) bool {
		at = s.kit.committed(seen, number)
		return at >= 0
	})
	if err != nil {
		return nil, err
	}
	return seen[:at+1], nil
}

// committed finds the Commit after the first change that names a row.
func (k *kit) committed(seen []event, number int) int {
	first := slices.IndexFunc(seen, func(e event) bool { return e.change != nil && k.names(e.change, number) })
	if first < 0 {
		return -1
	}
	commit := slices.IndexFunc(seen[first:], func(e event) bool { return e.commit != nil })
	if commit < 0 {
		return -1
	}
	return first + commit
}

// names reports whether a change is one of the table's row with this number.
func (k *kit) names(c *tap.Change, number int) bool {
	if c.Table.Name != k.Table {
		return false
	}
	for _, cells := range [...]image{c.Before, c.After} {
		if cells == nil {
			continue
		}
		if n, _, err := k.Source.Read(cells); err == nil && n == number {
			return true
		}
	}
	return c.Key != nil && k.isKey(c.Key, number)
}

// tells the secrets that a text holds, without repeating them.
func (k *kit) secretsIn(text string) int {
	found := 0
	for _, secret := range k.Secrets {
		if secret != "" && strings.Contains(text, secret) {
			found++
		}
	}
	return found
}
