package prove

import (
	"bytes"
	"context"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
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
	audit, leaves, ok, err := p.Audited(p.table)
	if err != nil || !ok {
		return nil, false, err
	}
	var hit *found
	tree := new(evidence.Tree)
	for i, leaf := range leaves {
		if err := tree.Add(leaf); err != nil {
			return nil, false, err
		}
		f, err := evidence.ParseFinding(leaf)
		if err != nil {
			return nil, false, err
		}
		speaks := f.Table == p.table && bytes.Equal(f.Key, p.key) && f.Leaf != commit.NoPrevious &&
			(number == 0 || f.Version == number) && (f.Present != nil || provesGone(f))
		if speaks && (hit == nil || f.FirstBad >= hit.finding.FirstBad) {
			hit = &found{audit: audit, finding: f, bytes: leaf, index: uint64(i), tree: tree}
		}
	}
	if hit == nil {
		return nil, false, nil
	}
	hit.versions, err = p.Log.Entry(hit.finding.Leaf)
	if err == nil && hit.versions.Header.Op == commit.Delete {
		return nil, false, nil // a row that is back after its deletion is no version to be proven gone
	}
	return hit, err == nil, err
}

// provesGone reports whether a finding without values says that the row was
// not there.
func provesGone(f *evidence.Finding) bool {
	if f.Present != nil || len(f.Columns) > 0 {
		return false
	}
	switch f.Verdict {
	case evidence.VerdictDeleted, evidence.VerdictRestored, evidence.VerdictChangedInGap:
		return true
	}
	return false
}

// deviation makes evidence that a row was found altered or gone.
func (p *proof) deviation(ctx context.Context, f *found, key []row.Value) (*evidence.Evidence, error) {
	out := &evidence.Evidence{Claim: evidence.Altered, LogKey: p.LogKey}
	if f.finding.Present == nil {
		out.Claim = evidence.Deleted
	}
	if err := p.fill(out, f.versions, nil); err != nil {
		return nil, err
	}
	_, after, ok, err := p.Around(f.audit)
	if err != nil {
		return nil, fmt.Errorf("find the anchor of the audit: %w", err)
	}
	if !ok {
		return nil, fmt.Errorf("the audit that found it is %w", ErrNotAnchored)
	}
	audit, err := p.Log.Entry(f.audit)
	if err != nil {
		return nil, fmt.Errorf("read the audit's entry: %w", err)
	}
	entry, err := p.entry(audit, after, []row.Value{row.NewBytes(audit.Body)})
	if err != nil {
		return nil, err
	}
	inclusion, err := f.tree.Prove(f.index)
	if err != nil {
		return nil, err
	}
	proof := &evidence.FindingProof{Finding: f.bytes, Index: f.index, Inclusion: inclusion}
	out.Audit = &evidence.Audit{Entry: *entry, Finding: proof}
	if out.Claim == evidence.Deleted {
		return out, nil
	}
	return out, p.reveal(ctx, proof, f, key)
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
	if err != nil || len(chunk.Rows) == 0 {
		return err
	}
	columns := f.versions.Header.Columns
	cells := rows.Project(chunk.Table, chunk.Rows[0].Cells, columns)
	salts := commit.Salts(k, len(columns))
	proof.Present = make([]evidence.PresentCell, len(columns))
	for i, c := range columns {
		if commit.ColumnDigest(salts[i], c.Name, cells[i]) == f.finding.Present[i] {
			proof.Present[i] = evidence.PresentCell{Open: true, Value: cells[i]}
		}
	}
	return nil
}
