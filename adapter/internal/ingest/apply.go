package ingest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// applier turns one batch of the stream's events into entries of one batch of
// the log. What it learns is taken over by the session once the batch is
// durable.
type applier struct {
	follower
	comparer *rows.Comparer

	place     place
	arrival   arrival
	skip      skipper
	passed    []uint64 // fences
	changes   uint64
	time      time.Time
	committed bool // a position may be acknowledged
	wake      bool // a table needs a scan
}

func (a *applier) apply(events []event) error {
	a.comparer = rows.NewComparer(a.batch)
	a.comparer.Accept(a.book)
	moved := false
	for n := range events {
		if err := a.event(&events[n]); err != nil {
			return err
		}
		moved = moved || events[n].fence == nil
	}
	if err := a.flush(); err != nil {
		return err
	}
	// Nothing that must be logged lies between the last place and a fence, so
	// fences alone are worth no sync: whoever reads one row waits for one.
	if moved {
		a.batch.Set(positionName, a.place.append(nil))
		a.arrival.logged(a.batch)
	}
	return nil
}

func (a *applier) event(e *event) error {
	switch {
	case e.change != nil:
		return a.change(e.change)
	case e.commit != nil:
		if err := a.flush(); err != nil {
			return err
		}
		a.place = place{position: e.commit.Position}
		a.committed = true
		a.time = e.commit.Time
		a.arrival.tell(e.commit.Time)
		return nil
	case e.fence != nil:
		a.passed = append(a.passed, e.fence.ID)
		a.moveTo(e.fence.Position)
		return nil
	case e.gap != nil:
		a.moveTo(e.gap.Position)
		return a.gap(*e.gap)
	default:
		a.moveTo(e.schema.Position)
		return a.schema(e.schema)
	}
}

// moveTo takes over the position of an event outside transactions, if it has one.
func (a *applier) moveTo(p tap.Position) {
	if len(p) > 0 {
		a.place = place{position: p}
	}
}

func (a *applier) change(c *tap.Change) error {
	// A LastVersion tap may say another thing of a row when it says it again;
	// what it repeats is found equal and makes no entry.
	if a.described.Assurance == tap.EveryVersion {
		if logged, err := a.skip.pass(c); logged || err != nil {
			return err
		}
		a.place.logged++
		a.place.eventID = c.EventID
	}
	c, err := a.numberer.Change(a.batch, c)
	if err != nil {
		return fmt.Errorf("number a row: %w", err)
	}
	if c.Table.Refused != "" {
		return nil
	}
	a.changes++
	a.arrival.tell(c.Time)
	if err := a.before(c); err != nil {
		return err
	}
	if c.Op == tap.Put || c.Op == tap.Delete && c.Before == nil {
		return a.put(c)
	}
	if err := a.recorded(c); err != nil {
		return err
	}
	return a.followed(c)
}

// recorded logs a change that came with its values: an update that changes the
// key is a delete and an insert.
func (a *applier) recorded(c *tap.Change) error {
	if c.Op == tap.Insert {
		if err := a.checkAbsent(c); err != nil {
			return err
		}
		return a.record(c, commit.Insert, c.Table.KeyOf(c.After), c.After)
	}
	if err := a.checkBefore(c); err != nil {
		return err
	}
	before := c.Before
	if before == nil {
		before = c.After
	}
	old := c.Table.KeyOf(before)
	if c.Op == tap.Delete {
		return a.record(c, commit.Delete, old, nil)
	}
	key := c.Table.KeyOf(c.After)
	if equalKeys(old, key) {
		return a.record(c, commit.Update, key, c.After)
	}
	if err := a.record(c, commit.Delete, old, nil); err != nil {
		return err
	}
	if err := a.checkAbsent(c); err != nil {
		return err
	}
	return a.record(c, commit.Insert, key, c.After)
}

func equalKeys(a, b []row.Value) bool { return slices.EqualFunc(a, b, row.Equal) }

func (a *applier) record(c *tap.Change, op commit.Op, key, cells []row.Value) error {
	v := rows.Version{Table: c.Table, Op: op, Seen: a.seen(), Key: key, Cells: cells, EventID: c.EventID}
	if !c.Time.IsZero() {
		v.EventTime = c.Time.UnixMicro()
	}
	if rules := a.rules[c.Table.Name]; rules != nil {
		return a.recordJudged(rules, c, v)
	}
	_, err := a.recorder.Record(a.batch, v)
	return err
}

// seen is the origin of what the stream delivers.
func (a *applier) seen() commit.Origin {
	if a.described.Assurance == tap.EveryVersion {
		return commit.Stream
	}
	return commit.Fetch
}

// put logs a row as it stands now, unless the log has it so.
func (a *applier) put(c *tap.Change) error {
	key := c.Key
	if c.Op == tap.Put {
		key = c.Table.KeyOf(c.After)
	}
	head, known, err := a.batch.Head(c.Table.Name, row.AppendKey(nil, key))
	if err != nil {
		return fmt.Errorf("look up row: %w", err)
	}
	live := known && !head.Deleted
	if c.Op == tap.Delete {
		if !live && (known || a.states[c.Table.Name].Baselined) {
			return nil
		}
		return a.record(c, commit.Delete, key, nil)
	}
	if !live {
		return a.record(c, commit.Insert, key, c.After)
	}
	e, err := a.batch.Entry(head.Index)
	if err != nil {
		return fmt.Errorf("read the row's last version: %w", err)
	}
	equal, err := a.comparer.Matches(e, c.Table, c.After)
	if err != nil && !errors.Is(err, recordlog.ErrKeyLost) || equal && rows.SameColumns(e, c.Table) {
		return err
	}
	return a.record(c, commit.Update, key, c.After)
}
