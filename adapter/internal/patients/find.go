package patients

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/row"
	"github.com/emrbchain/emrbchain/crypto/vid"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// A Root is a root and the epoch that it was derived in.
type Root struct {
	Epoch uint16
	Root  vid.Root
}

// A Match is a patient who was found, as the one that others were merged into.
type Match struct {
	Patient []byte // the source's key, one canonical cell
	Strong  bool   // by an identifier, and not only by name, birth date and sex
}

// Found is the outcome of a search.
type Found struct {
	Matches []Match // each patient once, strong ones first
	// Incomplete says that rows are not in the index yet: nobody found is no proof
	// that there is nobody.
	Incomplete bool
}

// Ambiguous reports whether several patients fit equally well, so that a person must
// tell which one is meant, or that they are one.
func (f *Found) Ambiguous() bool {
	return len(f.Matches) > 1 && f.Matches[0].Strong == f.Matches[1].Strong
}

// Normalize brings an identifier as it was typed to the form that it is derived
// from. An error wraps vid.ErrIdentifier.
func (p *Patients) Normalize(system, value string) (vid.Identifier, error) {
	return p.systems.Normalize(system, value)
}

// Roots returns an identifier's roots of all epochs that hold, the newest last. They
// are secrets: they belong in sealed queries alone.
func (p *Patients) Roots(id vid.Identifier) []Root {
	roots := make([]Root, len(p.derivers))
	for i, d := range p.derivers {
		roots[i] = Root{d.Epoch(), d.Root(id)}
	}
	return roots
}

// Locals returns an identifier's ids at this site, of all epochs that hold, the
// newest last.
func (p *Patients) Locals(id vid.Identifier) ([]vid.Local, error) {
	locals := make([]vid.Local, len(p.derivers))
	for i, r := range p.Roots(id) {
		var err error
		if locals[i], err = p.site.Local(r.Epoch, r.Root); err != nil {
			return nil, err
		}
	}
	return locals, nil
}

// Find returns the patients to whom any of some roots leads. Roots of epochs that do
// not hold lead to nobody.
func (p *Patients) Find(ctx context.Context, roots []Root) (Found, error) {
	locals := make([]vid.Local, 0, len(roots))
	for _, r := range roots {
		l, err := p.site.Local(r.Epoch, r.Root)
		if err != nil {
			return Found{}, err
		}
		locals = append(locals, l)
	}
	return p.find(ctx, locals)
}

// Show returns the patients to whom a local id leads. Known is false if it leads to
// none, and was not given out for somebody who is not known yet either.
func (p *Patients) Show(ctx context.Context, l vid.Local) (found Found, known bool, err error) {
	if found, err = p.find(ctx, []vid.Local{l}); err != nil || len(found.Matches) > 0 {
		return found, true, err
	}
	patient, given, err := given(p.log, l)
	if err != nil || !given || len(patient) == 0 {
		return found, given, err
	}
	if patient, err = p.merged(p.log, patient); err != nil {
		return found, given, err
	}
	found.Matches = []Match{{Patient: patient, Strong: true}}
	return found, true, nil
}

func (p *Patients) find(ctx context.Context, locals []vid.Local) (found Found, err error) {
	for _, l := range locals {
		if !slices.ContainsFunc(p.derivers, func(d vid.Deriver) bool { return d.Epoch() == l.Epoch }) {
			continue
		}
		err := p.log.Each(idPrefix+string(p.idName(l)), func(name string, value []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			e, err := p.open(name, value)
			if err != nil {
				return err
			}
			patient, err := p.merged(p.log, e.patient)
			if err != nil {
				return err
			}
			found.add(Match{patient, !e.weak})
			return nil
		})
		if err != nil {
			return Found{}, fmt.Errorf("find a patient: %w", err)
		}
	}
	slices.SortStableFunc(found.Matches, func(a, b Match) int {
		switch {
		case a.Strong == b.Strong:
			return bytes.Compare(a.Patient, b.Patient)
		case a.Strong:
			return -1
		}
		return 1
	})
	lacking, err := p.Lacking()
	found.Incomplete = len(lacking) > 0
	return found, err
}

