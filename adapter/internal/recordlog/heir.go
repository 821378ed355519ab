package recordlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// An owner whose key is gone has an heir, under whose key later versions are
// committed: what is gone stays so, and the source's work goes on.
type heir struct {
	owner  uint64 // 0: there is none, the key is not known to be gone
	leaf   uint64 // of the entry that says why the key was destroyed
	reason bool   // there is such an entry; else the key was found missing
}

func (h heir) append(b []byte) []byte {
	b = dcbor.AppendUint(dcbor.AppendArray(b, 2), h.owner)
	if !h.reason {
		return dcbor.AppendNull(b)
	}
	return dcbor.AppendUint(b, h.leaf)
}

func parseHeir(b []byte) (h heir, err error) {
	r := dcbor.NewReader(b)
	r.ArrayOf(2)
	if h.owner = r.Uint(); h.owner == 0 {
		r.Fail("no owner has number 0")
	}
	if h.reason = r.Next() != dcbor.KindNull; h.reason {
		h.leaf = r.Uint()
	} else {
		r.Null()
	}
	return h, r.Done()
}

func (l *Log) heir(id uint64) (heir, error) {
	value, err := l.get(heirKey(id))
	if err != nil || value == nil {
		return heir{}, err
	}
	h, err := parseHeir(value)
	if err != nil {
		err = l.noteCorrupt(&CorruptError{File: l.index.path, Offset: -1, Reason: "owner's heir is malformed", Err: err})
	}
	return h, err
}

// Destroyed returns the leaf that an owner's key was destroyed with; ok is false
// if none says so, whether the key is there or not.
func (l *Log) Destroyed(id uint64) (leaf uint64, ok bool, err error) {
	h, err := l.heir(id)
	return h.leaf, h.reason, err
}

// Destroy destroys the keys of owners, for the reason that the entry of a leaf
// gives, and gives each an heir. Those that were destroyed before are left as they
// are. The wrapped key may outlast this in files of the index, and does in every
// copy of it, until the wrapping key is destroyed (Rewrap).
func (b *Batch) Destroy(ids []uint64, leaf uint64) error {
	for _, id := range ids {
		if id == 0 || id > b.base.owners {
			return fmt.Errorf("%w: owner %d is unknown", ErrEntry, id)
		}
		held, err := b.log.heir(id)
		if err != nil {
			return err
		}
		if held.reason {
			continue
		}
		if held.owner == 0 {
			h, err := b.newOwner()
			if err != nil {
				return err
			}
			held.owner = h.id
		}
		held.leaf, held.reason = leaf, true
		b.put(heirKey(id), held.append(nil))
		b.keep(b.index.Delete(wrapKey(id)))
		b.erased = append(b.erased, id)
	}
	return nil
}

// forget drops what was unwrapped of destroyed keys.
func (l *Log) forget(ids []uint64) {
	l.writer.owners = newCache[string, *heldOwner](writerOwners)
	l.keys.mu.Lock()
	defer l.keys.mu.Unlock()
	l.keys.keys = newCache[uint64, [commit.KeySize]byte](readerOwners)
	for _, id := range ids {
		l.keys.gone[id] = true
	}
}

// Heir returns the owner whose key is used in an owner's place: itself, unless its
// key is gone. One whose key is missing without a reason gets an heir as well: its
// versions stay unverifiable.
func (b *Batch) Heir(id uint64) (uint64, *commit.Owner, error) {
	for {
		if h, ok := b.heirs[id]; ok {
			return h.id, h.owner, nil
		}
		if id > b.base.owners {
			o, err := b.OwnerKey(id)
			return id, o, err
		}
		next, err := b.log.heir(id)
		if err != nil {
			return 0, nil, err
		}
		if next.owner == 0 {
			break
		}
		id = next.owner
	}
	o, err := b.log.OwnerKey(id)
	if err == nil || !errors.Is(err, ErrKeyLost) {
		return id, o, err
	}
	if wrapped, getErr := b.log.get(wrapKey(id)); getErr != nil || wrapped != nil {
		return id, nil, errors.Join(err, getErr) // another wrapping key may open it
	}
	h, err := b.newOwner()
	if err != nil {
		return 0, nil, err
	}
	b.put(heirKey(id), heir{owner: h.id}.append(nil))
	b.heirs[id] = h
	return h.id, h.owner, nil
}

// DestroyAgain destroys what was put back of destroyed keys, and returns how many
// there were.
func (l *Log) DestroyAgain() (back int, err error) {
	var found []uint64
	err = l.each([]byte{prefixHeir}, func(key, _ []byte) error {
		id := binary.BigEndian.Uint64(key[1:])
		wrapped, err := l.get(wrapKey(id))
		if err == nil && wrapped != nil {
			found = append(found, id)
		}
		return err
	})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return len(found), l.Update(func(b *Batch) error {
		for _, id := range found {
			b.keep(b.index.Delete(wrapKey(id)))
		}
		return nil
	})
}

// HeirOf returns who follows an owner whose key is gone; ok is false if nobody does.
func (l *Log) HeirOf(id uint64) (next uint64, ok bool, err error) {
	h, err := l.heir(id)
	return h.owner, h.owner != 0, err
}
