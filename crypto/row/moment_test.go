package row_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/emrbchain/emrbchain/crypto/row"
)

func TestTheLatestMomentThatADateCanMean(t *testing.T) {
	value := func(v row.Value, err error) row.Value {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	text := func(s string) row.Value { return row.NewText("utf8", []byte(s)) }
	for _, c := range []struct {
		v    row.Value
		want string // empty: no moment
	}{
		{value(row.NewDate([]byte("2026-02-28"))), "2026-03-01T11:59:59.999Z"},
		{value(row.NewDate([]byte("2024-02-29"))), "2024-03-01T11:59:59.999Z"},
		{value(row.NewDate([]byte("1900-02-28"))), "1900-03-01T11:59:59.999Z"},
		{value(row.NewDateTime([]byte("2026-03-01 10:20:30.5"))), "2026-03-01T22:20:30.5Z"},
		{value(row.NewTimestamp([]byte("2026-03-01 10:20:30.123456"))), "2026-03-01T10:20:30.123Z"},
		{text("2026-03-01"), "2026-03-02T11:59:59.999Z"},
		{text(" 2026-03-01 10:20 "), "2026-03-01T22:20:00Z"},
		{text("2026-03-01T10:20:30Z"), "2026-03-01T10:20:30Z"},
		{text("2026-03-01T10:20:30.5+02:00"), "2026-03-01T08:20:30.5Z"},
		{text("2026-03-01 10:20 -05:30"), "2026-03-01T15:50:00Z"},
		{row.Null(), ""},
		{value(row.NewDate([]byte("0000-00-00"))), ""},
		{value(row.NewDate([]byte("2026-00-00"))), ""},
		{value(row.NewDate([]byte("2026-03-00"))), ""},
		{value(row.NewDate([]byte("2026-02-30"))), ""},
		{value(row.NewDate([]byte("0000-01-01"))), ""},
		{value(row.NewDateTime([]byte("0000-00-00 00:00:00"))), ""},
		{value(row.NewTimestamp([]byte("0000-00-00 00:00:00"))), ""},
		{value(row.NewTime([]byte("10:20:30"))), ""},
		{text("01.03.2026"), ""},
		{text("2026-03-01x"), ""},
		{text("2026-03-01 25:00"), ""},
		{text("2026-03-01 10:61"), ""},
		{text("2026-03-01 10:20:30."), ""},
		{text("2026-03-01 10:20+2"), ""},
		{text("2026-03-01 "), "2026-03-02T11:59:59.999Z"},
		{text("yesterday"), ""},
		{row.NewInt(20260301), ""},
		{row.NewBytes([]byte("2026-03-01")), ""},
	} {
		ms, ok := c.v.LatestMoment()
		got := ""
		if ok {
			got = time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z07:00")
		}
		if got != c.want {
			t.Errorf("%s: latest moment %q, want %q", c.v.Display(), got, c.want)
		}
	}
}

// The calendar is the standard library's.
func TestDaysAreThoseOfTheCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMilli(rapid.Int64Range(-62_135_596_800_000, 253_402_300_799_999).Draw(t, "ms")).UTC()
		v, err := row.NewTimestamp([]byte(at.Format("2006-01-02 15:04:05.000")))
		if err != nil {
			t.Fatal(err)
		}
		if ms, ok := v.LatestMoment(); !ok || ms != at.UnixMilli() {
			t.Errorf("%v: %d, %v", at, ms, ok)
		}
	})
}
