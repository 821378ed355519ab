package ingest_test

import (
	"context"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/ingest"
	"github.com/emrbchain/emrbchain/adapter/internal/rows"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// pause pauses and demands that no read is left.
func (b *bench) pause(lasts time.Duration) {
	b.t.Helper()
	p, err := b.ingest.Pause(b.t.Context(), lasts)
	if err != nil || p.Reads != 0 {
		b.t.Errorf("paused %+v, %v", p, err)
	}
}

func (b *bench) resume() {
	b.t.Helper()
	if p, err := b.ingest.Resume(); err != nil || p == nil {
		b.t.Errorf("ended %+v, %v", p, err)
	}
}

// streams sends recorded inserts of rows and waits until they are logged.
func (b *bench) streams(x *scripted, ids ...int64) {
	b.t.Helper()
	for _, id := range ids {
		x.set(id, "s")
		x.transaction(string(rune('a'+id)), x.insert(id, "s", ""))
		b.acked(x, string(rune('a'+id)))
	}
}

func (b *bench) read(x *scripted, times int) {
	b.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.scans != times {
		b.t.Errorf("the source was read %d times, want %d", x.scans, times)
	}
}

// The read that has begun ends before the pause is told to hold; the next waits
// for its end. The stream goes on.
func TestAPauseStopsASnapshotBetweenChunks(t *testing.T) {
	b := newBench(t, 2)
	x := newScripted(newSource(), tap.EveryVersion)
	for id := range int64(6) {
		x.set(id, "v")
	}
	reading, goOn := make(chan struct{}), make(chan struct{})
	x.scanned = func(n int) {
		if n == 1 {
			close(reading)
			<-goOn
		}
	}
	b.run(x)
	<-reading
	go func() {
		b.until(func() bool { return b.ingest.Paused() != nil && b.ingest.Paused().Reads == 1 })
		close(goOn)
	}()
	b.pause(0)
	b.until(func() bool { return b.log.Size() == 3 }) // the chunk that was read is taken in
	b.streams(x, 10, 11, 12, 13)
	b.read(x, 1)
	b.resume()
	b.settle()
	b.stop()
	b.check(0, "pause", "insert 0/1 snapshot ", "insert 1/1 snapshot ", "insert 10/1 stream ", "insert 11/1 stream ",
		"insert 12/1 stream ", "insert 13/1 stream ", "resume", "insert 2/1 snapshot ", "insert 3/1 snapshot ",
		"insert 4/1 snapshot ", "insert 5/1 snapshot ")
}

func TestARestartKeepsAPause(t *testing.T) {
	b := newBench(t, 2)
	x := newScripted(newSource(), tap.EveryVersion)
	x.set(1, "v")
	b.pause(0)
	restart := func() {
		b.open(ingest.Options{Mappings: []rows.Mapping{{Table: "t"}}, Now: func() time.Time { return b.now }})
	}
	b.now = b.now.Add(1000 * time.Hour)
	restart()
	b.run(x)
	b.streams(x, 10, 11)
	b.read(x, 0)
	b.resume()
	b.settle()
	b.stop()
	restart()
	if p := b.ingest.Paused(); p != nil {
		t.Errorf("paused %+v after it was resumed", p)
	}
}

func TestARestartKeepsAPauseUntilItsTimeIsOver(t *testing.T) {
	b := newBench(t, 2)
	b.pause(2 * time.Hour)
	began := b.now
	for after, paused := range map[time.Duration]bool{time.Hour: true, 2 * time.Hour: false, 3 * time.Hour: false, -time.Hour: true} {
		b.now = began.Add(after)
		b.open(ingest.Options{Mappings: []rows.Mapping{{Table: "t"}}, Now: func() time.Time { return b.now }})
		p := b.ingest.Paused()
		if (p != nil) != paused || paused && (!p.Since.Equal(began) || !p.Until.Equal(began.Add(2*time.Hour))) {
			t.Errorf("after %s: %+v", after, p)
		}
	}
}

// An audit on schedule waits for the end of a pause.
func TestWhoWaitsForTheEndOfAPauseGoesOnThen(t *testing.T) {
	b := newBench(t, 2)
	b.pause(time.Hour)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.ingest.AwaitResume(ended); err == nil {
		t.Error("the pause was not waited for")
	}
	b.resume()
	if err := b.ingest.AwaitResume(t.Context()); err != nil {
		t.Error(err)
	}
	if p, err := b.ingest.Resume(); err != nil || p != nil {
		t.Errorf("resumed twice: %+v, %v", p, err)
	}
}