func (f *Found) add(m Match) {
	for i := range f.Matches {
		if bytes.Equal(f.Matches[i].Patient, m.Patient) {
			f.Matches[i].Strong = f.Matches[i].Strong || m.Strong
			return
		}
	}
	f.Matches = append(f.Matches, m)
}

// Rows calls fn for every row that may be a patient's, or that of a patient who was
// merged into them, and is not deleted. It may be another's, whose key its latest
// version was committed under: Owns tells, of the row as it is read. The log is open
// with recordlog.Options.OwnerRows.
func (p *Patients) Rows(ctx context.Context, patient []byte, fn func(table string, key []byte) error) error {
	owners, err := p.owners(patient)
	if err != nil {
		return err
	}
	own, err := closure(owners, func(owner uint64) ([]uint64, error) { return rows.Linked(p.log, owner) })
	if err != nil {
		return err
	}
	all, err := closure(own, func(owner uint64) ([]uint64, error) {
		linked, err := rows.Linked(p.log, owner)
		if err != nil {
			return nil, err
		}
		moved, err := rows.Moved(p.log, owner)
		return append(linked, moved...), err
	})
	if err != nil {
		return err
	}
	for n, owner := range all {
		err := p.log.RowsOf(owner, func(table string, key []byte, _ recordlog.Head) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if n >= len(own) && !p.led[table] {
				return nil // it names its patient itself, who is another
			}
			return fn(table, key)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// closure returns owners and all that are reached from them, each once.
func closure(owners []uint64, next func(owner uint64) ([]uint64, error)) ([]uint64, error) {
	all := slices.Clone(owners)
	for i := 0; i < len(all); i++ {
		reached, err := next(all[i])
		if err != nil {
			return nil, err
		}
		for _, owner := range reached {
			if !slices.Contains(all, owner) {
				all = append(all, owner)
			}
		}
	}
	return all, nil
}

// Owns reports whether a row as it was read is a patient's, or that of a patient who
// was merged into them, by the way that it leads now.
func (p *Patients) Owns(patient []byte, t *tap.Table, cells []row.Value) (bool, error) {
	owner, err := p.guide.Patient(t, cells)
	if err != nil || owner == 0 {
		return false, err
	}
	owners, err := p.owners(patient)
	return slices.Contains(owners, owner), err
}

// owners returns the owners that a patient is, with all who are the same person.
func (p *Patients) owners(patient []byte) (owners []uint64, err error) {
	all, err := p.allOf(patient)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		owner, err := p.log.KnownOwner(recordlog.OwnerName{Kind: recordlog.OwnerPatient, Key: one})
		if err != nil {
			return nil, err
		}
		if owner != 0 {
			owners = append(owners, owner)
		}
	}
	return owners, nil
}

// allOf returns the patient whom one is, after merges, and all who were merged into
// that one.
func (p *Patients) allOf(patient []byte) ([][]byte, error) {
	patient, err := p.merged(p.log, patient)
	if err != nil {
		return nil, err
	}
	into := map[string][][]byte{}
	err = p.log.Each(mergedPrefix, func(name string, value []byte) error {
		m, err := parseMerge(value)
		into[string(m.into)] = append(into[string(m.into)], []byte(name[len(mergedPrefix):]))
		return err
	})
	if err != nil {
		return nil, err
	}
	all := [][]byte{patient}
	for i := 0; i < len(all); i++ {
		all = append(all, into[string(all[i])]...)
	}
	return all, nil
}

// Known reports whether any row of a patient was ever recorded.
func (p *Patients) Known(patient []byte) (bool, error) {
	owner, err := p.log.KnownOwner(recordlog.OwnerName{Kind: recordlog.OwnerPatient, Key: patient})
	return owner != 0, err
}

func localName(l vid.Local) string {
	return localPrefix + string(binary.BigEndian.AppendUint16(nil, l.Epoch)) + string(l.ID[:])
}

// Epochs returns the numbers of the epochs that hold, in order.
func (p *Patients) Epochs() []uint16 {
	epochs := make([]uint16, len(p.derivers))
	for i, d := range p.derivers {
		epochs[i] = d.Epoch()
	}
	return epochs
}
