package ingest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Several readers together read no more rows in a second than the pace says.
func TestReadersShareOnePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{perSecond: 100}
		began := time.Now()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for range 10 {
					if err := p.take(t.Context(), nil, p.most(1000)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait() // 40 reads of 100 rows, of which the last begins after 39 s
		if took := time.Since(began); took != 39*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

// Rows that were taken and not read hold nobody up, nor does a reader that gave up.
func TestThePaceCountsRowsThatWereRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{perSecond: 100}
		began := time.Now()
		take := func(rows int) {
			if err := p.take(t.Context(), nil, rows); err != nil {
				t.Error(err)
			}
		}
		take(100)
		p.giveBack(90)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.take(ended, nil, 100); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		closed := make(chan struct{})
		close(closed)
		if err := p.take(t.Context(), closed, 100); !errors.Is(err, ErrDetached) {
			t.Errorf("got %v", err)
		}
		take(50)
		take(1)
		if took := time.Since(began); took != 600*time.Millisecond {
			t.Errorf("took %s", took)
		}
		free := &pace{}
		if err := free.take(ended, closed, 1_000_000); err != nil || free.most(1000) != 1000 {
			t.Errorf("without a limit: %v", err)
		}
	})
}
