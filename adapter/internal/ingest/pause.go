package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// pauseName is the state that holds the pause, so that a restart keeps it.
const (
	pauseName   = "ingest/pause"
	pauseFormat = 1
)

// drainTime is how long a pause waits for reads that had begun before it.
const drainTime = 5 * time.Second

// A Pause is a time in which no row of the source is read, but by the stream.
type Pause struct {
	Since time.Time
	Until time.Time // zero: until it is resumed
	Reads int       // that had begun before it and are not over
}

// Pause keeps rows of the source from being read by scan or fetch, for a time or,
// where that is 0, until Resume; the stream goes on. Reads wait. It is entered in
// the log, for it puts audits off. The pause holds even where an error says that
// it could not be recorded; a restart ends it then.
func (i *Ingest) Pause(ctx context.Context, lasts time.Duration) (*Pause, error) {
	i.pausing.Lock()
	defer i.pausing.Unlock()
	p := Pause{Since: i.options.Now()}
	if lasts > 0 {
		p.Until = p.Since.Add(lasts)
	}
	p = i.gate.shut(p, lasts, i.pauseOver)
	if err := i.recordPause(p); err != nil {
		return nil, fmt.Errorf("record the pause, which holds until the sidecar is restarted: %w", err)
	}
	i.options.Logger.Warn().Str("event", "reading paused").Time("since", p.Since).Time("until", p.Until).
		Msg("no row of the source is read; its changes are still logged")
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	p.Reads = i.gate.emptied(ctx)
	return &p, nil
}

// Resume ends a pause and returns it; nil if there was none.
func (i *Ingest) Resume() (*Pause, error) {
	i.pausing.Lock()
	defer i.pausing.Unlock()
	p := i.gate.state()
	if p == nil {
		return nil, nil
	}
	err := i.log.Update(func(b *recordlog.Batch) error {
		b.Set(pauseName, nil)
		_, err := b.AppendEvent(commit.Resume, dcbor.AppendUint(dcbor.AppendArray(nil, 1), pauseFormat))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("record that reading is resumed: %w", err)
	}
	i.gate.open()
	i.options.Logger.Info().Str("event", "reading resumed").Msg("the source is read again")
	return p, nil
}

// Paused returns the pause that holds now, nil if there is none.
func (i *Ingest) Paused() *Pause { return i.gate.state() }

// AwaitResume waits until there is no pause, or ctx ends.
func (i *Ingest) AwaitResume(ctx context.Context) error {
	if err := i.gate.enter(ctx, nil); err != nil {
		return err
	}
	i.gate.leave()
	return nil
}

func (i *Ingest) pauseOver() {
	i.options.Logger.Info().Str("event", "reading resumed").Msg("the pause is over: the source is read again")
}

// recordPause keeps the pause and enters it. The entry's body is [1, until], in ms
// since 1970 UTC or 0; the state has the beginning too.
func (i *Ingest) recordPause(p Pause) error {
	return i.log.Update(func(b *recordlog.Batch) error {
		state := dcbor.AppendInt(dcbor.AppendUint(dcbor.AppendArray(nil, 3), pauseFormat), p.Since.UnixMilli())
		b.Set(pauseName, dcbor.AppendInt(state, p.untilMillis()))
		body := dcbor.AppendUint(dcbor.AppendArray(nil, 2), pauseFormat)
		_, err := b.AppendEvent(commit.Pause, dcbor.AppendInt(body, p.untilMillis()))
		return err
	})
}

func (p *Pause) untilMillis() int64 {
	if p.Until.IsZero() {
		return 0
	}
	return p.Until.UnixMilli()
}

// keepPaused takes up a pause that an earlier process kept and whose time is not
// over. A clock that was set back does not make it longer than it was meant to be.
func (i *Ingest) keepPaused() error {
	p, err := readPause(i.log)
	if err != nil || p == nil {
		return err
	}
	var lasts time.Duration
	if !p.Until.IsZero() {
		if lasts = min(p.Until.Sub(i.options.Now()), p.Until.Sub(p.Since)); lasts <= 0 {
			return nil
		}
	}
	i.gate.shut(*p, lasts, i.pauseOver)
	i.options.Logger.Warn().Str("event", "reading paused").Time("since", p.Since).Time("until", p.Until).
		Msg("the pause from before the start holds")
	return nil
}

func readPause(log *recordlog.Log) (*Pause, error) {
	value, err := log.Get(pauseName)
	if err != nil || value == nil {
		return nil, err
	}
	r := dcbor.NewReader(value)
	r.ArrayOf(3)
	if f := r.Uint(); r.Err() == nil && f != pauseFormat {
		return nil, fmt.Errorf("the pause has format %d, this program knows %d", f, pauseFormat)
	}
	p := &Pause{Since: time.UnixMilli(r.Int())}
	if until := r.Int(); until != 0 {
		p.Until = time.UnixMilli(until)
	}
	if err := r.Done(); err != nil {
		return nil, fmt.Errorf("read the pause: %w", err)
	}
	return p, nil
}
