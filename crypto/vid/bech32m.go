package vid

import (
	"errors"
	"strings"
)

// bech32m as BIP-350 has it: a readable prefix, "1", symbols of five bits and six
// of a checksum that finds any four mistyped ones.
const (
	alphabet       = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	symbolBits     = 5
	checksum       = 6
	checksumFinal  = 0x2bc830a3
	longestEncoded = 90
)

var (
	errCharacter = errors.New("it holds a character that none has")
	errForm      = errors.New("it is not of the form prefix, 1, letters and digits")
	errChecksum  = errors.New("its checksum does not match: a character is mistyped or missing")
)

// encode writes symbols behind a prefix of lower-case letters.
func encode(prefix string, symbols []byte) string {
	var b strings.Builder
	b.WriteString(prefix + "1")
	sum := polymod(prefix, append(symbols[:len(symbols):len(symbols)], make([]byte, checksum)...)) ^ checksumFinal
	for _, s := range symbols {
		b.WriteByte(alphabet[s])
	}
	for i := checksum - 1; i >= 0; i-- {
		b.WriteByte(alphabet[sum>>(i*symbolBits)&31])
	}
	return b.String()
}

// decode reads what encode writes, all in lower or all in upper case.
func decode(text string) (prefix string, symbols []byte, err error) {
	lower := strings.ToLower(text)
	if len(text) > longestEncoded || text != lower && text != strings.ToUpper(text) {
		return "", nil, errForm
	}
	at := strings.LastIndexByte(lower, '1')
	if at < 1 || len(lower)-at-1 < checksum {
		return "", nil, errForm
	}
	prefix = lower[:at]
	for i := range at {
		if prefix[i] < 33 || prefix[i] > 126 {
			return "", nil, errCharacter
		}
	}
	symbols = make([]byte, 0, len(lower)-at-1)
	for i := at + 1; i < len(lower); i++ {
		s := strings.IndexByte(alphabet, lower[i])
		if s < 0 {
			return "", nil, errCharacter
		}
		symbols = append(symbols, byte(s))
	}
	if polymod(prefix, symbols) != checksumFinal {
		return "", nil, errChecksum
	}
	return prefix, symbols[:len(symbols)-checksum], nil
}

// polymod is the remainder of prefix and symbols by the code's generator.
func polymod(prefix string, symbols []byte) uint32 {
	c := uint32(1)
	for i := range len(prefix) {
		c = step(c, prefix[i]>>symbolBits)
	}
	c = step(c, 0)
	for i := range len(prefix) {
		c = step(c, prefix[i]&31)
	}
	for _, s := range symbols {
		c = step(c, s)
	}
	return c
}

func step(c uint32, symbol byte) uint32 {
	top := c >> 25
	c = c&0x1ffffff<<symbolBits ^ uint32(symbol)
	for i, g := range [symbolBits]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			c ^= g
		}
	}
	return c
}

// appendSymbols writes bytes as symbols, their bits from the front, the last one
// filled up with zeros.
func appendSymbols(symbols, bytes []byte) []byte {
	var held uint32
	bits := 0
	for _, b := range bytes {
		held, bits = held<<8|uint32(b), bits+8
		for ; bits >= symbolBits; bits -= symbolBits {
			symbols = append(symbols, byte(held>>(bits-symbolBits))&31)
		}
	}
	if bits > 0 {
		symbols = append(symbols, byte(held<<(symbolBits-bits))&31)
	}
	return symbols
}

// fromSymbols reads the whole bytes of symbols.
func fromSymbols(symbols []byte) (bytes []byte) {
	var held uint32
	bits := 0
	for _, s := range symbols {
		held, bits = held<<symbolBits|uint32(s), bits+symbolBits
		if bits >= 8 {
			bits -= 8
			bytes = append(bytes, byte(held>>bits))
		}
	}
	return bytes
}
