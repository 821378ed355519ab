package mysql

import "strconv"

// groupDigits is how many decimal digits stand in four bytes.
const groupDigits = 9

// digitBytes returns how many bytes hold 0 to 9 digits.
func digitBytes(digits int) int {
	return [groupDigits + 1]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}[digits]
}

// decimalBytes returns the size of a DECIMAL whose precision and scale are the
// high and low bytes of meta.
func decimalBytes(meta uint16) int {
	scale := int(meta & 0xff)
	whole := int(meta>>8) - scale
	return whole/groupDigits*4 + digitBytes(whole%groupDigits) + scale/groupDigits*4 + digitBytes(scale%groupDigits)
}

// appendDecimal writes a DECIMAL as text in normal form. It stands as big-endian
// groups of nine digits, the short group outermost on both sides, the first bit
// inverted, and every bit inverted if the number is negative.
func appendDecimal(text, b []byte, meta uint16) []byte {
	scale := int(meta & 0xff)
	whole := int(meta>>8) - scale
	d := decimalReader{bytes: b, first: 0x80}
	if b[0]&0x80 == 0 {
		d.flip = 0xff
		text = append(text, '-')
	}
	start := len(text)
	text = d.number(text, start, whole%groupDigits)
	for range whole / groupDigits {
		text = d.number(text, start, groupDigits)
	}
	if len(text) == start {
		text = append(text, '0')
	}
	point := len(text)
	text = append(text, '.')
	for range scale / groupDigits {
		text = d.group(text, groupDigits)
	}
	text = d.group(text, scale%groupDigits)
	for text[len(text)-1] == '0' {
		text = text[:len(text)-1]
	}
	if len(text) > point+1 {
		return text
	}
	if text = text[:point]; d.flip != 0 && string(text[start:]) == "0" {
		text = append(text[:start-1], '0')
	}
	return text
}

// A decimalReader reads groups of digits from the front of its bytes.
type decimalReader struct {
	bytes []byte
	flip  byte
	first byte // inverts the sign bit of the first byte
}

// take reads the next group, of so many digits.
func (d *decimalReader) take(digits int) (n uint32) {
	size := digitBytes(digits)
	for _, b := range d.bytes[:size] {
		n = n<<8 | uint32(b^d.flip^d.first)
		d.first = 0
	}
	d.bytes = d.bytes[size:]
	return n
}

// number writes the next group of a number that begins at start, without zeros
// before it.
func (d *decimalReader) number(text []byte, start, digits int) []byte {
	if len(text) > start {
		return d.group(text, digits)
	}
	if n := d.take(digits); n > 0 {
		text = strconv.AppendUint(text, uint64(n), 10)
	}
	return text
}

// group writes the next group, keeping its zeros.
func (d *decimalReader) group(text []byte, digits int) []byte {
	n := d.take(digits)
	text = append(text, "000000000"[:digits]...)
	for i := len(text) - 1; n > 0; i-- {
		text[i] = byte('0' + n%10)
		n /= 10
	}
	return text
}
