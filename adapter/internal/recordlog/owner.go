package recordlog

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// OwnerKind says what sort of thing an owner key belongs to.
type OwnerKind uint8

// The kinds of owners. Codes are part of the format.
const (
	OwnerLog     OwnerKind = 1 // the log itself: its events
	OwnerTable   OwnerKind = 2 // a table that is nobody's: Table
	OwnerPatient OwnerKind = 3 // a patient by the EMR's own key: Key, one canonical cell
	OwnerRow     OwnerKind = 4 // a row whose patient is not known yet: Table, Key
	// OwnerReference is of all rows that refer to one row that is not known yet:
	// Key, a keyed digest of that row's name.
	OwnerReference OwnerKind = 5
)

// ReferenceSize is the size of an OwnerReference's Key in bytes.
const ReferenceSize = 16

// OwnerName names an owner. Fields that the kind has no use for are empty.
type OwnerName struct {
	Kind  OwnerKind
	Table string
	Key   []byte
}

// heldOwner is an owner whose key the writer holds.
type heldOwner struct {
	id    uint64
	owner *commit.Owner
}

// Bounds on how many owner keys are kept unwrapped.
const (
	writerOwners = 1 << 14
	readerOwners = 1 << 14
)

// keyCache keeps unwrapped keys for readers, who each get an Owner of their
// own as an Owner serves one goroutine.
type keyCache struct {
	mu   sync.Mutex
	keys cache[uint64, [commit.KeySize]byte]
	gone map[uint64]bool // destroyed since the log was opened, so never kept again
}

// append appends the index key of the owner's number.
func (n OwnerName) append(b []byte, tableNumber func(string) uint32) ([]byte, error) {
	b = append(b, prefixOwner, byte(n.Kind))
	switch n.Kind {
	case OwnerLog:
		return b, nil
	case OwnerTable:
		return binary.BigEndian.AppendUint32(b, tableNumber(n.Table)), nil
	case OwnerPatient:
		if r := dcbor.NewReader(n.Key); r.Raw() == nil || r.Done() != nil {
			return b, fmt.Errorf("%w: patient's key is not one canonical cell", ErrEntry)
		}
		return append(b, n.Key...), nil
	case OwnerReference:
		if len(n.Key) != ReferenceSize {
			return b, fmt.Errorf("%w: a reference has %d bytes", ErrEntry, ReferenceSize)
		}
		return append(b, n.Key...), nil
	case OwnerRow:
		if !isCanonicalKey(n.Key) {
			return b, fmt.Errorf("%w: key is not canonical", ErrEntry)
		}
		return append(binary.BigEndian.AppendUint32(b, tableNumber(n.Table)), n.Key...), nil
	}
	return b, fmt.Errorf("%w: unknown kind of owner %d", ErrEntry, n.Kind)
}

// Owner returns the number and key of an owner, making a random key if there
// is none. The Owner may be used until the Update ends.
func (b *Batch) Owner(name OwnerName) (id uint64, o *commit.Owner, err error) {
	w := &b.log.writer
	if w.key, err = name.append(w.key[:0], b.table); err != nil {
		return 0, nil, err
	}
	if h, ok := b.owners[string(w.key)]; ok {
		return h.id, h.owner, nil
	}
	if h, ok := w.owners.get(string(w.key)); ok {
		return h.id, h.owner, nil
	}
	h, err := b.findOwner(w.key)
	if err != nil {
		return 0, nil, fmt.Errorf("find owner: %w", err)
	}
	return h.id, h.owner, nil
}

// KnownOwner returns the number of an owner; 0 if there is none of that name.
func (b *Batch) KnownOwner(name OwnerName) (id uint64, err error) {
	w := &b.log.writer
	if w.key, err = name.append(w.key[:0], b.table); err != nil {
		return 0, err
	}
	if h, ok := b.owners[string(w.key)]; ok {
		return h.id, nil
	}
	return b.log.ownerNumber(w.key)
}

// Secret returns a secret of this log's own for a purpose.
func (b *Batch) Secret(purpose string) (secret [commit.KeySize]byte, err error) {
	_, owner, err := b.Owner(OwnerName{Kind: OwnerLog})
	if err != nil {
		return secret, err
	}
	return owner.Secret(purpose), nil
}

