package audit

import (
	"fmt"

	"github.com/emrbchain/emrbchain/adapter/internal/recordlog"
	"github.com/emrbchain/emrbchain/crypto/dcbor"
)

// listedName is the state that holds which leaves the manifest of the last
// audit lists, so that a row's place in it can be proven. Older audits' lists
// are not kept.
const listedName = "audit/listed"

// Listed are the leaves that the manifest of the last audit lists.
type Listed struct {
	Audit uint64 // leaf of the audit
	bits  []byte // leaf i is bit i%8 of byte i/8
}

// Has reports whether a leaf is listed.
func (l *Listed) Has(leaf uint64) bool {
	return leaf/8 < uint64(len(l.bits)) && l.bits[leaf/8]>>(leaf%8)&1 == 1
}

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

// LastListed returns what the manifest of the last audit lists; ok is false
// before the first audit.
func LastListed(log *recordlog.Log) (l *Listed, ok bool, err error) {
	b, err := log.Get(listedName)
	if err != nil || b == nil {
		return nil, false, err
	}
	r := dcbor.NewReader(b)
	r.ArrayOf(2)
	l = &Listed{Audit: r.Uint(), bits: r.Bytes()}
	if err := r.Done(); err != nil {
		return nil, false, fmt.Errorf("read what the last audit lists: %w", err)
	}
	return l, true, nil
}
