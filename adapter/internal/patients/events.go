package patients

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

const (
	mergedPrefix = "patients/merged/"
	localPrefix  = "patients/local/"
)

// Refusals of what a person asked for.
var (
	ErrPatient = errors.New("no row of this patient was ever recorded")
	ErrMerge   = errors.New("cannot be merged")
	ErrLocal   = errors.New("cannot be linked")
)

// merge says into whom a patient was merged, and by which leaf.
type merge struct {
	into []byte
	leaf uint64
}

func parseMerge(value []byte) (m merge, err error) {
	r := dcbor.NewReader(value)
	r.ArrayOf(3)
	if f := r.Uint(); r.Err() == nil && f != format {
		return m, fmt.Errorf("merge of format %d, this program knows %d", f, format)
	}
	m.into, m.leaf = r.Bytes(), r.Uint()
	if err := r.Done(); err != nil {
		return m, fmt.Errorf("read a merge: %w", err)
	}
	return m, nil
}

// names reads named state: of the log, or with what a batch changed.
type names interface {
	Get(name string) ([]byte, error)
}

// merged returns whom a patient is, after merges.
func (p *Patients) merged(log names, patient []byte) ([]byte, error) {
	for {
		value, err := log.Get(mergedPrefix + string(patient))
		if err != nil || value == nil {
			return patient, err
		}
		m, err := parseMerge(value)
		if err != nil {
			return nil, err
		}
		patient = m.into
	}
}

// Merge enters in the log that two of the source's patients are one person: whoever
// looks for one finds the other, and the rows of both. Returns the entry's leaf. An
// error that wraps ErrPatient or ErrMerge says what is wrong with it.
func (p *Patients) Merge(patient, into []byte) (leaf uint64, err error) {
	for _, one := range [][]byte{patient, into} {
		if known, err := p.Known(one); err != nil || !known {
			return 0, errors.Join(err, ErrPatient)
		}
	}
	err = p.log.Update(func(b *recordlog.Batch) error {
		held, err := b.Get(mergedPrefix + string(patient))
		if err != nil {
			return err
		}
		if held != nil {
			return fmt.Errorf("%w: the first is merged into a patient already; undo that before", ErrMerge)
		}
		last, err := p.merged(b, into)
		if err != nil {
			return err
		}
		if bytes.Equal(last, patient) {
			return fmt.Errorf("%w: the second is the first already", ErrMerge)
		}
		if leaf, err = b.AppendEvent(commit.Merge, pair(patient, into)); err != nil {
			return err
		}
		value := dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 3), format), into)
		b.Set(mergedPrefix+string(patient), dcbor.AppendUint(value, leaf))
		return nil
	})
	return leaf, err
}

// Unmerge enters in the log that a merge is undone, and returns into whom the
// patient was merged.
func (p *Patients) Unmerge(patient []byte) (leaf uint64, from []byte, err error) {
	err = p.log.Update(func(b *recordlog.Batch) error {
		held, err := b.Get(mergedPrefix + string(patient))
		if err != nil {
			return err
		}
		if held == nil {
			return fmt.Errorf("%w: it is merged into nobody", ErrMerge)
		}
		m, err := parseMerge(held)
		if err != nil {
			return err
		}
		from = m.into
		b.Set(mergedPrefix+string(patient), nil)
		leaf, err = b.AppendEvent(commit.Unmerge, pair(patient, from))
		return err
	})
	return leaf, from, err
}

// pair is the body of a merge or its end: [1, patient, into].
func pair(patient, into []byte) []byte {
	return dcbor.AppendBytes(dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 3), format), patient), into)
}

// NewLocal gives out an id for somebody who is not known yet, a newborn or an
// unconscious: it is random, and of the newest epoch. It is entered in the log.
func (p *Patients) NewLocal() (l vid.Local, leaf uint64, err error) {
	l.Epoch = p.derivers[len(p.derivers)-1].Epoch()
	_, _ = rand.Read(l.ID[:]) // never fails
	leaf, err = p.setLocal(l, nil)
	return l, leaf, err
}

// Link enters in the log whose an id that was given out turned out to be. An error
// that wraps ErrPatient or ErrLocal says what is wrong with it.
func (p *Patients) Link(l vid.Local, patient []byte) (leaf uint64, err error) {
	if known, err := p.Known(patient); err != nil || !known {
		return 0, errors.Join(err, ErrPatient)
	}
	return p.setLocal(l, patient)
}

func (p *Patients) setLocal(l vid.Local, patient []byte) (leaf uint64, err error) {
	err = p.log.Update(func(b *recordlog.Batch) error {
		held, known, err := given(b, l)
		switch {
		case err != nil:
			return err
		case patient != nil && !known:
			return fmt.Errorf("%w: this site gave it out to nobody who was not known", ErrLocal)
		case len(held) > 0:
			return fmt.Errorf("%w: it is linked to a patient; merge the two if they are one person", ErrLocal)
		}
		body := dcbor.AppendUint(dcbor.AppendUint(dcbor.AppendArray(nil, 4), format), uint64(l.Epoch))
		if leaf, err = b.AppendEvent(commit.Patient, dcbor.AppendBytes(dcbor.AppendBytes(body, l.ID[:]), patient)); err != nil {
			return err
		}
		b.Set(localName(l), dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(nil, 2), format), patient))
		return nil
	})
	return leaf, err
}

// given returns whose an id is that was given out; empty if nobody's yet.
func given(log names, l vid.Local) (patient []byte, known bool, err error) {
	value, err := log.Get(localName(l))
	if err != nil || value == nil {
		return nil, false, err
	}
	r := dcbor.NewReader(value)
	r.ArrayOf(2)
	if f := r.Uint(); r.Err() == nil && f != format {
		return nil, true, fmt.Errorf("id of format %d, this program knows %d", f, format)
	}
	patient = r.Bytes()
	if err := r.Done(); err != nil {
		return nil, true, fmt.Errorf("read an id that was given out: %w", err)
	}
	return patient, true, nil
}
