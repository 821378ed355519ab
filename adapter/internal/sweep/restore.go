package sweep

import (
	"fmt"
	"time"

	"github.com/emrbchain/emrbchain/crypto/commit"
)

// A Cut is a place in the log: everything before leaf To, and nothing from
// leaf From on, was in a copy of the source that is now in its place.
type Cut struct {
	After  uint64 // the copy was taken after this leaf was logged
	Before uint64 // and before this one
}

// Between says when the leaves of the cut were logged, for a person.
func (c Cut) Between(log Log) (string, error) {
	after, err := log.Entry(c.After)
	if err != nil {
		return "", fmt.Errorf("find when a copy was taken: %w", err)
	}
	before, err := log.Entry(c.Before)
	if err != nil {
		return "", fmt.Errorf("find when a copy was taken: %w", err)
	}
	return "between " + moment(after.Leaf.Time) + " and " + moment(before.Leaf.Time), nil
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// Restored looks for one cut that explains all deviations of some sweeps: that
// the tables were put back as they stood between two leaves. A single row is
// not enough, rows that are merely gone are deleted, and a row that is intact
// since then speaks against it.
func Restored(results []*Result) (Cut, bool) {
	cut := Cut{Before: ^uint64(0)}
	deviations, stale := 0, false
	for _, r := range results {
		for _, d := range r.Deviations {
			if d.Kind == Busy || d.Kind == Pending {
				continue
			}
			deviations++
			stale = stale || d.Kind == Stale
			after, before, ok := interval(d)
			if !ok {
				return Cut{}, false
			}
			cut.After, cut.Before = max(cut.After, after), min(cut.Before, before)
		}
		if r.AnyIntact {
			cut.After = max(cut.After, r.NewestIntact)
		}
	}
	return cut, deviations >= 2 && stale && cut.After < cut.Before
}

// interval returns between which leaves a row stood as it does now.
func interval(d Deviation) (after, before uint64, ok bool) {
	switch d.Kind {
	case Stale:
		return d.Matched.Header.Index, d.Ended.Header.Index, true
	case Deleted:
		if e := d.Latest; e.Header.Op == commit.Insert && e.Header.Previous != commit.NoPrevious {
			return e.Header.Previous, e.Header.Index, true
		}
		return 0, d.First, true
	}
	return 0, 0, false
}
