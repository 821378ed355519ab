package ingest

import (
	"context"
	"errors"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// asidePause is how long a table that could not be read is left alone.
const asidePause = 30 * time.Second

// An aside is a table that cannot be read for a reason of its own, which must not
// keep the others from being taken in and verified.
type aside struct {
	problem string
	until   time.Time
}

// setAside takes what a table's reading came to. It returns an error that is not
// the table's own: the source is busy, the tap is gone, the log takes nothing more,
// or ctx is over.
func (s *session) setAside(ctx context.Context, table string, err error) error {
	if err != nil && (ctx.Err() != nil || s.log.Err() != nil || errors.Is(err, ErrDetached) || errors.Is(err, tap.ErrBusy)) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.asides, table)
		return nil
	}
	s.asides[table] = aside{problem: err.Error(), until: time.Now().Add(asidePause)}
	time.AfterFunc(asidePause, s.wake)
	s.options.Logger.Warn().Str("event", "table not read").Str("table", table).Err(err).
		Msg("the table is tried again later; the others go on")
	return nil
}

// isAside reports whether a table is left alone for now. It is asked under mu.
func (s *session) isAside(table string) bool { return time.Now().Before(s.asides[table].until) }

// addAsides adds the tables that are left alone of which something was told that is
// not in its versions.
func (s *session) addAsides(tables map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending, _ := s.book.Pending()
	for _, table := range pending {
		if s.isAside(table) {
			tables[table] = true
		}
	}
}

// problem says why a table could not be read when it was last tried.
func (i *Ingest) problem(table string) string {
	i.mu.Lock()
	s := i.session
	i.mu.Unlock()
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asides[table].problem
}
