// Package prove makes evidence of one row from the record log, the anchors and
// a fresh reading of the row.
//
// A row that is as its latest version says is proven with its values open, and
// with the last audit that found it so; or as a late entry, where that audit holds
// it for one. A row of which the last audit holds another finding is proven altered
// or deleted, or changed after it was final, against the version that the finding
// speaks of; the values that the audit
// found are shown where the row still has them.
package prove

import (
	"context"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/clinical"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/merkle"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// Errors that say what to do next.
var (
	// ErrUnknownRow: the log has no such row or version.
	ErrUnknownRow = errors.New("the log has no such row")
	// ErrNotAnchored: no anchor covers it yet; try again after the next.
	ErrNotAnchored = errors.New("not yet anchored; try again after the next anchor")
	// ErrNotAudited: the row is not as its version says and no audit says so yet.
	ErrNotAudited = errors.New("the row is not as its latest version says and no audit has found it yet; run an audit first")
)

// Anchor is an anchor of the log: its checkpoint, signed, and its receipt.
type Anchor struct {
	Size       uint64
	Checkpoint []byte
	Receipt    []byte
}

// Sources are what a proof is made from.
type Sources struct {
	Log    *recordlog.Log
	LogKey string // note verifier key of the log
	Rows   sweep.Source
	// Around returns the newest anchor that does not cover a leaf, and the
	// oldest that does; ok is false while none does.
	Around func(leaf uint64) (before, after Anchor, ok bool, err error)
	// Audited returns the leaf of the last audit of a table and its findings'
	// canonical bytes; ok is false before the first.
	Audited func(table string) (leaf uint64, findings [][]byte, ok bool, err error)
	// Listed returns the leaf of the last audit, and which versions its manifest
	// lists; ok is false before the first.
	Listed func() (leaf uint64, listed func(leaf uint64) bool, ok bool, err error)
	// Rules returns what is configured of a table's final rows, nil for nothing; may
	// be nil.
	Rules func(table string) *clinical.Rules
}

// Row makes the evidence of a row: of one of its versions, or of the latest
// where version is 0.
func Row(ctx context.Context, s Sources, table string, key []row.Value, version uint64) (*evidence.Evidence, error) {
	encoded := row.AppendKey(nil, key)
	p := &proof{Sources: s, table: table, key: encoded}
	e, err := p.version(version)
	if err != nil {
		return nil, err
	}
	if f, ok, err := p.finding(e, version); err != nil {
		return nil, err
	} else if ok {
		return p.deviation(ctx, f, key)
	}
	cells, err := p.present(ctx, e, key)
	if errors.Is(err, tap.ErrTable) {
		return p.committed(ctx, e, nil) // the table is gone or refused; the log stays
	}
	if err != nil {
		return nil, err
	}
	if cells == nil && version == 0 && e.Header.Op != commit.Delete {
		return nil, ErrNotAudited
	}
	if cells != nil {
		if out, err := p.late(e, cells); err != nil || out != nil {
			return out, err
		}
	}
	return p.committed(ctx, e, cells)
}

type proof struct {
	Sources
	table string
	key   []byte
}

// version returns a version of the row, the latest for 0.
func (p *proof) version(number uint64) (*recordlog.Entry, error) {
	head, known, err := p.Log.Head(p.table, p.key)
	if err != nil {
		return nil, fmt.Errorf("look up row: %w", err)
	}
	if !known || number > head.Version {
		return nil, ErrUnknownRow
	}
	e, err := p.Log.Entry(head.Index)
	for err == nil && number != 0 && e.Header.Version != number {
		if e.Header.Previous == commit.NoPrevious {
			return nil, ErrUnknownRow
		}
		e, err = p.Log.Entry(e.Header.Previous)
	}
	return e, err
}

// present fetches the row and returns its cells, ordered as the version's
// columns are, if they are what the version committed to; nil otherwise.
func (p *proof) present(ctx context.Context, e *recordlog.Entry, key []row.Value) ([]row.Value, error) {
	if e.Header.Op == commit.Delete {
		return nil, nil
	}
	chunk, _, err := p.Rows.Fetch(ctx, p.table, [][]row.Value{key})
	if err != nil || len(chunk.Rows) == 0 {
		return nil, err
	}
	cells := chunk.Rows[0].Cells
	equal, err := rows.NewComparer(p.Log).Matches(e, chunk.Table, cells)
	if err != nil || !equal {
		return nil, err
	}
	return rows.Project(chunk.Table, cells, e.Header.Columns), nil
}

// committed makes evidence that a version was committed, and found intact where
// the last audit did.
func (p *proof) committed(ctx context.Context, e *recordlog.Entry, cells []row.Value) (*evidence.Evidence, error) {
	out := &evidence.Evidence{Claim: evidence.Committed, LogKey: p.LogKey}
	if err := p.fill(out, e, cells, all); err != nil {
		return nil, err
	}
	return out, p.intact(ctx, out, e)
}

// all shows every column.
func all(int) bool { return true }

// fill proves a version and the anchors around it.
func (p *proof) fill(out *evidence.Evidence, e *recordlog.Entry, cells []row.Value, show func(column int) bool) error {
	before, after, ok, err := p.Around(e.Header.Index)
	if err != nil {
		return fmt.Errorf("find the anchors around leaf %d: %w", e.Header.Index, err)
	}
	if !ok {
		return ErrNotAnchored
	}
	if out.Before, err = receipt.Parse(before.Receipt); err != nil {
		return fmt.Errorf("read the receipt of size %d: %w", before.Size, err)
	}
	entry, err := p.entry(e, after, cells, show)
	if err != nil {
		return err
	}
	out.Version = *entry
	return nil
}

// entry opens a leaf under an anchor. Columns are open where there are cells and
// they are to be shown.
func (p *proof) entry(e *recordlog.Entry, after Anchor, cells []row.Value, show func(column int) bool) (*evidence.Entry, error) {
	owner, err := p.Log.OwnerKey(e.Owner)
	if err != nil {
		return nil, fmt.Errorf("open the version: %w", err)
	}
	var c commit.Committer
	k := owner.VersionKey(e.Header.Log, e.Header.Index)
	opening, err := c.Open(k, &e.Header, cells, e.Digests, show)
	if err != nil {
		return nil, fmt.Errorf("open the version: %w", err)
	}
	inclusion, err := merkle.ProveInclusion(after.Size, e.Header.Index, p.Log.Hashes())
	if err != nil {
		return nil, fmt.Errorf("prove leaf %d: %w", e.Header.Index, err)
	}
	parsed, err := receipt.Parse(after.Receipt)
	if err != nil {
		return nil, fmt.Errorf("read the receipt of size %d: %w", after.Size, err)
	}
	return &evidence.Entry{Leaf: e.Leaf.Append(nil), Opening: opening, Inclusion: inclusion,
		Checkpoint: after.Checkpoint, After: parsed}, nil
}
