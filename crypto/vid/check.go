package vid

// Check digits. All take ASCII digits alone.

// weighted returns the sum of the digits, each times its weight.
func weighted(digits string, weights ...int) (sum int) {
	for i, w := range weights {
		sum += w * int(digits[i]-'0')
	}
	return sum
}

// mod11x2 returns the check character of ISO 7064 MOD 11-2.
func mod11x2(digits string) byte {
	p := 0
	for i := range len(digits) {
		p = (p + int(digits[i]-'0')) * 2 % 11
	}
	return "10X98765432"[p]
}

// luhn reports whether the last digit is ISO/IEC 7812-1's check digit.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			d *= 2
		}
		sum += d/10 + d%10
	}
	return sum%10 == 0
}

// verhoeff reports whether the last digit is Verhoeff's check digit: the digits,
// permuted by their place, multiply to 0 in the dihedral group of order ten.
func verhoeff(digits string) bool {
	c := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		for range i % 8 {
			d = int("1576283094"[d] - '0')
		}
		c = dihedral(c, d)
	}
	return c == 0
}

// dihedral multiplies in the dihedral group of order ten: 0 to 4 are rotations, 5 to
// 9 reflections.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b)%5
	case b < 5:
		return 5 + (a-b+5)%5
	}
	return (a - b + 5) % 5
}

// remainder returns a decimal number modulo m.
func remainder(digits string, m int) (r int) {
	for i := range len(digits) {
		r = (r*10 + int(digits[i]-'0')) % m
	}
	return r
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' }

func isDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isLetters(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) {
			return false
		}
	}
	return true
}

// isDay reports whether YYYYMMDD is a day of the Gregorian calendar.
func isDay(s string) bool {
	if len(s) != 8 || !isDigits(s) {
		return false
	}
	year, month, day := remainder(s[:4], 10_000), remainder(s[4:6], 100), remainder(s[6:], 100)
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	longest := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && (year%4 == 0 && year%100 != 0 || year%400 == 0) {
		longest++
	}
	return day <= longest
}
