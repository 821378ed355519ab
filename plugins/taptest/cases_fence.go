package taptest

import (
	"context"
	"errors"
	"fmt"
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
	// writeEvery keeps the writer from being all that the source has time for.
	writeEvery = 500 * time.Microsecond
)

// fenceUnderWriter: every change that a chunk saw is delivered before its
// fence, while somebody writes all the time.
func fenceUnderWriter(ctx context.Context, k *kit) (err error) {
	if err := k.needsStream(); err != nil {
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
	rows, err := k.newRows(ctx, fenceRows)
	if err != nil {
		return err
	}
	baseline, err := k.Source.Rows(ctx)
	if err != nil {
		return fmt.Errorf("read the source: %w", err)
	}
	writer := k.write(ctx, rows)
	began := time.Now()
	for round := 0; err == nil && (round < leastRounds || round < mostRounds && time.Since(began) < fenceTime); round++ {
		err = s.fenceRound(ctx, rows, baseline)
	}
	return errors.Join(err, writer.stop())
}

// fenceRound reads the table by scans, and its rows by fetch, and checks each
// chunk at its fence.
func (s *session) fenceRound(ctx context.Context, rows []int, baseline map[int]int) error {
	err := s.pages(ctx, fencePage, func(chunk *tap.Chunk) error { return s.checkAtFence(ctx, chunk, nil, baseline) })
	if err != nil {
		return err
	}
	var keys [][]row.Value
	for _, number := range rows {
		keys = append(keys, s.kit.Source.Key(number))
	}
	chunk, err := s.tap.Fetch(ctx, s.kit.Table, keys)
	if err != nil {
		return fmt.Errorf("fetch: %w", s.kit.heardError(err))
	}
	return s.checkAtFence(ctx, &chunk, rows, baseline)
}

// checkAtFence holds what a chunk saw against what the stream had delivered at
// its fence: of each row nothing newer, and no row gone without its delete.
// The asked rows are those that the chunk had to hold if they were there.
func (s *session) checkAtFence(ctx context.Context, chunk *tap.Chunk, asked []int, baseline map[int]int) error {
	saw := map[int]int{}
	if err := s.kit.read(chunk.Rows, saw); err != nil {
		return err
	}
	before, err := s.passFence(ctx, chunk)
	if err != nil {
		return err
	}
	delivered, err := s.kit.history(before)
	if err != nil {
		return err
	}
	newest, deleted := summary(delivered)
	for number, content := range saw {
		if content > max(newest[number], baseline[number]) {
			return fmt.Errorf("a chunk saw row %d with content %d, and at its fence the stream had delivered %d",
				number, content, max(newest[number], baseline[number]))
		}
	}
	for _, number := range asked {
		_, present := saw[number]
		_, was := baseline[number]
		if was && !present && !deleted[number] {
			return fmt.Errorf("a chunk saw row %d gone, and at its fence the stream had not delivered that", number)
		}
	}
	return nil
}

// summary tells of each row the newest content that was delivered, and whether
// a delete was.
func summary(h history) (newest map[int]int, deleted map[int]bool) {
	newest, deleted = map[int]int{}, map[int]bool{}
	for _, transaction := range h {
		for _, change := range transaction {
			newest[change.number] = max(newest[change.number], change.content)
			deleted[change.number] = deleted[change.number] || change.content == 0
		}
	}
	return newest, deleted
}

// A writer changes rows until it is stopped.
type writer struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // read after ended
}

func (w *writer) stop() error {
	w.cancel()
	<-w.ended
	return w.err
}

// write inserts, changes and deletes the rows in turn. The kit gives no other
// numbers meanwhile.
func (k *kit) write(ctx context.Context, rows []int) *writer {
	w := &writer{ended: make(chan struct{})}
	ctx, w.cancel = context.WithCancel(ctx)
	go func() {
		defer close(w.ended)
		pace := time.NewTicker(writeEvery)
		defer pace.Stop()
		present := map[int]bool{}
		for turn := 0; ctx.Err() == nil && w.err == nil; turn++ {
			steps := []Step{k.turn(rows[turn%len(rows)], present, turn), k.turn(rows[(turn*5+3)%len(rows)], present, turn+1)}
			// The transaction is not interrupted: half a write proves nothing.
			w.err = k.apply(context.WithoutCancel(ctx), steps...)
			<-pace.C
		}
	}()
	return w
}

func (k *kit) turn(number int, present map[int]bool, turn int) Step {
	switch {
	case !present[number]:
		present[number] = true
		return k.insert(number)
	case turn%7 == 0:
		delete(present, number)
		return k.delete(number)
	}
	return k.update(number)
}
