package vid

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// clean brings a typed identifier to the form that rules look at: NFKC, decimal
// digits of every script as ASCII digits, no spaces, dashes, dots and format
// characters, letters in upper case (SPEC.md, section 3). reason says why it is
// refused.
func clean(value string) (cleaned, reason string) {
	if len(value) > maxValue || !utf8.ValidString(value) {
		return "", fmt.Sprintf("it must be text of at most %d bytes", maxValue)
	}
	var b strings.Builder
	b.Grow(len(value))
	for _, r := range norm.NFKC.String(value) {
		switch {
		case r < utf8.RuneSelf && (isDigit(byte(r)) || isLetter(byte(r))):
			b.WriteByte(byte(r))
		case unicode.Is(unicode.Nd, r):
			b.WriteByte(digit(r))
		case unicode.IsSpace(r), unicode.In(r, unicode.Zs, unicode.Cf, unicode.Pd), r == '.':
		case !assigned(r):
			return "", "it holds a character that has no meaning"
		default:
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	if b.Len() == 0 {
		return "", "it is empty"
	}
	return norm.NFKC.String(b.String()), ""
}

// digit returns the ASCII digit of a decimal digit of any script. Unicode has the
// ten of a script one after the other from 0.
func digit(r rune) byte {
	for _, table := range unicode.Nd.R16 {
		if rune(table.Lo) <= r && r <= rune(table.Hi) {
			return byte('0' + (r-rune(table.Lo))%10)
		}
	}
	for _, table := range unicode.Nd.R32 {
		if rune(table.Lo) <= r && r <= rune(table.Hi) {
			return byte('0' + (r-rune(table.Lo))%10)
		}
	}
	return '?' // not of Nd, which the caller has looked at
}

// assigned reports whether Unicode gives a character a meaning and a form. What a
// later version may change, and what is private to some, is refused: an id would
// change with it.
func assigned(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Zs)
}

// weakSystem is the system of a name with birth date and sex.
const weakSystem = "urn:emrbchain:name-birthdate-sex"

// Demographic returns the weak identifier of a name, a birth date and a sex. The
// name's case and form of writing do not count, its spelling does: 張偉 and 张伟,
// José and Jose are others. birthDate is YYYY-MM-DD; sex is one of FHIR's
// administrative genders: male, female, other, unknown.
func Demographic(name, birthDate, sex string) (Identifier, error) {
	if len(name) > maxValue || !utf8.ValidString(name) {
		return Identifier{}, refuse(weakSystem, fmt.Sprintf("a name must be text of at most %d bytes", maxValue))
	}
	folded, reason := foldName(name)
	if reason != "" {
		return Identifier{}, refuse(weakSystem, reason)
	}
	if len(birthDate) != 10 || birthDate[4] != '-' || birthDate[7] != '-' || !isDay(birthDate[:4]+birthDate[5:7]+birthDate[8:]) {
		return Identifier{}, refuse(weakSystem, "a birth date is a day of the calendar, YYYY-MM-DD")
	}
	switch sex {
	case "male", "female", "other", "unknown":
	default:
		return Identifier{}, refuse(weakSystem, "sex is male, female, other or unknown")
	}
	return newIdentifier(weakSystem, folded+"|"+birthDate+"|"+sex), nil
}

// foldName brings a name to NFKC, without controls and format characters, in full
// case folding, with single spaces between its parts.
func foldName(name string) (folded, reason string) {
	var b strings.Builder
	for _, r := range norm.NFKC.String(name) {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Zs, r):
			b.WriteByte(' ')
		case unicode.In(r, unicode.Cf, unicode.Cc):
		case r == '|' || !assigned(r):
			return "", "the name holds a character that no name has"
		default:
			b.WriteRune(r)
		}
	}
	folded = strings.Join(strings.Fields(norm.NFKC.String(cases.Fold().String(b.String()))), " ")
	if folded == "" {
		return "", "the name is empty"
	}
	return folded, ""
}
