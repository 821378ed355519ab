package taptest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/internal/memtap"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// broken is the reference tap with one promise broken: a field that is set
// replaces the call.
type broken struct {
	*memtap.Tap
	describe func() tap.Description
	open     func(ctx context.Context, config tap.Config) error
	tables   func(ctx context.Context) ([]tap.Table, error)
	stream   func(ctx context.Context, from tap.Position, sink tap.Sink) error
	scan     func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error)
	fetch    func(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error)
	ack      func(ctx context.Context, position tap.Position) error
	survey   func(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error)
	close    func() error
}

func (b *broken) Describe() tap.Description {
	if b.describe != nil {
		return b.describe()
	}
	return b.Tap.Describe()
}

func (b *broken) Open(ctx context.Context, config tap.Config) error {
	if b.open != nil {
		return b.open(ctx, config)
	}
	return b.Tap.Open(ctx, config)
}

func (b *broken) Tables(ctx context.Context) ([]tap.Table, error) {
	if b.tables != nil {
		return b.tables(ctx)
	}
	return b.Tap.Tables(ctx)
}

func (b *broken) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	if b.stream != nil {
		return b.stream(ctx, from, sink)
	}
	return b.Tap.Stream(ctx, from, sink)
}

func (b *broken) Scan(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
	if b.scan != nil {
		return b.scan(ctx, table, after, limit)
	}
	return b.Tap.Scan(ctx, table, after, limit)
}

func (b *broken) Fetch(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
	if b.fetch != nil {
		return b.fetch(ctx, table, keys)
	}
	return b.Tap.Fetch(ctx, table, keys)
}

func (b *broken) Ack(ctx context.Context, position tap.Position) error {
	if b.ack != nil {
		return b.ack(ctx, position)
	}
	return b.Tap.Ack(ctx, position)
}

func (b *broken) Survey(ctx context.Context, q tap.SurveyRequest) (tap.Survey, error) {
	if b.survey != nil {
		return b.survey(ctx, q)
	}
	return b.Tap.Survey(ctx, q)
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close()
	}
	return b.Tap.Close()
}

// altered is a Sink that alters what passes; a nil field passes it on.
type altered struct {
	tap.Sink
	change func(tap.Change) error
	commit func(tap.Commit) error
	fence  func(tap.Fence) error
	gap    func(tap.Gap) error
}

func (a altered) Change(c tap.Change) error {
	if a.change != nil {
		return a.change(c)
	}
	return a.Sink.Change(c)
}

func (a altered) Commit(c tap.Commit) error {
	if a.commit != nil {
		return a.commit(c)
	}
	return a.Sink.Commit(c)
}

func (a altered) Fence(f tap.Fence) error {
	if a.fence != nil {
		return a.fence(f)
	}
	return a.Sink.Fence(f)
}

func (a altered) Gap(g tap.Gap) error {
	if a.gap != nil {
		return a.gap(g)
	}
	return a.Sink.Gap(g)
}

// altering makes a broken tap whose stream passes through alter.
func altering(alter func(tap.Sink) tap.Sink) func(*memtap.Tap) tap.Tap {
	return func(t *memtap.Tap) tap.Tap {
		return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
			return t.Stream(ctx, from, alter(sink))
		}}
	}
}

// turnRound delivers the changes of each transaction last first.
func turnRound(s tap.Sink) tap.Sink {
	var open []tap.Change
	return altered{Sink: s,
		change: func(c tap.Change) error {
			open = append(open, c)
			return nil
		},
		commit: func(c tap.Commit) error {
			for _, change := range slices.Backward(open) {
				if err := s.Change(change); err != nil {
					return err
				}
			}
			open = nil
			return s.Commit(c)
		}}
}

// tellsRolledBack tells an update that was never committed with each change.
func tellsRolledBack(s tap.Sink) tap.Sink {
	return altered{Sink: s, change: func(c tap.Change) error {
		if c.Op != tap.Insert {
			return s.Change(c)
		}
		number, _ := c.After[0].Int64()
		ghost := c
		ghost.After, ghost.EventID = memtap.Patient(number-1, 1, secret), c.EventID+"g"
		return errors.Join(s.Change(ghost), s.Change(c))
	}}
}

