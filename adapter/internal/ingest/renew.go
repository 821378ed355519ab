package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/cause"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A renewer records rows that have become others than their versions without
// changes of their own, and as the source told: so are new columns and new types
// covered, and what was told can be forgotten.
type renewer struct {
	*session
	held []sweep.Renewal
	left int // rows that were not recorded because more was told of them since
}

// options are those of a sweep whose renewed rows are recorded.
func (r *renewer) options() sweep.Options {
	return sweep.Options{ChunkRows: r.session.options.ChunkRows, Book: r.book, Renewed: func(one *sweep.Renewal) error {
		if r.held = append(r.held, *one); len(r.held) < deviationsPerBatch {
			return nil
		}
		return r.record()
	}}
}

// sweep compares a suspect table with the log.
func (s *session) sweep(ctx context.Context, table string) (*sweep.Result, error) {
	r, index := &renewer{session: s}, &indexer{session: s}
	options := r.options()
	options.Held = index.held(table)
	about, err := s.About(table)
	if err != nil {
		return nil, err
	}
	s.meter.Begin(table, 0, about)
	defer s.meter.End()
	options.Progress = s.meter.Read
	result, err := sweep.Run(ctx, s.Ingest, s.log, table, options)
	if err != nil {
		return nil, err
	}
	return result, errors.Join(r.record(), index.flush())
}

// record records the rows that are held.
func (r *renewer) record() error {
	held := r.held
	r.held = r.held[:0]
	if len(held) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Update(func(b *recordlog.Batch) error {
		f := &follower{session: r.session, batch: b}
		for i := range held {
			recorded, err := r.renew(b, &held[i])
			if err != nil {
				return err
			}
			if !recorded {
				continue
			}
			if err := f.derive(held[i].Standing); err != nil {
				return err
			}
		}
		return f.flush()
	})
}

// renew records one row, unless the stream has changed it meanwhile, or told
// more of it than the read may have seen.
func (r *renewer) renew(b *recordlog.Batch, one *sweep.Renewal) (recorded bool, err error) {
	h := &one.Entry.Header
	if r.book.Reshaped(h.Table, one.Window.From) || one.Cells != nil && r.book.Concerns(one.Table, one.Cells, one.Window.From) && !r.carryOn(one, b.Next()) {
		r.left++
		return false, nil
	}
	former, err := row.ParseKey(h.Key)
	if err != nil {
		return false, fmt.Errorf("read a row's key: %w", err)
	}
	head, _, err := b.Head(h.Table, h.Key)
	if err != nil {
		return false, fmt.Errorf("look up row: %w", err)
	}
	if one.Cells != nil && !equalKeys(one.Table.KeyOf(one.Cells), former) {
		return r.rename(b, one, former, head.Index == h.Index)
	}
	if head.Index != h.Index {
		return false, nil
	}
	v := rows.Version{Table: one.Table, Op: commit.Delete, Seen: commit.Scan, Key: former}
	if one.Cells != nil {
		v.Op, v.Cells = commit.Update, one.Cells
	}
	_, err = r.recorder.Record(b, v)
	return err == nil, err
}

// rename records a row that the source gave another key: its old one is gone,
// and whatever had the new one before.
func (r *renewer) rename(b *recordlog.Batch, one *sweep.Renewal, former []row.Value, current bool) (recorded bool, err error) {
	key := one.Table.KeyOf(one.Cells)
	held, known, err := b.Head(one.Table.Name, row.AppendKey(nil, key))
	if err != nil {
		return false, fmt.Errorf("look up row: %w", err)
	}
	if changed, err := r.changedSince(b, held, known, one.Window.To); err != nil || changed {
		return false, err
	}
	r.caughtUp(b, one.Entry.Header.Index)
	return true, r.rekey(b, one.Table, one.Cells, former, current, held)
}

// rekey records that the row of the cells had the former key until the source gave
// it another: the version under the former one is gone, if that is current. A row
// that has the new one in the log must be under another one by now.
func (s *session) rekey(b *recordlog.Batch, t *tap.Table, cells, former []row.Value, current bool, held recordlog.Head) error {
	key := t.KeyOf(cells)
	gone := rows.Version{Table: t, Op: commit.Delete, Seen: commit.Scan, Key: former}
	if current {
		if _, err := s.recorder.Record(b, gone); err != nil {
			return err
		}
	}
	if held.Version > 0 && !held.Deleted && !equalKeys(former, key) {
		if err := s.displaced(b, t, key, held.Index); err != nil {
			return err
		}
		gone.Key = key
		if _, err := s.recorder.Record(b, gone); err != nil {
			return err
		}
	}
	_, err := s.recorder.Record(b, rows.Version{Table: t, Op: commit.Insert, Seen: commit.Scan, Key: key, Cells: cells})
	return err
}

// changedSince reports whether the stream has changed what has a key since it was
// read. That the row which had it before got another one is no such change.
func (r *renewer) changedSince(b *recordlog.Batch, held recordlog.Head, known bool, to uint64) (bool, error) {
	if !known || held.Index < to {
		return false, nil
	}
	e, err := b.Entry(held.Index)
	if err != nil {
		return false, fmt.Errorf("read the row's last version: %w", err)
	}
	return e.Header.Op != commit.Delete || e.Header.Seen != commit.Scan, nil
}

// derive works out what a row that went or changed by a rule did to the rows that
// refer to it by its key, which only now is known.
func (f *follower) derive(m rows.Standing) error {
	for _, did := range m.Way.By {
		for _, next := range f.tables {
			for i := range next.References {
				if err := f.deriveBy(next, &next.References[i], m.Version, did); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// deriveAll derives what follows from what must have become of rows.
func (s *session) deriveAll(must []rows.Standing) error {
	if len(must) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Update(func(b *recordlog.Batch) error {
		f := &follower{session: s, batch: b}
		for _, one := range must {
			if err := f.derive(one); err != nil {
				return err
			}
		}
		return f.flush()
	})
}

// deriveBy follows one reference to a row that went or changed by a rule.
func (f *follower) deriveBy(next *tap.Table, ref *tap.Reference, v *cause.Version, did cause.Did) error {
	link := did.Step.Link
	if link == nil || ref.Table != v.Table || covers(link.Columns, ref.Of) {
		return nil
	}
	m := move{child: next, ref: ref, action: ref.OnDelete, sure: did.Step.Sure, at: did.Step.Leaf}
	var known bool
	if m.old, known = v.Cells(ref.Of, did.Before); !known {
		return nil // the gap of it was recorded when the rule was
	}
	if !did.Gone {
		m.action = ref.OnUpdate
		m.now, _ = v.Cells(ref.Of, did.After)
	}
	return f.move(m)
}
