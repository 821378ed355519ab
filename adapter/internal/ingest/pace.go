package ingest

import (
	"context"
	"sync"
	"time"
)

// pace spaces out the reads of all that share it, so that on the average no more
// than a number of rows is read in a second.
type pace struct {
	perSecond int // 0: no limit

	mu   sync.Mutex
	next time.Time // when the next read may begin
}

// most is how many rows one scan may read: the rows of one second at most, so
// that a slow pace is one of small reads and not of long rests between large ones.
func (p *pace) most(limit int) int {
	if p.perSecond == 0 {
		return limit
	}
	return min(limit, p.perSecond)
}

// take waits until so many rows may be read, or until closed or ctx ends.
func (p *pace) take(ctx context.Context, closed <-chan struct{}, rows int) error {
	if p.perSecond == 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	wait := p.next.Sub(now)
	p.next = p.next.Add(p.lasts(rows))
	p.mu.Unlock()
	if wait == 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-closed:
		p.giveBack(rows)
		return ErrDetached
	case <-ctx.Done():
		p.giveBack(rows)
		return ctx.Err()
	}
}

// giveBack returns rows that were taken and not read.
func (p *pace) giveBack(rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = p.next.Add(-p.lasts(rows))
}

func (p *pace) lasts(rows int) time.Duration {
	if p.perSecond == 0 {
		return 0
	}
	return time.Duration(rows) * time.Second / time.Duration(p.perSecond)
}
