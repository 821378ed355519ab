package ingest

import (
	"context"
	"sync"
	"time"
)

// gate lets readers of the source in, unless a pause keeps it shut.
type gate struct {
	mu     sync.Mutex
	pause  *Pause        // nil while the gate is open
	opened chan struct{} // closed when the pause ends
	timer  *time.Timer   // ends the pause when its time is over; nil if it has none
	inside int           // readers
	empty  chan struct{} // closed by the last reader to leave; nil if nobody waits for it
}

// enter waits while the gate is shut, until closed or ctx ends. Who was let in
// must leave.
func (g *gate) enter(ctx context.Context, closed <-chan struct{}) error {
	for {
		opened := g.tryEnter()
		if opened == nil {
			return nil
		}
		select {
		case <-opened:
		case <-closed:
			return ErrDetached
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryEnter lets a reader in, or returns what is closed when it may try again.
func (g *gate) tryEnter() (opened <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause != nil {
		return g.opened
	}
	g.inside++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// shut keeps readers out, for a time or until the gate is opened, and calls over
// when the time is over. A pause that goes on keeps its beginning.
func (g *gate) shut(p Pause, lasts time.Duration, over func()) Pause {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause != nil {
		p.Since = g.pause.Since
		g.stopTimer()
	} else {
		g.opened = make(chan struct{})
	}
	g.pause = &p
	if !p.Until.IsZero() {
		g.timer = time.AfterFunc(lasts, func() {
			if g.end(&p) {
				over()
			}
		})
	}
	return p
}

// end opens the gate if it is still this pause that keeps it shut.
func (g *gate) end(p *Pause) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause != p {
		return false
	}
	g.release()
	return true
}

// open lets readers in again.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause != nil {
		g.release()
	}
}

func (g *gate) release() {
	g.stopTimer()
	g.pause = nil
	close(g.opened)
}

func (g *gate) stopTimer() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
}

// emptied waits until no reader is inside, or ctx ends, and returns how many are.
func (g *gate) emptied(ctx context.Context) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside == 0 {
		return 0
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	empty := g.empty
	g.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
	}
	g.mu.Lock()
	return g.inside
}

// state returns the pause, nil while there is none.
func (g *gate) state() *Pause {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.pause == nil {
		return nil
	}
	p := *g.pause
	p.Reads = g.inside
	return &p
}
