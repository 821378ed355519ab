package mysql

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// fences are the reads that wait for the stream to pass their snapshot, and how
// far the stream is, which a snapshot must have passed.
type fences struct {
	mu         sync.Mutex
	next       uint64
	history    int // counts the server histories that the stream followed
	waiting    []fence
	delivered  logPoint      // the end of the last transaction that the sink has, or has in part
	sent       mysqlSet      // the transactions of MySQL that it has, or has in part, since the log was opened
	committing []xid         // XA transactions that the sink has and snapshots may not show yet, oldest first
	changed    chan struct{} // wakes the stream; holds one signal at most
}

type fence struct {
	id    uint64
	point logPoint
}

// newFences numbers fences from the clock on, so that a tap that is started
// again does not repeat the ids of the last one.
func newFences() *fences {
	return &fences{next: uint64(time.Now().UnixMicro()), changed: make(chan struct{}, 1)}
}

// generation returns the number of the history that the stream follows.
func (f *fences) generation() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.history
}

// deliver notes that the sink is about to get a transaction that ends at point.
func (f *fences) deliver(point logPoint, g gtid) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered = point
	if g.isMySQL() {
		f.sent = f.sent.add(g.line(), span{g.sequence, g.sequence})
	}
}

// unknown says that the stream's place on the server is not known.
func (f *fences) unknown() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered, f.sent, f.committing = logPoint{}, nil, nil
}

// mostCommitting bounds the XA transactions that are kept for reads that never
// come: by then the oldest of them have long been carried out.
const mostCommitting = 4096

// deliverXA notes that the sink is about to get the rows of an XA transaction; its
// XA COMMIT is delivered by then, so that whoever waits for it knows its place.
func (f *fences) deliverXA(x xid) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.committing = append(f.committing, x)
	if len(f.committing) > mostCommitting {
		f.committing = slices.Delete(f.committing, 0, 1)
	}
}

// committed forgets XA transactions that were carried out.
func (f *fences) committed(done func(xid) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.committing = slices.DeleteFunc(f.committing, done)
}

// unfinished returns those of the XA transactions delivered so far that may not
// have been carried out.
func (f *fences) unfinished() []xid {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.committing)
}

// least returns the point that a read must have passed to show everything that
// the stream has delivered.
func (f *fences) least() logPoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.delivered
}

// leastSet returns the transactions of MySQL that a read must show.
func (f *fences) leastSet() mysqlSet {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sent.copy()
}

// register adds a fence for a snapshot that was begun in a generation. Log
// points of another history mean nothing to the stream, so the read must be
// made again.
func (f *fences) register(point logPoint, generation int) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if generation != f.history {
		return 0, fmt.Errorf("the server's history changed during the read: %w", tap.ErrBusy)
	}
	f.next++
	f.waiting = append(f.waiting, fence{id: f.next, point: point})
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return f.next, nil
}

// passed removes and returns the fences that a stream at point has passed.
func (f *fences) passed(point logPoint) []fence {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		return nil
	}
	var gone, rest []fence
	for _, w := range f.waiting {
		if point.reached(w.point) {
			gone = append(gone, w)
		} else {
			rest = append(rest, w)
		}
	}
	f.waiting = rest
	return gone
}

// newHistory removes and returns all fences: the stream is about to begin at
// the present of a server, and a gap stands for whatever the reads saw before.
func (f *fences) newHistory() []fence {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.history++
	f.delivered, f.sent, f.committing = logPoint{}, nil, nil
	waiting := f.waiting
	f.waiting = nil
	return waiting
}

// restore puts fences back that could not be delivered.
func (f *fences) restore(waiting []fence) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = append(waiting, f.waiting...)
}
