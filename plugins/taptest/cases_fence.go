package taptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

const (
	fenceRows = 12 // rows that the writer works on
	fencePage = 40 // rows of a scan
	// The table is read this often, and on for as long as fenceTime allows.
	leastRounds, mostRounds = 3, 20
	fenceTime               = 3 * time.Second
	// The writer does so many transactions between two rounds.
	turnsBetween = 3
	// writeEvery keeps the writer from being all that the source has time for.
	writeEvery = 500 * time.Microsecond
)

// fenceUnderWriter: every change that a chunk saw is delivered before its
// fence, and the chunk shows none of its rows as it was before what had been
// delivered of it, while somebody writes all the time.
func fenceUnderWriter(ctx context.Context, k *kit) (err error) {
	if err := k.needsStream(); err != nil {
		return err
	}
	w, err := k.newWriter(ctx)
	if err != nil {
		return err
	}
	s, err := k.openNow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	if d := s.tap.Describe(); !d.Scan || !d.Fetch {
		return skipped("the tap does not serve both scan and fetch")
	}
	w.start(ctx)
	began := time.Now()
	for round := 0; err == nil && (round < leastRounds || round < mostRounds && time.Since(began) < fenceTime); round++ {
		if err = s.fenceRound(ctx, w); err == nil {
			err = w.goOn(ctx)
		}
	}
	return errors.Join(err, w.stop())
}

// fenceRound reads the table by scans, and the writer's rows by fetch, and
// checks each chunk at its fence.
func (s *session) fenceRound(ctx context.Context, w *writer) error {
	already, err := s.kit.history(s.stream.seen())
	if err != nil {
		return err
	}
	err = s.pages(ctx, fencePage, func(chunk *tap.Chunk) error { return s.checkAtFence(ctx, chunk, nil, already, w) })
	if err != nil {
		return err
	}
	var keys [][]row.Value
	for _, number := range w.rows {
		keys = append(keys, s.kit.Source.Key(number))
	}
	if already, err = s.kit.history(s.stream.seen()); err != nil {
		return err
	}
	chunk, err := s.tap.Fetch(ctx, s.kit.Table, keys)
	if err != nil {
		return fmt.Errorf("fetch: %w", s.kit.heardError(err))
	}
	return s.checkAtFence(ctx, &chunk, w.rows, already, w)
}

// checkAtFence holds what a chunk saw of the writer's rows against what the
// stream had delivered of them before it was asked for, and at its fence. The
// asked rows are those that the chunk would hold if they were there.
func (s *session) checkAtFence(ctx context.Context, chunk *tap.Chunk, asked []int, already history, w *writer) error {
	saw := map[int]int{}
	if err := s.kit.read(chunk.Rows, saw); err != nil {
		return err
	}
	before, err := s.passFence(ctx, chunk)
	if err != nil {
		return err
	}
	told, err := s.kit.history(before)
	if err != nil {
		return err
	}
	delivered, earlier := told.byRow(), already.byRow()
	for _, number := range asked {
		if _, present := saw[number]; !present {
			saw[number] = gone
		}
	}
	for number, content := range saw {
		states := w.states(number)
		if states == nil {
			continue
		}
		if err := s.kit.inTime(states, delivered[number], content); err != nil {
			return fmt.Errorf("a chunk and its fence: row %d %w", number, err)
		}
		if known := s.kit.passed(states, earlier[number]); !slices.Contains(states[known:], content) {
			return fmt.Errorf("a chunk shows row %d as it was before state %d, which the stream had told before", number, known)
		}
	}
	return nil
}

// gone is the content of a row that was deleted.
const gone = 0

// byRow lists what became of each row, in order.
func (h history) byRow() map[int][]int {
	out := map[int][]int{}
	for _, transaction := range h {
		for _, change := range transaction {
			out[change.number] = append(out[change.number], change.content)
		}
	}
	return out
}

