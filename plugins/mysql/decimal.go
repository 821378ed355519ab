package mysql

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

// decodeDecimal writes a DECIMAL as text: big-endian groups of nine digits, the
// short group outermost on both sides, the first bit inverted, and every bit
// inverted if the number is negative.
func decodeDecimal(b []byte, meta uint16) []byte {
	scale := int(meta & 0xff)
	whole := int(meta>>8) - scale
	text := make([]byte, 0, whole+scale+3)
	flip := byte(0)
	if b[0]&0x80 == 0 {
		flip = 0xff
		text = append(text, '-')
	}
	d := decimalReader{bytes: b, flip: flip, first: 0x80}
	if whole == 0 {
		text = append(text, '0')
	}
	text = d.group(text, whole%groupDigits)
	for range whole / groupDigits {
		text = d.group(text, groupDigits)
	}
	if scale > 0 {
		text = append(text, '.')
	}
	for range scale / groupDigits {
		text = d.group(text, groupDigits)
	}
	return d.group(text, scale%groupDigits)
}

// A decimalReader reads groups of digits from the front of its bytes.
type decimalReader struct {
	bytes []byte
	flip  byte
	first byte // inverts the sign bit of the first byte
}

// group reads the next digits, keeping their leading zeros.
func (d *decimalReader) group(text []byte, digits int) []byte {
	var n uint32
	for _, b := range d.bytes[:digitBytes(digits)] {
		n = n<<8 | uint32(b^d.flip^d.first)
		d.first = 0
	}
	d.bytes = d.bytes[digitBytes(digits):]
	start := len(text)
	for range digits {
		text = append(text, '0')
	}
	for i := len(text) - 1; i >= start; i-- {
		text[i] += byte(n % 10)
		n /= 10
	}
	return text
}
