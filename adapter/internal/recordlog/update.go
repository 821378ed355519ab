package recordlog

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/emrbchain/emrbchain/crypto/merkle"
)

// Update runs fn and commits its batch: whole and durable when Update returns
// nil, not at all when fn or Update returns an error. Only with ErrReadOnly is
// the outcome unknown until the log is opened again, when the batch is there
// whole or not at all. Updates run one after the other; fn must not call Update.
func (l *Log) Update(fn func(*Batch) error) error {
	if err := l.readers.enter(); err != nil {
		return err
	}
	defer l.readers.leave()
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.Err(); err != nil {
		return err
	}
	b := newBatch(l)
	defer b.close()
	if err := fn(b); err != nil {
		return err
	}
	if err := b.settle(); err != nil {
		return err
	}
	if b.err != nil {
		return b.err
	}
	if !b.changed {
		return nil
	}
	return l.commit(b)
}

// commit writes a batch in the order that makes it whole or absent: segment
// bytes, their sync, the index batch with its sync. Only then do readers see it.
func (l *Log) commit(b *Batch) error {
	root, err := merkle.Root(b.state.size, b.stored())
	if err != nil {
		return fmt.Errorf("compute root: %w", err)
	}
	b.state.root = root
	b.put([]byte{prefixCommit}, b.state.append(nil))
	if err := l.checkSpace(b); err != nil {
		return err
	}
	if err := l.writeSegments(b); err != nil {
		return err
	}
	if err := l.disk.commit(b.index.WriteSync); err != nil {
		return l.unknown(l.index.corrupt("write index", err))
	}
	if err := l.index.syncNames(l.disk); err != nil {
		return l.unknown(err)
	}
	return l.publish(b)
}

// writeSegments appends the batch's bytes to both streams and syncs them. A
// failed write leaves bytes that no index names; the next batch writes over
// them. After a failed sync nobody knows what is on disk.
func (l *Log) writeSegments(b *Batch) error {
	err := l.entries.writeAt(b.entries, b.base.entries)
	if err == nil {
		err = l.tree.writeAt(b.tree, blockPlace(b.base.size))
	}
	if err != nil {
		l.entries.giveBack(b.base.entries)
		l.tree.giveBack(blockPlace(b.base.size))
		return l.full(err)
	}
	if err := l.entries.sync(); err != nil {
		return l.unknown(err)
	}
	if err := l.tree.sync(); err != nil {
		return l.unknown(err)
	}
	return nil
}

// publish shows the batch to readers and notes it as acknowledged.
func (l *Log) publish(b *Batch) error {
	snapshot, err := l.index.snapshot()
	if err != nil {
		return l.unknown(err)
	}
	b.state.snapshot = snapshot
	l.committed.Store(b.state)
	b.base.snapshot.Release()
	for key, h := range b.owners {
		l.writer.owners.put(key, h)
	}
	if len(b.erased) > 0 {
		l.forget(b.erased)
	}
	if err := l.writeAck(b.state); err != nil {
		// The batch stands. But without its mark a later loss might go
		// unnoticed, so no further one is taken.
		l.stop(err)
	}
	return nil
}

// unknown turns the log read-only after a write whose outcome is not known.
func (l *Log) unknown(err error) error {
	l.stop(fmt.Errorf("outcome of a write is unknown, open the log again to go on: %w", l.full(err)))
	return l.Err()
}

// full marks an error that says that the file system is full as ErrFull.
func (l *Log) full(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	free, _, spaceErr := l.disk.space(l.dir)
	if spaceErr != nil {
		return fmt.Errorf("%w: %s: %w; make room and retry", ErrFull, l.dir, err)
	}
	return fmt.Errorf("%w: %s has %d bytes free: %w; make room and retry", ErrFull, l.dir, free, err)
}

// checkSpace refuses a batch that would not leave the reserve free.
func (l *Log) checkSpace(b *Batch) error {
	free, total, err := l.disk.space(l.dir)
	if err != nil {
		return fmt.Errorf("read free space: %w", err)
	}
	reserve := l.options.Reserve
	if reserve == 0 {
		reserve = min(64<<20, total/8)
	}
	need := uint64(len(b.entries) + len(b.tree))
	if free < reserve+need {
		return fmt.Errorf("%w: %s has %d bytes free, the batch needs %d and leaves %d in reserve; make room and retry",
			ErrFull, l.dir, free, need, reserve)
	}
	return nil
}
