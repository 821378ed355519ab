package row

import (
	"bytes"
	"fmt"

	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

func invalid(t Type, form string) error {
	return fmt.Errorf("%w: %s must be %s", ErrInvalid, t, form)
}

// NewDecimal returns a decimal from its text [-]digits[.digits]. Leading
// zeros, trailing fraction zeros and the sign of zero are dropped.
func NewDecimal(text []byte) (Value, error) {
	digits, neg := bytes.CutPrefix(text, []byte("-"))
	whole, fraction, dotted := bytes.Cut(digits, []byte("."))
	if !allDigits(whole) || dotted && !allDigits(fraction) {
		return Value{}, invalid(Decimal, "[-]digits[.digits]")
	}
	whole = bytes.TrimLeft(whole, "0")
	fraction = bytes.TrimRight(fraction, "0")
	b := make([]byte, 0, len(whole)+len(fraction)+3)
	if neg && len(whole)+len(fraction) > 0 {
		b = append(b, '-')
	}
	if len(whole) == 0 {
		whole = []byte("0")
	}
	b = append(b, whole...)
	if len(fraction) > 0 {
		b = append(append(b, '.'), fraction...)
	}
	return FromNormal(Decimal, b), nil
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// NewDate returns a date from YYYY-MM-DD. Zero and partial dates, which old
// databases hold, are values like any other.
func NewDate(text []byte) (Value, error) {
	if !isDate(text) {
		return Value{}, invalid(Date, "YYYY-MM-DD")
	}
	return FromNormal(Date, text), nil
}

// NewTime returns a time from [-]HH:MM:SS[.f], hours of two to four digits.
// Trailing fraction zeros and the sign of zero are dropped.
func NewTime(text []byte) (Value, error) {
	text = trimFraction(text)
	clock, negative := bytes.CutPrefix(text, []byte("-"))
	if !isTime(clock) {
		return Value{}, invalid(Time, "[-]HH:MM:SS[.f]")
	}
	if negative && len(bytes.Trim(clock, "0:.")) == 0 {
		text = clock
	}
	return FromNormal(Time, text), nil
}

// NewDateTime returns a date and time without zone from YYYY-MM-DD, a space or
// T, and HH:MM:SS[.f].
func NewDateTime(text []byte) (Value, error) {
	b, ok := normalDateTime(text)
	if !ok {
		return Value{}, invalid(DateTime, "YYYY-MM-DD HH:MM:SS[.f]")
	}
	return FromNormal(DateTime, b), nil
}

// NewTimestamp returns an instant from its text in UTC, YYYY-MM-DD, a space or
// T, and HH:MM:SS[.f], without a zone: the caller has converted to UTC.
func NewTimestamp(text []byte) (Value, error) {
	b, ok := normalDateTime(text)
	if !ok {
		return Value{}, invalid(Timestamp, "YYYY-MM-DD HH:MM:SS[.f] in UTC")
	}
	return FromNormal(Timestamp, b), nil
}

// FromNormal returns a value of type Decimal, Date, Time, DateTime or Timestamp
// from text that is in normal form already (SPEC.md, section 2), as the makers of
// these types leave it. It does not look: it is for a decoder that writes no other
// form, whose tests compare it with those makers. Readers of a cell refuse any
// other.
func FromNormal(t Type, text []byte) Value { return Value{kind: &plain[t], data: share(text)} }

// NewUUID returns a UUID from its 16 bytes.
func NewUUID(b []byte) (Value, error) {
	if len(b) != 16 {
		return Value{}, invalid(UUID, "16 bytes")
	}
	return FromNormal(UUID, b), nil
}

// Labels returns the labels of a Set value.
func (v Value) Labels() [][]byte {
	if v.Type() != Set {
		return nil
	}
	r := dcbor.NewReader(v.bytes())
	labels := make([][]byte, r.Array())
	for i := range labels {
		labels[i] = r.Bytes()
	}
	return labels
}

func normalDateTime(text []byte) ([]byte, bool) {
	text = trimFraction(text)
	if len(text) < 19 || !isDate(text[:10]) || (text[10] != ' ' && text[10] != 'T') || !isTime(text[11:]) ||
		text[13] != ':' {
		return nil, false
	}
	if text[10] == 'T' {
		return text, true
	}
	b := bytes.Clone(text)
	b[10] = 'T'
	return b, true
}

// trimFraction drops trailing zeros of a fraction, and its point with the last.
func trimFraction(text []byte) []byte {
	if bytes.IndexByte(text, '.') < 0 {
		return text
	}
	return bytes.TrimSuffix(bytes.TrimRight(text, "0"), []byte{'.'})
}

func isDate(b []byte) bool {
	return len(b) == 10 && b[4] == '-' && b[7] == '-' &&
		allDigits(b[:4]) && allDigits(b[5:7]) && allDigits(b[8:])
}

// isTime accepts HH:MM:SS with two to four hour digits (without a needless
// leading zero) and an optional fraction that does not end in zero.
func isTime(b []byte) bool {
	clock, fraction, dotted := bytes.Cut(b, []byte("."))
	if dotted && (!allDigits(fraction) || fraction[len(fraction)-1] == '0') {
		return false
	}
	hours := len(clock) - 6
	if hours < 2 || hours > 4 || hours > 2 && clock[0] == '0' {
		return false
	}
	return clock[hours] == ':' && clock[hours+3] == ':' &&
		allDigits(clock[:hours]) && allDigits(clock[hours+1:hours+3]) && allDigits(clock[hours+4:])
}
