package audit

import (
	"github.com/emrbchain/emrbchain/adapter/internal/findings"
	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// append encodes [leaf of the audit, bits].
func (l leaves) append(b []byte, audit uint64) []byte {
	var bits []byte
	for word, set := range l {
		if least := (word + 1) * 8; uint64(len(bits)) < least {
			bits = append(bits, make([]byte, least-uint64(len(bits)))...)
		}
		for i := range uint64(8) {
			bits[word*8+i] = byte(set >> (8 * i))
		}
	}
	return dcbor.AppendBytes(dcbor.AppendUint(dcbor.AppendArray(b, 2), audit), bits)
}

// LastListed returns what the manifest of the last audit lists, so that a row's
// place in it can be proven; ok is false before the first audit. Older audits'
// lists are not kept.
func LastListed(log *recordlog.Log) (*findings.Listed, bool, error) { return findings.LastListed(log) }
