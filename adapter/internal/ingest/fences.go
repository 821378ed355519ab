package ingest

import (
	"context"
	"sync"
)

// fences lets a reader wait until the stream's fence of its read is logged. A
// fence may be logged before its reader asks for it.
type fences struct {
	mu      sync.Mutex
	logged  map[uint64]bool
	waiting map[uint64]chan struct{}
	closed  chan struct{}
}

func newFences() *fences {
	return &fences{logged: make(map[uint64]bool), waiting: make(map[uint64]chan struct{}), closed: make(chan struct{})}
}

// pass says that a fence is logged.
func (f *fences) pass(id uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c, ok := f.waiting[id]; ok {
		close(c)
		delete(f.waiting, id)
		return
	}
	f.logged[id] = true
}

// wait blocks until a fence is logged, ctx ends, or the session does.
func (f *fences) wait(ctx context.Context, id uint64) error {
	f.mu.Lock()
	if f.logged[id] {
		delete(f.logged, id)
		f.mu.Unlock()
		return nil
	}
	c := make(chan struct{})
	f.waiting[id] = c
	f.mu.Unlock()
	select {
	case <-c:
		return nil
	case <-f.closed:
		return ErrDetached
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends every wait; the fences of this session will never come.
func (f *fences) close() { close(f.closed) }