// ownerNumber reads an owner's number from the index; 0 if there is none.
func (l *Log) ownerNumber(indexKey []byte) (uint64, error) {
	value, err := l.get(indexKey)
	if err != nil || value == nil {
		return 0, err
	}
	r := dcbor.NewReader(value)
	id := r.Uint()
	if err := r.Done(); err != nil || id == 0 {
		return 0, l.noteCorrupt(&CorruptError{File: l.index.path, Offset: -1, Reason: "owner's number is malformed", Err: err})
	}
	return id, nil
}

// findOwner reads an owner from the index, or makes one.
func (b *Batch) findOwner(indexKey []byte) (*heldOwner, error) {
	id, err := b.log.ownerNumber(indexKey)
	if err != nil {
		return nil, err
	}
	if id == 0 {
		return b.makeOwner(indexKey)
	}
	id, owner, err := b.Heir(id)
	if err != nil {
		return nil, err
	}
	h := &heldOwner{id, owner}
	if id <= b.base.owners {
		b.log.writer.owners.put(string(indexKey), h)
	} else {
		b.owners[string(indexKey)] = h // an heir that this batch makes
	}
	return h, nil
}

func (b *Batch) makeOwner(indexKey []byte) (*heldOwner, error) {
	h, err := b.newOwner()
	if err != nil {
		return nil, err
	}
	b.put(indexKey, dcbor.AppendUint(nil, h.id))
	b.owners[string(indexKey)] = h
	return h, nil
}

// newOwner makes an owner that has no name yet.
func (b *Batch) newOwner() (*heldOwner, error) {
	if b.log.options.Wrapping == nil {
		return nil, fmt.Errorf("make owner key: no wrapping key was given")
	}
	var key [commit.KeySize]byte
	if _, err := rand.Read(key[:]); err != nil {
		return nil, fmt.Errorf("make owner key: %w", err)
	}
	id := b.state.owners + 1
	wrapped, err := b.log.options.Wrapping.Wrap(id, &key)
	if err != nil {
		return nil, fmt.Errorf("wrap owner key: %w", err)
	}
	b.state.owners = id
	b.put(wrapKey(id), wrapped)
	h := &heldOwner{id, commit.NewOwner(&key)}
	b.made[id] = h.owner
	return h, nil
}

// OwnerKey returns an owner's key, for one goroutine's use. ErrKeyLost says
// that the wrapped key is gone or was destroyed, or that this wrapping key does
// not open it.
func (l *Log) OwnerKey(id uint64) (*commit.Owner, error) {
	l.keys.mu.Lock()
	key, ok := l.keys.keys.get(id)
	l.keys.mu.Unlock()
	if ok {
		return commit.NewOwner(&key), nil
	}
	key, err := l.unwrap(id)
	if err != nil {
		return nil, err
	}
	l.keys.mu.Lock()
	defer l.keys.mu.Unlock()
	if l.keys.gone[id] {
		return nil, fmt.Errorf("%w: that of owner %d was destroyed", ErrKeyLost, id)
	}
	l.keys.keys.put(id, key)
	return commit.NewOwner(&key), nil
}

// unwrap opens an owner's key. Of one that has an heir it does not, whatever
// stands in the index: somebody may have put it back.
func (l *Log) unwrap(id uint64) (key [commit.KeySize]byte, err error) {
	if heir, err := l.heir(id); err != nil {
		return key, err
	} else if heir.owner != 0 {
		return key, fmt.Errorf("%w: owner %d has none any more", ErrKeyLost, id)
	}
	wrapped, err := l.get(wrapKey(id))
	if err != nil {
		return key, err
	}
	if wrapped == nil {
		return key, fmt.Errorf("%w: owner %d has none", ErrKeyLost, id)
	}
	if l.options.Wrapping == nil {
		return key, fmt.Errorf("%w: owner %d: no wrapping key was given", ErrKeyLost, id)
	}
	if key, err = l.options.Wrapping.Unwrap(id, wrapped); err != nil {
		return key, fmt.Errorf("%w: owner %d: %w", ErrKeyLost, id, err)
	}
	return key, nil
}
