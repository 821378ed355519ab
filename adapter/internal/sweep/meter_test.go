package sweep

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAMeterTellsRateAndTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Meter
		tells := func(want *Progress) {
			t.Helper()
			if diff := cmp.Diff(want, m.Progress()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
		tells(nil)
		m.Begin("t", 500, 10_000)
		time.Sleep(rateAfter / 2)
		m.Read(500)
		tells(&Progress{Table: "t", Rows: 1000, About: 10_000, Percent: 10}) // no rate in the first second
		time.Sleep(4*time.Second + rateAfter/2)
		tells(&Progress{Table: "t", Rows: 1000, About: 10_000, Percent: 10, Rate: 100, Left: 90 * time.Second})
		time.Sleep(5 * time.Second)
		m.Read(8500)
		tells(&Progress{Table: "t", Rows: 9000, About: 10_000, Percent: 90, Rate: 850, Left: time.Second * 1000 / 850})
		m.Begin("u", 0, 0)
		tells(&Progress{Table: "u"})
		m.End()
		tells(nil)
	})
}

// An estimate that was too low neither ends the reading nor makes up a time.
func TestAMeterIsNeverDoneBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Meter
		m.Begin("t", 0, 100)
		time.Sleep(time.Second)
		for _, rows := range []uint64{100, 100_000} {
			m.Read(rows)
			if p := m.Progress(); p.Percent != 99 || p.Left != 0 {
				t.Errorf("%+v", p)
			}
		}
	})
}

// The rate is that of late, so that a long rest does not spoil it for good.
func TestAMetersRateIsThatOfLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Meter
		m.Begin("t", 0, 0)
		time.Sleep(time.Hour)
		for s := range uint64(30) {
			m.Read(s * 100)
			time.Sleep(time.Second)
		}
		if p := m.Progress(); p.Rate < 90 || p.Rate > 110 {
			t.Errorf("%+v", p)
		}
	})
}
