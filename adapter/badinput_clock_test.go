package adapter_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/emrbchain/emrbchain/adapter"
	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
	"github.com/emrbchain/emrbchain/adapter/internal/evidence"
	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/chain/receipt"
	"github.com/emrbchain/emrbchain/crypto/row"
)

// wallClock is a clock that somebody sets.
type wallClock struct{ ahead atomic.Int64 }

func (c *wallClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

// Now has no monotonic reading, as after a wall clock was set.
func (c *wallClock) Now() time.Time {
	return time.Now().Round(0).Add(time.Duration(c.ahead.Load()))
}

// quickAudits is more often than a configuration may ask for.
const quickAudits = 3 * time.Second

// runInside runs a sidecar's assembly in this process under a clock, until it
// is stopped or the test ends.
func runInside(t *testing.T, s *sidecartest.Sidecar, clock *wallClock) (stop func()) {
	t.Helper()
	c, err := config.Load(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	c.Audit.Every = quickAudits
	diary, err := os.Create(s.File("sidecar.log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() {
		err := adapter.Run(ctx, c, adapter.Options{Version: "test", Logger: zerolog.New(diary),
			BuiltIn: []string{sidecartest.Program(t), "tap"}, Now: clock.Now})
		if err != nil {
			t.Errorf("the sidecar ended: %v", err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
		_ = diary.Close() // what counts was read from it
	})
	t.Cleanup(stop)
	return stop
}

// TestAClockThatJumpsHarmsNothing sets the sidecar's clock ahead by ten years
// and back behind the start. Anchors and scheduled audits go on at their pace,
// each leaf has the time that the clock showed, and the moments of a finding
// stay in order and in the past.
func TestAClockThatJumpsHarmsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a chain and a sidecar")
	}
	t.Parallel() // most of it is waiting
	const years = 10 * 365 * 24 * time.Hour
	began := time.Now()
	e, source := sqliteSource(t, 100_000)
	s := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), source)
	var clock wallClock
	stop := runInside(t, s, &clock)
	s.Covered()
	s.Anchored()
	jumps := []time.Duration{0, years, -24 * time.Hour, 2 * time.Hour}
	for n, ahead := range jumps {
		clock.set(ahead)
		id := n + 1
		e.exec(fmt.Sprintf(`UPDATE patients SET phone = 'jump %d' WHERE id = %d`, n, id))
		s.Recorded("patients", fmt.Sprint(id), 2)
		flowing(s)
		auditsGoOn(t, s, &clock)
		if report := s.Audit(); report.Verdict != "intact" || report.ProtectedSince.After(clock.Now()) {
			t.Errorf("clock set to %s: audit %s, protected since %v, findings %+v", ahead, report.Verdict, report.ProtectedSince, report.Findings)
		}
	}
	clock.set(-24 * time.Hour) // every version and audit is now in the clock's future
	for id := 1; id <= 4; id++ {
		e.unrecorded(fmt.Sprintf(`UPDATE patients SET phone = 'forged' WHERE id = %d`, id))
	}
	report := s.Audit()
	if len(report.Findings) != 4 {
		t.Fatalf("%d findings of 4: %+v", len(report.Findings), report.Findings)
	}
	for _, f := range report.Findings {
		if f.Verdict != "altered" || f.LastSeenGood == nil || f.FirstSeenBad == nil {
			t.Errorf("finding %+v", f)
		} else if f.LastSeenGood.Time.After(f.FirstSeenBad.Time) || f.FirstSeenBad.Time.After(time.Now()) || f.LastSeenGood.Time.Before(began.Add(-25*time.Hour)) {
			t.Errorf("finding %s: last seen good %v, first seen bad %v", f.Key, f.LastSeenGood.Time, f.FirstSeenBad.Time)
		}
	}
	s.Anchored()
	for id := 1; id <= 4; id++ {
		provesAltered(t, s, fmt.Sprint(id))
	}
	stop()
	log := s.OpenLog()
	defer func() { _ = log.Close() }() // only read
	for n, ahead := range jumps {
		head, _, err := log.Head("patients", row.AppendKey(nil, []row.Value{row.NewInt(int64(n + 1))}))
		if err != nil {
			t.Fatal(err)
		}
		e, err := log.Entry(head.Index)
		if err != nil {
			t.Fatal(err)
		}
		if at := time.UnixMilli(e.Leaf.Time).Add(-ahead); at.Before(began.Add(-time.Second)) || at.After(time.Now()) {
			t.Errorf("logged with the clock at %s: the leaf says %s", ahead, time.UnixMilli(e.Leaf.Time))
		}
	}
}

// auditsGoOn waits for a scheduled audit, and demands that the next one is
// announced for a moment that the clock has not passed long ago, and is near.
func auditsGoOn(t *testing.T, s *sidecartest.Sidecar, clock *wallClock) {
	t.Helper()
	before := strings.Count(s.Told(), `"event":"audit"`)
	status := s.Until(func(*api.Status) error {
		if now := strings.Count(s.Told(), `"event":"audit"`); now < before+2 {
			return fmt.Errorf("%d audits, then %d", before, now)
		}
		return nil
	})
	if status.Audit.Next == nil {
		t.Fatal("no next audit is announced")
	}
	if wait := status.Audit.Next.Sub(clock.Now()); wait > quickAudits || wait < -time.Minute {
		t.Errorf("the next audit is announced in %s, they run every %s", wait, quickAudits)
	}
}

// provesAltered demands evidence of a row that a stranger can verify.
func provesAltered(t *testing.T, s *sidecartest.Sidecar, key string) {
	t.Helper()
	var file []byte
	sidecartest.Eventually(t, time.Minute, func(ctx context.Context) (err error) {
		file, err = s.Control().Prove(ctx, api.ProveRequest{Table: "patients", Key: key})
		return err
	})
	exported, err := s.Control().TrustExport(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trust, err := receipt.ParseTrust(bytes.TrimSpace(exported))
	if err != nil {
		t.Fatal(err)
	}
	made, err := evidence.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Verify(trust); err != nil {
		t.Errorf("evidence of row %s: %v", key, err)
	}
}
