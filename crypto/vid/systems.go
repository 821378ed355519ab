package vid

import (
	"fmt"
	"strings"
)

// The systems that this package has rules for. Where FHIR or a country's own
// guide names a system, that is its URI.
const (
	ChinaResident   = "urn:oid:2.16.156.10011.1.3"                      // GB 11643-1999, WS/T 500
	EnglandNHS      = "https://fhir.nhs.uk/Id/nhs-number"               // NHS Data Dictionary
	IndiaAadhaar    = "urn:emrbchain:in:aadhaar"                        // no system of FHIR's is known to us
	NetherlandsBSN  = "http://fhir.nl/fhir/NamingSystem/bsn"            // Dutch core
	AustraliaIHI    = "http://ns.electronichealth.net.au/id/hi/ihi/1.0" // HL7 Australia
	GermanyKVNR     = "http://fhir.de/sid/gkv/kvid-10"                  // HL7 Germany
	FranceNIR       = "urn:oid:1.2.250.1.213.1.4.8"                     // INS-NIR
	TaiwanNational  = "http://www.moi.gov.tw"                           // TW Core
	USSocial        = "http://hl7.org/fhir/sid/us-ssn"                  // HL7 terminology
	passportsPrefix = "http://hl7.org/fhir/sid/passport-"               // ISO 3166 alpha-3 follows
)

// A rule brings a cleaned identifier to normal form; reason says why it is none.
type rule func(cleaned string) (normal, reason string)

var rules = map[string]rule{
	ChinaResident:  chinaResident,
	EnglandNHS:     digits(10, "an NHS number", func(d string) bool { return weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)%11 == 0 }),
	IndiaAadhaar:   digits(12, "an Aadhaar number", func(d string) bool { return d[0] > '1' && verhoeff(d) }),
	NetherlandsBSN: digits(9, "a BSN", func(d string) bool { return weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0 && d != "000000000" }),
	AustraliaIHI:   digits(16, "an IHI", func(d string) bool { return strings.HasPrefix(d, "800360") && luhn(d) }),
	GermanyKVNR:    letterDigits("a Krankenversichertennummer", germanyKVNR),
	FranceNIR:      franceNIR,
	TaiwanNational: letterDigits("a national id", taiwanNational),
	USSocial:       digits(9, "a Social Security number", usSocial),
}

const mistyped = "its check digit does not match: a digit is mistyped, or two are exchanged"

// Systems knows which identifiers may be taken, and in what form. It is safe for
// concurrent use.
type Systems struct{ opaque map[string]bool }

// NewSystems returns the systems of this package and those named, whose
// identifiers nothing is known about: they are cleaned and taken as they are.
func NewSystems(opaque ...string) (*Systems, error) {
	s := &Systems{opaque: make(map[string]bool, len(opaque))}
	for _, system := range opaque {
		if err := checkSystem(system); err != nil {
			return nil, err
		}
		if system == weakSystem || ruleOf(system) != nil {
			return nil, fmt.Errorf("%w: %s has a rule and cannot be taken without", ErrIdentifier, system)
		}
		s.opaque[system] = true
	}
	return s, nil
}

// Knows reports whether identifiers of a system can be taken: it has a rule, or is
// among those that were named.
func (s *Systems) Knows(system string) bool { return ruleOf(system) != nil || s.opaque[system] }

// Normalize returns an identifier in normal form, however it was typed. An
// ErrIdentifier says why it is none.
func (s *Systems) Normalize(system, value string) (Identifier, error) {
	if err := checkSystem(system); err != nil {
		return Identifier{}, err
	}
	rule := ruleOf(system)
	if rule == nil && !s.opaque[system] {
		return Identifier{}, refuse(system, "no rule for this system is known; name it among those whose identifiers are taken as they are")
	}
	cleaned, reason := clean(value)
	if reason == "" && rule != nil {
		cleaned, reason = rule(cleaned)
	}
	if reason != "" {
		return Identifier{}, refuse(system, reason)
	}
	return newIdentifier(system, cleaned), nil
}

