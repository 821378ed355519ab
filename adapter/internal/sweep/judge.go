package sweep

import (
	"context"
	"errors"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

type rest uint8

const (
	atRest rest = iota
	stillHot
	deviates
)

// judge says whether a row as it was fetched is at rest with the log, and how
// it deviates if not.
func (s *sweep) judge(d *Deviation) (rest, error) {
	if d.Cells == nil {
		return s.judgeAbsent(d)
	}
	c, err := s.comparer.Compare(d.Table, d.Cells, d.Window)
	if errors.Is(err, recordlog.ErrKeyLost) {
		return s.judgeLost(d)
	}
	if err != nil {
		return deviates, err
	}
	d.Latest, d.First = c.Entry, c.Head.First
	switch c.State {
	case rows.Equal:
		s.seen.Add(c.Head.First)
		d.Kind = Pending
		return atRest, s.right(d, c)
	case rows.Hot:
		return stillHot, nil
	}
	if newer, err := s.newer(d); err != nil || newer {
		return stillHot, err
	}
	if c.State == rows.Unknown {
		d.Kind = Inserted
		return deviates, nil
	}
	s.seen.Add(c.Head.First)
	d.Columns, d.Present = c.Columns, c.Present
	if c.State == rows.Kept {
		d.Kind = Kept
		return deviates, nil
	}
	return deviates, s.judgeOlder(d, c.State)
}

// judgeHot judges a row that changed at each of its readings and never was at
// rest. Where the source tells every version, a row is read as one of those that
// it had, however often it changes; elsewhere it is busy, and so is one that was not
// looked for under each key that it may have.
func (s *sweep) judgeHot(d *Deviation) error {
	d.Kind = Busy
	if len(d.moved) > 0 {
		return nil
	}
	had, all, err := s.versions(d)
	if err != nil || !all || d.Cells == nil && slices.ContainsFunc(had, gone) {
		return err
	}
	d.Latest = had[0]
	switch {
	case d.Cells == nil:
		d.Kind = Deleted
		return nil
	case d.Latest == nil:
		d.Kind = Inserted
		return nil
	case gone(d.Latest):
		return s.judgeOlder(d, rows.Resurrected)
	}
	c, err := s.comparer.Differences(d.Latest, d.Table, d.Cells, d.Window.To)
	if errors.Is(err, recordlog.ErrKeyLost) {
		return nil
	}
	if err != nil || c.State != rows.Differs {
		return err
	}
	d.Columns, d.Present = c.Columns, c.Present
	return s.judgeOlder(d, rows.Differs)
}

// versions returns what the row may have been when it was read, newest first: the
// versions within the window and the one before it, nil where there was none. All
// says that the source told each of them, and nothing else since of the table.
func (s *sweep) versions(d *Deviation) (had []*recordlog.Entry, all bool, err error) {
	head, known, err := s.log.Head(d.Table.Name, d.Key)
	if err != nil || !known || s.options.Book != nil && s.options.Book.Since(d.Table.Name, d.Window.From) {
		return nil, false, err
	}
	d.First = head.First
	for next := head.Index; next != commit.NoPrevious; {
		e, err := s.log.Entry(next)
		if err != nil {
			return nil, false, err
		}
		h := &e.Header
		if h.Index < d.Window.To {
			had = append(had, e)
		}
		if h.Index < d.Window.From {
			return had, true, nil
		}
		if h.Seen != commit.Stream || h.Assurance != commit.EveryVersion {
			return nil, false, nil
		}
		next = h.Previous
	}
	return append(had, nil), true, nil
}

// gone reports whether there is no row after a version.
func gone(e *recordlog.Entry) bool { return e == nil || e.Header.Op == commit.Delete }

// judgeOlder tells a row that is back as it once was from an altered one.
func (s *sweep) judgeOlder(d *Deviation, state rows.State) error {
	older, ended, err := s.comparer.Older(d.Latest, d.Table, d.Cells, d.Columns...)
	switch {
	case errors.Is(err, recordlog.ErrKeyLost):
		older = nil
	case err != nil:
		return err
	}
	switch {
	case older != nil:
		d.Kind, d.Matched, d.Ended = Stale, older, ended
	case state == rows.Resurrected:
		d.Kind = Inserted
	default:
		d.Kind = Altered
	}
	return nil
}

// judgeAbsent judges a key without a row.
func (s *sweep) judgeAbsent(d *Deviation) (rest, error) {
	head, known, err := s.log.Head(d.Table.Name, d.Key)
	if err != nil || !known {
		return atRest, err
	}
	s.seen.Add(head.First)
	e, err := s.log.Entry(head.Index)
	for err == nil && e.Header.Index >= d.Window.To {
		if e.Header.Previous == commit.NoPrevious {
			return atRest, nil
		}
		e, err = s.log.Entry(e.Header.Previous)
	}
	if err != nil {
		return deviates, err
	}
	switch {
	case e.Header.Op == commit.Delete:
		return atRest, nil
	case e.Header.Index >= d.Window.From:
		return stillHot, nil
	}
	d.Kind, d.Latest, d.First = Deleted, e, head.First
	if d.Erasure, err = s.erased(d, e); err != nil || d.Kind == Erased {
		return deviates, err
	}
	return s.judgeGone(d)
}

// judgeLost judges a row of whose versions one is not open any more. Its latest
// decides: if that is open, another version was in question, which a later reading
// need not look at.
func (s *sweep) judgeLost(d *Deviation) (rest, error) {
	d.Kind = Lost
	head, known, err := s.log.Head(d.Table.Name, d.Key)
	if err != nil || !known {
		return deviates, err
	}
	s.seen.Add(head.First)
	if d.Latest, err = s.log.Entry(head.Index); err != nil {
		return deviates, err
	}
	d.First = head.First
	if d.Erasure, err = s.erased(d, d.Latest); err != nil || d.Kind == Erased {
		return deviates, err
	}
	if _, err := s.log.OwnerKey(d.Latest.Owner); err == nil {
		return stillHot, nil
	}
	return deviates, nil
}

// erased makes a deviation one of an erased row if the log says that the key of a
// version was destroyed, and returns where it does.
func (s *sweep) erased(d *Deviation, e *recordlog.Entry) (leaf uint64, err error) {
	leaf, ok, err := s.log.Destroyed(e.Owner)
	if err == nil && ok {
		d.Kind = Erased
	}
	return leaf, err
}

// newer reports whether the log knows more of a row by now than its read saw. It
// is asked last of a row that deviates: what the source told is forgotten once it
// is in the versions, and may have been so while the row was compared.
func (s *sweep) newer(d *Deviation) (bool, error) {
	head, known, err := s.log.Head(d.Table.Name, d.Key)
	return known && head.Index >= d.Window.To, err
}

// judgeGone tells a row that is gone by what the source told from one that was
// deleted.
func (s *sweep) judgeGone(d *Deviation) (rest, error) {
	m, moved, err := s.comparer.Gone(d.Latest, d.Window)
	if errors.Is(err, recordlog.ErrKeyLost) {
		d.Kind = Lost
		return deviates, nil
	}
	if err != nil {
		return deviates, err
	}
	if m.Equal {
		d.Kind = Pending
		return atRest, s.right(d, rows.Comparison{Entry: d.Latest, Head: recordlog.Head{First: d.First}, Standing: m})
	}
	if newer, err := s.newer(d); err != nil || newer {
		return stillHot, err
	}
	return s.judgeMoved(d, moved), nil
}

// judgeMoved judges a key without a row which may rightly have one of other keys:
// it must have been found or looked for there, at the same reading.
func (s *sweep) judgeMoved(d *Deviation, moved [][]row.Value) rest {
	if len(moved) > 0 && s.moved.Has(d.First) {
		return atRest
	}
	for _, key := range moved {
		if !s.reading[string(row.AppendKey(nil, key))] {
			d.moved = append(d.moved, key)
		}
	}
	if len(d.moved) > 0 {
		return stillHot
	}
	return deviates
}

// findMissing fetches the log's live rows that the scan did not see.
func (s *sweep) findMissing(ctx context.Context) error {
	var missing [][]row.Value
	var unfit [][]byte
	err := s.log.Heads(ctx, s.table, func(key []byte, h recordlog.Head) error {
		if h.Deleted {
			return nil
		}
		s.result.Known++
		if s.seen.Has(h.First) {
			return nil
		}
		cells, err := row.ParseKey(key)
		if err == nil && !fits(cells, s.result.Table) {
			unfit = append(unfit, slices.Clone(key))
			return nil
		}
		missing = append(missing, cells)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.judgeUnfit(unfit); err != nil {
		return err
	}
	return s.settle(ctx, missing)
}

// fits reports whether a row of a table may have the key as it is now.
func fits(key []row.Value, t *tap.Table) bool {
	if len(key) != len(t.Key) {
		return false
	}
	for i, at := range t.Key {
		if !key[i].Fits(t.Columns[at].Type) {
			return false
		}
	}
	return true
}

// judgeUnfit judges keys that cannot be of the table as it is now, for its key
// has another number of columns, or of other types: no row can have them.
func (s *sweep) judgeUnfit(keys [][]byte) error {
	size := s.log.Size()
	for _, key := range keys {
		d := Deviation{Table: s.result.Table, Key: key, Window: recordlog.Window{From: size, To: size}}
		rest, err := s.judgeAbsent(&d)
		if err != nil {
			return err
		}
		if rest != atRest {
			s.add(d)
		}
	}
	return nil
}
