package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// lockPatience is how long the stream bears a locked database before it gives
// up and says so.
const lockPatience = time.Minute

// follower is a running stream.
type follower struct {
	tap    *Tap
	sink   tap.Sink
	src    *source
	at     place
	outbox string          // mark of the outbox as last seen
	marks  map[string]mark // of the tables as last seen

	looked  bool  // version is of the last look
	version int64 // data version before the last look
	locked  time.Time
}

// Stream implements tap.Tap.
func (t *Tap) Stream(ctx context.Context, from tap.Position, sink tap.Sink) error {
	f := &follower{tap: t, sink: sink}
	if err := f.start(ctx, from); err != nil {
		return err
	}
	err := f.run(ctx)
	if end := f.src.close(); err == nil {
		err = end
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// start opens the database and takes the place to follow from.
func (f *follower) start(ctx context.Context, from tap.Position) (err error) {
	var p position
	if from != nil {
		if p, err = parsePosition(from); err != nil {
			return err
		}
	}
	if f.src, err = openSource(ctx, f.tap.settings); err != nil {
		return setupError(f.tap.settings.Path, err)
	}
	if from == nil {
		err = f.startNow(ctx)
	} else {
		f.at, f.outbox, f.marks = place{p.ID, p.Token}, p.Outbox, p.Marks
	}
	if err != nil {
		f.src.close() // nothing was written, so the first error says it all
	}
	return err
}

// startNow takes the end of the outbox for the place, and tells it.
func (f *follower) startNow(ctx context.Context) error {
	err := f.src.read(ctx, func(q querier) error {
		c, err := f.src.catalogOf(ctx, q, f.tap.tables)
		if err != nil {
			return err
		}
		f.outbox, f.marks = c.outbox.mark, c.marks()
		if c.outbox.problem != "" {
			return nil
		}
		end, err := readEnds(ctx, q)
		f.at = place{end.head, end.token}
		return err
	})
	if err != nil {
		return err
	}
	p, err := f.position(f.at)
	if err != nil {
		return err
	}
	return f.sink.Commit(tap.Commit{Position: p, Time: time.Time{}})
}

// run looks at the database again and again.
func (f *follower) run(ctx context.Context) error {
	for {
		more, err := f.look(ctx)
		if err = f.bear(err); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if more {
			continue
		}
		if err := f.wait(ctx); err != nil {
			return err
		}
	}
}

// bear lets a locked database pass for a while.
func (f *follower) bear(err error) error {
	if err == nil || !isBusy(err) {
		f.locked = time.Time{}
		return err
	}
	now := time.Now()
	if f.locked.IsZero() {
		f.locked = now
	}
	if now.Sub(f.locked) < lockPatience {
		return nil
	}
	return fmt.Errorf("database locked for %s: %w; let the application use PRAGMA locking_mode=NORMAL", lockPatience, err)
}

// wait sleeps until the next look is due or a fence waits.
func (f *follower) wait(ctx context.Context) error {
	timer := time.NewTimer(f.tap.settings.Poll)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.tap.wake:
	case <-timer.C:
	}
	return nil
}

// look delivers what happened since the last look, up to a batch.
func (f *follower) look(ctx context.Context) (more bool, err error) {
	fences := f.tap.fences.list()
	replaced, err := f.src.refresh(ctx)
	if err != nil {
		return false, err
	}
	version, err := f.src.dataVersion(ctx)
	if err != nil {
		return false, err
	}
	if f.looked && !replaced && version == f.version && len(fences) == 0 {
		return false, nil
	}
	b, err := f.read(ctx)
	if err != nil {
		return false, err
	}
	if replaced && b.lost == "" {
		b.lost = "the database file was replaced by another"
	}
	if err := f.deliver(b, fences); err != nil {
		return false, err
	}
	f.looked, f.version = !b.more, version
	return b.more, nil
}

// read collects a batch in one read transaction.
func (f *follower) read(ctx context.Context) (b *batch, err error) {
	err = f.src.read(ctx, func(q querier) error {
		c, err := f.src.catalogOf(ctx, q, f.tap.tables)
		if err != nil {
			return err
		}
		if c.outbox.problem != "" {
			b = &batch{catalog: c, from: f.at, at: f.at}
			return nil
		}
		h, err := follow(ctx, q, c.charset, f.at, f.tap.settings.Batch)
		if err != nil {
			return err
		}
		if doubts(c, h) {
			f.src.catalog = nil
			if c, err = f.src.catalogOf(ctx, q, f.tap.tables); err != nil {
				return err
			}
		}
		b, err = collect(ctx, q, c, h)
		return err
	})
	return b, err
}
