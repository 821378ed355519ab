package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// found is a finding of an audit, with its place in it.
type found struct {
	audit    uint64 // leaf of the audit
	finding  *evidence.Finding
	bytes    []byte
	index    uint64
	tree     *evidence.Tree
	versions *recordlog.Entry // the version that it speaks of
}

// finding returns what the last audit of the table found of the row, if it
// speaks of a version: of the given one, or of any where number is 0; the last
// that was opened, if there are several.
func (p *proof) finding(e *recordlog.Entry, number uint64) (*found, bool, error) {
	hit, err := p.lastFinding(func(f *evidence.Finding) bool {
		return f.Leaf != commit.NoPrevious && (number == 0 || f.Version == number) && (f.Present != nil || provesGone(f))
	})
	if err != nil || hit == nil {
		return nil, false, err
	}
	hit.versions, err = p.Log.Entry(hit.finding.Leaf)
	if err == nil && hit.versions.Header.Op == commit.Delete {
		return nil, false, nil // a row that is back after its deletion is no version to be proven gone
	}
	return hit, err == nil, err
}

// lastFinding returns the finding of the row that the last audit of its table
// holds and that is wanted; the last that was opened, if there are several.
func (p *proof) lastFinding(wanted func(*evidence.Finding) bool) (*found, error) {
	audit, leaves, ok, err := p.Audited(p.table)
	if err != nil || !ok {
		return nil, err
	}
	var hit *found
	tree := new(evidence.Tree)
	for i, leaf := range leaves {
		if err := tree.Add(leaf); err != nil {
			return nil, err
		}
		f, err := evidence.ParseFinding(leaf)
		if err != nil {
			return nil, err
		}
		speaks := f.Table == p.table && bytes.Equal(f.Key, p.key) && wanted(f)
		if speaks && (hit == nil || f.FirstBad >= hit.finding.FirstBad) {
			hit = &found{audit: audit, finding: f, bytes: leaf, index: uint64(i), tree: tree}
		}
	}
	return hit, nil
}

// provesGone reports whether a finding without values says that the row was
// not there.
func provesGone(f *evidence.Finding) bool {
	if f.Present != nil || len(f.Columns) > 0 {
		return false
	}
	switch f.Verdict {
	case evidence.VerdictDeleted, evidence.VerdictRestored, evidence.VerdictChangedInGap, evidence.VerdictChangedAfterFinal:
		return true
	}
	return false
}

// deviation makes evidence that a row was found altered or gone, or was changed
// after a version that was final.
func (p *proof) deviation(ctx context.Context, f *found, key []row.Value) (*evidence.Evidence, error) {
	out := &evidence.Evidence{Claim: evidence.Altered, LogKey: p.LogKey}
	if f.finding.Present == nil {
		out.Claim = evidence.Deleted
	}
	cells, show, err := p.final(ctx, f, key)
	if err != nil {
		return nil, err
	}
	if err := p.fill(out, f.versions, cells, show); err != nil {
		return nil, err
	}
	if err := p.audited(out, f); err != nil || out.Claim == evidence.Deleted {
		return out, err
	}
	return out, p.reveal(ctx, out.Audit.Finding, f, key)
}

// audited adds the audit's entry and the finding that stands in it.
func (p *proof) audited(out *evidence.Evidence, f *found) error {
	_, after, ok, err := p.Around(f.audit)
	if err != nil {
		return fmt.Errorf("find the anchor of the audit: %w", err)
	}
	if !ok {
		return fmt.Errorf("the audit that found it is %w", ErrNotAnchored)
	}
	audit, err := p.Log.Entry(f.audit)
	if err != nil {
		return fmt.Errorf("read the audit's entry: %w", err)
	}
	entry, err := p.entry(audit, after, []row.Value{row.NewBytes(audit.Body)}, all)
	if err != nil {
		return err
	}
	inclusion, err := f.tree.Prove(f.index)
	if err != nil {
		return err
	}
	out.Audit = &evidence.Audit{Entry: *entry,
		Finding: &evidence.FindingProof{Finding: f.bytes, Index: f.index, Inclusion: inclusion}}
	return nil
}

func hasColumn(t *tap.Table, name string) bool {
	return slices.ContainsFunc(t.Columns, func(c row.Column) bool { return c.Name == name })
}

// reveal shows the version's key and the values that the audit found, where
// the row still has them.
func (p *proof) reveal(ctx context.Context, proof *evidence.FindingProof, f *found, key []row.Value) error {
	owner, err := p.Log.OwnerKey(f.versions.Owner)
	if err != nil {
		return fmt.Errorf("open the version: %w", err)
	}
	k := owner.VersionKey(f.versions.Header.Log, f.versions.Header.Index)
	proof.Key = &k
	chunk, _, err := p.Rows.Fetch(ctx, p.table, [][]row.Value{key})
	if errors.Is(err, tap.ErrTable) {
		return nil // the digests that the audit found stay in the finding
	}
	if err != nil || len(chunk.Rows) == 0 {
		return err
	}
	columns := f.versions.Header.Columns
	cells := rows.Project(chunk.Table, chunk.Rows[0].Cells, columns)
	salts := commit.Salts(k, len(columns))
	proof.Present = make([]evidence.PresentCell, len(columns))
	for i, c := range columns {
		if !hasColumn(chunk.Table, c.Name) {
			continue // there is no value of it, not even NULL
		}
		if commit.ColumnDigest(salts[i], c.Name, cells[i]) == f.finding.Present[i] {
			proof.Present[i] = evidence.PresentCell{Open: true, Value: cells[i]}
		}
	}
	return nil
}
