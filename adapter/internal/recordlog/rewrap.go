package recordlog

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
	"github.com/emrbchain/emrbchain/crypto/keys"
)

// WrappingState is the named state that says which wrapping key is in use, and
// since when: [1, id, ms since 1970 UTC].
const WrappingState = "wrapping"

const wrappingFormat = 1

// InUse is which wrapping key wraps a log's owner keys, and since when.
type InUse struct {
	ID    string
	Since int64 // ms since 1970 UTC
}

// Wrapping returns the wrapping key in use; its zero value before NoteWrapping.
func (l *Log) Wrapping() (InUse, error) {
	value, err := l.Get(WrappingState)
	if err != nil || value == nil {
		return InUse{}, err
	}
	r := dcbor.NewReader(value)
	r.ArrayOf(3)
	if v := r.Uint(); r.Err() == nil && v != wrappingFormat {
		return InUse{}, fmt.Errorf("state of the wrapping key of format %d, this program knows %d", v, wrappingFormat)
	}
	u := InUse{ID: r.Text(), Since: r.Int()}
	if err := r.Done(); err != nil {
		return InUse{}, fmt.Errorf("read which wrapping key is in use: %w", err)
	}
	return u, nil
}

// NoteWrapping notes since when the wrapping key is in use, unless that is noted.
func (b *Batch) NoteWrapping() error {
	held, err := b.Get(WrappingState)
	if err == nil && held == nil {
		b.setWrapping(b.log.options.Wrapping)
	}
	return err
}

func (b *Batch) setWrapping(w *keys.Wrapping) {
	v := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 3), wrappingFormat), w.ID())
	b.Set(WrappingState, dcbor.AppendInt(v, b.time))
}

// Rewrap wraps all owner keys by another wrapping key and enters an event of op
// Rotate whose body is [1, id of the key before, id of the key after], in one
// batch: after a crash all are wrapped by the one, or all by the other. Keys that
// the one in use does not open are dropped, as none will open them. Nothing else may
// use the log meanwhile. Only once the key before is destroyed everywhere are the
// keys gone for good that Destroy destroyed.
func (l *Log) Rewrap(next *keys.Wrapping) error {
	before := l.options.Wrapping
	if before == nil || before.ID() == next.ID() {
		return fmt.Errorf("wrap owner keys anew: another wrapping key than the one in use is needed")
	}
	// The log's own key is made first where there is none: a batch makes keys under
	// the wrapping key that it began with.
	if err := l.Update(func(b *Batch) error { _, _, err := b.Owner(OwnerName{Kind: OwnerLog}); return err }); err != nil {
		return err
	}
	err := l.Update(func(b *Batch) error {
		body := dcbor.AppendText(dcbor.AppendUint(dcbor.AppendArray(nil, 3), wrappingFormat), before.ID())
		if _, err := b.AppendEvent(commit.Rotate, dcbor.AppendText(body, next.ID())); err != nil {
			return err
		}
		b.setWrapping(next)
		return b.rewrap(before, next)
	})
	if err != nil {
		return fmt.Errorf("wrap owner keys anew: %w", err)
	}
	l.options.Wrapping = next
	return nil
}

func (b *Batch) rewrap(before, next *keys.Wrapping) error {
	return b.log.each([]byte{prefixWrap}, func(indexKey, wrapped []byte) error {
		indexKey = bytes.Clone(indexKey)
		id := binary.BigEndian.Uint64(indexKey[1:])
		key, err := before.Unwrap(id, wrapped)
		if err != nil {
			b.keep(b.index.Delete(indexKey))
			return nil
		}
		again, err := next.Wrap(id, &key)
		if err == nil {
			b.put(indexKey, again)
		}
		return err
	})
}
