package audit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

const findingsPrefix = "audit/findings/"

func findingsName(leaf uint64) string {
	return findingsPrefix + string(binary.BigEndian.AppendUint64(nil, leaf))
}

// enter opens the findings and writes the audit's entry, in one batch.
func (p *pass) enter(ctx context.Context) error {
	found, err := p.judgeAll()
	if err != nil {
		return err
	}
	body, err := p.body(ctx)
	if err != nil {
		return err
	}
	p.report.Ended = p.now()
	return p.log.Update(func(b *recordlog.Batch) error {
		for _, f := range found {
			if _, err := findings.Open(p.log, b, f); err != nil {
				return err
			}
		}
		if err := p.collect(found); err != nil {
			return err
		}
		return p.append(b, body)
	})
}

// collect gathers all open findings of the tables asked for: those that were
// open and those opened now.
func (p *pass) collect(found []findings.Finding) error {
	asked := make(map[string]bool, len(p.report.Covered))
	for _, c := range p.report.Covered {
		asked[c.Table] = true
	}
	held := make(map[string]bool)
	err := findings.Each(p.log, func(f *findings.Finding) error {
		if !asked[f.Table] {
			return nil
		}
		held[f.ID()] = true
		settled, err := p.settled(f)
		if err == nil && !settled {
			p.report.Findings = append(p.report.Findings, *f)
		}
		return err
	})
	if err != nil {
		return err
	}
	p.listErased()
	for _, f := range found {
		if !held[f.ID()] {
			p.report.Findings = append(p.report.Findings, f)
		}
	}
	for _, f := range p.report.Findings {
		p.report.Counts[f.Verdict]++
	}
	return nil
}

// append writes the audit's entry and what proofs need of it later.
func (p *pass) append(b *recordlog.Batch, body *evidence.AuditBody) error {
	var tree evidence.Tree
	list := dcbor.AppendArray(nil, len(p.report.Findings))
	for _, f := range p.report.Findings {
		leaf, err := findingLeaf(f)
		if err != nil {
			return err
		}
		if err := tree.Add(leaf); err != nil {
			return err
		}
		list = dcbor.AppendBytes(list, leaf)
	}
	var err error
	if body.FindingsRoot, err = tree.Root(); err != nil {
		return fmt.Errorf("compute the findings' root: %w", err)
	}
	body.FindingsCount, body.Ended, body.Report = tree.Size(), evidence.Millis(p.report.Ended), sha256.Sum256(list)
	if p.report.Entry, err = b.AppendEvent(commit.Audit, body.Append(nil)); err != nil {
		return fmt.Errorf("append the audit: %w", err)
	}
	b.Set(findingsName(p.report.Entry), list)
	b.Set(findings.ListedName, p.listed.append(nil, p.report.Entry))
	if p.whole {
		b.Set(wholeName, dcbor.AppendInt(nil, p.report.Ended))
	}
	for _, c := range p.report.Covered {
		if c.Refused == "" {
			findings.TableAudit{Leaf: p.report.Entry, ReadAt: c.ReadAt, From: c.From}.Set(b, c.Table)
		}
	}
	return nil
}

// findingLeaf is a finding as it stands under the audit's findings root.
func findingLeaf(f findings.Finding) ([]byte, error) {
	e := evidence.Finding{Verdict: string(f.Verdict), Table: f.Table, Key: f.Key, Leaf: f.Leaf, Version: f.Version,
		Columns: f.Columns, Present: f.Present, Detail: f.Detail,
		LastGood: evidence.Moment{Time: evidence.Millis(f.LastGood.Time), Height: f.LastGood.Height},
		FirstBad: evidence.Millis(f.FirstBad.Time)}
	if _, err := rand.Read(e.Salt[:]); err != nil {
		return nil, fmt.Errorf("make a salt: %w", err)
	}
	return e.Append(nil), nil
}

// Findings returns the finding leaves that an audit entered, in order.
func Findings(log *recordlog.Log, leaf uint64) ([][]byte, error) {
	b, err := log.Get(findingsName(leaf))
	if err != nil || b == nil {
		return nil, err
	}
	r := dcbor.NewReader(b)
	var leaves [][]byte
	for n := r.Array(); n > 0 && r.Err() == nil; n-- {
		leaves = append(leaves, slices.Clone(r.Bytes()))
	}
	return leaves, r.Done()
}

// body is the audit's entry but for the findings: what was read, and the root
// over the rows that were found to hold their latest version.
func (p *pass) body(ctx context.Context) (*evidence.AuditBody, error) {
	body := &evidence.AuditBody{Started: evidence.Millis(p.report.Started)}
	tables := slices.Clone(p.report.Covered)
	slices.SortFunc(tables, func(a, b Coverage) int { return strings.Compare(a.Table, b.Table) })
	var manifest evidence.Manifest
	lister := p.newLister(&manifest)
	for _, c := range tables {
		body.Coverage = append(body.Coverage, evidence.Coverage{Table: c.Table, Read: c.Read, Known: c.Known,
			Complete: c.Refused == "", Oldest: evidence.Millis(c.ReadAt)})
		if c.Refused != "" {
			continue
		}
		if err := lister.list(ctx, c.Table); err != nil {
			return nil, fmt.Errorf("list the intact rows of %s: %w", c.Table, err)
		}
	}
	body.ManifestRoot, body.ManifestCount = manifest.Root(), manifest.Count()
	return body, nil
}
