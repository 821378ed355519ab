package adapter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
)

// The store's pace of being read again: 500 entries a second are a million in
// half an hour, for about a hundredth of a core.
const (
	scrubSlice = 500
	scrubPause = time.Second
	scrubRest  = 10 * time.Minute // between the end of the log and the next round
	scrubKeep  = 64               // slices after which the place is kept
)

// scrubName is where the place is kept, so that restarts do not leave the end
// of a long log unread for ever.
const scrubName = "scrub/next"

// scrub reads the record log again in the background, slice by slice, and
// recomputes everything that it holds. At start only what came after the last
// anchor is checked; this finds damage in the rest before somebody needs it.
type scrub struct {
	log    *recordlog.Log
	logger zerolog.Logger
	now    func() time.Time

	mu     sync.Mutex
	status scrubStatus
}

// scrubStatus is how far a scrub has come.
type scrubStatus struct {
	Next     uint64    // the entry to be read next
	Complete time.Time // when a round last reached the end; zero if none has
	Err      error     // the damage that was found
}

func newScrub(log *recordlog.Log, logger zerolog.Logger, now func() time.Time) (*scrub, error) {
	b, err := log.Get(scrubName)
	if err != nil {
		return nil, fmt.Errorf("read the scrub's place: %w", err)
	}
	s := &scrub{log: log, logger: logger, now: now}
	if len(b) == 8 {
		s.status.Next = min(binary.BigEndian.Uint64(b), log.Size())
	}
	return s, nil
}

// Status tells how far the scrub has come.
func (s *scrub) Status() scrubStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// run scrubs round after round until ctx ends. Damage turns the log read-only
// and ends the scrub: what is damaged is for a person to restore.
func (s *scrub) run(ctx context.Context) error {
	for slices := 1; ; slices++ {
		done, err := s.slice(ctx)
		switch {
		case errors.Is(err, recordlog.ErrCorrupt):
			s.damaged(err)
			return nil
		case err != nil:
			return err
		}
		pause := scrubPause
		if done {
			pause = scrubRest
		}
		if done || slices%scrubKeep == 0 {
			s.keep()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// slice checks the next entries, and reports whether they were the last.
func (s *scrub) slice(ctx context.Context) (done bool, err error) {
	from, size := s.Status().Next, s.log.Size()
	to := min(from+scrubSlice, size)
	if err := s.log.Check(ctx, from, to); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Next = to
	if to < size {
		return false, nil
	}
	s.status.Next, s.status.Complete = 0, s.now()
	return true, nil
}

// keep makes the place durable. That it cannot be kept costs a longer round
// after the next start, and who writes the log tells why.
func (s *scrub) keep() {
	next := binary.BigEndian.AppendUint64(nil, s.Status().Next)
	err := s.log.Update(func(b *recordlog.Batch) error {
		b.Set(scrubName, next)
		return nil
	})
	if err != nil {
		s.logger.Debug().Str("event", "scrub place not kept").Err(err).Msg("the next start scrubs more")
	}
}

func (s *scrub) damaged(err error) {
	s.mu.Lock()
	s.status.Err = err
	s.mu.Unlock()
	s.logger.Error().Str("event", "store damaged").Err(err).
		Msg("the scrub found damage: nothing is tapped or anchored any more")
}
