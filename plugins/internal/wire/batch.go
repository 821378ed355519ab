package wire

import (
	"context"
	"sync"

	tapv1 "github.com/emrbchain/emrbchain/plugins/tap/v1"
)

// A Batcher gathers a stream's events while the batch before them is being
// sent. So a tap that pauses has its last event sent at once, a busy one sends
// large batches, and one that is faster than its host blocks: there are never
// more than two batches, one under way and one filling.
type Batcher struct {
	mu      sync.Mutex
	filling *tapv1.Batch
	size    int
	failed  error
	closed  bool

	changed chan struct{} // closed and replaced whenever the state changes
}

// NewBatcher returns an empty Batcher.
func NewBatcher() *Batcher {
	return &Batcher{filling: &tapv1.Batch{}, changed: make(chan struct{})}
}

// Add lets fill append one event to the batch that is filling, once there is
// room. fill returns the bytes that it added; with an error it must have added
// nothing.
func (b *Batcher) Add(ctx context.Context, fill func(*tapv1.Batch) (int, error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, wait, err := b.tryAdd(fill)
		if done || err != nil {
			return err
		}
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
}

func (b *Batcher) tryAdd(fill func(*tapv1.Batch) (int, error)) (done bool, wait <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed != nil {
		return false, nil, b.failed
	}
	if b.size >= BatchBytes {
		return false, b.changed, nil
	}
	n, err := fill(b.filling)
	if err != nil {
		return false, nil, err
	}
	wasEmpty := b.size == 0
	b.size += n + 1 // even an empty event makes a batch worth sending
	if wasEmpty {
		b.signal()
	}
	return true, nil, nil
}

// signal wakes whoever waits for a change of state. The caller holds mu.
func (b *Batcher) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Close says that no event follows; Send then ends after the last batch.
func (b *Batcher) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.signal()
}

// Send sends batches as they fill, until Close, the end of ctx, or an error of
// send, which every later Add returns too.
func (b *Batcher) Send(ctx context.Context, send func(*tapv1.Batch) error) error {
	spare := &tapv1.Batch{}
	for {
		batch, err := b.take(ctx, spare)
		if batch == nil {
			return err
		}
		if err := send(batch); err != nil {
			b.fail(err)
			return err
		}
		spare = reuse(batch)
	}
}

// take waits for a batch that is not empty and puts an empty one in its place.
// It returns nil when there is nothing more to send.
func (b *Batcher) take(ctx context.Context, spare *tapv1.Batch) (*tapv1.Batch, error) {
	for {
		b.mu.Lock()
		batch, closed, wait := b.filling, b.closed, b.changed
		if b.size > 0 {
			b.filling, b.size = spare, 0
			b.signal()
			b.mu.Unlock()
			return batch, nil
		}
		b.mu.Unlock()
		if closed {
			return nil, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			b.fail(ctx.Err())
			return nil, ctx.Err()
		}
	}
}

func (b *Batcher) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = err
	}
	b.signal()
}

// reuse empties a batch that was sent and keeps its memory, unless one huge
// row had made it grow.
func reuse(batch *tapv1.Batch) *tapv1.Batch {
	if cap(batch.Cells) > 2*BatchBytes {
		return &tapv1.Batch{}
	}
	clear(batch.Events)
	clear(batch.Tables)
	return &tapv1.Batch{Tables: batch.Tables[:0], Events: batch.Events[:0], Cells: batch.Cells[:0]}
}
