package row

import (
	"bytes"
	"strconv"
)

// Milliseconds of a day, and of the farthest that a local time may lie behind
// UTC: the day ends last at UTC−12.
const (
	dayMillis    = 24 * 60 * 60 * 1000
	behindMillis = dayMillis / 2
)

// LatestMoment returns the last moment that a date or a time of a date can mean,
// in ms since 1970 UTC, for whoever wants to say that something was surely over
// by then. A date is its whole day, and a time without zone may be of any zone.
// Text counts if it is a date, with a time or not, in the order YYYY-MM-DD
// HH:MM[:SS[.f]], with Z, +HH:MM or -HH:MM behind it or not. ok is false for all
// else: null, zero and partial dates, days that no calendar has, other types.
func (v Value) LatestMoment() (ms int64, ok bool) {
	switch v.Type() {
	case Date, DateTime, Timestamp, Text:
	default:
		return 0, false
	}
	text := bytes.TrimSpace(v.bytes())
	if len(text) < 10 || !isDate(text[:10]) {
		return 0, false
	}
	day, ok := dayNumber(digits(text[:4]), digits(text[5:7]), digits(text[8:10]))
	if !ok {
		return 0, false
	}
	ms = day * dayMillis
	if text = text[10:]; len(text) == 0 {
		return ms + dayMillis - 1 + behindMillis, true
	}
	if text[0] != ' ' && text[0] != 'T' {
		return 0, false
	}
	clock, behind, ok := cutZone(text[1:])
	if v.Type() == Timestamp {
		behind = 0
	}
	within, fine := clockMillis(clock)
	return ms + within + behind, ok && fine
}

// cutZone takes the zone off a clock's text. behind is how far the clock may be
// behind UTC.
func cutZone(text []byte) (clock []byte, behind int64, ok bool) {
	if clock, utc := bytes.CutSuffix(text, []byte("Z")); utc {
		return clock, 0, true
	}
	at := bytes.LastIndexAny(text, "+-")
	if at < 0 {
		return text, behindMillis, true
	}
	zone := text[at+1:]
	if len(zone) != 5 || zone[2] != ':' || !allDigits(zone[:2]) || !allDigits(zone[3:]) {
		return nil, 0, false
	}
	behind = (digits(zone[:2])*60 + digits(zone[3:])) * 60 * 1000
	if text[at] == '+' {
		behind = -behind
	}
	return bytes.TrimRight(text[:at], " "), behind, true
}

// clockMillis reads HH:MM[:SS[.f]].
func clockMillis(text []byte) (ms int64, ok bool) {
	clock, fraction, dotted := bytes.Cut(text, []byte("."))
	if len(clock) == 5 && !dotted {
		clock = append(bytes.Clone(clock), ":00"...)
	}
	if len(clock) != 8 || clock[2] != ':' || clock[5] != ':' || dotted && !allDigits(fraction) {
		return 0, false
	}
	hours, minutes, seconds := clock[:2], clock[3:5], clock[6:]
	if !allDigits(hours) || !allDigits(minutes) || !allDigits(seconds) ||
		digits(hours) > 23 || digits(minutes) > 59 || digits(seconds) > 60 {
		return 0, false
	}
	ms = ((digits(hours)*60+digits(minutes))*60 + digits(seconds)) * 1000
	if dotted {
		ms += digits(append(bytes.Clone(fraction), "000"...)[:3])
	}
	return ms, true
}

func digits(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64) // of few digits, checked before
	return n
}

// dayNumber counts the days since 1970-01-01 in the Gregorian calendar, carried
// on into the past.
func dayNumber(year, month, day int64) (n int64, ok bool) {
	if year == 0 || month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		return 0, false
	}
	// Years begin in March, so that a leap day is the last of its year.
	if month < 3 {
		year--
		month += 12
	}
	const days0To1970 = 719468 // from 0000-03-01
	return 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - days0To1970, true
}

func monthDays(year, month int64) int64 {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}
