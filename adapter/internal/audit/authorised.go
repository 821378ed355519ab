package audit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/authority"
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/sweep"
	"github.com/emrbchain/emrbchain/crypto/commit"
)

// authorised is what officers' orders say of a pass's deviations.
type authorised struct {
	orders  map[uint64]*authority.Carried // erasures by their leaves
	erased  map[erasedRows]uint64         // how many rows
	changed map[string]bool               // names of corrected findings whose rows were changed since
}

type erasedRows struct {
	table string
	leaf  uint64 // of the erasure
}

func newAuthorised() authorised {
	return authorised{orders: make(map[uint64]*authority.Carried), erased: make(map[erasedRows]uint64), changed: make(map[string]bool)}
}

func (a *Auditor) orders() authority.Reader {
	return authority.Reader{Log: a.log, Before: a.anchors.Before}
}

// judgeErased counts the erased rows of a sweep. One whose key was destroyed without
// an order that counts is a finding.
func (p *pass) judgeErased(r *sweep.Result) (found []findings.Finding, err error) {
	for _, d := range r.Erased {
		c, err := p.erasure(d)
		if errors.Is(err, authority.ErrUnauthorised) {
			d.Kind = sweep.Lost
			f, err := p.judge(d, sweep.Cut{}, false)
			if err != nil {
				return nil, err
			}
			found = append(found, f)
			continue
		}
		if err != nil {
			return nil, err
		}
		p.report.Counts[findings.Erased]++
		p.erased[erasedRows{d.Table.Name, c.Leaf}]++
	}
	return found, nil
}

// erasure returns the order by which a row's latest version was erased.
func (p *pass) erasure(d sweep.Deviation) (*authority.Carried, error) {
	if c, ok := p.authorised.orders[d.Erasure]; ok {
		if _, named := slices.BinarySearch(c.Body.Leaves, d.Latest.Header.Index); named {
			return c, nil
		}
	}
	c, err := p.Auditor.orders().Erased(d.Erasure, d.Latest.Header.Index)
	if err == nil {
		p.authorised.orders[d.Erasure] = c
	}
	return c, err
}

// corrected returns the words of the order by which a deviation is a correction, as
// long as the row stands as it did then; empty if there is none.
func (p *pass) corrected(f *findings.Finding, d sweep.Deviation) (string, error) {
	c, said, err := p.Auditor.orders().Corrected(f)
	if err != nil || c == nil {
		return "", err
	}
	if f.Present == nil {
		now := authority.RowDigest(p.options.Secret, d.Table, d.Cells)
		if (now == nil) != (said.Row == nil) || now != nil && *now != *said.Row {
			p.changed[f.ID()] = true
			return "", nil
		}
	}
	return c.Words(), nil
}

// settled takes an open finding for a correction if an order says that it is one, and
// reports whether it did.
func (p *pass) settled(f *findings.Finding) (bool, error) {
	if p.changed[f.ID()] {
		return false, nil
	}
	c, _, err := p.Auditor.orders().Corrected(f)
	if err != nil || c == nil {
		return false, err
	}
	p.report.Authorised = append(p.report.Authorised, asCorrected(*f, c.Words()))
	p.report.Counts[findings.Corrected]++
	return true, nil
}

// asCorrected is a finding in the words of its correction.
func asCorrected(f findings.Finding, words string) findings.Finding {
	f.Detail = fmt.Sprintf("was found %s: %s; corrected %s", f.Verdict, f.Detail, words)
	f.Verdict = findings.Corrected
	return f
}

// listErased adds to the report whose orders erased what was read.
func (p *pass) listErased() {
	for rows, n := range p.erased {
		c := p.authorised.orders[rows.leaf]
		p.report.Authorised = append(p.report.Authorised, findings.Finding{Verdict: findings.Erased, Table: rows.table, Leaf: commit.NoPrevious,
			FirstBad: findings.Moment{Time: c.Time}, Detail: fmt.Sprintf("%d of its rows were erased %s", n, c.Words())})
	}
	slices.SortFunc(p.report.Authorised, func(a, b findings.Finding) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.FirstBad.Time, b.FirstBad.Time), slices.Compare(a.Key, b.Key))
	})
}

// rowErased is the verdict on one row whose key was destroyed.
func (p *pass) rowErased(d sweep.Deviation) (*findings.Finding, error) {
	c, err := p.erasure(d)
	if err != nil && !errors.Is(err, authority.ErrUnauthorised) {
		return nil, err
	}
	lost := err != nil
	d.Kind = sweep.Lost
	f, err := p.judge(d, sweep.Cut{}, false)
	if err == nil && !lost {
		f.Verdict, f.Detail = findings.Erased, "erased "+c.Words()
	}
	return &f, err
}
