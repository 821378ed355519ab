package adapter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/emrbchain/emrbchain/adapter/internal/authority"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/order"
)

// holdPrefix names, per patient's owner, the state that says by which leaf the
// patient is held against erasure.
const holdPrefix = "hold/"

func holdName(owner uint64) string {
	return holdPrefix + string(binary.BigEndian.AppendUint64(nil, owner))
}

// findPatient returns the cell and the owner of a patient by the key that the source
// has, as a person writes it.
func (s *Sidecar) findPatient(text string) (cell []byte, owner uint64, err error) {
	cell, ok := rows.ParsePatient(text)
	if ok {
		owner, err = s.patientOwner(cell)
	}
	if err != nil || owner != 0 {
		return cell, owner, err
	}
	return nil, 0, api.NewProblem(http.StatusNotFound, "the log has no rows of a patient with this key", "write the key as the patient column of the tables holds it")
}

func (s *Sidecar) patientOwner(cell []byte) (uint64, error) {
	return s.log.KnownOwner(recordlog.OwnerName{Kind: recordlog.OwnerPatient, Key: cell})
}

// held reports by which leaf an owner is held; ok is false if it is not.
func held(get func(string) ([]byte, error), owner uint64) (leaf uint64, ok bool, err error) {
	value, err := get(holdName(owner))
	if err != nil || value == nil {
		return 0, false, err
	}
	r := dcbor.NewReader(value)
	leaf = r.Uint()
	return leaf, true, r.Done()
}

// hold holds a patient against erasure, or releases the hold.
func (s *Sidecar) hold(f *order.File) (leaf uint64, err error) {
	owner, err := s.patientOwner(f.Cell)
	if err != nil {
		return 0, err
	}
	err = s.log.Update(func(b *recordlog.Batch) error {
		_, is, err := held(b.Get, owner)
		switch {
		case err != nil:
			return err
		case owner == 0:
			return api.NewProblem(http.StatusNotFound, "the log has no rows of this patient", "")
		case is && f.Order.Kind == order.Hold:
			return refused("the patient is held already", "")
		case !is && f.Order.Kind == order.Release:
			return refused("the patient is not held", "")
		}
		if leaf, err = authority.Enter(b, f.Order, &order.Body{Signed: f.Signed}); err != nil {
			return err
		}
		if f.Order.Kind == order.Hold {
			b.Set(holdName(owner), dcbor.AppendUint(nil, leaf))
		} else {
			b.Set(holdName(owner), nil)
		}
		return nil
	})
	return leaf, err
}

// errMore says that the patient has got another key while leaves were gathered.
var errMore = errors.New("the patient has more keys by now")

// erase destroys every key of a patient, with an entry that names what they opened.
func (s *Sidecar) erase(ctx context.Context, f *order.File) (leaf uint64, err error) {
	owner, err := s.patientOwner(f.Cell)
	if err != nil {
		return 0, err
	}
	if owner == 0 {
		return 0, api.NewProblem(http.StatusNotFound, "the log has no rows of this patient", "")
	}
	for {
		owners, err := s.keysOf(owner)
		if err != nil {
			return 0, err
		}
		// Most of the log is read while it goes on.
		size := s.log.Size()
		leaves, err := s.leavesOf(ctx, owners, 0, size)
		if err != nil {
			return 0, err
		}
		leaf, err = s.eraseNow(ctx, f, owner, owners, leaves, size)
		if !errors.Is(err, errMore) {
			return leaf, err
		}
	}
}

func (s *Sidecar) eraseNow(ctx context.Context, f *order.File, owner uint64, owners, leaves []uint64, size uint64) (leaf uint64, err error) {
	err = s.log.Update(func(b *recordlog.Batch) error {
		if by, is, err := held(b.Get, owner); err != nil || is {
			return errors.Join(err, refused(fmt.Sprintf("the patient is held against erasure by the order at leaf %d", by), "have an officer release the hold first"))
		}
		now, err := s.keysOf(owner)
		if err != nil {
			return err
		}
		if !slices.Equal(now, owners) {
			return errMore
		}
		more, err := s.leavesOf(ctx, owners, size, s.log.Size())
		if err != nil {
			return err
		}
		leaves := append(slices.Clip(leaves), more...)
		if leaf, err = authority.Enter(b, f.Order, &order.Body{Signed: f.Signed, Owners: owners, Leaves: leaves}); err != nil {
			return err
		}
		if err := s.forgetIdentity(b, leaves); err != nil {
			return err
		}
		return b.Destroy(owners, leaf)
	})
	return leaf, err
}

// forgetIdentity drops the identifiers by which erased rows are found. Where the
// source keeps such a row, it is found again once the source changes it.
func (s *Sidecar) forgetIdentity(b *recordlog.Batch, leaves []uint64) error {
	if s.patients == nil {
		return nil
	}
	for _, leaf := range leaves {
		e, err := s.log.Entry(leaf)
		if err == nil {
			err = s.patients.ForgetRow(b, e.Header.Table, e.Header.Key)
		}
		if err != nil {
			return fmt.Errorf("forget the patient's identifiers: %w", err)
		}
	}
	return nil
}

// keysOf returns all owners whose keys are a patient's, ascending: its own, those
// that were linked to it, and whoever followed one of them. Those that an order has
// destroyed already are left out.
func (s *Sidecar) keysOf(owner uint64) ([]uint64, error) {
	reached := map[uint64]bool{}
	for next := []uint64{owner}; len(next) > 0; {
		id := next[0]
		next = next[1:]
		if reached[id] {
			continue
		}
		reached[id] = true
		linked, err := rows.Linked(s.log, id)
		if err != nil {
			return nil, err
		}
		next = append(next, linked...)
		heir, ok, err := s.log.HeirOf(id)
		if err != nil {
			return nil, err
		}
		if ok {
			next = append(next, heir)
		}
	}
	var owners []uint64
	for id := range reached {
		_, gone, err := s.log.Destroyed(id)
		if err != nil {
			return nil, err
		}
		if !gone {
			owners = append(owners, id)
		}
	}
	slices.Sort(owners)
	return owners, nil
}

// leavesOf returns the leaves from … to-1 that were committed under keys of owners.
func (s *Sidecar) leavesOf(ctx context.Context, owners []uint64, from, to uint64) (leaves []uint64, err error) {
	const atOnce = 4096
	reader := s.log.NewReader()
	for ; from < to && err == nil; from += atOnce {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		indexes := make([]uint64, min(atOnce, to-from))
		for i := range indexes {
			indexes[i] = from + uint64(i)
		}
		err = reader.Entries(indexes, func(i int, e *recordlog.Entry) error {
			if _, ok := slices.BinarySearch(owners, e.Owner); ok {
				leaves = append(leaves, indexes[i])
			}
			return nil
		})
	}
	return leaves, err
}