func ruleOf(system string) rule {
	if country, is := strings.CutPrefix(system, passportsPrefix); is && len(country) == 3 && isLetters(country) {
		return passport
	}
	return rules[system]
}

// passport takes what a machine-readable passport's number can be (ICAO 9303).
func passport(s string) (normal, reason string) {
	if len(s) < 5 || len(s) > 9 || strings.ContainsFunc(s, func(r rune) bool { return !isDigit(byte(r)) && !isLetter(byte(r)) || r > 0x7f }) {
		return "", "a passport's number has five to nine letters and digits"
	}
	return s, ""
}

// digits is the rule of identifiers of so many digits that pass a check.
func digits(n int, what string, check func(string) bool) rule {
	return func(s string) (normal, reason string) {
		switch {
		case len(s) != n || !isDigits(s):
			return "", fmt.Sprintf("%s has %d digits", what, n)
		case !check(s):
			return "", mistyped
		}
		return s, ""
	}
}

// letterDigits is the rule of a letter and nine digits that pass a check.
func letterDigits(what string, check func(string) bool) rule {
	return func(s string) (normal, reason string) {
		switch {
		case len(s) != 10 || !isLetter(s[0]) || !isDigits(s[1:]):
			return "", what + " has a letter and nine digits"
		case !check(s):
			return "", mistyped
		}
		return s, ""
	}
}

// chinaResident is GB 11643-1999: six digits of a county, a birth date, three of a
// sequence, and a check character of ISO 7064 MOD 11-2. Numbers of 15 digits, from
// before, lack the century and the check character.
func chinaResident(s string) (normal, reason string) {
	if len(s) == 15 && isDigits(s) {
		if s[12:] >= "996" {
			return "", "a number of 15 digits that ends so was given to people born before 1900; give the one of 18"
		}
		s = s[:6] + "19" + s[6:]
		s += string(mod11x2(s))
	}
	if len(s) != 18 || !isDigits(s[:17]) || !isDigit(s[17]) && s[17] != 'X' {
		return "", "a resident's number has 17 digits and a digit or X, or 15 digits"
	}
	if s[17] != mod11x2(s[:17]) {
		return "", mistyped
	}
	if !isDay(s[6:14]) {
		return "", "its digits 7 to 14 are no birth date"
	}
	return s, ""
}

// franceNIR is sex, year, month, department, commune, order and a key of two
// digits; the departments of Corsica, 2A and 2B, count as 19 and 18.
func franceNIR(s string) (normal, reason string) {
	number := strings.Replace(strings.Replace(s, "2A", "19", 1), "2B", "18", 1)
	if len(s) != 15 || !isDigits(number) || number != s && s[5] != '2' {
		return "", "a NIR has 13 digits (2A or 2B for Corsica) and a key of two"
	}
	if remainder(number[:13], 97)+remainder(number[13:], 97) != 97 {
		return "", mistyped
	}
	return s, ""
}

func usSocial(d string) bool {
	return d[:3] != "000" && d[:3] != "666" && d[0] != '9' && d[3:5] != "00" && d[5:] != "0000"
}

// germanyKVNR: the letter counts as two digits, 01 to 26; weights 1 and 2 in turn,
// sums of digits, the last digit is the sum's.
func germanyKVNR(s string) bool {
	n := int(s[0]-'A') + 1
	sum := 0
	for i, c := range fmt.Sprintf("%02d%s", n, s[1:9]) {
		p := int(c-'0') * (1 + i%2)
		sum += p/10 + p%10
	}
	return sum%10 == int(s[9]-'0')
}

// taiwanNational: the letter counts as two digits by the place that it stands for.
func taiwanNational(s string) bool {
	const byPlace = "ABCDEFGHJKLMNPQRSTUVXYWZIO" // 10 to 35
	n := strings.IndexByte(byPlace, s[0]) + 10
	return (n/10+9*(n%10)+weighted(s[1:], 8, 7, 6, 5, 4, 3, 2, 1, 1))%10 == 0
}
