package ingest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAGateIsShutUntilTheTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, over := &gate{}, make(chan struct{})
		began := time.Now()
		g.shut(Pause{Since: began, Until: began.Add(time.Hour)}, time.Hour, func() { t.Error("the first end holds") })
		again := g.shut(Pause{Since: began.Add(time.Minute), Until: began.Add(2 * time.Hour)}, 2*time.Hour, func() { close(over) })
		if !again.Since.Equal(began) || g.state().Until.Sub(began) != 2*time.Hour {
			t.Errorf("paused %+v, then %+v", again, g.state())
		}
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if err := g.enter(t.Context(), nil); err != nil {
					t.Error(err)
				}
				g.leave()
			})
		}
		group.Wait()
		<-over
		if took := time.Since(began); took != 2*time.Hour || g.state() != nil {
			t.Errorf("open after %s, state %+v", took, g.state())
		}
	})
}

func TestAGateThatIsOpenedStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, began := &gate{}, time.Now()
		g.shut(Pause{Until: began.Add(time.Hour)}, time.Hour, func() { t.Error("a pause that was ended is over") })
		time.AfterFunc(time.Minute, g.open)
		if err := g.enter(t.Context(), nil); err != nil || time.Since(began) != time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		g.open()
		time.Sleep(2 * time.Hour)
	})
}

func TestNobodyIsHeldAtAGateForEver(t *testing.T) {
	g := &gate{}
	g.shut(Pause{}, 0, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.enter(ended, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	closed := make(chan struct{})
	close(closed)
	if err := g.enter(t.Context(), closed); !errors.Is(err, ErrDetached) {
		t.Error(err)
	}
}

// Who paused knows whether reads that had begun are still going on.
func TestAGateTellsWhoIsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{}
		for lasts := time.Second; lasts <= 10*time.Second; lasts += 9 * time.Second {
			if err := g.enter(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(lasts, g.leave)
		}
		g.shut(Pause{}, 0, nil)
		waiting, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if n := g.emptied(waiting); n != 1 || g.state().Reads != 1 {
			t.Errorf("%d are inside, %+v", n, g.state())
		}
		if n := g.emptied(t.Context()); n != 0 {
			t.Errorf("%d are inside", n)
		}
	})
}