// resumesAfter resumes some transactions off.
func resumesAfter(off int) func(*memtap.Tap) tap.Tap {
	return func(t *memtap.Tap) tap.Tap {
		return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
			var number int
			if _, err := fmt.Sscanf(string(from), "memory/clinic/%d", &number); err == nil && number+off >= 0 {
				bounds, err := t.Backend.Bounds(ctx)
				if err != nil {
					return err
				}
				from = tap.Position(fmt.Sprintf("memory/clinic/%d", min(number+off, int(bounds.Last))))
			}
			return t.Stream(ctx, from, sink)
		}}
	}
}

func freshIDs() func(*memtap.Tap) tap.Tap {
	var streams atomic.Int32
	return altering(func(s tap.Sink) tap.Sink {
		n := streams.Add(1)
		return altered{Sink: s, change: func(c tap.Change) error {
			c.EventID = fmt.Sprintf("%d/%s", n, c.EventID)
			return s.Change(c)
		}}
	})
}

func positionsIgnored(t *memtap.Tap) tap.Tap {
	return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
		err := t.Stream(ctx, from, sink)
		if errors.Is(err, tap.ErrPosition) {
			return t.Stream(ctx, nil, sink)
		}
		return err
	}}
}

// forgetsSent resumes where the stream was, whatever was logged.
func forgetsSent() func(*memtap.Tap) tap.Tap {
	var sent tap.Position
	return func(t *memtap.Tap) tap.Tap {
		return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
			if from != nil && sent != nil {
				from = sent
			}
			return t.Stream(ctx, from, altered{Sink: sink, commit: func(c tap.Commit) error {
				sent = c.Position
				return sink.Commit(c)
			}})
		}}
	}
}

// callsTogether calls the sink from a second goroutine.
func callsTogether(t *memtap.Tap) tap.Tap {
	return &broken{Tap: t, stream: func(ctx context.Context, from tap.Position, sink tap.Sink) error {
		failed := make(chan error, 1)
		return t.Stream(ctx, from, altered{Sink: sink, change: func(c tap.Change) error {
			go func() {
				if err := sink.Change(c); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}()
			select {
			case err := <-failed:
				return err
			case <-time.After(time.Millisecond):
				return nil
			}
		}})
	}}
}

// earlyFences delivers a fence as soon as it is asked for.
func earlyFences(t *memtap.Tap) tap.Tap {
	asked := make(chan uint64, 1024)
	b := &broken{Tap: t}
	b.scan = func(ctx context.Context, table string, after []row.Value, limit int) (tap.Chunk, error) {
		chunk, err := t.Scan(ctx, table, after, limit)
		asked <- chunk.Fence
		return chunk, err
	}
	b.fetch = func(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
		chunk, err := t.Fetch(ctx, table, keys)
		asked <- chunk.Fence
		return chunk, err
	}
	b.stream = func(ctx context.Context, from tap.Position, sink tap.Sink) error {
		return t.Stream(ctx, from, altered{Sink: sink,
			fence: func(tap.Fence) error { return nil },
			commit: func(c tap.Commit) error {
				<-time.After(5 * time.Millisecond) // the stream lags behind the source
				if err := sink.Commit(c); err != nil {
					return err
				}
				return tellFences(asked, c.Position, sink)
			}})
	}
	return b
}

func tellFences(asked chan uint64, position tap.Position, sink tap.Sink) error {
	for {
		select {
		case id := <-asked:
			if err := sink.Fence(tap.Fence{ID: id, Position: position}); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// oldRows fetches the rows of the first fetch for ever.
func oldRows(t *memtap.Tap) tap.Tap {
	var first atomic.Pointer[tap.Chunk]
	return &broken{Tap: t, fetch: func(ctx context.Context, table string, keys [][]row.Value) (tap.Chunk, error) {
		chunk, err := t.Fetch(ctx, table, keys)
		if err == nil && !first.CompareAndSwap(nil, &chunk) {
			chunk.Rows = first.Load().Rows
		}
		return chunk, err
	}}
}
