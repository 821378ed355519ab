package adapter

import (
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/logtest"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// The schedule goes by the last audit in the log, and before the first by when
// the log began; a start changes nothing of it.
func TestTheScheduleGoesByTheLastAuditInTheLog(t *testing.T) {
	log := logtest.New(t)
	logtest.Record(t, log, logtest.Table(), 1, "v")
	first, err := log.Entry(0)
	if err != nil {
		t.Fatal(err)
	}
	began := when(first.Leaf.Time)
	due := func(now time.Time) time.Duration {
		t.Helper()
		s := &Sidecar{log: log, options: Options{Now: func() time.Time { return now }}}
		wait, err := s.untilDue(time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	if wait := due(began.Add(20 * time.Minute)); wait != 40*time.Minute {
		t.Errorf("the first is due in %s", wait)
	}
	ended := began.Add(30 * time.Minute)
	if err := log.Update(func(b *recordlog.Batch) error {
		b.Set("audit/whole", dcbor.AppendInt(nil, ended.UnixMilli()))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]time.Duration{
		10 * time.Minute: 50 * time.Minute, 3 * time.Hour: 0, -5 * time.Hour: time.Hour} {
		if wait := due(ended.Add(after)); wait != want {
			t.Errorf("%s after an audit the next is due in %s, not %s", after, wait, want)
		}
	}
}