// inTime checks one row: of the states that it had in turn, the stream must
// have told the one that the chunk saw, or a later one.
func (k *kit) inTime(states, delivered []int, saw int) error {
	seen := slices.Index(states, saw)
	if seen < 0 {
		return fmt.Errorf("was seen with content %d (0: gone), which it never had", saw)
	}
	if told := k.reached(states, delivered); told < seen {
		return fmt.Errorf("was seen in its state %d, and the stream had told state %d", seen, told)
	}
	return nil
}

// reached is the latest of a row's states, the one before the stream began
// being 0, that what the stream delivered can be. A tap of assurance every
// version tells each; another may pass some over, and then a delete that it
// tells may be the last one.
func (k *kit) reached(states, delivered []int) int {
	if k.Assurance == tap.EveryVersion || len(delivered) == 0 {
		return len(delivered)
	}
	last := delivered[len(delivered)-1]
	for i, state := range slices.Backward(states) {
		if state == last {
			return i
		}
	}
	return 0
}

// passed is the earliest of a row's states that what the stream delivered can
// be; it has passed those before.
func (k *kit) passed(states, delivered []int) int {
	if k.Assurance == tap.EveryVersion || len(delivered) == 0 {
		return len(delivered)
	}
	return max(0, slices.Index(states, delivered[len(delivered)-1]))
}

// A writer changes its rows until it is stopped, and keeps what it does.
type writer struct {
	kit    *kit
	rows   []int
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // read after ended

	mu   sync.Mutex
	done map[int][]int // each row's states, from before the stream

	turns chan struct{} // takes one without waiting after each transaction
}

// newWriter makes the rows that a writer will work on.
func (k *kit) newWriter(ctx context.Context) (*writer, error) {
	rows, err := k.newRows(ctx, fenceRows)
	if err != nil {
		return nil, err
	}
	w := &writer{kit: k, rows: rows, ended: make(chan struct{}), done: map[int][]int{}, turns: make(chan struct{})}
	for _, number := range rows {
		step := k.insert(number)
		w.keep(step)
		if err := k.apply(ctx, step); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// keep notes a step before it is done, so that nobody sees what is not noted.
func (w *writer) keep(steps ...Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range steps {
		w.done[s.Row] = append(w.done[s.Row], s.Content) // a delete has content 0
	}
}

// states returns a row's states so far; nil for a row of somebody else.
func (w *writer) states(number int) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.done[number])
}

func (w *writer) stop() error {
	w.cancel()
	<-w.ended
	return w.err
}

// start changes, deletes and inserts the rows in turn. The kit gives no
// numbers meanwhile.
func (w *writer) start(ctx context.Context) {
	ctx, w.cancel = context.WithCancel(ctx)
	go func() {
		defer close(w.ended)
		pace := time.NewTicker(writeEvery)
		defer pace.Stop()
		for turn := 0; ctx.Err() == nil && w.err == nil; turn++ {
			steps := []Step{w.turn(w.rows[turn%fenceRows], turn), w.turn(w.rows[(turn+5)%fenceRows], turn+1)}
			w.keep(steps...)
			// The transaction is not interrupted: half a write proves nothing.
			w.err = w.kit.apply(context.WithoutCancel(ctx), steps...)
			select {
			case w.turns <- struct{}{}:
			default:
			}
			<-pace.C
		}
	}()
}

// goOn waits until the writer has done some transactions from now on, so that
// rounds see the rows differ however fast a tap reads.
func (w *writer) goOn(ctx context.Context) error {
	for range turnsBetween {
		select {
		case <-w.turns:
		case <-w.ended:
			return nil // stop tells why
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (w *writer) turn(number, turn int) Step {
	states := w.states(number)
	switch {
	case states[len(states)-1] == gone:
		return w.kit.insert(number)
	case turn%7 == 0:
		return w.kit.delete(number)
	}
	return w.kit.update(number)
}
