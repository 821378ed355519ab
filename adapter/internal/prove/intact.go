package prove

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// errManifest says that the log no longer leads to what an audit entered.
var errManifest = errors.New("the rows that the last audit found intact do not lead to the root that it entered")

// intact adds that the last audit found the row to hold this version, if it did
// and is anchored.
func (p *proof) intact(ctx context.Context, out *evidence.Evidence, e *recordlog.Entry) error {
	leaf, listed, ok, err := p.Listed()
	if err != nil || !ok || !listed(e.Header.Index) {
		return err
	}
	_, after, ok, err := p.Around(leaf)
	if err != nil || !ok {
		return err
	}
	audit, err := p.Log.Entry(leaf)
	if err != nil {
		return fmt.Errorf("read the audit's entry: %w", err)
	}
	entry, err := p.entry(audit, after, []row.Value{row.NewBytes(audit.Body)}, all)
	if err != nil {
		return err
	}
	body, err := evidence.ParseAuditBody(audit.Body)
	if err != nil {
		return err
	}
	m := &manifest{proof: p, listed: listed}
	if err := m.build(ctx, body); err != nil {
		return err
	}
	inclusion, err := m.tree.Prove(m.index)
	if err != nil {
		return err
	}
	out.Audit = &evidence.Audit{Entry: *entry, Manifest: &evidence.ManifestProof{Index: m.index, Inclusion: inclusion}}
	return nil
}

// manifest is built again from the log as it was when an audit listed it.
type manifest struct {
	*proof
	listed func(leaf uint64) bool
	tree   evidence.Tree
	index  uint64 // of the row in question
}

func (m *manifest) build(ctx context.Context, body *evidence.AuditBody) error {
	for _, c := range body.Coverage {
		if !c.Complete {
			continue
		}
		err := m.Log.Heads(ctx, c.Table, func(key []byte, h recordlog.Head) error { return m.add(c.Table, key, h) })
		if err != nil {
			return fmt.Errorf("list the rows of %s: %w", c.Table, err)
		}
	}
	root, err := m.tree.Root()
	if err == nil && (root != body.ManifestRoot || m.tree.Size() != body.ManifestCount) {
		return errManifest
	}
	return err
}

// add adds a row's version that the audit listed, if there is one.
func (m *manifest) add(table string, key []byte, h recordlog.Head) error {
	for index := h.Index; index != commit.NoPrevious; {
		e, err := m.Log.Entry(index)
		if err != nil {
			return err
		}
		if m.listed(index) {
			if table == m.table && bytes.Equal(key, m.key) {
				m.index = m.tree.Size()
			}
			r := evidence.ManifestRow{Table: table, Key: key, Version: e.Header.Version, Commitment: e.Leaf.Commitment}
			return m.tree.Add(r.Append(nil))
		}
		index = e.Header.Previous
	}
	return nil
}
