package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// aliveName is the state that holds when the stream's events were last logged,
// in ms since 1970 UTC.
const (
	aliveName   = "ingest/alive"
	aliveFormat = 1
)

// arrival is what is known of when the stream's changes were made: now, once the
// stream has caught up with the source; before that, since the last events
// that an earlier attachment logged. Times are in ms since 1970 UTC.
type arrival struct {
	caught bool
	before int64 // when the last events before this attachment were logged
	alive  int64 // when the last events were
	source int64 // the newest that the source gave in this attachment
}

// earliest returns when a change at the latest had not been made yet. While the
// stream catches up, the source's own times count as far as they rise: one change
// that says that it is old is not believed beside others.
func (w arrival) earliest(now int64) int64 {
	if w.caught {
		return now
	}
	return min(now, max(w.before, w.source))
}

// absent returns when a row that is delivered now was last known not to be there.
func (w arrival) absent(now int64) int64 {
	if w.caught {
		return min(now, w.alive)
	}
	return min(now, w.before)
}

// readArrival reads when the stream was last alive. A log that has never had any
// events has missed none.
func readArrival(log *recordlog.Log, now int64) (arrival, error) {
	value, err := log.Get(aliveName)
	if err != nil || value == nil {
		return arrival{before: now, alive: now}, err
	}
	r := dcbor.NewReader(value)
	r.ArrayOf(2)
	if f := r.Uint(); r.Err() == nil && f != aliveFormat {
		return arrival{}, fmt.Errorf("time of the last events has format %d, this program knows %d", f, aliveFormat)
	}
	at := r.Int()
	if err := r.Done(); err != nil {
		return arrival{}, fmt.Errorf("read the time of the last events: %w", err)
	}
	return arrival{before: at, alive: at}, nil
}

// tell takes in a time of the source's.
func (w *arrival) tell(t time.Time) {
	if !t.IsZero() {
		w.source = max(w.source, t.UnixMilli())
	}
}

// logged notes that events were logged in a batch.
func (w *arrival) logged(b *recordlog.Batch) {
	w.alive = b.Time()
	b.Set(aliveName, dcbor.AppendInt(dcbor.AppendUint(dcbor.AppendArray(nil, 2), aliveFormat), w.alive))
}

// meet reads one row of some table, for the fence of that read: once the stream
// has delivered it, the stream has caught up.
func (s *session) meet(ctx context.Context) error {
	if len(s.rules) == 0 {
		return nil
	}
	for _, table := range s.covered() {
		err := s.untilRead(ctx, func() error {
			_, _, err := s.Scan(ctx, table, nil, 1)
			return err
		})
		if errors.Is(err, tap.ErrTable) {
			continue // it went meanwhile
		}
		return err
	}
	return nil
}

// covered returns the tables that can be read.
func (s *session) covered() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, t := range s.tables {
		if t.Refused == "" {
			names = append(names, name)
		}
	}
	s.inSteps(names)
	return names
}
